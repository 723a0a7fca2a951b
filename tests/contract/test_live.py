"""Who waits for a conversation to go on, while the way to Redis comes and goes."""

import asyncio
from datetime import timedelta

import pytest

from bot.conversations import link
from bot.conversations.connection import Wire
from bot.conversations.live import Live
from tests.conftest import BOTH_SERVERS

pytestmark = BOTH_SERVERS


async def test_that_a_server_that_says_nothing_is_left_and_found_again(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that lost its power closes no connection: only its silence tells."""
    monkeypatch.setattr(link, "_KNOCK", timedelta(seconds=0.1))
    monkeypatch.setattr(link, "_SILENT", timedelta(seconds=0.4))
    (node,) = wire.nodes
    left = asyncio.Event()
    node.report_lost = left.set
    lives = Live(wire)
    try:
        async with asyncio.timeout(20), lives.follow("anna") as grown:
            await asyncio.sleep(1)
            assert not left.is_set(), "a server that answers the knocks is not silent"
            await wire.ask("CLIENT", "PAUSE", 1500, "ALL")
            await left.wait()
            await grown()  # Subscribed again: something may have been missed.
            await wire.ask("SPUBLISH", "anna", "1-1")
            assert await grown()
    finally:
        await lives.aclose()
