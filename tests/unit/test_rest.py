"""The REST channel's edge: what is a message, what is not, and what a reply is on the wire."""

import pytest

from bot.channels.rest import MAX_ID_CHARACTERS, read_message, wire
from bot.errors import BadRequest
from bot.records import Button, Utterance


def test_that_a_message_is_read() -> None:
    message = read_message(b'{"sender": "mila", "message": "hi", "message_id": "7", "metadata": {"a": 1}}')
    assert (message.conversation, message.id, message.text, message.metadata) == ("rest:mila", "7", "hi", {"a": 1})


def test_that_numbers_are_names_too() -> None:
    message = read_message(b'{"sender": 17, "message": "hi", "message_id": 4}')
    assert (message.sender, message.id) == ("17", "4")


def test_that_nobody_shares_a_conversation_by_leaving_the_sender_out() -> None:
    one, other = read_message(b'{"message": "hi"}'), read_message(b'{"message": "hi"}')
    assert one.conversation != other.conversation
    assert one.id != other.id


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 60_000, "JSON"),
        (b"[]", "object"),
        (b'{"sender": "a"}', "message"),
        (b'{"sender": "a", "message": 5}', "message"),
        (b'{"sender": "a", "message": "\\ud800"}', "message"),
        (b'{"sender": "\\ud800", "message": "hi"}', "sender"),
        (b'{"sender": "", "message": "hi"}', "sender"),
        (b'{"sender": true, "message": "hi"}', "sender"),
        (b'{"sender": "%s", "message": "hi"}' % (b"a" * (MAX_ID_CHARACTERS + 1)), "sender"),
        (b'{"sender": "a", "message": "hi", "message_id": null}', "message_id"),
        (b'{"sender": "a", "message": "hi", "metadata": [1]}', "metadata"),
        (b'{"sender": "a", "message": "hi", "metadata": {"vouched": {"by": "shop", "user": "mila"}}}', "vouched"),
        (b'{"sender": "a", "message": "hi", "metadata": {"vouched": null}}', "vouched"),
    ],
)
def test_that_what_is_wrong_is_named(body: bytes, named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        read_message(body)


def test_that_an_utterance_is_split_as_rasa_splits_it() -> None:
    utterance = Utterance("Hello", (Button("Yes", "yes"),), "https://shop.example/a.png", {"ask": "size"})
    assert wire(utterance) == [
        {"text": "Hello", "buttons": [{"title": "Yes", "payload": "yes"}]},
        {"image": "https://shop.example/a.png"},
        {"custom": {"ask": "size"}},
    ]
    assert wire(Utterance()) == []
