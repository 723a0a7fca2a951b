"""Turns over sockets: closed loops that wait for each answer, and an open loop that does not care."""

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.load.client import Frame, Socket, close_sockets, open_sockets
from benchmarks.load.servers import Server


@dataclass(slots=True)
class Load:
    """What a load found. Times in seconds."""

    seconds: float
    took: list[float] = field(default_factory=list)
    """From the message, or from when it was due, until the turn that covers it."""
    server: float = 0.0
    redis: float = 0.0
    """CPU seconds during the load."""
    refused: int = 0
    lost: int = 0
    doubled: int = 0

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    @property
    def cpu(self) -> float:
        """Seconds that server and Redis computed for a turn."""
        return (self.server + self.redis) / max(len(self.took), 1)

    def at(self, percent: int) -> float:
        """A percentile in milliseconds."""
        return statistics.quantiles(self.took, n=100)[percent - 1] * 1e3 if len(self.took) > 1 else float("nan")

    def row(self) -> str:
        turns = max(len(self.took), 1)
        return (
            f"{self.rate:8.0f} turns/s   p50 {self.at(50):7.2f}   p99 {self.at(99):7.2f} ms"
            f"   CPU of a turn: server {self.server / turns * 1e3:6.3f}   Redis {self.redis / turns * 1e3:6.3f} ms"
        )


class Talker:
    """One shopper who asks, waits for the answer, and asks again until the time is over."""

    def __init__(self, socket: Socket, texts: Iterator[str], until: float, took: list[float]) -> None:
        self._socket, self._texts, self._until, self._took = socket, texts, until, took
        self._count, self._asked = 0, 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        socket.hear = self.hear
        socket.closed.add_done_callback(self._cut)

    def ask(self) -> None:
        self._asked = time.perf_counter()
        if self._asked >= self._until:
            self.done.set_result(None)
            return
        self._count += 1
        # Named by the moment too: a socket may carry several loads.
        self._message = f"{self._asked:.6f}-{self._count}"
        self._socket.send_message(self._message, next(self._texts))

    def hear(self, frame: Frame) -> None:
        if frame.type in ("refused", "error"):
            raise SystemExit(f"The server refused a message of a closed loop: {frame}")
        for line in frame.lines:
            if self._message in line.covers:
                self._took.append(time.perf_counter() - self._asked)
                self.ask()

    def _cut(self, code: asyncio.Future[int]) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"a socket of a closed loop was closed with {code.result()}"))


async def closed_loop(server: Server, conversations: int, seconds: float, texts: Iterator[str]) -> Load:
    """Each of ``conversations`` writes, waits for the end of its turn, and writes again."""
    sockets = await open_sockets(server.url, server.key, (f"closed-{conversations}-{n}" for n in range(conversations)))
    load = Load(seconds)
    for length in (0.5, seconds):  # The first round warms up.
        load.took.clear()
        gc.collect()
        cpu = server.cpu()
        until = time.perf_counter() + length
        talkers = [Talker(socket, texts, until, load.took) for socket in sockets]
        for talker in talkers:
            talker.ask()
        async with asyncio.timeout(length + 30):
            await asyncio.gather(*(talker.done for talker in talkers))
        load.server, load.redis = (after - before for after, before in zip(server.cpu(), cpu, strict=True))
    await close_sockets(sockets)
    return load


@dataclass(slots=True)
class _Due:
    """Messages of an open loop that are not answered yet."""

    load: Load
    waiting: dict[str, float] = field(default_factory=dict)
    """When each was due."""
    answered: set[str] = field(default_factory=set)

    def hear(self, frame: Frame) -> None:
        if frame.type == "refused":
            self.load.refused += 1
            self.waiting.pop(frame.id, None)
        now = time.perf_counter()
        for line in frame.lines:
            for message in line.covers:
                if message in self.answered:
                    self.load.doubled += 1
                elif (due := self.waiting.pop(message, None)) is not None:
                    self.answered.add(message)
                    self.load.took.append(now - due)


async def open_loop(
    server: Server, sockets: list[Socket], rate: float, seconds: float, texts: Iterator[str], seed: int = 0
) -> Load:
    """``rate`` messages a second over all of ``sockets``, at moments of a Poisson process that were drawn before.

    A message's time counts from the moment it was due: when the server holds the client up, that is not forgiven
    (Tene, "How NOT to Measure Latency": coordinated omission).
    """
    choose = random.Random(seed)
    moments = list(_poisson(choose, rate, seconds))
    writers = [choose.choice(sockets) for _ in moments]
    load = Load(seconds)
    due = _Due(load)
    for socket in sockets:
        socket.hear = due.hear
    gc.collect()
    cpu, begun = server.cpu(), time.perf_counter()
    for count, (moment, socket) in enumerate(zip(moments, writers, strict=True)):
        if (early := begun + moment - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        message = f"{begun:.6f}-{count}"
        due.waiting[message] = begun + moment
        socket.send_message(message, next(texts))
    for _ in range(3000):
        if not due.waiting:
            break
        await asyncio.sleep(0.01)
    load.server, load.redis = (after - before for after, before in zip(server.cpu(), cpu, strict=True))
    load.lost = len(due.waiting)
    return load


def _poisson(choose: random.Random, rate: float, seconds: float) -> Iterator[float]:
    moment = choose.expovariate(rate)
    while moment < seconds:
        yield moment
        moment += choose.expovariate(rate)
