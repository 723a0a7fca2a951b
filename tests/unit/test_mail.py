"""What lies in a burst: words, Rasa's button payloads, files, a call for a person."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.dialogue.domain import read_domain
from bot.dialogue.mail import opened, read_mail
from bot.records import Attachment, Conversation, ConversationId, Floor, Message, MessageId, State

DOMAIN = read_domain(Path(__file__).parents[2] / "knowledge")
PHOTO = Attachment("k", "tent.png", "image/png", 9)


def message(text: str, shown: str | None = None, *, files: tuple[Attachment, ...] = (), human: bool = False) -> Message:
    return Message(
        MessageId("1"), ConversationId("web:1"), "web", "1", text, datetime.now(UTC),
        shown=shown, files=files, wants_human=human,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "intent", "values"),
    [
        ("/order_status", "order_status", {}),
        (' /order_status{"order_number": "LF-204518"} ', "order_status", {"order_number": "LF-204518"}),
        ('/greet@0.98{"size": 42}', "greet", {"size": "42"}),
        ('/greet {"size": "a } b"}', "greet", {"size": "a } b"}),
        ('/greet{"size": ["S", "M"], "colour": null}', "greet", {}),
    ],
)
def test_that_a_rasa_payload_names_its_intent(text: str, intent: str, values: dict[str, str]) -> None:
    payload = read_mail([message(text, "Pressed")], DOMAIN).payload
    assert payload is not None
    assert (payload.intent, payload.values, payload.shown) == (intent, values, "Pressed")
    understood = payload.understood(State(language="zh"), DOMAIN)
    assert (understood.text, understood.language, understood.intents[0].confidence) == ("Pressed", "zh", 1.0)
    assert {entity.name: entity.value for entity in understood.entities} == values


@pytest.mark.parametrize(
    "text", ["/something", "/", "greet", "/greet me", "/greet{", '/greet{"a"}', "/greet[1]", "and /greet", "/greet{1}"]
)
def test_that_anything_else_is_text(text: str) -> None:
    mail = read_mail([message(text)], DOMAIN)
    assert (mail.payload, mail.text) == (None, text)


def test_that_a_button_beside_words_is_read_as_its_words() -> None:
    mail = read_mail([message("/order_status"), message("quickly, please")], DOMAIN)
    assert (mail.payload, mail.text) == (None, "order status\nquickly, please")
    assert read_mail([message("quickly, please"), message("/order_status")], DOMAIN).payload is None


def test_that_the_last_of_several_buttons_counts() -> None:
    mail = read_mail([message("/greet", "Hi"), message("/order_status", "My order")], DOMAIN)
    assert mail.payload
    assert (mail.payload.intent, mail.text) == ("order_status", "Hi\nMy order")


def test_that_the_line_of_the_button_for_a_person_is_no_question() -> None:
    mail = read_mail([message("Is it wide?"), message("Talk to a person", human=True)], DOMAIN)
    assert (mail.text, mail.wants_human, mail.has_files) == ("Is it wide?", True, False)


def test_that_thousands_of_blanks_are_one() -> None:
    assert read_mail([message("cancel" + " " * 3000 + "it\n \n\tplease ")], DOMAIN).text == "cancel it\nplease"


def test_that_files_are_seen_with_and_without_words() -> None:
    assert read_mail([message("", files=(PHOTO,))], DOMAIN).has_files
    assert read_mail([message("", files=(PHOTO,)), message("torn")], DOMAIN).text == "torn"


@pytest.mark.parametrize(
    ("named", "language"), [("zh", "zh"), ("zh-CN", "zh"), ("EN", "en"), ("", "en"), ("klingon", "en"), (7, "en")]
)
def test_that_a_new_conversation_is_in_the_language_that_its_widget_names(named: object, language: str) -> None:
    told = Message(MessageId("1"), ConversationId("w"), "web", "1", "", datetime.now(UTC), {"language": named})
    assert opened(Conversation(ConversationId("w"), 0, 0, Floor.ASSISTANT, State(), (told,))).language == language
    later = Conversation(ConversationId("w"), 3, 0, Floor.ASSISTANT, State(language="nl"), (told,))
    assert opened(later).language == "nl"
