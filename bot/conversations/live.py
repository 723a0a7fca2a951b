"""Who waits for which conversation to go on: one pub/sub connection for all waiters of a process."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.asyncio import Connection
from redis.exceptions import RedisError

from bot.conversations.connection import Wire
from bot.errors import StoreUnavailable

_log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=0.2)
"""Between tries to reach a Redis that is away."""

_CONFIRMED = timedelta(seconds=5)
"""A subscription that takes longer means that Redis is away."""


class Growth:
    """Tells one waiter that a log may have grown since it last looked.

    It may tell so when nothing came, never the other way round: read the log, then wait, then read again.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Something came."""
        self._event.set()

    async def __call__(self, timeout: timedelta | None = None) -> bool:
        """Wait for growth; False when ``timeout`` passed without."""
        try:
            async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class _Channel:
    """One channel that somebody waits on."""

    def __init__(self) -> None:
        self.waiters: set[Growth] = set()
        self.subscribed = asyncio.Event()

    def tell(self) -> None:
        for growth in self.waiters:
            growth.tell()


class Live:
    """The process's one subscriber.

    Followers only say what they want; one task makes the connection's subscriptions match, many in one command, and
    starts over after the connection was lost. So a follower that is cancelled cannot break the others' connection.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._channels: dict[bytes, _Channel] = {}
        self._wanted_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def follow(self, name: str) -> AsyncIterator[Growth]:
        """Listen to the channel ``name``: all that is published after entering is told of.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="kefu-live")
        key, growth = name.encode(), Growth()
        channel = self._channels.setdefault(key, _Channel())
        channel.waiters.add(growth)
        self._wanted_changed.set()
        try:
            if not channel.subscribed.is_set():
                try:
                    async with asyncio.timeout(_CONFIRMED.total_seconds()):
                        await channel.subscribed.wait()
                except TimeoutError as exc:
                    raise StoreUnavailable("Redis does not confirm a subscription") from exc
            yield growth
        finally:
            channel.waiters.discard(growth)
            if not channel.waiters:
                self._wanted_changed.set()

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
                if channel is not None and message[0] != b"unsubscribe":
                    if message[0] == b"subscribe":
                        channel.subscribed.set()
                    # A confirmation counts as growth: after a lost connection, something may have been missed.
                    channel.tell()
        finally:
            subscriber.cancel()
            await asyncio.gather(subscriber, return_exceptions=True)

    async def _subscribe(self, connection: Connection) -> None:
        have: set[bytes] = set()
        while True:
            self._wanted_changed.clear()
            for key in [key for key, channel in self._channels.items() if not channel.waiters]:
                del self._channels[key]
            wanted = set(self._channels)
            if left := have - wanted:
                await connection.send_command("UNSUBSCRIBE", *left)
            if new := wanted - have:
                await connection.send_command("SUBSCRIBE", *new)
            have = wanted
            await self._wanted_changed.wait()
