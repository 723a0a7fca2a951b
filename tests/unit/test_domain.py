"""The domain: the demo shop's files are read, and what is wrong in a file is named."""

import re
from pathlib import Path

import pytest

from bot.dialogue.burst import told_apart
from bot.dialogue.domain import OWN_RESPONSES, Domain, read_domain
from bot.dialogue.forms import begun_anew
from bot.dialogue.policy import Thresholds, step
from bot.dialogue.trail import heard, next_action
from bot.errors import KnowledgeError
from bot.records import Act, Answer, Ask, Decision, Entity, Intent, State, Understanding

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
RULES = 'version: "3.1"\nrules:\n- rule: a\n  steps:\n  - intent: greet\n  - action: utter_greet\n'
DOMAIN = 'version: "3.1"\nresponses:\n  utter_greet:\n  - text: "Hello {name}"\n' + "".join(
    f"  {name}: [{{text: x}}]\n" for name in OWN_RESPONSES
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "domain.yml").write_text(DOMAIN)
    (tmp_path / "rules.yml").write_text(RULES)
    return tmp_path


def leads(domain: Domain, intent: str) -> Decision | None:
    state = heard(State(), Understanding("", "en", (), 1.0), intent)
    return step(next_action(state, domain), state, domain)


@pytest.fixture(scope="module")
def demo() -> Domain:
    return read_domain(KNOWLEDGE)


def test_that_the_demo_shop_is_read(demo: Domain) -> None:
    assert leads(demo, "order_status") == Ask("order_status_form")
    assert demo.forms["order_status_form"].required == ("order_number", "email")
    assert demo.slots["order_number"].mappings[0].entity == "order_number"
    assert demo.unsupported == ()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_that_every_intent_with_a_rule_has_a_title_in_the_shoppers_language(demo: Domain, language: str) -> None:
    """They stand on the buttons between which a shopper chooses."""
    ruled = {moment.name for path in demo.paths for moment in path.moments if moment.kind == "user"}
    for intent in ruled:
        worded = demo.respond(f"utter_title_{intent}", language, {"language": language}, "").text
        assert worded, intent
        assert bool(re.search("[\u4e00-\u9fff]", worded)) is (language == "zh"), intent


def test_that_what_is_in_stock_is_looked_up_and_what_things_are_is_not(demo: Domain) -> None:
    def after(intent: str, before: State | None = None, **entities: str) -> Decision | None:
        found = tuple(Entity(name, value, 0, 0, "lookup") for name, value in entities.items())
        state = heard(before or State(), Understanding("", "en", (), 1.0, found), intent)
        return step(next_action(state, demo), state, demo)

    spoken_of = State(slots={"product": "Tarn 1 Tent"})
    assert after("product_availability", spoken_of, colour="pink") == Act("action_product_stock")
    assert after("product_availability", spoken_of, category="boots") == Act("action_recommend")
    assert after("product_availability", category="boots", colour="brown") == Act("action_recommend")
    assert after("product_availability", category="tent", product="Tarn 1 Tent") == Act("action_product_stock")
    assert after("product_question", spoken_of) is None

    assert after("product_availability", product="Tarn 2 Tent") == Act("action_product_stock")
    assert after("product_availability", colour="red") is None
    assert after("recommend_product", category="tent") == Act("action_recommend")
    assert after("recommend", category="tent") is None
    assert after("product_question", product="Tarn 2 Tent") is None
    assert after("list_orders") == Ask("list_orders_form")
    assert after("identify", email="ann@mail.example") == Ask("identify_form")


def test_that_who_it_is_goes_with_the_wish_it_was_said_with(demo: Domain) -> None:
    def apart(**readings: str) -> tuple[str, ...] | None:
        meant = [Understanding(text, "en", (Intent(name, 0.95),), 1.0) for name, text in readings.items()]
        return told_apart(meant, State(), demo, Thresholds())

    who, wish, question = "My e-mail is a@mail.example", "Where is my order?", "How much is shipping?"
    assert apart(order_status=wish, identify=who) is None
    assert apart(identify=who, order_status=wish) is None
    assert apart(shipping_cost=question, identify=who, order_status=wish) == (question, f"{who} {wish}")
    both = apart(list_orders="Show me my orders.", identify=who, cancel_order="Cancel the last one.")
    assert both == (f"Show me my orders. {who}", "Cancel the last one.")
    assert apart(shipping_cost=question, identify=who) == (question, who)


def test_that_a_new_session_does_not_know_the_shopper_of_the_one_before(demo: Domain) -> None:
    before = State(slots={"shopper": "mila-de-vries", "order": "LF-204520"}, form="cancel_order_form")
    after = begun_anew(before, demo, keeps_slots=demo.carries_over)
    assert not after.slots.get("shopper")
    assert not after.slots.get("order")


