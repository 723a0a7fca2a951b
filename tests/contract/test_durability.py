"""What a doctor finds wrong with a Redis that cannot keep what it accepted."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from bot.conversations.connection import Wire
from bot.conversations.durability import weaknesses
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


async def test_that_a_redis_which_tells_no_settings_is_given_the_benefit_of_the_doubt(start: Start) -> None:
    wire = Wire(start(*DURABLE[:2], "--rename-command", "CONFIG", "hidden"))
    try:
        assert await weaknesses(wire) == []
    finally:
        await wire.aclose()
