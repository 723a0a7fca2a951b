"""What a doctor finds wrong with a Redis that cannot keep what it accepted."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.conversations import open_conversations
from bot.conversations.connection import Wire
from bot.conversations.durability import weaknesses
from bot.conversations.opening import is_durable
from bot.settings import read_settings
from tests.conftest import server_program

Start = Callable[..., str]


@pytest.fixture(params=["redis-server", "valkey-server"])
def start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a server with the options given; its URL."""
    processes = []

    def started(*options: str) -> str:
        folder = tmp_path_factory.mktemp("r")
        command = [server_program(request.param), "--port", "0", "--unixsocket", "s", "--save", "", *options]
        processes.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL))
        while not (folder / "s").exists():
            assert processes[-1].poll() is None
        return f"unix://{folder / 's'}"

    yield started
    for process in processes:
        process.terminate()
        process.wait(10)


DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (DURABLE, None),
        ((*DURABLE, "--maxmemory", "1gb", "--maxmemory-policy", "noeviction"), None),
        (("--appendonly", "no"), "append-only"),
        (("--appendonly", "yes", "--appendfsync", "everysec"), "last second"),
        ((*DURABLE, "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"), "allkeys-lru"),
    ],
)
async def test_that_what_breaks_the_promise_is_named(start: Start, options: tuple[str, ...], found: str | None) -> None:
    wire = Wire(start(*options))
    try:
        told = await weaknesses(wire)
    finally:
        await wire.aclose()
    assert (told == []) if found is None else (len(told) == 1 and found in told[0])


@pytest.mark.parametrize(
    "hidden",
    [
        ("--rename-command", "CONFIG", "hidden"),
        ("--user", "default", "on", "nopass", "~*", "&*", "+@all", "-config"),
    ],
)
async def test_that_a_redis_which_tells_no_settings_is_given_the_benefit_of_the_doubt(
    start: Start, hidden: tuple[str, ...]
) -> None:
    wire = Wire(start(*DURABLE[:2], *hidden))
    try:
        assert await weaknesses(wire) == []
    finally:
        await wire.aclose()


async def test_that_a_server_says_as_it_starts_what_its_redis_may_lose(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = start(*DURABLE[:2], "--appendfsync", "everysec")
    async with open_conversations(read_settings({"data": tmp_path, "redis_url": url})) as conversations:
        assert "may lose the last second when its machine dies" in caplog.text
        assert not await is_durable(conversations.wire)
