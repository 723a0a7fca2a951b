"""The whole way of a message, over a scripted recognizer and shop: what leaves, and what is remembered."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.assistant import REMEMBERED, Assistant
from bot.dialogue.domain import Domain, read_domain
from bot.dialogue.hours import read_hours
from bot.dialogue.policy import Thresholds
from bot.dialogue.project import Moment, Place
from bot.dialogue.project import Path as Way
from bot.errors import ActionUnavailable, Unavailable
from bot.ladder import Ladder
from bot.ports import NONE
from bot.records import (
    ActionResult,
    Attachment,
    Conversation,
    ConversationId,
    Entity,
    Findings,
    Floor,
    Hit,
    Intent,
    LogId,
    Message,
    MessageId,
    Mood,
    Receipt,
    Rung,
    State,
    Turn,
    Understanding,
    Utterance,
)
from bot.telemetry.turns import kind_of
from tests.unit.test_ladder import FAQ, RETURNS, Heard, Memory, TrueIfKnown

DOMAIN = read_domain(Path(__file__).parents[1] / "smallshop")

NOTHING = Findings("", (), 0.0)
DONE = ActionResult()


@dataclass
class Script:
    """Understands and finds what it is told; runs actions that it is told."""

    meaning: Understanding
    findings: Findings = NOTHING
    result: ActionResult | ActionUnavailable = DONE

    async def understand(self, text: str, state: State) -> Understanding:
        return replace(self.meaning, text=text)

    async def search(self, understanding: Understanding, state: State) -> Findings:
        return replace(self.findings, query=understanding.text)

    async def run(
        self,
        action: str,
        conversation: Conversation,
        understanding: Understanding,
        *,
        candidates: Mapping[str, Any] = NONE,
        ordinal: int = 0,
    ) -> ActionResult:
        if isinstance(self.result, ActionUnavailable):
            raise self.result
        return self.result


def meaning(intent: str, confidence: float = 0.95, *entities: Entity, mood: Mood = Mood.CALM) -> Understanding:
    return Understanding("", "en", (Intent(intent, confidence),), 0.95, entities, mood)


def written(text: str, log_id: str = "0-0") -> Message:
    conversation = ConversationId("rest:1")
    return Message(MessageId(log_id), conversation, "rest", "1", text, datetime.now(UTC), log_id=LogId(log_id))


async def handle(
    script: Script,
    *texts: str | Message,
    state: State | None = None,
    floor: Floor = Floor.ASSISTANT,
    hours: str = "always",
    domain: Domain = DOMAIN,
) -> Turn:
    mail = tuple(text if isinstance(text, Message) else written(text, f"{i}-0") for i, text in enumerate(texts))
    ladder = Ladder(None, TrueIfKnown(), Memory(), 0.9, 0.5, patience=1)
    assistant = Assistant(
        script, script, script, ladder, domain, read_hours(hours, "UTC"), Thresholds(), max_characters=100
    )
    return await assistant.handle(Conversation(ConversationId("rest:1"), 0, 0, floor, state or State(), mail), Heard())


def said(turn: Turn) -> str:
    return " ".join(utterance.text for utterance in turn.utterances)


@pytest.mark.parametrize(
    ("text", "response"), [("   ", "utter_empty"), ("\u200b \n", "utter_empty"), ("x" * 101, "utter_too_long")]
)
async def test_that_mail_that_cannot_be_read_is_answered_all_the_same(text: str, response: str) -> None:
    turn = await handle(Script(meaning("x", 0.2)), text)
    assert said(turn) in wordings(response)


async def test_that_a_burst_is_understood_as_one_text() -> None:
    turn = await handle(Script(meaning("greet")), "Hi", "there")
    assert turn.state.history[-1].shopper == "Hi\nthere"


async def test_that_a_person_is_announced_as_the_desk_is_open_or_closed() -> None:
    script = Script(meaning("talk_to_human"))
    there, away = await handle(script, "a human please"), await handle(script, "a human please", hours="never")
    assert there.floor is away.floor is Floor.WAITING
    assert said(there) in {DOMAIN.respond("utter_handoff", "en", {}, str(seed)).text for seed in range(30)}
    assert "help@larkfell.example" in said(away)
    assert "+31 30 555 0142" in said(there)


@dataclass
class Dead(Script):
    """Nobody answers: the recognizer is down, or so slow that nobody could wait for it."""

    slow: bool = False

    async def understand(self, text: str, state: State) -> Understanding:
        if self.slow:
            await asyncio.sleep(3600)
        raise Unavailable("down")


PRESSED = replace(written("Talk to a person"), wants_human=True)
PHOTO = replace(written(""), files=(Attachment("k", "tent.png", "image/png", 9),))


def wordings(response: str, language: str = "en") -> set[str]:
    return {DOMAIN.respond(response, language, {}, str(seed)).text for seed in range(30)}


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("beside", [(), ("what about my tent",)])
async def test_that_the_button_for_a_person_needs_no_model(
    slow: bool, beside: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.assistant.AT_ONCE", 0.01)
    asking = State(form="order_status_form", requested="email", attempts=2)
    turn = await handle(Dead(meaning("x"), slow=slow), *beside, PRESSED, state=asking)
    assert said(turn) in wordings("utter_handoff")
    assert (turn.floor, turn.state.form) == (Floor.WAITING, None)
    assert turn.state.history[-1].shopper == "".join(beside)


@pytest.mark.parametrize(
    ("mail", "kind"), [(PRESSED, "escalate"), (PHOTO, "answer"), ("   ", "answer"), ("x" * 101, "answer")]
)
async def test_that_what_no_model_decided_is_recorded_like_any_decision(mail: Message | str, kind: str) -> None:
    turn = await handle(Dead(meaning("x")), mail)
    assert kind_of(turn.trace) == kind


async def test_that_a_trace_tells_how_long_the_button_for_a_person_took() -> None:
    turn = await handle(Script(meaning("return_policy")), "how long?", PRESSED)
    assert set(turn.trace.milliseconds) == {"understand", "retrieve", "reply"}


async def test_that_what_was_asked_beside_the_button_is_answered_too() -> None:
    findings = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9)
    turn = await handle(Script(meaning("return_policy"), findings), "how long?", PRESSED)
    assert turn.utterances[0].text == "30 days."
    assert turn.utterances[1].text in wordings("utter_handoff")


async def test_that_a_person_is_announced_in_the_language_of_the_widget() -> None:
    turn = await handle(Dead(meaning("x")), replace(PRESSED, metadata={"language": "zh-CN"}))
    assert said(turn) in wordings("utter_handoff", "zh")


@pytest.mark.parametrize("message", [PRESSED, "a human please"])
async def test_that_a_person_who_was_called_is_no_news(message: Message | str) -> None:
    turn = await handle(Script(meaning("talk_to_human")), message, floor=Floor.WAITING)
    assert said(turn) in wordings("utter_handoff_again")


async def test_that_pressing_twice_at_once_calls_once() -> None:
    turn = await handle(Dead(meaning("x")), PRESSED, replace(PRESSED, text=""))
    assert len(turn.utterances) == 1


async def test_that_a_picture_alone_is_answered_honestly_and_offers_a_person() -> None:
    turn = await handle(Dead(meaning("x")), PHOTO)
    assert said(turn) in wordings("utter_file_received")
    assert turn.utterances[0].buttons


async def test_that_words_beside_a_picture_are_answered_as_usual() -> None:
    findings = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9)
    turn = await handle(Script(meaning("return_policy"), findings), PHOTO, "how long?")
    assert turn.utterances[0].text == "30 days."
    assert turn.utterances[1].text in wordings("utter_file_received")
    called = await handle(Script(meaning("talk_to_human")), PHOTO, "a human please")
    assert said(called) in wordings("utter_handoff")


async def test_that_a_button_with_a_rasa_payload_needs_no_recognizer() -> None:
    pressed = replace(written('/order_status{"order_number": "LF-1"}'), shown="My order")
    resembles = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9)
    turn = await handle(Dead(meaning("x"), resembles), pressed)
    assert (turn.state.requested, turn.state.slots) == ("email", {"order_number": "LF-1"})
    assert turn.state.history[-1].shopper == "My order"


async def test_that_a_payload_without_a_rule_is_answered_from_the_knowledge() -> None:
    findings = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9)
    assert said(await handle(Dead(meaning("x"), findings), written("/return_policy"))) == "30 days."


async def test_that_an_angry_shopper_hears_sorry_first() -> None:
    turn = await handle(Script(meaning("complaint", mood=Mood.ANGRY)), "!!!")
    assert turn.utterances[0].text.startswith("I am sorry")
    assert len(turn.utterances) == 2


async def test_that_a_slot_is_asked_for_and_the_state_knows_it() -> None:
    turn = await handle(Script(meaning("order_status")), "where is my order")
    assert "order number" in said(turn).lower()
    assert (turn.state.form, turn.state.requested, turn.state.attempts) == ("order_status_form", "order_number", 1)


async def test_that_an_action_speaks_sets_slots_and_hands_its_receipt_over() -> None:
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    result = ActionResult((Utterance("Shipped."),), {"order_number": None}, Receipt("r", "action_order_status", ""))
    turn = await handle(Script(meaning("order_status", 0.95, *full), result=result), "where is it")
    assert (said(turn), turn.receipts, turn.trace.rung) == ("Shipped.", (result.receipt,), Rung.ACTION)
    assert turn.state.form is None


async def test_that_a_submitted_form_forgets_what_it_asked_for() -> None:
    """The next shopper at a shared device asks for an order, too."""
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    script = Script(meaning("order_status", 0.95, *full), result=ActionResult((Utterance("Shipped."),)))
    turn = await handle(script, "where is it", state=State(slots={"size": "M"}))
    assert turn.state.slots == {"size": "M"}
    again = await handle(Script(meaning("order_status")), "where is my order", state=turn.state)
    assert "order number" in said(again).lower()


async def test_that_what_an_action_sets_itself_is_kept() -> None:
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    result = ActionResult((Utterance("Which colour?"),), {"order_number": "LF-2", "size": None})
    turn = await handle(
        Script(meaning("order_status", 0.95, *full), result=result), "change it", state=State(slots={"size": "M"})
    )
    assert turn.state.slots == {"order_number": "LF-2"}


async def test_that_a_failed_action_can_be_tried_again_without_asking_anew() -> None:
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    script = Script(meaning("order_status", 0.95, *full), result=ActionUnavailable("down"))
    failed = await handle(script, "where is it")
    result = ActionResult((Utterance("Shipped."),))
    assert (
        said(await handle(Script(meaning("order_status"), result=result), "and now?", state=failed.state)) == "Shipped."
    )


async def test_that_an_action_without_words_does_not_make_a_silent_turn() -> None:
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    turn = await handle(Script(meaning("order_status", 0.95, *full), result=DONE), "where is it")
    assert said(turn) in {DOMAIN.respond("utter_done", "en", {}, str(seed)).text for seed in range(30)}
    assert turn.trace.rung is Rung.ACTION


@pytest.mark.parametrize(("intent", "text"), [("deny", "rather not"), ("return_policy", "never mind")])
async def test_that_a_form_that_was_left_is_left_but_what_was_given_stays_known(intent: str, text: str) -> None:
    asking = State(slots={"order_number": "LF-1"}, form="order_status_form", requested="email", attempts=2)
    turn = await handle(Script(meaning(intent)), text, state=asking)
    assert (turn.state.form, turn.state.requested, turn.state.attempts) == (None, None, 0)
    assert turn.state.slots == {"order_number": "LF-1"}
    back = await handle(Script(meaning("order_status")), "so where is it", state=turn.state)
    assert "mail" in said(back)


@pytest.mark.parametrize("intent", ["return_policy", "greet"])
async def test_that_what_is_asked_in_the_middle_of_a_form_is_answered_and_the_form_asks_again(intent: str) -> None:
    asking = State(slots={"order_number": "LF-1"}, form="order_status_form", requested="email", attempts=2)
    findings = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9)
    turn = await handle(Script(meaning(intent), findings), "how long?", state=asking)
    assert turn.utterances[0].text == "30 days." or turn.utterances[0].text in wordings("utter_greet")
    assert turn.utterances[-1].text in wordings("utter_ask_email")
    assert turn.utterances[-1].custom == {"ask": "email", "options": []}
    assert (turn.state.form, turn.state.requested, turn.state.attempts) == ("order_status_form", "email", 2)
    given = meaning("out_of_scope", 0.2, Entity("email", "a@b.example", 0, 0, "regex"))
    after = await handle(Script(given, result=ActionResult((Utterance("Shipped."),))), "a@b.example", state=turn.state)
    assert said(after) == "Shipped."


@dataclass
class Parts(Script):
    """Understands each part of a message by its last word."""

    async def understand(self, text: str, state: State) -> Understanding:
        intent = {"order": "order_status", "person": "talk_to_human", "it?": "return_policy"}.get(text.split()[-1], "x")
        return replace(meaning(intent, 0.95 if intent != "x" else 0.2), text=text)


async def test_that_a_wish_waits_while_another_one_has_a_form_and_is_granted_once() -> None:
    domain = replace(
        DOMAIN,
        paths=(
            *DOMAIN.paths,
            Way(
                "Return", Place(Path("rules.yml"), 1),
                (Moment("user", "return_policy"), Moment("action", "order_status_form", loop="order_status_form")),
                is_rule=True,
            ),
        ),
    )  # fmt: skip
    script = Parts(meaning("x"))
    turn = await handle(script, "where is my order and can I return it?", domain=domain)
    assert turn.utterances[-1].custom == {"ask": "order_number", "options": []}
    assert turn.state.pending == ("can I return it?",)
    left = await handle(script, "never mind", state=turn.state, domain=domain)
    assert left.state.pending == ()
    down = replace(turn.state, slots={"order_number": "LF-1"}, requested="email")
    given = replace(meaning("x", 0.2, Entity("email", "a@b.example", 0, 0, "regex")), text="a@b.example")
    failed = await handle(Script(given, result=ActionUnavailable("down")), "a@b.example", state=down, domain=domain)
    assert failed.state.pending == ("can I return it?",)
    done = await handle(Script(given, result=ActionResult((Utterance("Shipped."),))), "x", state=down, domain=domain)
    assert done.state.pending == ()
    assert done.utterances[0].text == "Shipped."


async def test_that_a_failed_action_is_said_and_never_passed_off_as_done() -> None:
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    turn = await handle(Script(meaning("order_status", 0.95, *full), result=ActionUnavailable("down")), "where is it")
    assert said(turn).startswith("Sorry")
    assert "down" in turn.trace.notes[0]
    assert not turn.receipts


@dataclass
class Deaf(Script):
    """Runs the action after a form, but its first answers are lost on the way; it keeps what it was called with."""

    lost: int = 1
    calls: list[tuple[str, int]] = field(default_factory=list)

    async def run(
        self,
        action: str,
        conversation: Conversation,
        understanding: Understanding,
        *,
        candidates: Mapping[str, Any] = NONE,
        ordinal: int = 0,
    ) -> ActionResult:
        if action != "action_order_status":
            return DONE
        self.calls.append((action, ordinal))
        if len(self.calls) <= self.lost:
            raise ActionUnavailable("lost")
        return await super().run(action, conversation, understanding, candidates=candidates, ordinal=ordinal)


@pytest.mark.parametrize("lost", [1, 2])
async def test_that_an_action_whose_answer_is_lost_is_called_again_with_the_same_key_and_only_once(lost: int) -> None:
    full = (Entity("order_number", "LF-1", 0, 0, "regex"), Entity("email", "a@b.example", 0, 0, "regex"))
    receipt = Receipt("r", "action_order_status", "")
    script = Deaf(
        meaning("order_status", 0.95, *full), result=ActionResult((Utterance("Done."),), receipt=receipt), lost=lost
    )
    turn = await handle(script, "where is it")
    assert len(script.calls) == 2
    assert script.calls[0] == script.calls[1]
    assert turn.receipts == ((receipt,) if lost == 1 else ())
    assert said(turn).startswith("Done." if lost == 1 else "Sorry")
    assert turn.trace.notes.count("lost") == lost


async def test_that_an_answer_is_remembered_as_the_topic() -> None:
    findings = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9, products=("T1",))
    turn = await handle(Script(meaning("return_policy"), findings), "how long?", state=State(unanswered=1))
    assert said(turn) == "30 days."
    assert (turn.state.topic, turn.state.focus, turn.state.unanswered) == ("how long?", ("T1",), 0)
    assert turn.trace.passages == (("faq:returns", 1.0),)


async def test_that_no_answer_offers_a_person_and_then_does_not_repeat_itself() -> None:
    nothing = Script(meaning("product_question"), Findings("", (Hit(RETURNS, 0.1, 0.1, 0.1),), 0.1))
    first = await handle(nothing, "do you have flying carpets")
    second = await handle(nothing, "do you have flying carpets", state=first.state)
    assert first.utterances[0].buttons
    assert second.utterances[0].buttons
    assert said(first) != said(second)


async def test_that_only_the_last_turns_are_remembered() -> None:
    state = State()
    for number in range(REMEMBERED + 3):
        state = (await handle(Script(meaning("greet")), f"hello {number}", state=state)).state
    assert [exchange.shopper for exchange in state.history] == [f"hello {i}" for i in range(3, REMEMBERED + 3)]


async def test_that_what_is_unsure_offers_the_nearest_questions_and_a_person() -> None:
    turn = await handle(
        Script(meaning("return_policy"), Findings("", (Hit(FAQ, 0.4, 0.4, 0.1),), 0.3)), "and then what"
    )
    assert turn.utterances[0].buttons[0].payload == "How long?"
    assert len(turn.utterances[0].buttons) == 2
    assert "30 days" not in said(turn)
    assert turn.state.unanswered == 1


async def test_that_no_rung_lets_markup_or_running_addresses_out() -> None:
    dirty = replace(
        FAQ, text="30 days.<script>alert(1)</script>\u202e", title="How <b>long</b>?", url="javascript:alert(1)"
    )
    turn = await handle(
        Script(meaning("return_policy"), Findings("", (Hit(dirty, 1.0, 0.9, 0.9, 0.99),), 0.9)), "how long?"
    )
    assert said(turn) == "30 days."
    assert (turn.utterances[0].citations[0].title, turn.utterances[0].citations[0].url) == ("How long ?", None)


async def test_that_the_topic_of_a_talk_holds_nothing_personal() -> None:
    findings = Findings("", (Hit(FAQ, 1.0, 0.9, 0.9, question=0.99),), 0.9)
    turn = await handle(Script(meaning("return_policy"), findings), "mila@mail.example asks: how long?")
    assert turn.state.topic == "[email] asks: how long?"