def test_that_yes_and_no_have_rules(demo: Domain) -> None:
    assert leads(demo, "affirm") == Answer("utter_affirm")
    assert leads(demo, "deny") == Answer("utter_deny")


def test_that_every_response_the_code_says_is_asked_of_the_shop() -> None:
    code = [path.read_text("utf-8") for path in (KNOWLEDGE.parent / "bot").rglob("*.py") if path.name != "domain.py"]
    said = {name for text in code for name in re.findall(r'"(utter_[a-z_]*[a-z])"', text)}
    assert said == OWN_RESPONSES.keys()


@pytest.mark.parametrize("name", sorted(OWN_RESPONSES))
def test_that_the_demo_shop_says_it_in_english_and_chinese(demo: Domain, name: str) -> None:
    english, chinese = (demo.respond(name, language, {}, "1").text for language in ("en", "zh"))
    assert english.isascii() or "–" in english
    assert re.search(r"[\u4e00-\u9fff]", chinese)


def test_that_a_rasa_project_without_our_responses_answers_in_our_words(shop: Path) -> None:
    (shop / "domain.yml").write_text('version: "3.1"\nresponses:\n  utter_greet: [{text: x}]\n')
    plain = read_domain(shop)
    for name in OWN_RESPONSES:
        english, chinese = (plain.respond(name, language, {}, "1").text for language in ("en", "zh"))
        assert english.isascii()
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert "Larkfell" not in english + chinese


def test_that_the_shops_own_words_go_before_ours(shop: Path) -> None:
    assert read_domain(shop).respond("utter_done", "zh", {}, "1").text == "x"


def test_that_an_intent_is_known_with_and_without_settings_and_by_its_rule(shop: Path) -> None:
    (shop / "domain.yml").write_text(f"{DOMAIN}intents: [a, {{b: {{use_entities: []}}}}]\n")
    assert read_domain(shop).intents == {"a", "b", "greet"}


def test_that_a_chinese_shopper_gets_chinese_words(demo: Domain) -> None:
    assert "您好" in demo.respond("utter_greet", "zh", {}, "1").text
    assert "您好" not in demo.respond("utter_greet", "en", {}, "1").text


def test_that_a_language_without_words_of_its_own_gets_the_unconditional_ones(demo: Domain) -> None:
    assert demo.respond("utter_thanks", "nl", {}, "1") in [
        demo.respond("utter_thanks", "en", {}, str(i)) for i in range(20)
    ]


def test_that_a_repeated_turn_says_the_same(demo: Domain) -> None:
    wordings = {demo.respond("utter_greet", "en", {}, "17-0").text for _ in range(20)}
    assert len(wordings) == 1
    assert len({demo.respond("utter_greet", "en", {}, f"{i}-0").text for i in range(40)}) == 3


def test_that_slots_fill_the_words(shop: Path) -> None:
    assert read_domain(shop).respond("utter_greet", "en", {"name": "Mila"}, "1").text == "Hello Mila"
    assert read_domain(shop).respond("utter_greet", "en", {}, "1").text == "Hello {name}"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("domain.yml", "responses: [", r"domain\.yml:2: not valid YAML"),
        ("domain.yml", "- a", "has to be a mapping"),
        ("domain.yml", "responses:\n  utter_greet: hello", "has to be a list of variations"),
        ("domain.yml", "responses:\n  utter_greet:\n  - txt: hello", "no `text`"),
        ("domain.yml", "responses:\n  utter_greet:\n  - image: 5", "`image` has to be a link"),
        (
            "domain.yml",
            "responses:\n  utter_greet:\n  - custom: [1]",
            "domain.yml:3: in 'utter_greet', `custom` has to be a mapping",
        ),
        ("domain.yml", "responses: {}", "'a' leads to utter_greet, which is no response"),
        (
            "rules.yml",
            "rules:\n- rule: a\n  steps:\n  - intent: x\n  - action: f\n  - active_loop: f",
            "rules.yml:2: 'a' leads to f, which is no action, form or response",
        ),
        ("domain.yml", f"{DOMAIN}forms:\n  f:\n    required_slots: [x]", "needs x, which is no slot"),
    ],
)
def test_that_what_is_wrong_is_named(shop: Path, file: str, text: str, message: str) -> None:
    (shop / file).write_text(text)
    with pytest.raises(KnowledgeError, match=message):
        read_domain(shop)


def test_that_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"domain\.yml: cannot be read"):
        read_domain(tmp_path)
