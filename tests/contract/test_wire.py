"""What many tasks ask at once: each gets its own answer, whatever happens to the others."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from bot.conversations.connection import Wire
from bot.conversations.node import Node
from bot.errors import StoreUnavailable
from tests.conftest import BOTH_SERVERS

pytestmark = BOTH_SERVERS


async def test_that_everybody_gets_their_own_answer(wire: Wire) -> None:
    async def one(name: str) -> None:
        for n in range(200):
            assert await wire.ask("ECHO", f"{name}-{n}") == f"{name}-{n}".encode()

    async with asyncio.timeout(30):  # Who is left behind would wait for ever.
        await asyncio.gather(*(one(f"task{n}") for n in range(5)))


async def test_that_an_error_is_heard_by_who_caused_it_only(wire: Wire) -> None:
    asked: list[Awaitable[object]] = [wire.ask("ECHO", "1"), wire.ask("NONSENSE"), wire.ask("ECHO", "2")]
    one, error, two = await asyncio.gather(*asked, return_exceptions=True)
    assert (one, two) == (b"1", b"2")
    assert isinstance(error, StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        await wire.ask_all([("ECHO", "1"), ("NONSENSE",)])


async def test_that_who_gives_up_takes_nobody_along(wire: Wire) -> None:
    hasty = [asyncio.create_task(wire.ask("ECHO", "never heard")) for _ in range(10)]
    patient = asyncio.create_task(wire.ask("ECHO", "heard"))
    await asyncio.sleep(0)
    for task in hasty:
        task.cancel()
    assert await patient == b"heard"
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*hasty, return_exceptions=True))


async def test_that_a_closed_connection_is_opened_again(wire: Wire) -> None:
    killer = await wire.ask("CLIENT", "ID")
    await wire.ask("CLIENT", "KILL", "ID", killer, "SKIPME", "no")
    assert await wire.ask("ECHO", "back") == b"back"


async def test_that_a_closing_wire_leaves_nobody_waiting(redis_url: str) -> None:
    wire = Wire(redis_url)
    waiting = [asyncio.create_task(wire.ask("ECHO", str(n))) for n in range(10)]
    await asyncio.sleep(0)
    await wire.aclose()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, StoreUnavailable) for end in ends)


async def test_that_a_crowd_does_not_storm_a_server_that_is_away(
    redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands wait, two connections knock, and when patience is spent everybody is told, not batch by batch."""
    monkeypatch.setattr("bot.conversations.node.PATIENCE", timedelta(seconds=0.5))
    knocks = 0

    def knocked() -> None:
        nonlocal knocks
        knocks += 1

    away = Node(f"unix://{tmp_path / 'nobody'}", knocked)
    waiting = [away.send(("ECHO", str(n))) for n in range(5000)]
    async with asyncio.timeout(10):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, redis.ConnectionError) for end in ends)
    assert knocks < 50
    await away.aclose()
