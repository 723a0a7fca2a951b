"""What Socket.IO clients say, parsed: which session, and which message.

Protocol: `SocketIOInput` of Rasa 3.6.21, rasa/core/channels/socketio.py
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.channels.metadata import read_metadata
from bot.channels.rest import read_id
from bot.errors import BadRequest, NotAllowed
from bot.records import ConversationId, Message, MessageId

CHANNEL = "socketio"
"""What Rasa calls this input channel; conversations are named ``socketio:<session>``."""

_CUSTOM_DATA = "customData"
"""Where rasa-webchat puts what its page knows of the shopper."""


def read_session(data: Any, only: str | None) -> str | None:
    """The session that an event names, or the ``only`` one that its client's token opens; None where there is neither.

    Raises:
        BadRequest: it is no string of a length that can be kept.
        NotAllowed: the token opens another one.
    """
    if not isinstance(data, Mapping) or data.get("session_id") in (None, ""):
        return only
    session = read_id(data, "session_id", "")
    if only not in (None, session):
        raise NotAllowed("The token is another session's.")
    return session


def read_message(data: Any, session: str, metadata_key: str, longest: int) -> Message:
    """The message of a ``user_uttered`` event; with Kefu's own ``message_id``, sending it again does no harm.

    Raises:
        BadRequest: names the field that is wrong and what is allowed.
    """
    if not isinstance(data, Mapping):
        raise BadRequest("user_uttered: has to be an object with the fields message and session_id.")
    text = data.get("message")
    if not isinstance(text, str) or not text.strip():
        raise BadRequest("message: has to be text, what the shopper wrote.")
    if len(text) > longest:
        raise BadRequest(f"message: has to have {longest} characters or fewer.")
    return Message(
        id=MessageId(read_id(data, "message_id", uuid.uuid4().hex)),
        conversation=ConversationId(f"{CHANNEL}:{session}"),
        channel=CHANNEL,
        sender=session,
        text=text,
        received_at=datetime.now(UTC),
        metadata=_metadata(data.get(metadata_key, data.get(_CUSTOM_DATA))),
    )


def _metadata(value: Any) -> Mapping[str, Any]:
    """What a page says of its shopper: an object, or JSON of one, as Rasa takes it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as exc:
            raise BadRequest("metadata: has to be an object, or JSON of one.") from exc
    if value is not None and not isinstance(value, Mapping):
        raise BadRequest("metadata: has to be an object, or JSON of one.")
    return read_metadata(value or {})
