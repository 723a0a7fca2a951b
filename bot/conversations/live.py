"""Who waits for which conversation to go on: one pub/sub connection for all waiters of a process."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Connection
from redis.exceptions import RedisError

from bot.conversations.connection import Wire
from bot.errors import StoreUnavailable
from bot.records import LogId

_log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=0.2)
"""Between tries to reach a Redis that is away."""

_CONFIRMED = timedelta(seconds=5)
"""A subscription that takes longer means that Redis is away."""

_KEPT = timedelta(seconds=30)
"""How long a channel that nobody waits on stays subscribed: whoever got a reply often writes again."""


class Listener(Protocol):
    """Whoever wants to know that a log may have grown. It is called on the event loop and must return at once."""

    def tell(self, log_id: bytes | None) -> None:
        """Something came, up to the entry ``log_id``, or up to nobody knows where."""
        ...


class Growth:
    """Tells one waiter that a log may have grown since it last looked.

    It may tell so when nothing came, never the other way round: read the log, then wait, then read again.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._newest: tuple[int, int] | None = None
        """The newest entry told of; None where it is not known which."""

    def tell(self, log_id: bytes | None) -> None:
        """Something came, up to the entry ``log_id``, or up to nobody knows where."""
        unsure = self._event.is_set() and self._newest is None
        self._newest = None if log_id is None or unsure else _place(log_id.decode())
        self._event.set()

    def forget(self) -> None:
        """What came until now is known, or does not matter."""
        self._event.clear()

    async def __call__(self, timeout: timedelta | None = None, *, beyond: LogId | None = None) -> bool:
        """Wait for growth, past the entry ``beyond`` where it is given; False when ``timeout`` passed without."""
        try:
            async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
                while True:
                    await self._event.wait()
                    self._event.clear()
                    if beyond is None or self._newest is None or self._newest > _place(beyond):
                        return True
        except TimeoutError:
            return False


def _place(log_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = log_id.partition("-")
    return int(milliseconds), int(sequence)


class _Channel:
    """One channel that somebody waits on."""

    def __init__(self) -> None:
        self.waiters: set[Listener] = set()
        self.subscribed = asyncio.Event()
        self.left = 0.0
        """When the last waiter went, by the loop's clock."""

    def tell(self, log_id: bytes | None) -> None:
        for listener in self.waiters:
            listener.tell(log_id)


class Live:
    """The process's one subscriber.

    Followers only say what they want; one task subscribes, many channels in one command, and starts over after the
    connection was lost. So a follower that is cancelled cannot break the others' connection.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._channels: dict[bytes, _Channel] = {}
        self._fresh: list[bytes] = []
        """Channels that are not asked for yet."""
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def follow(self, name: str) -> AsyncIterator[Growth]:
        """Wait on the channel ``name``: all that is published after entering is told of.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        growth = Growth()
        async with self.listen(name, growth):
            growth.forget()  # Whoever follows reads after this.
            yield growth

    @asynccontextmanager
    async def listen(self, name: str, listener: Listener) -> AsyncIterator[None]:
        """Call ``listener`` for all that is published on the channel ``name`` after entering.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="kefu-live")
        key = name.encode()
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel()
            self._fresh.append(key)
            self._wanted.set()
        channel.waiters.add(listener)
        try:
            if not channel.subscribed.is_set():
                try:
                    async with asyncio.timeout(_CONFIRMED.total_seconds()):
                        await channel.subscribed.wait()
                except TimeoutError as exc:
                    raise StoreUnavailable("Redis does not confirm a subscription") from exc
            yield
        finally:
            channel.waiters.discard(listener)
            channel.left = asyncio.get_running_loop().time()

    async def aclose(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        connection = self._wire.new_connection()
        while True:
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
                await self._serve(connection)
            except (RedisError, OSError) as exc:
                _log.warning("live updates are interrupted: %s", exc)
            finally:
                await connection.disconnect()
                for channel in self._channels.values():
                    channel.subscribed.clear()
            await asyncio.sleep(_AGAIN.total_seconds())

    async def _serve(self, connection: Connection) -> None:
        subscriber = asyncio.create_task(self._subscribe(connection))
        try:
            while True:
                # The subscriber's errors show here too: a connection that cannot write cannot read either.
                message = await connection.read_response(timeout=math.inf, push_request=True)
                channel = self._channels.get(message[1])
                if channel is None:
                    continue
                if message[0] == b"message":
                    channel.tell(message[2])
                elif message[0] == b"subscribe":
                    channel.subscribed.set()
                    # A confirmation counts as growth: after a lost connection, something may have been missed.
                    channel.tell(None)
        finally:
            subscriber.cancel()
            await asyncio.gather(subscriber, return_exceptions=True)

    async def _subscribe(self, connection: Connection) -> None:
        self._fresh = list(self._channels)
        swept = asyncio.get_running_loop().time()
        while True:
            self._wanted.clear()  # Before the look: whoever comes while a command is sent is seen in the next round.
            if self._fresh:
                names, self._fresh = self._fresh, []
                await connection.send_command("SUBSCRIBE", *names)
            if (now := asyncio.get_running_loop().time()) - swept > _KEPT.total_seconds():
                swept = now
                if idle := self._forget_idle(now):
                    await connection.send_command("UNSUBSCRIBE", *idle)
            with suppress(TimeoutError):
                async with asyncio.timeout(_KEPT.total_seconds()):
                    await self._wanted.wait()

    def _forget_idle(self, now: float) -> list[bytes]:
        """Drop the channels that nobody has waited on for a while."""
        since = now - _KEPT.total_seconds()
        idle = [name for name, channel in self._channels.items() if not channel.waiters and channel.left < since]
        for name in idle:
            del self._channels[name]
        return idle
