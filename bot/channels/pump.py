"""Brings what enters the logs to the widget's sockets. The log is the queue, a socket holds only a cursor."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.channels.client import Close, Socket
from bot.channels.frames import batches
from bot.conversations import Conversations
from bot.conversations.node import Node
from bot.conversations.reading import Page
from bot.records import LogId
from bot.telemetry.metrics import SLOW_READERS, SOCKETS, SOCKETS_CLOSED, SOCKETS_OPENED

_log = logging.getLogger(__name__)

PUMPS = 2
"""Of each server of Redis, as many as there are round trips under way to it: one sends what it read while the other's
reads are on their way."""

_BATCH = 128
"""Sockets that share a round trip: what is to be held in memory of their logs at once."""

_PAGE = 50
"""Entries of one socket in a round trip: a long history takes turns with everybody's news."""

_LOOK = timedelta(milliseconds=250)
"""Between two looks at the sockets that do not read, or were not told of their own line."""

_AWAY = timedelta(milliseconds=500)
"""Between tries to read a log that could not be read."""

BEGINNING = LogId("0-0")
"""Before every entry of a log."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients are waited for."""

    hello: timedelta = timedelta(seconds=10)
    silent: timedelta = timedelta(seconds=150)
    slow: timedelta = timedelta(seconds=5)
    """With more than the transport's high water (64 KiB) unread."""
    sweep: timedelta = timedelta(seconds=5)
    """Between two looks at all sockets: a timer for each would cost memory, and nobody counts these seconds. So long a
    client waits at most for an answer whose wake-up was lost."""


class _Lane:
    """The sockets that are due and whose logs are on one server: while that is away, those of the others go on."""

    __slots__ = ("due", "node", "pumps")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.due: deque[Socket] = deque()
        self.pumps = 0
        """Tasks that serve it; none while nobody is due."""


