"""Many sockets at once: what an idle one costs, how a crowd comes back, and whether memory stays flat."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.load.client import PATIENCE, Frame, Refused, Socket, close_sockets, open_sockets
from benchmarks.load.questions import repeated
from benchmarks.load.servers import Ground, Server
from benchmarks.load.turns import Load, open_loop
from bot.conversations import Conversations, open_conversations
from bot.records import ConversationId, EntryKind
from bot.settings import read_settings

GIB, KIB, MIB = 2**30, 2**10, 2**20

OTHERS, THEIR_RATE = 100, 20.0
"""Shoppers who talk on while a crowd comes back, and their messages a second."""


class Errand:
    """One message of one socket: sent, and waited for until its turn ends."""

    def __init__(self, socket: Socket, message: str) -> None:
        self.message = message
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.accepted = asyncio.Event()
        self._socket, self._text = socket, next(_texts)
        socket.hear = self.hear
        self._send()

    def _send(self) -> None:
        self._socket.send_message(self.message, self._text)

    def hear(self, frame: Frame) -> None:
        if frame.type == "refused":  # A busy server sheds load, and says when to come again.
            asyncio.get_running_loop().call_later(frame.retry_after or 1.0, self._send)
        if frame.type == "accepted":
            self.accepted.set()
        if not self.answered.done() and any(self.message in line.covers for line in frame.lines):
            self.answered.set_result(None)


_texts = repeated()


async def all_ask(sockets: Iterable[Socket], message: str) -> None:
    """Each writes one message; returns when all are answered."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(Errand(socket, message).answered for socket in sockets))


@dataclass(frozen=True, slots=True)
class Idle:
    """What open sockets hold, in bytes each."""

    sockets: int
    server: float
    redis: float

    @property
    def a_gib(self) -> int:
        return round(GIB / self.server)


async def idle(server: Server, count: int) -> Idle:
    """Open ``count`` sockets, each with a session of its own, and see what the server has grown by."""
    # What the first ones load is there once, however many follow.
    await close_sockets(await open_sockets(server.url, server.key, (f"first-{n}" for n in range(300))))
    await asyncio.sleep(1)
    before = server.memory()
    sockets = await open_sockets(server.url, server.key, (f"idle-{n}" for n in range(count)))
    await asyncio.sleep(1)
    grown, redis = (after - then for after, then in zip(server.memory(), before, strict=True))
    if any(socket.closed.done() for socket in sockets):
        raise SystemExit("Some of the idle sockets were closed.")
    await close_sockets(sockets)
    return Idle(count, grown / count, redis / count)


@dataclass(frozen=True, slots=True)
class Return:
    """How a crowd came back; times in seconds from the first connect."""

    sockets: int
    welcome: float
    """Until the last was welcome."""
    current: float
    """Until the last had every line that it had missed."""
    failed: int
    """Connects that had to be tried again."""
    wrong: int
    """Sockets that lack a line, or have one twice or out of order."""
    before: Load
    meanwhile: Load
    """The others' turns."""


async def come_back(ground: Ground, server: Server, count: int, jitter: float, round_: str) -> Return:
    """``count`` sockets with a history are cut at once in the middle of a turn, miss its end, and come back."""
    sockets = await open_sockets(server.url, server.key, (f"back-{round_}-{n}" for n in range(count)))
    for socket in sockets:
        socket.ids = []
    await all_ask(sockets, "first")
    others = await open_sockets(server.url, server.key, (f"other-{round_}-{n}" for n in range(OTHERS)))
    before = await open_loop(server, others, THEIR_RATE, 5, repeated())

    async with asyncio.timeout(PATIENCE):
        errands = [Errand(socket, "second") for socket in sockets]
        for errand in errands:
            await errand.accepted.wait()
    for socket in sockets:
        socket.cut()
    async with _reading(ground) as conversations:
        logs = await _settled_logs(conversations, sockets)
    background = asyncio.create_task(open_loop(server, others, THEIR_RATE, max(5.0, jitter + 2), repeated()))
    sockets = [socket.again(server.key) for socket in sockets]
    welcome, current, failed = await _reconnect(server, sockets, logs, jitter)
    meanwhile = await background
    wrong = sum(socket.ids != logs[socket.shopper] for socket in sockets)
    closed = sum(socket.closed.done() for socket in sockets)
    if closed:
        raise SystemExit(f"{closed} sockets were closed again.")
    await close_sockets([*sockets, *others])
    return Return(count, welcome, current, failed, wrong, before, meanwhile)


async def _reconnect(
    server: Server, sockets: list[Socket], logs: dict[str, list[str]], jitter: float
) -> tuple[float, float, int]:
    """Seconds until all were welcome, and until all were up to date; and connects that failed.

    ``sockets`` holds those that were welcome afterwards.
    """
    choose = random.Random(0)
    begun = time.perf_counter()
    welcome, failed = 0.0, 0

    async def connect(place: int, pause: float) -> None:
        nonlocal welcome, failed
        socket = sockets[place]
        for pauses in itertools.count():
            await asyncio.sleep(pause)
            try:
                await socket.open(server.url)
                break
            except (Refused, OSError):
                failed += 1
                # As docs/widget.md asks: from half a second to 30, half of it random.
                pause = min(30.0, 0.5 * 2**pauses) * choose.uniform(0.5, 1)
                socket = sockets[place] = socket.again(server.key)
        welcome = time.perf_counter() - begun
        assert socket.ids, "it has a history"
        while socket.ids[-1] != logs[socket.shopper][-1]:  # noqa: ASYNC110 - an event for each would cost more
            await asyncio.sleep(0.01)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for place in range(len(sockets)):
            group.create_task(connect(place, choose.uniform(0, jitter)))
    return welcome, time.perf_counter() - begun, failed


@asynccontextmanager
async def _reading(ground: Ground) -> AsyncIterator[Conversations]:
    settings = read_settings({"data": ground.data, "redis_url": f"unix://{ground.redis_socket}"})
    async with open_conversations(settings) as conversations:
        yield conversations


async def _settled_logs(conversations: Conversations, sockets: Iterable[Socket]) -> dict[str, list[str]]:
    """Ids of every line that each shopper should see, once all their messages are answered."""
    logs: dict[str, list[str]] = {}
    async with asyncio.timeout(PATIENCE):
        for socket in sockets:
            logs[socket.shopper] = await _settled_log(conversations, socket.shopper)
    return logs


async def _settled_log(conversations: Conversations, shopper: str) -> list[str]:
    while True:
        entries = await conversations.read(ConversationId(f"web:{shopper}"))
        if entries and any("second" in entry.covers for entry in entries):
            return [entry.id for entry in entries if entry.kind is not EntryKind.RECEIPT]
        await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Wave:
    """Resident bytes after a wave of sockets was gone."""

    server: int
    redis: int


async def waves(server: Server, count: int, rounds: int = 5) -> AsyncIterator[Wave]:
    """``count`` new shoppers come, write one message each, read the answer and go; again and again."""
    for wave in range(rounds):
        sockets = await open_sockets(server.url, server.key, (f"wave-{wave}-{n}" for n in range(count)))
        await all_ask(sockets, "only")
        await close_sockets(sockets)
        await asyncio.sleep(2)
        yield Wave(*server.memory())
