"""Servers are restarted while many shoppers write: nothing that was accepted is lost, and nothing is said twice."""

import asyncio
import random
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from bot.conversations import open_conversations
from bot.records import ConversationId, EntryKind
from bot.settings import Settings, read_settings
from tests.conftest import server_program
from tests.journeys.conftest import Server, serving

SHOPPERS = 24
QUESTIONS = ("How much is shipping to Belgium?", "Can I return sandals?", "Where is my order?", "Hi", "多久能送到？")
AGAIN_SECONDS = 0.2
FREE = dict.fromkeys(("shopper_rate", "shopper_budget", "address_rate", "address_budget"), "1000000")


class Crowd:
    """Shoppers who write one message after the other, each again until it is answered, to any server that is there."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._done = asyncio.Event()
        self._writing = [asyncio.create_task(self._write(f"s{number}")) for number in range(SHOPPERS)]

    async def leave(self) -> list[int]:
        """How many messages of each shopper were answered."""
        self._done.set()
        return await asyncio.gather(*self._writing)

    async def _write(self, sender: str) -> int:
        answered = 0
        while not self._done.is_set():
            body = {"sender": sender, "message": QUESTIONS[answered % len(QUESTIONS)], "message_id": uuid.uuid4().hex}
            while not await self._is_answered(body):  # noqa: ASYNC110 (it is asked again)
                await asyncio.sleep(AGAIN_SECONDS)
            answered += 1
        return answered

    async def _is_answered(self, body: dict[str, str]) -> bool:
        url = random.choice(self._servers).url
        try:
            async with (
                aiohttp.ClientSession(url) as client,
                client.post("/webhooks/rest/webhook", json=body) as answer,
            ):
                assert answer.status in (200, 503, 504), await answer.text()
                return answer.status == 200
        except aiohttp.ClientError:
            return False  # Nobody listens, or the connection was cut: whether it was accepted is not known.


async def restart(server: Server) -> None:
    assert await asyncio.to_thread(server.stop) == 0, server.log()
    await server.start()


async def assert_each_once_and_in_order(settings: Settings, answered: Sequence[int]) -> None:
    async with open_conversations(settings) as conversations:
        for number, count in enumerate(answered):
            log = await conversations.read(ConversationId(f"rest:s{number}"))
            accepted = [entry.message.id for entry in log if entry.kind is EntryKind.SHOPPER and entry.message]
            assert len(accepted) == count > 0
            assert [id_ for entry in log for id_ in entry.covers] == accepted
            said = Counter(entry.turn for entry in log if entry.kind is EntryKind.ASSISTANT)
            assert set(said) == {entry.turn for entry in log if entry.kind is EntryKind.TURN}


async def test_that_a_restart_under_load_loses_and_doubles_nothing(
    made: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("k")
    async with serving(made, folder, writer="none", turns="4", **FREE) as server:
        crowd = Crowd([server])
        for _ in range(2):
            await asyncio.sleep(1.5)
            await restart(server)
        await asyncio.sleep(1)
        answered = await crowd.leave()
    await assert_each_once_and_in_order(read_settings({"data": folder}), answered)


@pytest.fixture
async def durable(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A Redis of the shop's own, as `docs/operations.md` wants it."""
    folder = tmp_path_factory.mktemp("r")
    options = ["--port", "0", "--unixsocket", "s", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    with subprocess.Popen(  # noqa: ASYNC220 (a millisecond)
        [server_program("redis-server"), *options], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        while not (folder / "s").exists():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
        yield f"unix://{folder / 's'}"
        process.terminate()


async def test_that_two_servers_are_restarted_one_by_one_and_nobody_notices(
    made: Path, tmp_path_factory: pytest.TempPathFactory, durable: str
) -> None:
    shared = {"writer": "none", "turns": "4", "redis_url": durable, "session_key": "k" * 32, **FREE}
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(serving(made, tmp_path_factory.mktemp("k"), **shared)) for _ in range(2)
        ]
        crowd = Crowd(servers)
        for server in servers:
            await asyncio.sleep(1)
            await restart(server)
        await asyncio.sleep(1)
        answered = await crowd.leave()
    await assert_each_once_and_in_order(read_settings({"redis_url": durable}), answered)
