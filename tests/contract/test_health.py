"""What `/readyz` says of a server: whether to send it shoppers, and what is wrong."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import open_channels
from bot.conversations import open_conversations
from bot.settings import read_settings
from tests.conftest import server_program
from tests.contract.test_worker import echo


@pytest.fixture
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    folder = tmp_path_factory.mktemp("r")
    options = ["--port", "0", "--unixsocket", "s", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    process = subprocess.Popen([server_program("redis-server"), *options], cwd=folder, stdout=subprocess.DEVNULL)
    while not (folder / "s").exists():
        assert process.poll() is None
    yield f"unix://{folder / 's'}", process
    process.kill()
    process.wait()


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def test_that_a_server_without_redis_is_alive_and_not_ready(
    redis_process: tuple[str, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    url, process = redis_process
    settings = read_settings({"data": tmp_path, "port": 0, "redis_url": url})
    async with (
        open_conversations(settings) as conversations,
        open_channels(settings, conversations, echo) as address,
        aiohttp.ClientSession(address) as client,
    ):
        status, told = await get(client, "/readyz")
        assert (status, told["status"], told["redis"], told["worker"]) == (200, "ok", "ok", "ok")
        process.kill()
        process.wait()
        async with asyncio.timeout(10):
            while status == 200:
                status, told = await get(client, "/readyz")
        assert (status, told["status"], told["redis"]) == (503, "unavailable", "away")
        assert await get(client, "/healthz") == (200, {"status": "ok"})


async def test_that_a_crowd_that_asks_sees_one_look(redis_url: str, tmp_path: Path) -> None:
    settings = read_settings({"data": tmp_path, "port": 0, "redis_url": redis_url})
    looks, looking = 0, asyncio.Event()

    async def count() -> bool:
        nonlocal looks
        looks += 1
        looking.set()
        await asyncio.sleep(0.05)
        return True

    async with (
        open_conversations(settings) as conversations,
        open_channels(settings, conversations, echo, actions_answer=count) as address,
        aiohttp.ClientSession(address) as client,
    ):
        impatient = asyncio.create_task(get(client, "/readyz"))
        await looking.wait()
        impatient.cancel()
        told = await asyncio.gather(*(get(client, "/readyz") for _ in range(20)))
    assert [status for status, _ in told] == [200] * 20
    assert looks == 1


async def test_that_what_only_makes_replies_poorer_is_told_and_keeps_nobody_away(
    redis_url: str, tmp_path: Path
) -> None:
    settings = read_settings({"data": tmp_path, "port": 0, "redis_url": redis_url})

    async def away() -> bool:
        return False

    async with (
        open_conversations(settings) as conversations,
        open_channels(settings, conversations, echo, actions_answer=away, recognizer_answers=away) as address,
        aiohttp.ClientSession(address) as client,
    ):
        status, told = await get(client, "/readyz")
    assert status == 200
    assert told == {
        "status": "ok",
        "redis": "not durable",
        "worker": "ok",
        "writer": "none",
        "actions": "away",
        "recognizer": "degraded",
        "shedding": False,
    }
