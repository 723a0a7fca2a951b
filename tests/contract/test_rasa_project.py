"""A Rasa project that is not ours, talked through with its own actions on rasa-sdk's real server."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.assistant import Assistant
from bot.dialogue.action_server import ActionServer
from bot.dialogue.domain import read_domain
from bot.dialogue.hours import read_hours
from bot.dialogue.policy import Thresholds
from bot.ladder import Ladder
from bot.records import (
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
    State,
    Turn,
    Understanding,
)
from tests.unit.test_ladder import FAQ, Heard, Memory, TrueIfKnown

ROOT = Path(__file__).parents[2]
TEASHOP = ROOT / "tests" / "teashop"

MEANINGS = {
    "hello": "greet",
    "bye": "goodbye",
    "yes": "affirm",
    "no": "deny",
    "pause": "stop",
    "book a table": "book_table",
    "when do you open?": "ask_opening",
    "who are you?": "chitchat/ask_name",
    "I feel sad": "mood_unhappy",
    "I feel great": "mood_great",
}


class Words:
    """Understands the few words of these talks, and tells teas and numbers; of "do you ship tea?" the shop has an
    answer."""

    async def understand(self, text: str, state: State) -> Understanding:
        entities = [
            Entity("tea", found[0], *found.span(), "lookup") for found in re.finditer("green|black|oolong", text)
        ]
        entities += [Entity("number", found[0], *found.span(), "regex") for found in re.finditer(r"\d+", text)]
        intent = MEANINGS.get(text) or ("order_tea" if "order" in text else "inform" if entities else "")
        ranking = (Intent(intent, 0.95),) if intent else (Intent("ask_opening", 0.3), Intent("chitchat", 0.1))
        return Understanding(text, "en", ranking, 0.95 if intent else 0.2, tuple(entities))

    async def search(self, understanding: Understanding, state: State) -> Findings:
        known = understanding.text == "do you ship tea?"
        return Findings(understanding.text, (Hit(FAQ, 1.0, 1.0, 1.0, question=0.99),) if known else (), float(known))


@dataclass
class Talk:
    """One conversation, turn by turn."""

    assistant: Assistant
    conversation: Conversation = field(
        default_factory=lambda: Conversation(ConversationId("rest:1"), 0, 0, Floor.ASSISTANT, State(), ())
    )
    turn: Turn | None = None
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    async def say(self, text: str, *, again: bool = False) -> str:
        """What is answered to ``text``; ``again`` as if this try of the turn were never committed."""
        version = self.conversation.version + 1
        self.now += timedelta(seconds=10)
        message = Message(
            MessageId(str(version)), ConversationId("rest:1"), "rest", "1", text, self.now, log_id=LogId(f"{version}-0")
        )
        conversation = replace(self.conversation, mail=(message,))
        self.turn = await self.assistant.handle(conversation, Heard())
        if again:
            self.turn = await self.assistant.handle(conversation, Heard())
        self.conversation = replace(conversation, version=version, state=self.turn.state)
        return " ".join(utterance.text for utterance in self.turn.utterances if utterance.text)

    @property
    def slots(self) -> dict[str, object]:
        return dict(self.conversation.state.slots)

    @property
    def asks(self) -> object:
        assert self.turn is not None
        return next((said.custom["ask"] for said in self.turn.utterances if said.custom and "ask" in said.custom), None)


def until_up(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the server listens, however busy the machine is."""
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("the action server ended")


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The project's own action server, started as its README would say."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "rasa_sdk", "--actions", "tests.teashop.actions", "--port", str(port)]
    with (tmp_path_factory.mktemp("teashop") / "actions.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        until_up(process, port)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # Sanic has workers of its own.
        process.wait()


@pytest.fixture
async def talk(actions: str) -> AsyncIterator[Talk]:
    async with aiohttp.ClientSession() as session:
        domain = read_domain(TEASHOP)
        server = ActionServer(session, actions, domain, timeout=60)
        ladder = Ladder(None, TrueIfKnown(), Memory(), 0.9, 0.5, patience=1)
        words = Words()
        yield Talk(
            Assistant(
                words, words, server, ladder, domain, read_hours("always", "UTC"), Thresholds(), max_characters=500
            )
        )


async def say(talk: Talk, *texts: str) -> str:
    """What is answered to the last of several messages."""
    said = ""
    for text in texts:
        said = await talk.say(text)
    return said


async def test_that_a_form_is_filled_validated_and_submitted(talk: Talk) -> None:
    assert await talk.say("book a table") == "For how many guests?"
    assert talk.asks == "guests"
    assert await talk.say("20") == "We have twelve chairs. For how many guests?"
    assert await talk.say("4") == "Which tea shall we prepare?"
    assert talk.slots == {"birthday": False, "kind": "table", "guests": 4.0}
    assert talk.turn
    assert talk.turn.utterances[0].custom == {"ask": "tea", "options": ["Green", "Black"]}
    assert await talk.say('/inform{"tea": "green"}') == "Would you like to sit outside?"
    assert await talk.say("no") == "Any wishes for 4.0 guests and green tea?"
    question = await talk.say("a window, please")
    assert question == "4.0 guests, green tea, a window, please: shall I book?"
    assert talk.turn.utterances[0].custom == {"ask": "confirmed", "options": ["yes", "no"], "table": "4.0"}
    assert await talk.say("yes") == "Booked after 7 messages. We look forward to it."
    assert talk.turn.utterances[1].attachment == "https://tea.example/map.pdf"
    assert talk.turn.receipts
    assert "reminder" in talk.turn.trace.notes[0]
    assert talk.conversation.state.form is None
    assert talk.slots["ordered"] == ["green"]


async def test_that_a_turn_that_is_made_again_books_once(talk: Talk) -> None:
    await say(talk, "book a table", "4", "green", "no", "nothing else")
    await talk.say("yes", again=True)
    assert talk.turn
    (first,) = talk.turn.receipts
    other = Talk(talk.assistant)
    await say(other, "book a table", "4", "green", "no", "nothing else", "yes")
    assert first
    assert other.turn
    (second,) = other.turn.receipts
    assert second.id == first.id  # The same ids of turns, so it is the same booking.


async def test_that_a_no_to_the_summary_books_nothing(talk: Talk) -> None:
    await say(talk, "book a table", "4", "green", "no", "nothing else")
    # The action resets all slots, keeps one, and names what follows.
    assert await talk.say("no") == "Then not. Goodbye."
    assert talk.slots == {"birthday": False, "vip": True}
    assert talk.turn
    assert talk.turn.utterances[-1].image == "https://tea.example/leaf.png"
    assert not talk.turn.receipts


async def test_that_a_form_asks_for_more_where_its_validator_says_so(talk: Talk) -> None:
    await say(talk, "book a table", "4", "green", "no")
    assert await talk.say("it is a birthday") == "Which cake for the birthday?"
    assert talk.asks == "cake"
    assert "shall I book?" in await talk.say("lemon")
    assert talk.slots["cake"] == "lemon"


async def test_that_a_validator_can_end_a_form(talk: Talk) -> None:
    await talk.say("book a table")
    await talk.say("13")
    assert talk.conversation.state.form is None


async def test_that_a_form_is_filled_from_its_first_message(talk: Talk) -> None:
    assert await talk.say("4 cups of green tea") != ""
    assert await talk.say("book a table") == "Would you like to sit outside?"


async def test_that_a_question_in_the_middle_is_answered_and_the_form_goes_on(talk: Talk) -> None:
    await say(talk, "book a table", "4")
    assert await talk.say("do you ship tea?") == "30 days. Which tea shall we prepare?"
    # By a rule of no form, whose question follows all the same; and by one of this form, to the letter.
    assert await talk.say("when do you open?") == "We open at nine. Which tea shall we prepare?"
    assert await talk.say("who are you?") == "I am the tea house. Which tea shall we prepare?"
    assert await talk.say("hello") == "Welcome to the tea house. Which tea shall we prepare?"
    assert await talk.say("oolong") == "Would you like to sit outside?"


async def test_that_a_question_for_a_slot_that_takes_any_text_is_still_a_question(talk: Talk) -> None:
    await say(talk, "book a table", "4", "green", "yes")
    assert talk.asks == "wishes"
    assert (await talk.say("do you ship tea?")).startswith("30 days.")
    assert "wishes" not in talk.slots


async def test_that_a_story_interrupts_a_form_and_goes_on_with_it_or_not(talk: Talk) -> None:
    await say(talk, "book a table", "4")
    assert await talk.say("pause") == "Shall we go on?"
    assert await talk.say("yes") == "Which tea shall we prepare?"
    assert await talk.say("black") == "Would you like to sit outside?"
    await say(talk, "never mind", "book a table", "pause")
    assert await talk.say("no") == "Stopped."
    assert talk.conversation.state.form is None


async def test_that_a_change_in_the_middle_takes_a_yes_back(talk: Talk) -> None:
    await say(talk, "book a table", "4", "green", "no", "a window")
    changed = await talk.say("no, I meant black")
    assert changed == "4.0 guests, black tea, a window: shall I book?"
    assert (await talk.say("yes, but for 6")) == "6.0 guests, black tea, a window: shall I book?"
    assert talk.slots.get("confirmed") is None
    assert await talk.say("no, another tea") == "Which tea shall we prepare?"
    assert "Booked" in await say(talk, "oolong", "yes")


async def test_that_a_form_is_left_and_begun_anew(talk: Talk) -> None:
    await say(talk, "book a table", "4")
    assert "nothing was changed" in await talk.say("forget it")
    assert talk.conversation.state.form is None
    assert await talk.say("book a table") == "Which tea shall we prepare?"
    assert "start over" in await talk.say("start over")
    assert talk.slots == {"birthday": False}
    assert await talk.say("book a table") == "For how many guests?"


async def test_that_a_person_comes_after_three_failed_attempts(talk: Talk) -> None:
    await say(talk, "book a table", "hm", "hmm")
    assert talk.turn
    assert talk.turn.floor is None
    await talk.say("hmmm")
    assert talk.turn.floor is Floor.WAITING
    assert talk.conversation.state.form is None


async def test_that_rules_for_the_start_and_of_several_actions_are_followed(talk: Talk) -> None:
    assert await talk.say("hello") == "Nice to meet you. Welcome to the tea house."
    assert await talk.say("hello") == "Welcome to the tea house."
    assert await talk.say("bye") == "Goodbye."
    assert talk.turn
    assert talk.turn.utterances[1].image == "https://tea.example/leaf.png"


async def test_that_stories_go_through_checkpoints_and_alternatives(talk: Talk) -> None:
    assert await talk.say("I feel sad") == "Tea helps. Did that help?"
    # Something in between is answered, and the story goes on.
    assert await talk.say("do you ship tea?") == "30 days."
    assert await talk.say("I feel great") == "Lovely."
    assert await say(talk, "I feel sad", "no") == "What a pity."


async def test_that_stories_tell_slots_apart(talk: Talk) -> None:
    assert await talk.say("order") == "Which tea?"
    assert await talk.say("oolong") == "A oolong tea, coming."
    assert await talk.say("order a green one") == "A green tea, coming."


async def test_that_a_custom_action_extracts_a_slot_and_a_response_depends_on_it(talk: Talk) -> None:
    await say(talk, "hello", "I am a VIP")
    assert talk.slots["vip"] is True
    assert await talk.say("hello") == "Welcome back to the tea house."


async def test_that_what_is_not_understood_is_affirmed_then_rephrased_then_given_up(talk: Talk) -> None:
    await talk.say("when you?")
    assert talk.turn
    assert talk.turn.utterances[0].buttons[0].payload == "/ask_opening"
    assert await talk.say("yes") == "We open at nine."
    assert "other words" in await say(talk, "hours?", "no")
    assert "Did you mean this: Ask opening?" in await talk.say("hours!!")
    assert "not understand" in await talk.say("no")
    assert talk.conversation.state.form is None


async def test_that_a_session_ends_and_carries_its_slots_over(talk: Talk) -> None:
    await say(talk, "book a table", "4")
    talk.now += timedelta(hours=2)
    assert await talk.say("hello") == "Nice to meet you. Welcome to the tea house."
    assert talk.conversation.state.form is None
    assert talk.slots["guests"] == 4.0


async def test_that_a_server_that_is_away_leaves_nothing_half_done(talk: Talk) -> None:
    await talk.say("book a table")
    async with aiohttp.ClientSession() as session:
        away = ActionServer(session, "http://127.0.0.1:9/webhook", talk.assistant.domain, timeout=1)
        there, talk.assistant = talk.assistant, replace(talk.assistant, actions=away)
        assert "whether that was done" in await talk.say("4")
        assert "guests" not in talk.slots
    talk.assistant = there
    assert await talk.say("4") == "Which tea shall we prepare?"


async def test_that_several_wishes_are_granted_one_after_the_other(talk: Talk) -> None:
    said = await talk.say("book a table\nwhen do you open?\nwho are you?")
    # What opens a form comes last, so that its question is the last thing said.
    assert said == "We open at nine. I am the tea house. For how many guests?"
