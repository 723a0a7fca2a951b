"""Records to JSON and back. Old JSON stays readable: missing fields get defaults, unknown ones are ignored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from bot.errors import BadRequest
from bot.records import (
    Entry,
    EntryKind,
    Feedback,
    Floor,
    LogId,
    Message,
    MessageId,
    Receipt,
    State,
    Trace,
    TurnId,
    Utterance,
)


class _Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of an `Entry` may be told to clients, as it is stored. Its id and time are those of the stream entry."""

    kind: EntryKind
    turn: TurnId | None = None
    message: Message | None = None
    utterance: Utterance | None = None
    covers: tuple[MessageId, ...] = ()
    floor: Floor | None = None
    receipt: Receipt | None = None
    feedback: Feedback | None = None
    event: dict[str, Any] | None = None


class _Line(_Told, frozen=True, omit_defaults=True):
    """An `Entry` as it is stored."""

    trace: Trace | None = None


def _plain_mapping(value: Any) -> dict[Any, Any]:
    """Records promise mappings; JSON knows only dicts."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")


UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises for bytes that are no such record."""

_encode = msgspec.json.Encoder(enc_hook=_plain_mapping).encode
_line = msgspec.json.Decoder(_Line).decode
_told = msgspec.json.Decoder(_Told).decode
_message = msgspec.json.Decoder(Message).decode
_state = msgspec.json.Decoder(State).decode
_utterance = msgspec.json.Decoder(Utterance).decode
_reply = msgspec.json.Decoder(tuple[Utterance, ...]).decode


def encode(value: object) -> bytes:
    """A record as JSON."""
    return _encode(value)


def encode_entry(
    kind: EntryKind,
    *,
    turn: TurnId | None = None,
    message: Message | None = None,
    utterance: Utterance | None = None,
    trace: Trace | None = None,
    covers: tuple[MessageId, ...] = (),
    floor: Floor | None = None,
    receipt: Receipt | None = None,
    feedback: Feedback | None = None,
    event: Mapping[str, Any] | None = None,
) -> bytes:
    """A log entry as JSON, without id and time, which Redis gives it.

    Raises:
        BadRequest: something in it cannot be JSON (half a surrogate pair, say).
    """
    try:
        kept = None if event is None else dict(event)
        return _encode(_Line(kind, turn, message, utterance, covers, floor, receipt, feedback, kept, trace))
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise BadRequest(f"what a {kind} entry holds cannot be stored: {exc}") from exc


def decode_entry(log_id: LogId, line: bytes, *, traced: bool = True) -> Entry:
    """The log entry that stands at ``log_id``; its trace, most of a turn's entry, only where it is wanted."""
    stored: _Told = _line(line) if traced else _told(line)
    return Entry(
        id=log_id,
        kind=stored.kind,
        at=time_of(log_id),
        turn=stored.turn,
        message=None if stored.message is None else _placed(stored.message, log_id),
        utterance=stored.utterance,
        trace=stored.trace if isinstance(stored, _Line) else None,
        covers=stored.covers,
        floor=stored.floor,
        receipt=stored.receipt,
        feedback=stored.feedback,
        event=stored.event,
    )


def decode_mail(item: bytes) -> Message:
    """A message of the mailbox, stored as ``<log id> <JSON>``."""
    log_id, _, message = item.partition(b" ")
    return _placed(_message(message), LogId(log_id.decode()))


def _placed(message: Message, log_id: LogId) -> Message:
    # Fresh from the decoder, and nobody has seen it yet: a copy would cost as much as the decoding.
    object.__setattr__(message, "log_id", log_id)
    return message


def decode_said(item: bytes) -> Utterance:
    """What a turn said, stored as ``<log id> <JSON>``."""
    return _utterance(item.partition(b" ")[2])


def decode_state(state: bytes | None) -> State:
    """The state as the last turn left it, or that of a new conversation."""
    return State() if state is None else _state(state)


def decode_reply(reply: bytes) -> tuple[Utterance, ...]:
    """A cached reply."""
    return _reply(reply)


def plain(value: Any) -> Any:
    """Any record as dicts, lists, strings and numbers."""
    return msgspec.to_builtins(value, enc_hook=_plain_mapping)


def time_of(log_id: LogId) -> datetime:
    """When Redis wrote the entry, from its id: one clock for every process."""
    return datetime.fromtimestamp(int(log_id.partition("-")[0]) / 1000, UTC)