class Pump:
    """A few tasks serve all sockets of the process; a slow one, or a Redis that is away, keeps nobody else waiting.

    A socket whose log may have grown becomes due, once. Whoever serves it reads the log after its cursor and moves the
    cursor over what was sent. So nothing is skipped or sent twice, and what waits for a socket is in Redis.
    """

    def __init__(self, conversations: Conversations, patience: Patience) -> None:
        self._conversations = conversations
        self._patience = patience
        self.sockets: set[Socket] = set()
        self._lanes: dict[Node, _Lane] = {}
        self._late: set[Socket] = set()
        self._congested: dict[Socket, float] = {}
        """Since when, by the loop's clock."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.now = asyncio.get_running_loop().time

    async def __aenter__(self) -> "Pump":
        for look, every in ((self._watch, _LOOK), (self._sweep, self._patience.sweep)):
            self._keep(asyncio.create_task(_look_for_ever(look, every), name=f"kefu-sockets{look.__name__}"))
        return self

    async def __aexit__(self, *failure: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self, socket: Socket) -> None:
        """The socket's log may have grown."""
        if socket.cursor is None:
            return  # Its first lines are on their way, and it will be woken after them.
        if socket.busy:
            socket.again = True
            return
        assert socket.session is not None, "it has a cursor, so it said who it is"
        socket.busy = True
        node = self._conversations.node_of(socket.session.conversation)
        lane = self._lanes.get(node) or self._lanes.setdefault(node, _Lane(node))
        lane.due.append(socket)
        if lane.pumps < PUMPS:
            # It starts once this turn of the event loop is over, so all who are due by then are served together.
            lane.pumps += 1
            self._keep(asyncio.create_task(self._serve(lane), name="kefu-sockets-pump"))

    def wake_late(self, socket: Socket) -> None:
        """The log has grown by a message of this socket: it was told "accepted", and has no use for the line yet.

        It goes out with what the log grows by next, as a rule the answer, else within `_LOOK`. To read, write and send
        it by itself costs a sixth of a turn.
        """
        self._late.add(socket)

    def wait_for(self, socket: Socket) -> None:
        """Serve the socket when its client has read some of what was sent; drop it if that takes too long."""
        self._congested.setdefault(socket, self.now())

    def take(self, socket: Socket) -> None:
        """It is open."""
        self.sockets.add(socket)
        SOCKETS.set(len(self.sockets))
        SOCKETS_OPENED.inc()

    def forget(self, socket: Socket) -> None:
        """It is closed."""
        self.sockets.discard(socket)
        SOCKETS.set(len(self.sockets))
        SOCKETS_CLOSED.labels(socket.ended).inc()
        self._congested.pop(socket, None)
        self._late.discard(socket)
        socket.cursor = None

    async def send(self, socket: Socket, page: Page) -> bool:
        """Send a stretch of the log, as much of it as the client takes; whether all of it went out.

        Raises:
            ConnectionError: the socket is closed.
        """
        socket.see(page.entries)
        for last, frame in batches(page.entries):
            if socket.congested:
                socket.cursor = socket.cursor or BEGINNING
                self.wait_for(socket)
                return False
            if frame is not None:
                await socket.send(frame)
            socket.cursor = last.id
        socket.cursor = page.end or socket.cursor or BEGINNING
        return True

    async def close_all(self, code: int, why: str) -> None:
        """Close every socket at once."""
        await asyncio.gather(*(socket.close(code, why) for socket in self.sockets), return_exceptions=True)

    async def _serve(self, lane: _Lane) -> None:
        """Serve who is due, until nobody is."""
        while lane.due:
            batch = [lane.due.popleft() for _ in range(min(_BATCH, len(lane.due)))]
            try:
                await self._serve_batch(batch)
            except Exception:  # The edge: sockets that nobody serves again would be without news for ever.
                _log.exception("sockets could not be served")
                self._keep(asyncio.create_task(self._serve_later(batch)))
        lane.pumps -= 1
        if not lane.pumps:
            del self._lanes[lane.node]

    async def _serve_batch(self, batch: list[Socket]) -> None:
        asked = []
        for socket in batch:
            socket.again = False  # Before the read: what grows from now on may not be in it.
            self._late.discard(socket)
            if socket.session is not None and socket.cursor is not None:
                asked.append((socket, socket.session.conversation, socket.cursor))
        pages = await self._conversations.pages([(whose, after) for _, whose, after in asked], _PAGE)
        away: list[Socket] = []
        for (socket, _, _), page in zip(asked, pages, strict=True):
            if isinstance(page, Page):
                self._done(socket, more=await self._send_news(socket, page))
            else:
                trouble = page
                away.append(socket)
        if away:
            _log.warning("%d sockets wait for their lines: %s", len(away), trouble)
            self._keep(asyncio.create_task(self._serve_later(away)))

    async def _serve_later(self, sockets: list[Socket]) -> None:
        await asyncio.sleep(_AWAY.total_seconds())
        for socket in sockets:
            self._done(socket, more=True)

    async def _send_news(self, socket: Socket, page: Page) -> bool:
        """Send what was read for a socket that is due; whether there is more."""
        if socket.cursor is None or page.end is None:
            return False  # It was closed meanwhile, or nothing is new.
        try:
            return await self.send(socket, page) and page.count == _PAGE
        except ConnectionError:
            pass
        except Exception:  # The edge: whatever stands in one log, the others' lines are sent.
            _log.exception("a socket's lines could not be sent")
            self.part(socket, Close.BUSY, "the lines cannot be sent now")
        return False

    def _done(self, socket: Socket, *, more: bool) -> None:
        socket.busy = False
        if more or socket.again:
            self.wake(socket)

    def _watch(self) -> None:
        """Look after those that do not read, and those whose own line is all that came."""
        for socket in self._late:
            self.wake(socket)
        self._late.clear()
        late = self.now() - self._patience.slow.total_seconds()
        for socket, since in list(self._congested.items()):
            if not socket.congested:
                del self._congested[socket]
                self.wake(socket)
            elif since < late:
                del self._congested[socket]
                SLOW_READERS.inc()
                self.part(socket, Close.SLOW, "read too slowly")

    def _sweep(self) -> None:
        """Close who is silent for too long, or whose token has ended; look unasked what became of the others' messages.

        Word of an answer may be lost on its way: a server of an older version sends it elsewhere, a cluster's slot
        moves. Who waits for none has nothing to miss.
        """
        now, today = self.now(), datetime.now(UTC)
        unknown, silent = now - self._patience.hello.total_seconds(), now - self._patience.silent.total_seconds()
        for socket in self.sockets:
            if socket.session is None:
                if socket.heard < unknown:
                    self.part(socket, Close.NO_CLIENT, "no hello")
            elif socket.session.expires_at <= today:
                self.part(socket, Close.TOKEN, "the token has ended")
            elif socket.heard < silent:
                self.part(socket, Close.SLOW, "silent for too long")
            elif socket.waits:
                self.wake(socket)

    def part(self, socket: Socket, code: int, why: str) -> None:
        """Close the socket, without waiting for its client."""
        if not socket.response.closed:
            self._keep(asyncio.create_task(socket.close(code, why)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _look_for_ever(look: Callable[[], None], every: timedelta) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            look()
        except Exception:  # The edge: without these looks, dead connections would stay for ever.
            _log.exception("a look at the sockets failed")
