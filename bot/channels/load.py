"""Whether this server can take more on: it refuses new messages, with a time to come back, before memory grows."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.conversations import Conversations
from bot.conversations.backlog import Backlog, measure
from bot.errors import Overloaded, StoreUnavailable
from bot.settings import Settings
from bot.telemetry.metrics import BACKLOG, BACKLOG_AGE, LOOP_LAG_SECONDS, REDIS_UP, REQUESTS, SHEDDING

_log = logging.getLogger(__name__)

_LOOK_EVERY = timedelta(seconds=1)
_BEAT = timedelta(milliseconds=250)

_LAG = timedelta(seconds=1)
"""An event loop that is so late answers nobody in time, and what it takes on makes it later."""

_LONGEST = 30.0
"""Seconds; whoever is asked to stay away longer does not come back."""

_SOON = 1.0
"""Seconds until a request ends, as a rule."""


@dataclass(slots=True)
class Gate:
    """Closes above ``high``, and opens again only below half of it: at one single mark it would flap."""

    high: float
    closed: bool = False

    def update(self, value: float) -> bool:
        """Whether it is closed, now that ``value`` was measured."""
        self.closed = value > (self.high / 2 if self.closed else self.high)
        return self.closed


class Load:
    """How busy the shop and this process are, looked at once a second while entered."""

    def __init__(self, conversations: Conversations, settings: Settings) -> None:
        self._conversations = conversations
        self._most_requests = settings.max_requests
        self._waits = Gate(settings.backlog_limit.total_seconds())
        self._lags = Gate(_LAG.total_seconds())
        self.stopping = False
        """Whether `stop` was called."""
        self._backlog = Backlog(0, 0, timedelta())
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self.requests = 0
        """Requests of this process that wait for their turn."""

    @property
    def depth(self) -> int:
        """Conversations that wait for a worker, of all servers."""
        return self._backlog.waiting

    @property
    def age(self) -> float:
        """Seconds that the oldest of them waits."""
        return self._backlog.age.total_seconds()

    @property
    def shedding(self) -> bool:
        """Whether new messages are refused, for the time being."""
        return self._waits.closed or self._lags.closed

    async def __aenter__(self) -> "Load":
        self._tasks = (
            asyncio.create_task(self._look_for_ever(), name="kefu-load"),
            asyncio.create_task(self._beat_for_ever(), name="kefu-loop-lag"),
        )
        return self

    async def __aexit__(self, *failure: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Refuse everything from now on: the server goes down, and another one is there or comes soon."""
        self.stopping = True

    def check(self) -> None:
        """Return where a message may be accepted.

        Raises:
            Overloaded: not now; says when to try again.
        """
        self._check_runs()
        if self._waits.closed:
            # About when the gate may open, if the backlog shrinks as fast as time goes by.
            again = min(max(self.age - self._waits.high / 2, _SOON), _LONGEST)
            raise Overloaded("More shoppers write than can be answered now; send it again later.", again)
        if self._lags.closed:
            raise Overloaded("This server is too busy now; send it again later.", _SOON * 2)

    def check_room(self) -> None:
        """Return where one more request may wait.

        Raises:
            Overloaded: the server stops, or too many wait already.
        """
        self._check_runs()
        if self.requests >= self._most_requests:
            raise Overloaded("Too many requests wait for their answers; send it again later.", _SOON)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count the block as a request that waits.

        Raises:
            Overloaded: as `check_room`.
        """
        self.check_room()
        self.requests += 1
        try:
            with REQUESTS.track_inprogress():
                yield
        finally:
            self.requests -= 1

    def _check_runs(self) -> None:
        if self.stopping:
            raise Overloaded("This server is being restarted; send it again.", _SOON)

    async def _look_for_ever(self) -> None:
        while True:
            try:
                self._backlog = await measure(self._conversations.wire)
                REDIS_UP.set(1)
            except StoreUnavailable:
                REDIS_UP.set(0)  # The last look still holds; accepting fails by itself.
            except Exception:  # The edge: without a look, the server would take on more for ever.
                _log.exception("the backlog could not be measured")
            BACKLOG.set(self.depth)
            BACKLOG_AGE.set(self.age)
            self._update(self._waits, self.age, "the oldest message that waits for a worker")
            await asyncio.sleep(_LOOK_EVERY.total_seconds())

    async def _beat_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _BEAT.total_seconds()
            await asyncio.sleep(_BEAT.total_seconds())
            lag = loop.time() - due
            LOOP_LAG_SECONDS.observe(max(0.0, lag))
            self._update(self._lags, lag, "the event loop")

    def _update(self, gate: Gate, late: float, what: str) -> None:
        """Move ``gate``, and say so where it closes or opens."""
        before = gate.closed
        if gate.update(late) != before:
            told = "new messages are refused" if gate.closed else "new messages are taken again"
            _log.warning("%s: %s is %.1f s late", told, what, late)
        SHEDDING.set(self.shedding)
