"""A project's files: split as Rasa allows, merged as Rasa merges, and nothing that has no effect passes in silence."""

from itertools import pairwise
from pathlib import Path

import pytest

from bot.dialogue.domain import questions, read_domain, remarks, unsupported
from bot.dialogue.nodes import read_file
from bot.dialogue.project import Domain
from bot.errors import KnowledgeError
from bot.records import Button

TEASHOP = Path(__file__).parents[1] / "teashop"


def read(folder: Path, **files: str) -> Domain:
    """A project of these files; ``__`` in a name is a folder."""
    for name, text in {"domain": "", **files}.items():
        path = folder / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_domain(folder)


def notes(domain: Domain) -> list[str]:
    return [f"{found.place.file.name}:{found.place.line}: {found.what}" for found in unsupported(domain)]


def test_that_a_foreign_project_is_read_whole() -> None:
    domain = read_domain(TEASHOP)
    assert len(domain.slots) == 12  # And Rasa's own.
    assert domain.forms["booking_form"].ignored == {"chitchat"}
    assert domain.entities["city"].roles == {"origin", "destination"}
    assert domain.entities["city"].groups == {"1", "2"}
    assert {"inform", "order_tea", "chitchat"} <= domain.intents
    assert domain.responses["utter_greet"][0].utterance.buttons[1] == Button("Yes", '/order_tea{"tea": "green"}')
    assert domain.source["forms"]["booking_form"]["required_slots"][0] == "guests"
    assert domain.source["slots"]["outside"]["mappings"][0]["conditions"][0]["requested_slot"] == "outside"


def test_that_what_has_no_effect_is_listed_with_file_and_line() -> None:
    assert [str(found.place).removeprefix(f"{TEASHOP}/") for found in unsupported(read_domain(TEASHOP))] == [
        "actions.py:62", "config.yml:2", "config.yml:4", "config.yml:5", "config.yml:8", "config.yml:9",
        "endpoints.yml:2", "endpoints.yml:4",
    ]  # fmt: skip


def test_that_what_takes_back_or_comes_later_is_listed_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "water.py").write_text(
        "from rasa_sdk.events import ReminderScheduled, SlotSet\n"
        "def run():\n"
        "    # ReminderCancelled() is not called\n"
        "    return [SlotSet('a', 1), ReminderScheduled('EXTERNAL_dry', when), UserUtteranceReverted()]\n"
    )
    domain = read(
        tmp_path,
        domain="intents: [undo, dry]\nactions:\n  - action_back\n  - action_water",
        rules="rules:\n  - rule: Undo\n    steps:\n      - intent: undo\n      - action: action_back",
        stories="stories:\n  - story: Dry\n    steps:\n      - intent: dry\n      - action: action_unlikely_intent\n"
        "      - action: action_water\n      - checkpoint: later\n"
        "  - story: Later\n    steps:\n      - checkpoint: later\n      - intent: undo\n"
        "      - action: action_revert_fallback_events",
    )
    assert [note.partition(" has no")[0].partition(" does")[0] for note in notes(domain)] == [
        "water.py:4: the event ReminderScheduled",
        "water.py:4: the event UserUtteranceReverted",
        "domain.yml:3: action_back",
        "rules.yml:5: action_back",
        "stories.yml:5: action_unlikely_intent",
        "stories.yml:12: action_revert_fallback_events",
    ]


def test_that_lists_are_joined_and_of_a_name_the_first_file_wins(tmp_path: Path) -> None:
    domain = read(
        tmp_path,
        domain="intents: [a]\nresponses: {utter_x: [{text: first}]}\nsession_config: {session_expiration_time: 5}",
        domain__more="intents: [b, a]\nactions: [action_a]\n"
        "responses:\n  utter_x: [{text: second}]\n  utter_y: [{text: y}]",
        data__answers="responses: {utter_z: [{text: z}]}",
    )
    assert domain.intents == {"a", "b"}
    assert domain.source["intents"] == ["a", "b"]
    assert domain.respond("utter_x", "en", {}, "1").text == "first"
    assert domain.source["responses"]["utter_x"] == [{"text": "first"}]
    assert (domain.respond("utter_y", "en", {}, "1").text, domain.respond("utter_z", "en", {}, "1").text) == ("y", "z")
    assert domain.session.total_seconds() == 300
    (note,) = notes(domain)
    assert note.startswith("more.yml:4: response utter_x stands in ")


def test_that_yes_and_no_are_words_as_in_rasa(tmp_path: Path) -> None:
    domain = read(
        tmp_path,
        domain="intents: [yes]\nslots:\n  on:\n    type: bool\n    initial_value: true\n"
        "responses:\n  utter_x: [{text: Off, buttons: [{title: Yes, payload: on}]}]",
    )
    assert domain.intents == {"yes"}
    assert domain.initial == {"on": True}
    said = domain.respond("utter_x", "en", {}, "1")
    assert (said.text, said.buttons) == ("Off", (Button("Yes", "on"),))


def test_that_responses_depend_on_slots_and_channels(tmp_path: Path) -> None:
    domain = read(
        tmp_path,
        domain="responses:\n  utter_x:\n  - text: 'hi {name}'\n"
        "  - {text: vip, condition: [{type: slot, name: vip, value: true}]}\n"
        "  - {text: phone, channel: phone}\n"
        "  - {text: rest vip, channel: rest, condition: [{type: slot, name: vip, value: true}]}\n"
        "  utter_y: [{custom: {a: ['{name}', 7]}, image: 'x/{name}.png'}]",
    )
    assert domain.respond("utter_x", "en", {"name": "Mei"}, "1", "rest").text == "hi Mei"
    assert domain.respond("utter_x", "en", {"vip": True}, "1", "web").text == "vip"
    assert domain.respond("utter_x", "en", {"vip": "true"}, "1", "web").text == "hi {name}"
    assert domain.respond("utter_x", "en", {"vip": True}, "1", "rest").text == "rest vip"
    assert domain.respond("utter_x", "en", {}, "1", "phone").text == "phone"
    said = domain.respond("utter_y", "en", {"name": ["a", "b"]}, "1")
    assert (said.custom, said.image) == ({"a": ["a, b", 7]}, "x/a, b.png")


