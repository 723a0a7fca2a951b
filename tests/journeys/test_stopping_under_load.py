"""A server is restarted while many shoppers write: nothing that was accepted is lost, and nothing is said twice."""

import asyncio
import uuid
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from bot.conversations import open_conversations
from bot.records import ConversationId, EntryKind
from bot.settings import read_settings
from tests.journeys.conftest import Server, serving

SHOPPERS = 24
QUESTIONS = ("How much is shipping to Belgium?", "Can I return sandals?", "Where is my order?", "Hi", "多久能送到？")
AGAIN_SECONDS = 0.2
FREE = dict.fromkeys(("shopper_rate", "shopper_budget", "address_rate", "address_budget"), "1000000")


async def write(server: Server, sender: str, done: asyncio.Event) -> int:
    """Write one message after the other, each again until it is answered; how many were."""
    answered = 0
    while not done.is_set():
        body = {"sender": sender, "message": QUESTIONS[answered % len(QUESTIONS)], "message_id": uuid.uuid4().hex}
        while not await answers(server, body):  # noqa: ASYNC110 (it is asked again)
            await asyncio.sleep(AGAIN_SECONDS)
        answered += 1
    return answered


async def answers(server: Server, body: dict[str, str]) -> bool:
    try:
        async with (
            aiohttp.ClientSession(server.url) as client,
            client.post("/webhooks/rest/webhook", json=body) as answer,
        ):
            assert answer.status in (200, 503, 504), await answer.text()
            return answer.status == 200
    except aiohttp.ClientError:
        return False  # Nobody listens, or the connection was cut: not known, so it is asked again.


async def test_that_a_restart_under_load_loses_and_doubles_nothing(
    made: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("k")
    async with serving(made, folder, writer="none", turns="4", **FREE) as server:
        done = asyncio.Event()
        writing = [asyncio.create_task(write(server, f"s{n}", done)) for n in range(SHOPPERS)]
        for _ in range(2):
            await asyncio.sleep(1.5)
            assert await asyncio.to_thread(server.stop) == 0, server.log()
            await server.start()
        await asyncio.sleep(1)
        done.set()
        answered = await asyncio.gather(*writing)
    assert min(answered) > 0

    async with open_conversations(read_settings({"data": folder})) as conversations:
        for number, count in enumerate(answered):
            log = await conversations.read(ConversationId(f"rest:s{number}"))
            accepted = [entry.message.id for entry in log if entry.kind is EntryKind.SHOPPER and entry.message]
            covered = [id_ for entry in log for id_ in entry.covers]
            assert len(accepted) == count
            assert covered == accepted  # Each once, and in order.
            said = Counter(entry.turn for entry in log if entry.kind is EntryKind.ASSISTANT)
            assert set(said) == {entry.turn for entry in log if entry.kind is EntryKind.TURN}
