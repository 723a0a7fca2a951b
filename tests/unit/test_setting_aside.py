"""The apology for mail that every try failed to answer."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.records import Conversation, ConversationId, Floor, LogId, Message, MessageId, State, Utterance
from bot.worker import CUT_SHORT, SORRY, UNSURE, set_aside

ANNA = ConversationId("web:anna")


def conversation(text: str, state: State | None = None, version: int = 0, **more: Any) -> Conversation:
    message = Message(MessageId("1"), ANNA, "web", "anna", text, datetime.now(UTC), log_id=LogId("1-0"))
    return Conversation(ANNA, version, 0, Floor.ASSISTANT, state or State(), (replace(message, **more),))


@pytest.mark.parametrize(
    ("failed", "language"),
    [
        (conversation("Where is my order?"), "en"),
        (conversation("我的订单在哪里？"), "zh"),
        (conversation("LF-204518", metadata={"language": "zh-CN"}), "zh"),
        (conversation("/talk_to_human", shown="转人工"), "zh"),
        (conversation("LF-204518", State(language="zh"), version=3), "zh"),
        (conversation("Where is my order?", State(language="zh"), version=3), "en"),
        (conversation("Wo ist meine Bestellung?"), "en"),
    ],
)
def test_that_the_apology_is_in_the_language_of_the_mail(failed: Conversation, language: str) -> None:
    assert set_aside(failed).utterances == (Utterance(SORRY[language]),)


def test_that_who_had_begun_to_get_something_done_is_not_told_to_ask_again() -> None:
    failed = set_aside(replace(conversation("yes"), begun=True))
    assert (failed.utterances, failed.floor) == ((Utterance(UNSURE["en"]),), Floor.WAITING)
    assert CUT_SHORT in failed.trace.notes


def test_that_what_comes_next_is_read_in_that_language_too() -> None:
    assert set_aside(conversation("我的订单在哪里？")).state.language == "zh"


def test_that_who_asked_for_a_person_gets_one_all_the_same() -> None:
    assert set_aside(conversation("Hi", wants_human=True)).floor is Floor.WAITING
