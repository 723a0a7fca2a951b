"""Brings what the outbox owes to the servers that get replies posted: in order, until they have it or time is up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from bot.conversations import Conversations, keys
from bot.conversations.codec import time_of
from bot.conversations.outbox import Delivery, Outbox
from bot.conversations.queue import OUTBOX_GROUP, Lease
from bot.conversations.tenure import Tenure, reached
from bot.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.settings import Settings
from bot.telemetry.metrics import DELIVERIES

_log = logging.getLogger(__name__)

AT_ONCE = 32
"""Conversations whose replies are on their way at the same time."""

_WAITING = 1000
"""Conversations of this process that may wait for a next try; each holds a lease, which is renewed."""

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=15)

GIVE_UP = timedelta(days=1)
"""An answer that comes a day late is none; about a hundred tries."""

_GRACE = timedelta(seconds=2)
"""For what is on its way when the server stops. What is cut goes out again under the same key."""

Send = Callable[[Delivery], Awaitable[None]]
"""Post one reply; raises `DeliveryFailed` or `DeliveryRefused`."""


def pause(age: timedelta) -> timedelta:
    """How long to wait before the next try of a reply of that age: it doubles, up to `_LONGEST`.

    The age stands in the log, so a restarted server goes on where the one before was, and no try has to be counted.
    """
    return min(max(age, _FIRST), _LONGEST)


class Deliverer:
    """One process's hand in delivering; any number of them share the outbox. It works inside ``async with``.

    A reply is posted at least once, always with the same key, and never before those that came before it. What is
    given up is logged and counted: nobody else would know.
    """

    def __init__(self, conversations: Conversations, settings: Settings, sends: Mapping[str, Send]) -> None:
        """``sends`` has for each channel whose replies go to the outbox how they are posted."""
        self._outbox = Outbox(conversations.wire)
        self._tenure = Tenure(conversations.wire, settings, stream=keys.outbox, group=OUTBOX_GROUP, folder="deliverers")
        self._sends = sends
        self._sending = asyncio.Semaphore(AT_ONCE)
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._run: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Deliverer":
        self._run = asyncio.create_task(self._deliver_for_ever(), name="kefu-deliverer")
        return self

    async def __aexit__(self, *failure: object) -> None:
        assert self._run is not None, "entered before"
        self._stopping.set()
        await self._run

    async def _deliver_for_ever(self) -> None:
        self._tenure.begin()
        while not self._stopping.is_set() and not await reached(self._tenure.queue.open):
            pass
        try:
            async with asyncio.TaskGroup() as group:
                taker = group.create_task(self._take_for_ever(), name="kefu-outbox-taker")
                keeper = group.create_task(self._tenure.keep(), name="kefu-outbox-leases")
                heir = group.create_task(
                    self._tenure.inherit(AT_ONCE, self._begin, self._room.is_set), name="kefu-outbox-heir"
                )
                await self._stopping.wait()
                taker.cancel()
                heir.cancel()
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=_GRACE.total_seconds())
                keeper.cancel()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tenure.end()

    async def _take_for_ever(self) -> None:
        while not self._stopping.is_set():
            await self._room.wait()
            await reached(self._take)

    async def _take(self) -> None:
        for lease in await self._tenure.queue.take(AT_ONCE):
            self._begin(lease)

    def _begin(self, lease: Lease) -> None:
        if lease in self._tenure.held:
            return  # Renewed too late and claimed by ourselves; it is under way.
        self._tenure.held.add(lease)
        task = asyncio.create_task(self._work(lease), name=f"kefu-delivery-{lease.entry}")
        self._tasks.add(task)
        task.add_done_callback(self._end)
        self._look_for_room()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._look_for_room()

    def _look_for_room(self) -> None:
        if len(self._tasks) < _WAITING:
            self._room.set()
        else:
            self._room.clear()

    async def _work(self, lease: Lease) -> None:
        """Deliver all that a conversation is owed."""
        try:
            left = 1
            while left and lease in self._tenure.held and not self._stopping.is_set():
                owed = await self._outbox.load(lease.conversation)
                if not owed:
                    await self._outbox.settle(lease.conversation)
                    return
                for delivery in owed:
                    if not await self._deliver(delivery, lease):
                        return
                    left = await self._outbox.delivered(delivery)
        except StoreUnavailable as exc:  # Claimed, by whoever is there, once the lease is too old.
            _log.warning("deliveries of %s wait: %s", lease.conversation, exc)
        except Exception:  # The edge: whatever one conversation is owed, the others are served.
            _log.exception("the deliveries of %s failed", lease.conversation)
        finally:
            self._tenure.held.discard(lease)

    async def _deliver(self, delivery: Delivery, lease: Lease) -> bool:
        """Post one reply until it is there, or is given up; False when this process has to stop trying."""
        channel = delivery.conversation.partition(":")[0]
        while lease in self._tenure.held and not self._stopping.is_set():
            age = datetime.now(UTC) - time_of(delivery.log_id)
            try:
                await self._post(channel, delivery)
                DELIVERIES.labels(channel, "delivered").inc()
                return True
            except DeliveryFailed as exc:
                if isinstance(exc, DeliveryRefused) or age > GIVE_UP:
                    DELIVERIES.labels(channel, "given_up").inc()
                    _log.error("reply %s of %s is given up: %s", delivery.key, delivery.conversation, exc)
                    return True
                DELIVERIES.labels(channel, "failed").inc()
                _log.warning("reply %s of %s is tried again later: %s", delivery.key, delivery.conversation, exc)
            await self._wait(pause(age))
        return False

    async def _post(self, channel: str, delivery: Delivery) -> None:
        if channel not in self._sends:
            raise DeliveryFailed(f"nobody here delivers for {channel!r}")
        async with self._sending:
            await self._sends[channel](delivery)

    async def _wait(self, duration: timedelta) -> None:
        """Wait, but not for a server that stops."""
        try:
            async with asyncio.timeout(duration.total_seconds()):
                await self._stopping.wait()
        except TimeoutError:
            pass
