"""How Kefu speaks to Redis: many tasks share a round trip, scripts survive a restart, errors come in our words."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha1
from importlib.resources import files
from typing import Any

import hiredis
from redis.asyncio import BlockingConnectionPool, Connection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from bot.errors import FloorLost, KefuError, MailGrew, StoreUnavailable, TurnRefused, TurnStale

ANSWER = timedelta(seconds=10)
"""Longest wait for an answer, with retries and a blocking read."""

_FLIGHTS = 2
"""Round trips under way at once. While one waits for Redis's fsync, the next fills; more only make them smaller."""

_BATCH = 256
"""Most commands of one round trip, so that a flood does not hold up who comes next."""

Argument = str | bytes | int
Command = tuple[Argument, ...]

_REFUSALS: dict[str, type[TurnRefused]] = {"STALE": TurnStale, "FLOOR": FloorLost, "GREW": MailGrew}


def kefu_error(exc: BaseException) -> KefuError:
    """What an error of Redis means: a refusal that a script's contract names, or `StoreUnavailable`.

    A server that answers nonsense, or late, is as good as none.
    """
    reason, _, why = str(exc).partition(" ")
    if isinstance(exc, ResponseError):
        return _REFUSALS[reason](why) if reason in _REFUSALS else StoreUnavailable(f"Redis refused: {exc}")
    return StoreUnavailable(f"Redis does not answer: {exc!r}")


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of Redis inside as errors of Kefu.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    try:
        yield
    except (RedisError, OSError) as exc:
        raise kefu_error(exc) from exc


class Wire:
    """The process's way to Redis: what many tasks ask at the same moment travels together.

    That is what makes one core enough: a command of its own costs two system calls and a connection from the pool,
    a shared one a fraction. And where Redis syncs its file before it answers, all that travel together share the sync.

    A round trip whose answer was lost is sent again, three times within about a second: enough for a restart of a
    small server, and harmless, because every write here is one idempotent script.
    """

    def __init__(self, url: str) -> None:
        """Connect when first used."""
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_FLIGHTS,
            timeout=None,
            # Time-outs are ours: redis-py's cost a task a command, and `wait_for` of Python 3.11 can swallow a cancel.
            socket_timeout=None,
            socket_connect_timeout=2,
            retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=0.5), retries=3),
        )
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self._lent: list[Connection] = []

    async def aclose(self) -> None:
        """Disconnect; who still waits for an answer is told that none will come."""
        flights = tuple(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._give_up(self._waiting)
        self._waiting = []
        for connection in self._lent:
            await connection.disconnect()
        await self._pool.aclose()

    def new_connection(self) -> Connection:
        """A connection of one's own, for commands that block; it has to be connected, and closes with the wire."""
        connection: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._lent.append(connection)
        return connection

    async def ask(self, *command: Argument) -> Any:
        """Send one command and give its answer as RESP3 has it: bytes, numbers, lists, dicts.

        Raises:
            TurnRefused: a script refused, as its contract says.
            StoreUnavailable: Redis does not answer.
        """
        async with translated():
            return await self._send(command)

    async def ask_all(self, commands: Iterable[Command]) -> list[Any]:
        """Send many commands; their answers in the same order.

        Raises:
            TurnRefused, StoreUnavailable: as `ask`, for the first that failed.
        """
        async with translated():
            return await asyncio.gather(*(self._send(command) for command in commands))

    async def run(self, source: bytes, digest: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script by its hash, or by its source on a server that does not know it.

        Raises:
            TurnRefused, StoreUnavailable: as `ask`.
        """
        async with translated():
            try:
                return await self._send(("EVALSHA", digest, len(keys), *keys, *arguments))
            except NoScriptError:
                # A server that restarted, or was failed over to, has forgotten its scripts.
                return await self._send(("EVAL", source, len(keys), *keys, *arguments))

    def _send(self, command: Command) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if len(self._flights) < _FLIGHTS:
            # It starts once this turn of the event loop is over, so all who ask in this turn are aboard.
            flight = asyncio.create_task(self._fly(), name="kefu-redis")
            self._flights.add(flight)
        return answer

    async def _fly(self) -> None:
        try:
            while self._waiting:
                await self._carry_batch()
        finally:
            # In the same step as the look at who waits: a done-callback would come later, and leave somebody behind.
            flight = asyncio.current_task()
            assert flight is not None, "a coroutine of ours runs in a task"
            self._flights.discard(flight)

    async def _carry_batch(self) -> None:
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        try:
            async with asyncio.timeout(ANSWER.total_seconds()):
                answers = await self._trip([command for command, _ in batch])
        except asyncio.CancelledError:
            self._give_up(batch)
            raise
        except Exception as exc:  # Whatever it is, who asked must hear of it, and the next batch must leave.
            answers = [exc] * len(batch)
        for (_, waiter), answer in zip(batch, answers, strict=True):
            if waiter.done():
                continue  # Whoever asked was cancelled.
            if isinstance(answer, Exception):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)

    def _give_up(self, asked: Iterable[tuple[Command, asyncio.Future[Any]]]) -> None:
        for _, waiter in asked:
            if not waiter.done():
                waiter.set_exception(ConnectionError("the connection was closed here"))

    async def _trip(self, commands: Sequence[Command]) -> list[Any]:
        packed = b"".join(map(hiredis.pack_command, commands))  # type: ignore[arg-type]  # declared for one word
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            answers: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(connection, packed, len(commands)), lambda _: connection.disconnect(nowait=True)
            )
            return answers
        finally:
            await self._pool.release(connection)


async def _exchange(connection: AbstractConnection, packed: bytes, count: int) -> list[Any]:
    """Send commands and read ``count`` answers, the errors of single commands among them."""
    try:
        await connection.send_packed_command([packed])
        answers: list[Any] = []
        for _ in range(count):
            try:
                answers.append(await connection.read_response())
            except ResponseError as exc:
                answers.append(exc)
        return answers
    except BaseException:
        # Late or cancelled in the middle: what comes next on this connection would answer nobody.
        await connection.disconnect(nowait=True)
        raise


class Script:
    """One Lua script. Its file's head comment is its contract."""

    def __init__(self, name: str) -> None:
        self._source = files("bot.conversations").joinpath("scripts", f"{name}.lua").read_bytes()
        self._hash = sha1(self._source, usedforsecurity=False).hexdigest()

    async def __call__(self, wire: Wire, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it on ``keys``, which are all in one shard.

        Raises:
            TurnRefused: where the script's contract says so.
            StoreUnavailable: Redis does not answer.
        """
        return await wire.run(self._source, self._hash, keys, arguments)

    async def on_each(self, wire: Wire, calls: Iterable[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """Run it many times at once; the answers in the same order.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return await asyncio.gather(*(self(wire, keys, arguments) for keys, arguments in calls))
