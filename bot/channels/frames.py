"""The frames of the widget's socket, as docs/widget.md has them: what clients say, parsed, and what they are told."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from bot.errors import BadRequest
from bot.grounding.shown import visible, visible_data, web
from bot.records import Attachment, Citation, ConversationId, Entry, EntryKind, Floor, Utterance

_log = logging.getLogger(__name__)

FRAME_BYTES = 16 * 1024
"""Largest frame of a client."""

MOST_FILES = 5

_LINES_BYTES = 16 * 1024
"""About how large one ``lines`` frame becomes; a single line may be larger."""

_Token = Annotated[str, Meta(max_length=4096)]
_Place = Annotated[str, Meta(max_length=64)]
_Id = Annotated[str, Meta(min_length=1, max_length=64)]


# ── What clients say ──────────────────────────────────────────────────────────────────────────────


class Hello(Struct, tag="hello", frozen=True):
    """The first frame: who it is, and the last line they have."""

    token: _Token
    after: _Place | None = None


class Said(Struct, tag="message", frozen=True):
    """A message of the shopper."""

    id: _Id
    text: str = ""
    shown: str | None = None
    files: Annotated[tuple[_Id, ...], Meta(max_length=MOST_FILES)] = ()


class Human(Struct, tag="human", frozen=True):
    """The shopper wants to talk to a person."""

    id: _Id
    text: str | None = None


class Thumb(Struct, tag="feedback", frozen=True):
    """A thumb on a line of the shop's."""

    about: Annotated[str, Meta(pattern=r"\A[0-9]{1,18}-[0-9]{1,18}\Z")]
    helpful: bool | None


class Renew(Struct, tag="renew", frozen=True):
    """A fresh token of the same shopper."""

    token: _Token


class Ping(Struct, tag="ping", frozen=True):
    """A sign of life."""


Frame = Hello | Said | Human | Thumb | Renew | Ping

_decode = msgspec.json.Decoder(Frame).decode


def parse(data: str | bytes) -> Frame:
    """The frame that a client sent.

    Raises:
        BadRequest: names the field that is wrong and what is allowed.
    """
    if isinstance(data, bytes):
        raise BadRequest("This is no frame of the protocol: it has to be text, not binary.")
    try:
        frame: Frame = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise BadRequest(f"This is no frame of the protocol: {exc}") from exc
    return frame


# ── What clients are told ─────────────────────────────────────────────────────────────────────────


class Bounds(Struct, frozen=True):
    """What a message may hold."""

    text: int
    """Characters."""
    files: int
    file_bytes: int
    file_types: Sequence[str]


class Welcome(Struct, tag="welcome", frozen=True):
    """The answer to ``hello``."""

    shopper: str
    conversation: ConversationId
    resync: bool
    floor: Floor
    limits: Bounds
    links: Sequence[str]
    images: Sequence[str]


class Accepted(Struct, tag="accepted", frozen=True):
    """A message is durable."""

    id: str
    line: str


Reason = Literal["rate", "mailbox", "overloaded", "unavailable", "bad_message", "bad_file", "budget"]


class Refused(Struct, tag="refused", frozen=True, omit_defaults=True):
    """A message was not taken; with ``retry_after``, the same one may be later."""

    id: str
    reason: Reason
    message: str
    retry_after: float | None = None
    """Seconds."""


class Pong(Struct, tag="pong", frozen=True):
    """The answer to ``ping``."""


class Error(Struct, tag="error", frozen=True, omit_defaults=True):
    """What came was no frame of the protocol, or could not be done."""

    reason: Literal["bad_frame", "rate", "unavailable"]
    message: str
    retry_after: float | None = None
    """Seconds."""
    about: str | None = None
    """Of a thumb: the line that it was on."""


