"""What clients may say of a message beside its words, and what only this server says."""

from collections.abc import Mapping
from typing import Any

from bot.dialogue.vouching import VOUCHED, told
from bot.errors import BadRequest
from bot.records import Message


def read_metadata(value: Any) -> dict[str, Any]:
    """A client's metadata.

    Raises:
        BadRequest: it is no object, or says what only this server may.
    """
    if not isinstance(value, Mapping):
        raise BadRequest(f"metadata: has to be an object, not {value!r:.80}.")
    if VOUCHED in value:
        raise BadRequest(f"metadata: {VOUCHED} is this server's own word; prove who the shopper is by identity.")
    return dict(value)


def told_metadata(message: Message) -> dict[str, Any]:
    """What a tracker says of a message: the client's metadata, and whom the channel vouched for."""
    metadata = {name: value for name, value in message.metadata.items() if name != VOUCHED}
    if message.vouched is None:
        return metadata
    return metadata | {VOUCHED: dict(told(message.vouched, message.conversation, shop_key=None))}
