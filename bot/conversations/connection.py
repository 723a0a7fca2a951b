"""How Kefu speaks to Redis: the pool, scripts that survive a server which forgot them, errors in our words."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from bot.errors import FloorLost, MailGrew, StoreUnavailable, TurnRefused, TurnStale

CONNECTIONS = 64
"""Of one process. More only lengthens the queue in front of Redis's one thread; who finds none free waits."""

ANSWER = timedelta(seconds=10)
"""Longest wait for an answer, with all that waits before it: connection, retries, a blocking read."""

Argument = str | bytes | int

_REFUSALS: dict[str, type[TurnRefused]] = {"STALE": TurnStale, "FLOOR": FloorLost, "GREW": MailGrew}


def connect(url: str) -> Redis:
    """A client for ``url`` that speaks to Redis when first used, and answers in bytes.

    A command whose answer was lost is sent again: three times within about a second, enough for a restart of a small
    server. That is harmless, because every write here is one idempotent script.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=None,
        # Time-outs are ours, see `answered`: redis-py's cost a task a command, and `wait_for` can swallow a cancel.
        socket_timeout=None,
        socket_connect_timeout=2,
        retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=0.5), retries=3),
    )
    return Redis.from_pool(pool)


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """Speak to Redis inside: in time, and with its errors as errors of Kefu.

    Raises:
        TurnRefused: a script refused, as its contract says.
        StoreUnavailable: anything else; a server that answers nonsense, or late, is as good as none.
    """
    try:
        async with asyncio.timeout(ANSWER.total_seconds()):
            yield
    except ResponseError as exc:
        reason, _, why = str(exc).partition(" ")
        if reason in _REFUSALS:
            raise _REFUSALS[reason](why) from exc
        raise StoreUnavailable(f"Redis refused: {exc}") from exc
    except (RedisError, OSError) as exc:
        raise StoreUnavailable(f"Redis does not answer: {exc}") from exc


async def ask(redis: Redis, *command: Argument) -> Any:
    """Send one command and give its answer.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    async with answered():
        return await _send(redis, *command)


async def _send(redis: Redis, *command: Argument) -> Any:
    return await redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves this one open


class Script:
    """One Lua script, called by its hash."""

    def __init__(self, name: str) -> None:
        self._source = files("bot.conversations").joinpath("scripts", f"{name}.lua").read_bytes()
        self._hash = sha1(self._source, usedforsecurity=False).hexdigest()

    async def __call__(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it on ``keys``, which are all in one shard.

        Raises:
            TurnRefused: where the script's contract says so.
            StoreUnavailable: Redis does not answer.
        """
        async with answered():
            try:
                return await _send(redis, "EVALSHA", self._hash, len(keys), *keys, *arguments)
            except NoScriptError:
                # A server that restarted, or was failed over to, has forgotten its scripts.
                return await _send(redis, "EVAL", self._source, len(keys), *keys, *arguments)

    async def on_each(self, redis: Redis, calls: Iterable[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """Run it many times in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        async with answered():
            # EVALSHA in a pipeline fails one by one on a server that forgot the script, so tell it first.
            pipe = redis.pipeline(transaction=False)
            pipe.execute_command("SCRIPT LOAD", self._source)
            for keys, arguments in calls:
                pipe.execute_command("EVALSHA", self._hash, len(keys), *keys, *arguments)
            return (await pipe.execute())[1:]
