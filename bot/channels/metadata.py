"""What clients may say of a message beside its words, and what only this server says."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bot.errors import BadRequest
from bot.records import Message

VOUCHED = "vouched"
"""Whom a channel vouches for (`bot.records.Vouched`), as action servers and readers of a tracker find it."""


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
    told = {name: value for name, value in message.metadata.items() if name != VOUCHED}
    if message.vouched is None:
        return told
    return told | {VOUCHED: {name: value for name, value in asdict(message.vouched).items() if value is not None}}