def test_that_a_slot_is_asked_for_as_rasa_would(tmp_path: Path) -> None:
    asking = "responses:\n  utter_ask_a: [{text: x}]\n  utter_ask_f_a: [{text: x}]\n  utter_ask_b: [{text: x}]\n"
    domain = read(
        tmp_path,
        domain=f"{asking}slots: {{a: {{}}, b: {{}}, c: {{}}}}\nforms: {{f: {{required_slots: [a, b, c]}}}}\n"
        "actions: [action_ask_b, action_ask_f_a, utter_ask_b]",
    )
    assert [questions(domain, "f", slot) for slot in "abc"] == ["action_ask_f_a", "action_ask_b", None]
    assert [remark for remark in remarks(domain) if "nothing asks" in remark]
    assert domain.actions == {"action_ask_b", "action_ask_f_a"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"domain": "slots: {a: {mappings: [{type: from_llm}]}}"}, "domain.yml:1: slot a: mapping type 'from_llm'"),
        ({"domain": "slots:\n  a:\n    mappings:\n    - type: from_intent"}, "domain.yml:4: slot a: .* needs `value`"),
        ({"domain": "slots:\n  a: {}\n  a: {}"}, "domain.yml:3: `a` stands here twice"),
        ({"domain": "forms:\n  f:\n    required_slots: [a]"}, "domain.yml:3: form f needs a"),
        ({"domain": "forms:\n  f:\n    cuisine:\n    - type: from_text"}, "domain.yml:4: form f: `cuisine` is"),
        ({"domain": "responses:\n  utter_x:\n  - text: a\n    buttons: [{payload: b}]"}, "domain.yml:4: a button"),
        ({"domain": "intents: {a: b}"}, "domain.yml:1: found a mapping where a list of intents belongs"),
        ({"rules": "rules:\n- rule: r\n  steps:\n  - jump: x"}, "rules.yml:4: a step is one of"),
        ({"rules": "rules:\n- rule: r\n  steps:\n  - intent: a\n  - action: b"}, "rules.yml:2: 'r' leads to b, which"),
        ({"data__s": "stories:\n- story: s\n  steps:\n  - intent: a\n  - active_loop: f"}, "s.yml:2: 's' leads to f"),
        ({"data__s": "stories: {a: b}"}, "s.yml:1: found a mapping where a list of stories"),
    ],
)  # fmt: skip
def test_that_a_bad_line_is_named(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(KnowledgeError, match=message):
        read(tmp_path, **files)


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"domain": "slots:\n  a:\n    type: rasa.custom.Slot"}, "domain.yml:3: slot a: type 'rasa.custom.Slot'"),
        ({"domain": "slots:\n  a:\n    auto_fill: false"}, "domain.yml:3: slot a: `auto_fill` has no effect"),
        ({"domain": "responses:\n  utter_x:\n  - {text: x, elements: []}"}, "domain.yml:3: `elements` of a response"),
        ({"domain": "e2e_actions: [hello]"}, "domain.yml:1: `e2e_actions`"),
        ({"domain": "config:\n  store_entities_as_slots: false"}, "domain.yml:2: config: `store_entities_as_slots`"),
        ({"domain": "colours: [red]"}, "domain.yml:1: `colours` is no part of a domain"),
        ({"data__f": "flows:\n  a: {}"}, "f.yml:2: `flows` are not run"),
        ({"data__s": "stories:\n- story: s\n  steps:\n  - user: hi\n  - action: utter_x"}, "s.yml:4: story 's' is"),
        ({"data__s": "stories:\n- story: s\n  steps:\n  - intent: a\n  - bot: hi"}, "s.yml:5: story 's' is told"),
        ({"data__s": "stories:\n- story: s\n  steps:\n  - intent: a\n  - checkpoint: c"}, "s.yml:2: story 's' ends at"),
        ({"rules": "rules:\n- rule: r\n  steps:\n  - action: action_listen"}, "rules.yml:2: rule 'r' has no message"),
        ({"config": "policies:\n- name: TEDPolicy"}, "config.yml:2: policy TEDPolicy"),
        ({"config": "importers:\n- name: X"}, "config.yml:2: `importers` has no effect"),
        ({"endpoints": "event_broker:\n  type: pika"}, "endpoints.yml:2: `event_broker`: no events are published"),
        ({"credentials": "slack:\n  slack_token: x"}, "credentials.yml:2: channel `slack`"),
    ],
)  # fmt: skip
def test_that_what_is_not_done_as_in_rasa_is_noted(tmp_path: Path, files: dict[str, str], note: str) -> None:
    assert any(found.startswith(note) for found in notes(read(tmp_path, **files)))


def test_that_no_file_can_end_the_process_or_fill_its_memory(tmp_path: Path) -> None:
    deep = tmp_path / "deep.yml"
    deep.write_text("[" * 10_000 + "]" * 10_000)
    with pytest.raises(KnowledgeError, match="too deeply"):
        read_file(deep)
    bomb = tmp_path / "bomb.yml"
    lines = [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghi")]
    bomb.write_text("a: &a [x, x]\n" + "".join(lines))
    node = read_file(bomb)
    assert node
    with pytest.raises(KnowledgeError, match="unfold to too much"):
        node.plain()
