"""What one worker holds of the queue: renewed while it works, taken over from the dead, handed on when it stops."""

import asyncio
import itertools
import logging
import os
import random
import socket
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from bot.conversations import keys
from bot.conversations.connection import Wire
from bot.conversations.presence import Presence
from bot.conversations.queue import READY_GROUP, Lease, Queue
from bot.errors import StoreUnavailable
from bot.settings import Settings
from bot.telemetry.metrics import TAKEOVERS

_log = logging.getLogger(__name__)

_CLAIM_EVERY = timedelta(milliseconds=250)
"""Between two looks for leases that ran out: with the lease, the time that a dead server's shoppers wait at most."""

_PRUNE_EVERY = 1000
"""Such looks between two for consumers of dead processes; they cost only a little memory."""

_LEAVE = timedelta(seconds=1)
"""For handing over what is left: a stop has ten seconds in all."""

_AWAY = timedelta(milliseconds=500)
"""Between tries to reach a Redis that is away, or of a step that failed as nobody foresaw."""


class Tenure:
    """One worker's place at the queue, from `begin` to `end`."""

    def __init__(
        self,
        wire: Wire,
        settings: Settings,
        *,
        stream: Callable[[int], str] = keys.ready,
        group: str = READY_GROUP,
        folder: str = "workers",
    ) -> None:
        """Prepare; nobody knows of it before `begin`.

        ``folder`` is where those at the same queue see each other: who buries a dead one has to release what it held.
        """
        self._name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._presence = Presence(settings.data / folder, self._name)
        self.queue = Queue(wire, stream, group, self._name, settings.lease)
        self.held: set[Lease] = set()
        """What is renewed; whoever works puts it in and takes it out."""
        self._renew_every = settings.lease.total_seconds() / 3  # A renewal may be late or fail once.
        self._claim_every = min(_CLAIM_EVERY.total_seconds(), self._renew_every)

    def begin(self) -> None:
        """Be seen to live by the workers of the same machine."""
        self._presence.begin()

    async def end(self) -> None:
        """Let others have at once what is still held."""
        with suppress(TimeoutError):  # Redis is away; the leases end by themselves.
            async with asyncio.timeout(_LEAVE.total_seconds()):
                if await reached(self.queue.leave):
                    self._presence.bury(self._name)
        self._presence.end()

    async def keep(self) -> None:
        """Renew what is held, for ever."""
        while True:
            await asyncio.sleep(self._renew_every)
            await reached(self._renew)

    async def inherit(self, most: int, begin: Callable[[Lease], None], has_room: Callable[[], bool]) -> None:
        """Take over what dead workers left, ``most`` of each node at a time, for ever; ``begin`` is told each."""

        async def claim() -> None:
            # Once in any case, for the shoppers of the dead wait longest; then where there is room.
            while claimed := await self.queue.claim(most):
                TAKEOVERS.inc(sum(lease.orphaned for lease in claimed))
                for lease in claimed:
                    begin(lease)
                if not has_room():
                    return

        for beat in itertools.count():
            await reached(self._release_dead)
            await reached(claim)
            if beat % _PRUNE_EVERY == 0:
                await reached(self.queue.prune)
            await asyncio.sleep(self._claim_every * random.uniform(0.75, 1.25))  # noqa: S311 (spreads workers)

    async def _renew(self) -> None:
        # Turns whose lease is lost go on until the store refuses them; renewing could not help them.
        self.held -= await self.queue.renew(self.held)

    async def _release_dead(self) -> None:
        for name in self._presence.dead():
            await self.queue.release(name)
            self._presence.bury(name)


async def reached(step: Callable[[], Awaitable[None]]) -> bool:
    """Whether ``step`` was done; where it was not, some time has passed."""
    try:
        await step()
        return True
    except StoreUnavailable as exc:
        _log.warning("%s", exc)
    except Exception:  # The edge: a worker that died of it would leave everybody unanswered, and nobody would know.
        _log.exception("a step of the worker failed")
    await asyncio.sleep(_AWAY.total_seconds())
    return False
