"""What frames are taken for, and what of a log a client gets to see."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.frames import FRAME_BYTES, Hello, Human, Ping, Renew, Said, Thumb, batches, line_of, parse
from bot.errors import BadRequest
from bot.records import (
    Attachment,
    Button,
    Citation,
    ConversationId,
    Entry,
    EntryKind,
    Feedback,
    Floor,
    LogId,
    Message,
    MessageId,
    PassageId,
    Receipt,
    Trace,
    TurnId,
    Utterance,
)

AT = datetime(2026, 11, 22, 8, 30, 0, 123456, UTC)


def entry(kind: EntryKind, number: int = 1, **more: Any) -> Entry:
    return Entry(LogId(f"{number}-0"), kind, AT, **more)


def shopper(text: str, **more: Any) -> Entry:
    written = Message(MessageId("m1"), ConversationId("web:anna"), "web", "anna", text, AT, {"email": "a@b.c"}, **more)
    return entry(EntryKind.SHOPPER, message=written)


def said(text: str = "", **more: Any) -> Entry:
    return entry(EntryKind.ASSISTANT, turn=TurnId("1-0"), utterance=Utterance(text, **more))


def shown(*entries: Entry) -> list[dict[str, Any]]:
    return [line for _, frame in batches(entries) if frame for line in json.loads(frame)["lines"]]


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        ('{"type": "hello", "token": "t"}', Hello("t")),
        ('{"type": "hello", "token": "t", "after": "1-0", "new": 1}', Hello("t", "1-0")),
        ('{"type": "message", "id": "a", "text": "Hi"}', Said("a", "Hi")),
        (
            '{"type": "message", "id": "a", "text": "/x", "shown": "X", "files": ["f"]}',
            Said("a", "/x", "X", ("f",)),
        ),
        ('{"type": "human", "id": "a"}', Human("a")),
        ('{"type": "feedback", "about": "12-3", "helpful": null}', Thumb("12-3", None)),
        ('{"type": "renew", "token": "t"}', Renew("t")),
        ('{"type": "ping"}', Ping()),
    ],
)
def test_that_every_frame_of_the_protocol_is_read(data: str, frame: object) -> None:
    assert parse(data) == frame


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("[]", "object"),
        ("[" * 8000, "object"),
        ('{"type": "hello", "token": ' + "[" * 8000, "token"),
        ('{"type": "shout"}', "type"),
        ('{"id": "a"}', "type"),
        ('{"type": "hello"}', "token"),
        ('{"type": "hello", "token": 7}', "token"),
        ('{"type": "message", "text": "Hi"}', "id"),
        ('{"type": "message", "id": "", "text": "Hi"}', r"\$\.id"),
        ('{"type": "message", "id": "' + "a" * 65 + '"}', r"\$\.id"),
        ('{"type": "message", "id": "a", "text": ["Hi"]}', r"\$\.text"),
        ('{"type": "message", "id": "a", "files": ["1", "2", "3", "4", "5", "6"]}', r"\$\.files"),
        ('{"type": "message", "id": "a", "text": "\\ud800 and more"}', "surrogate"),
        ('{"type": "feedback", "about": "1-0"}', "helpful"),
        ('{"type": "feedback", "about": "+", "helpful": true}', r"\$\.about"),
        ('{"type": "feedback", "about": "1-0\\n", "helpful": true}', r"\$\.about"),
        ('{"type": "feedback", "about": "１-０", "helpful": true}', r"\$\.about"),
        (b'{"type": "ping"}', "binary"),
        ("\ud800", "utf-8"),
    ],
)
def test_that_what_is_no_frame_is_refused_by_name(data: str | bytes, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        parse(data)


def test_that_a_line_has_what_the_shopper_sees_and_no_more() -> None:
    file = Attachment("f1", "seam.png", "image/png", 7)
    assert shown(shopper("Hi", shown="Hello", files=(file,))) == [
        {
            "id": "1-0",
            "at": "2026-11-22T08:30:00.123Z",
            "kind": "shopper",
            "message": "m1",
            "text": "Hi",
            "shown": "Hello",
            "files": [{"id": "f1", "name": "seam.png", "type": "image/png", "size": 7}],
        }
    ]


def test_that_an_answer_comes_with_its_products_and_each_source_once() -> None:
    seam = Citation(PassageId("p1"), "Seams", "policies.md#seams", "https://shop.example/seams")
    care = Citation(PassageId("p2"), "Care", "policies.md#care")
    (line,) = shown(
        said(
            "We mend seams.",
            buttons=(Button("More", "/more"),),
            image="/a.png",
            custom={"products": [{"sku": "T1", "price": "349.00"}], "map": {"x": 1}},
            citations=(seam, care, seam),
        )
    )
    assert line == {
        "id": "1-0",
        "at": "2026-11-22T08:30:00.123Z",
        "kind": "assistant",
        "turn": "1-0",
        "text": "We mend seams.",
        "buttons": [{"title": "More", "payload": "/more"}],
        "products": [{"sku": "T1", "price": "349.00"}],
        "image": "/a.png",
        "sources": [
            {"passage": "p1", "title": "Seams", "source": "policies.md#seams", "url": "https://shop.example/seams"},
            {"passage": "p2", "title": "Care", "source": "policies.md#care"},
        ],
        "custom": {"map": {"x": 1}},
    }


def test_that_a_list_of_products_says_what_stands_beside_its_cards() -> None:
    (line,) = shown(said("Two:\n- A", custom={"products": [{"sku": "A"}], "lead": "Two\u200b:"}))
    assert (line["text"], line["lead"]) == ("Two:\n- A", "Two:")
    assert "custom" not in line
    (line,) = shown(said("Look", custom={"lead": "dog"}))
    assert "lead" not in line
    assert line["custom"] == {"lead": "dog"}


@pytest.mark.parametrize("products", ["all", [1, 2], {"a": 1}])
def test_that_products_that_are_no_cards_stay_with_the_rest(products: Any) -> None:
    (line,) = shown(said("Look", custom={"products": products}))
    assert "products" not in line
    assert line["custom"] == {"products": products}


def test_that_what_is_the_shops_own_stays_here() -> None:
    trace = Trace(decision="secret", notes=("a note",))
    entries = [
        entry(EntryKind.RECEIPT, 1, turn=TurnId("1-0"), receipt=Receipt("r1", "refund", "secret")),
        entry(EntryKind.TURN, 2, turn=TurnId("1-0"), trace=trace, covers=(MessageId("m1"),)),
        entry(EntryKind.FLOOR, 3, floor=Floor.WAITING),
        entry(EntryKind.FEEDBACK, 4, feedback=Feedback(LogId("1-0"), None)),
        entry(EntryKind.FEEDBACK, 5, feedback=Feedback(LogId("1-0"), False)),
        entry(EntryKind.SHOPPER, 6),
    ]
    at = {"at": "2026-11-22T08:30:00.123Z"}
    assert shown(*entries) == [
        {"id": "2-0", "kind": "turn", "turn": "1-0", "covers": ["m1"]} | at,
        {"id": "3-0", "kind": "floor", "floor": "waiting"} | at,
        {"id": "4-0", "kind": "feedback", "about": "1-0", "helpful": None} | at,
        {"id": "5-0", "kind": "feedback", "about": "1-0", "helpful": False} | at,
    ]


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\ufeff", "\0", "\x1b", "\U000e0041", "\ue000"])
def test_that_no_invisible_mark_leaves(mark: str) -> None:
    hidden = f"a{mark}b"
    lines = shown(
        shopper(hidden, shown=hidden),
        said(
            hidden,
            buttons=(Button(hidden, "/x"),),
            custom={"products": [{"name": hidden}], hidden: [hidden]},
            citations=(Citation(PassageId("p"), hidden, "s"),),
        ),
    )
    assert mark not in json.dumps(lines, ensure_ascii=False)
    assert lines[0]["text"] == "ab"


def test_that_what_a_shopper_wrote_is_otherwise_as_it_was() -> None:
    text = "<3 [a](b) <b>bold</b>\n\t1 < 2 & 3   🐈 你好"
    assert shown(shopper(text))[0]["text"] == text


def test_that_a_line_that_cannot_be_told_hides_none_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        lines = shown(said("one"), said("secret", custom={"a": object()}), said("two"))
    assert [line["text"] for line in lines] == ["one", "two"]
    assert "secret" not in caplog.text


def test_that_the_cursor_goes_over_what_is_not_told() -> None:
    receipt = entry(EntryKind.RECEIPT, 7)
    assert list(batches([receipt])) == [(receipt, None)]
    assert line_of(receipt) is None
    assert list(batches([])) == []


def test_that_a_long_history_is_cut_into_frames() -> None:
    history = [entry(EntryKind.ASSISTANT, n, utterance=Utterance("é" * 2000)) for n in range(20)]
    cut = list(batches(history))
    assert len(cut) > 1
    assert all(frame is not None and len(frame) < 2 * FRAME_BYTES for _, frame in cut)
    assert [line["id"] for line in shown(*history)] == [entry.id for entry in history]
    assert cut[-1][0] is history[-1]
