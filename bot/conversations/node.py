"""One Redis server: what many tasks ask it at the same moment travels together, and an outage is waited out."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import hiredis
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as TimedOut

from bot.telemetry.metrics import REDIS_FAILURES, REDIS_SECONDS

ANSWER = timedelta(seconds=10)
"""Longest wait for an answer, with retries and a blocking read."""

PATIENCE = timedelta(seconds=3)
"""An outage shorter than this is only a delay: a killed server is back by then, and who waits would ask again."""

_FLIGHTS = 2
"""Round trips under way at once. While one waits for Redis's fsync, the next fills; more only make them smaller."""

_BATCH = 256
"""Most commands of one round trip, so that a flood does not hold up who comes next."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.1
"""Seconds between tries of one round trip; halved by chance, so that many processes do not come at once."""

Argument = str | bytes | int
Command = tuple[Argument, ...]

_LOST = (ConnectionLost, TimedOut, OSError)


class Node:
    """The way to one server.

    Batches make one core enough: a command of its own costs two system calls and a connection from the pool, a shared
    one a fraction. And where Redis syncs its file before it answers, all that travel together share the sync.

    A round trip whose answer was lost is sent again for `PATIENCE`, which is harmless, because every write here is one
    idempotent script. However many tasks wait, a server that is away sees two connections that knock.
    """

    def __init__(self, url: str, lost: Callable[[], None] = lambda: None) -> None:
        """Connect when first used; ``lost`` is called each time that a connection turns out to be broken."""
        self.url = url
        self.report_lost = lost
        self._loop = asyncio.get_running_loop()  # To find it costs a system call, up to Python 3.11.
        # Only to read the URL. What a pool does to lend a connection costs as much as to read an answer.
        self._pool = ConnectionPool.from_url(
            url,
            # Time-outs are ours: redis-py's cost a task a command, and `wait_for` of Python 3.11 can swallow a cancel.
            socket_timeout=None,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), retries=0),
        )
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self._asking = asyncio.Lock()
        self._idle: list[Connection] = []
        """Connections that no round trip uses: never more than have been under way at once."""
        self._opened: set[Connection] = set()
        self.closed = False

    async def aclose(self) -> None:
        """Disconnect; who still waits for an answer is told that none will come."""
        self.closed = True
        flights = tuple(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._answer_waiting(ConnectionError("the connection was closed here"))
        for connection in self._opened:
            await connection.disconnect()

    def new_connection(self) -> Connection:
        """A connection of one's own, for commands that block; it has to be connected, and closes with the node."""
        connection: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._opened.add(connection)
        return connection

    def send(self, command: Command) -> asyncio.Future[Any]:
        """Send one command with whatever else is asked now; the answer as RESP3 has it, or redis-py's error."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((command, answer))
        if len(self._flights) < _FLIGHTS:
            # It starts once this turn of the event loop is over, so all who ask in this turn are aboard.
            flight = asyncio.create_task(self._fly(), name="kefu-redis")
            self._flights.add(flight)
        return answer

    async def send_asking(self, command: Command) -> Any:
        """Send one command for a slot that this node of a cluster is taking over just now."""
        async with asyncio.timeout(ANSWER.total_seconds()), self._asking:
            _, answer = await self._trip([("ASKING",), command])
        if isinstance(answer, Exception):
            raise answer
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
            _answer(batch, ConnectionError("the connection was closed here"))
            raise
        except Exception as exc:  # Whatever it is, who asked must hear of it, and the next batch must leave.
            _answer(batch, exc)
            if isinstance(exc, _LOST):
                # Patience was spent for them too: batch by batch, the last of a crowd would wait for ever.
                self._answer_waiting(exc)
            return
        for (_, waiter), answer in zip(batch, answers, strict=True):
            if waiter.done():
                continue  # Whoever asked was cancelled.
            if isinstance(answer, Exception):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)

    def _answer_waiting(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        _answer(waiting, error)

    async def _trip(self, commands: Sequence[Command]) -> list[Any]:
        packed = b"".join(map(hiredis.pack_command, commands))  # type: ignore[arg-type]  # declared for one word
        clock = self._loop.time
        until, pause = clock() + PATIENCE.total_seconds(), _FIRST_PAUSE
        while True:
            try:
                return await self._try(packed, len(commands))
            except _LOST as exc:
                REDIS_FAILURES.inc()
                self.report_lost()
                if isinstance(exc, AuthenticationError) or clock() + pause > until:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (spreads clients, hides nothing)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _try(self, packed: bytes, count: int) -> list[Any]:
        connection = self._idle.pop() if self._idle else self.new_connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            with REDIS_SECONDS.time():
                return await _exchange(connection, packed, count)
        finally:
            self._idle.append(connection)  # What went wrong has closed it, and the next trip connects it anew.


def _answer(asked: Iterable[tuple[Command, asyncio.Future[Any]]], error: Exception) -> None:
    for _, waiter in asked:
        if not waiter.done():
            waiter.set_exception(error)


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
