"""What programs call a conversation: ``channel:sender``, or Rasa's bare sender, which names no channel. Pure."""

from collections.abc import Sequence

from bot.channels import callback, rest, sessions, socketio_frames
from bot.records import ConversationId

CHANNELS = (rest.CHANNEL, socketio_frames.CHANNEL, callback.CHANNEL)
"""Rasa's, where a bare sender is looked for; a conversation that there is not yet begins on the first."""


def is_full(name: str) -> bool:
    """Whether ``name`` says its channel."""
    channel, _, sender = name.partition(":")
    return bool(sender) and channel in (*CHANNELS, sessions.CHANNEL)


def meant(name: str) -> Sequence[ConversationId]:
    """The conversations that ``name`` may mean."""
    return [ConversationId(name)] if is_full(name) else [ConversationId(f"{channel}:{name}") for channel in CHANNELS]


def is_own(user: str, name: str) -> bool:
    """Whether ``name`` is a conversation of ``user``, a role's: called as they are, or one that this name may mean."""
    return name == user or name in meant(user)