class Line(Struct, frozen=True, omit_defaults=True):
    """An entry of the log, as clients see it."""

    id: str
    at: str
    kind: EntryKind
    message: str = ""
    text: str = ""
    shown: str | None = None
    files: tuple[Attachment, ...] = ()
    turn: str | None = None
    name: str | None = None
    buttons: tuple[Mapping[str, str], ...] = ()
    products: tuple[Mapping[str, Any], ...] = ()
    lead: str = ""
    image: str | None = None
    sources: tuple[Mapping[str, str], ...] = ()
    custom: Mapping[str, Any] | None = None
    covers: tuple[str, ...] = ()
    floor: Floor | None = None
    about: str | None = None
    helpful: bool | UnsetType | None = UNSET
    """None says that a thumb was taken back, so only UNSET is left out."""


encode = msgspec.json.Encoder().encode


def batches(entries: Iterable[Entry]) -> Iterable[tuple[Entry, bytes | None]]:
    """Frames of lines for a stretch of the log, each with the last entry that it tells of.

    None stands for a frame where there is nothing to tell: the cursor goes on over it all the same.
    """
    lines: list[bytes] = []
    size = 0
    told: Entry | None = None
    for told in entries:
        if (line := _encoded(told)) is not None:
            lines.append(line)
            size += len(line)
        if size >= _LINES_BYTES:
            yield told, _frame(lines)
            lines, size, told = [], 0, None
    if told is not None:
        yield told, _frame(lines) if lines else None


def _frame(lines: Sequence[bytes]) -> bytes:
    return b'{"type":"lines","lines":[' + b",".join(lines) + b"]}"


def _encoded(entry: Entry) -> bytes | None:
    try:
        line = line_of(entry)
        return None if line is None else encode(line)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as exc:
        # A custom payload of an action server, say, that is nested without end: the lines behind it must come.
        _log.error("the log's entry %s cannot be shown: %s", entry.id, type(exc).__name__)
        return None


def line_of(entry: Entry) -> Line | None:
    """What clients see of a log entry; None for those that are the shop's own: receipts, and all traces."""
    at = entry.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    match entry:
        case Entry(kind=EntryKind.SHOPPER, message=message) if message is not None:
            return Line(
                entry.id,
                at,
                entry.kind,
                message=message.id,
                text=visible(message.text),
                shown=None if message.shown is None else visible(message.shown),
                files=message.files,
            )
        case Entry(kind=EntryKind.ASSISTANT | EntryKind.AGENT, utterance=utterance) if utterance is not None:
            return _said(entry, at, utterance)
        case Entry(kind=EntryKind.TURN):
            return Line(entry.id, at, entry.kind, turn=entry.turn, covers=entry.covers)
        case Entry(kind=EntryKind.FLOOR):
            return Line(entry.id, at, entry.kind, floor=entry.floor)
        case Entry(kind=EntryKind.FEEDBACK, feedback=feedback) if feedback is not None:
            return Line(entry.id, at, entry.kind, about=feedback.about, helpful=feedback.helpful)
        case _:
            return None


def _said(entry: Entry, at: str, utterance: Utterance) -> Line:
    custom = dict(utterance.custom or {})
    if utterance.attachment is not None:
        custom["attachment"] = utterance.attachment
    products, lead = custom.get("products"), custom.get("lead")
    if isinstance(products, list) and all(isinstance(product, dict) for product in products):
        del custom["products"]
        if isinstance(lead, str):
            del custom["lead"]
    else:
        products, lead = [], None  # Not cards: the rest may be anything that an action server sends.
    return Line(
        entry.id,
        at,
        entry.kind,
        text=visible(utterance.text),
        turn=entry.turn,
        buttons=tuple(
            {"title": visible(button.title), "payload": visible(button.payload)} for button in utterance.buttons
        ),
        products=tuple(visible_data(products)),
        lead=visible(lead) if isinstance(lead, str) else "",
        image=web(utterance.image),
        sources=_sources(utterance.citations),
        custom=visible_data(custom) or None,
    )


def _sources(citations: Iterable[Citation]) -> tuple[dict[str, str], ...]:
    """Each passage once, in the order of their first mention."""
    cited = {citation.passage: citation for citation in citations}
    return tuple(
        {"passage": c.passage, "title": visible(c.title), "source": visible(c.source)}
        | ({"url": url} if (url := web(c.url)) else {})
        for c in cited.values()
    )
