"""Conversations as one might write them at first, for the verdict to find out: the real scripts, unguarded."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from hashlib import sha1
from typing import Any

from bot.conversations import Conversations
from bot.conversations.connection import Argument, Wire
from bot.settings import Settings


class Naive(StrEnum):
    """What is left out."""

    FENCE = "fence"
    """Whoever says or commits something is believed: no version, lease, or place in the turn is looked at."""
    MEMORY = "memory"
    """A message that comes again is a new message."""


_GUARDS = {
    Naive.FENCE: re.compile(rb"return redis\.error_reply\('(STALE|FLOOR|GREW) [^']*'\)"),
    Naive.MEMORY: re.compile(rb"return \{first, 1\}"),
}


class NaiveWire(Wire):
    """Takes a guard out of every script that it runs."""

    def __init__(self, url: str, naive: Naive) -> None:
        super().__init__(url)
        self._guard = _GUARDS[naive]

    async def run(self, source: bytes, digest: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script as if its guard had never been written."""
        believing = self._guard.sub(b"", source)
        return await super().run(believing, sha1(believing, usedforsecurity=False).hexdigest(), keys, arguments)


@asynccontextmanager
async def open_naive_conversations(settings: Settings, naive: Naive) -> AsyncIterator[Conversations]:
    """The conversations without their guard, open inside the block."""
    assert settings.redis_url is not None, "the harness has a Redis of its own"
    wire = NaiveWire(settings.redis_url, naive)
    conversations = Conversations(wire, retention=settings.retention)
    try:
        yield conversations
    finally:
        await conversations.aclose()
        await wire.aclose()
