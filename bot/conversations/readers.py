"""How new entries are read off the queue streams: by one blocking read, or, in a cluster, when a bell rings."""

import asyncio
import logging
import math
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import hiredis
from redis.asyncio import Connection

from bot.conversations.connection import Script, Wire, translated
from bot.conversations.live import Live
from bot.conversations.node import ANSWER, Node
from bot.errors import StoreUnavailable

_log = logging.getLogger(__name__)

Found = tuple[str, bytes, bytes]
"""Stream, entry and conversation of one lease."""

_BLOCK = timedelta(seconds=2)
"""How long one read waits for new entries: shorter than `node.ANSWER`."""

_AGAIN = timedelta(seconds=0.2)
"""Before a stream that could not be read is tried again."""

_fetch = Script("fetch")


class BlockingReader:
    """Waits on all streams with one XREADGROUP, on a connection of its own: one fsync for the entry and its lease."""

    def __init__(self, wire: Wire, streams: Sequence[str], group: str, consumer: str) -> None:
        self._node = wire.node_of(streams[0])
        self._connection: Connection | None = None
        self._streams = streams
        self._group = group
        self._consumer = consumer
        self._wait_for_any = self._pack(streams, _BLOCK)
        self._density = 1 / len(streams)  # Entries found in a stream that was read.
        self._window = random.randrange(len(streams))  # noqa: S311 (spreads workers, hides nothing)

    async def take(self, room: int) -> list[Found]:
        """Wait a moment for new entries and lease them; [] when none came.

        Redis gives at most one of each stream, but has no limit over all of them. So under pressure only so many
        streams are asked, in turn, as should hold about ``room`` entries, going by the read before: what this process
        has no room for stays for the others, and not every entry costs a read of its own.
        """
        count = len(self._streams)
        wanted = math.ceil(room / self._density)
        if wanted < count:
            window = [self._streams[(self._window + n) % count] for n in range(wanted)]
            self._window = (self._window + wanted) % count
            if found := await self._read(self._pack(window, block=None)):
                self._density = len(found) / wanted
                return found
        found = await self._read(self._wait_for_any)
        self._density = max(1, len(found)) / count
        return found

    async def aclose(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.disconnect()

    async def _read(self, packed: bytes) -> list[Found]:
        with translated():
            async with asyncio.timeout(ANSWER.total_seconds()):
                answer = await self._ask(packed)
        return [
            (stream.decode(), entry, conversation)
            for stream, entries in (answer or {}).items()
            for entry, (_, conversation) in entries
        ]

    def _pack(self, streams: Sequence[str], block: timedelta | None) -> bytes:
        """XREADGROUP as it goes over the wire: packing 512 names each time would be a third of a worker's work."""
        wait = [] if block is None else ["BLOCK", str(round(block.total_seconds() * 1000))]
        words = ["XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", "1", *wait, "STREAMS", *streams]
        words += [">"] * len(streams)
        packed: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]  # declared for one word
        return packed

    async def _ask(self, packed: bytes) -> Any:
        if self._connection is None:
            self._connection = self._node.new_connection()
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]
            await self._connection.send_packed_command([packed])
            return await self._connection.read_response()
        except BaseException:
            # Cancelled or broken in the middle: what comes next on this connection would answer nobody.
            await self._connection.disconnect(nowait=True)
            raise


class BellReader:
    """Reads the streams that a bell rang for, each node's in one script: a cluster lets no command wait for many.

    A stream's bell is the sharded pub/sub channel of its name, rung by the script that adds an entry. A subscription
    rings it too, so nothing is missed while there was none. Each node has one read under way at most: while one is
    away, the others go on.
    """

    def __init__(self, wire: Wire, streams: Sequence[str], group: str, consumer: str) -> None:
        self._wire = wire
        self._live = Live(wire)  # Of its own: bells must not wait behind the sockets of a whole reconnect.
        self._streams = streams
        self._group = group
        self._consumer = consumer
        self._rung: dict[str, None] = {}
        """Streams that may hold something, the one that rang first in front."""
        self._reads: dict[Node, tuple[int, asyncio.Task[list[Found]]]] = {}
        """The read under way at each node, and how many streams it asks."""
        self._stirred = asyncio.Event()
        self._listening = False

    async def take(self, room: int) -> list[Found]:
        """Wait a moment for new entries and lease them, about ``room`` at most; [] when none came."""
        if not self._listening:
            self._listening = True
            for stream in self._streams:
                self._live.attach(stream.encode(), _Bell(self, stream))
        try:
            async with asyncio.timeout(_BLOCK.total_seconds()):
                while True:
                    self._stirred.clear()
                    if found := self._collect():
                        return found
                    self._begin_reads(room)
                    await self._stirred.wait()
        except TimeoutError:
            return []

    async def aclose(self) -> None:
        """Stop listening."""
        await self._live.aclose()
        reads = [read for _, read in self._reads.values()]
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    def ring(self, stream: str) -> None:
        """Have ``stream`` read."""
        self._rung[stream] = None
        self._stirred.set()

    def _begin_reads(self, room: int) -> None:
        room -= sum(asked for asked, _ in self._reads.values())
        by_node: dict[Node, list[str]] = {}
        for stream in self._rung:
            if room <= 0:
                break
            node = self._wire.node_of(stream)
            if node not in self._reads:
                by_node.setdefault(node, []).append(stream)
                room -= 1
        for node, streams in by_node.items():
            for stream in streams:
                del self._rung[stream]  # Before the read: a bell that rings meanwhile counts.
            read = asyncio.create_task(self._read(node, streams), name="kefu-read")
            read.add_done_callback(lambda _: self._stirred.set())
            self._reads[node] = (len(streams), read)

    async def _read(self, node: Node, streams: list[str]) -> list[Found]:
        try:
            answer, elsewhere = await _fetch.on_node(node, [self._group, self._consumer, *streams])
        except StoreUnavailable as exc:
            self._ring_later(streams)
            if "NOGROUP" in str(exc):
                raise
            _log.warning("%s", exc)
            return []
        if elsewhere:
            self._wire.doubt()
            self._ring_later([stream.decode() for stream in elsewhere])
        found = [(stream.decode(), entry, conversation) for stream, entry, conversation in answer]
        for stream, _, _ in found:
            self.ring(stream)  # There may be more in it.
        return found

    def _ring_later(self, streams: list[str]) -> None:
        def ring() -> None:
            for stream in streams:
                self.ring(stream)

        asyncio.get_running_loop().call_later(_AGAIN.total_seconds(), ring)

    def _collect(self) -> list[Found]:
        """What the reads that are done have found.

        Raises:
            StoreUnavailable: NOGROUP, from one of them.
        """
        found: list[Found] = []
        for node, (_, read) in list(self._reads.items()):
            # An error waits while there is something found: leases that were dropped with it would be made by nobody.
            if read.done() and not (found and read.exception()):
                del self._reads[node]
                found += read.result()
        return found


class _Bell:
    """The bell of one stream, as a `bot.conversations.live.Listener`."""

    __slots__ = ("_reader", "_stream")

    def __init__(self, reader: BellReader, stream: str) -> None:
        self._reader = reader
        self._stream = stream

    def tell(self, log_id: bytes | None) -> None:
        self._reader.ring(self._stream)
