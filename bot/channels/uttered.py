"""What Rasa's Socket.IO clients are told: a log entry as the events that Rasa's channel would emit. Pure.

Source: rasa/core/channels/socketio.py and channel.py of Rasa 3.6.21 (`SocketIOOutput`, `OutputChannel.send_response`).
"""

from collections.abc import Iterator
from typing import Any

from bot.grounding.shown import visible, visible_data, web
from bot.records import Entry, EntryKind, Utterance

BOT_UTTERED = "bot_uttered"
FLOOR = "floor"
"""Not Rasa's, which knows no desk: who may speak from now on. A client that does not know the event ignores it."""

Event = tuple[str, Any]
"""Name and data."""


def events_of(entry: Entry) -> Iterator[Event]:
    """What a client of the conversation is told of an entry; nothing of what is the shop's own, or its own words."""
    match entry:
        case Entry(kind=EntryKind.ASSISTANT | EntryKind.AGENT, utterance=utterance) if utterance is not None:
            for message in bot_uttered(utterance):
                yield BOT_UTTERED, message
        case Entry(kind=EntryKind.FLOOR, floor=floor) if floor is not None:
            yield FLOOR, {"floor": str(floor)}


def bot_uttered(utterance: Utterance) -> Iterator[Any]:
    """An utterance as Rasa splits it: a message for each paragraph, buttons on the last, then custom, then the image.

    Rasa's widgets tell the kinds apart by which keys there are, so there may be none but Rasa's.
    """
    text = visible(utterance.text).strip()
    parts: list[dict[str, Any]] = [{"text": part} for part in text.split("\n\n") if part]
    if utterance.buttons:
        parts = [part | {"quick_replies": []} for part in parts or [{"text": text}]]
        parts[-1]["quick_replies"] = [
            {"content_type": "text", "title": visible(button.title), "payload": visible(button.payload)}
            for button in utterance.buttons
        ]
    yield from parts
    if utterance.custom and (custom := _custom(visible_data(dict(utterance.custom)))) is not None:
        yield custom
    if image := web(utterance.image):
        yield {"attachment": {"type": "image", "payload": {"src": image}}}


def _custom(custom: Any) -> Any:
    """What a client gets of a custom payload: its ``data``, as in Rasa, or itself where it is a message of a widget.

    Rasa passes the payload's keys to `emit`, so one without ``data`` fails there; a widget shows an error for a kind
    of message that it does not know, and product cards or questions' options are none.
    """
    if not isinstance(custom, dict):
        return None
    if "data" in custom:
        return custom["data"]
    return custom if isinstance(custom.get("type"), str) or isinstance(custom.get("attachment"), dict) else None
