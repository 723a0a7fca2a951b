"""Conversations in Redis: mailbox, log, floor and outbox."""

from bot.conversations.opening import open_conversations
from bot.conversations.store import Accepted, Conversations

__all__ = ["Accepted", "Conversations", "open_conversations"]
