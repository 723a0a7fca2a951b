"""The queues that workers share: one stream of conversation ids a shard, and leases on their entries."""

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import hiredis
from redis.asyncio import Connection

from bot.conversations import keys
from bot.conversations.connection import ANSWER, Argument, Script, Wire, translated
from bot.errors import StoreUnavailable
from bot.records import ConversationId

READY_GROUP = "assistants"
OUTBOX_GROUP = "delivery"

_BLOCK = timedelta(seconds=2)
"""How long one read waits on the server: shorter than `connection.ANSWER`."""

_GONE_AFTER = 10
"""Leases without a sign of life after which a consumer is forgotten."""

_keep, _prune, _leave = Script("lease"), Script("prune"), Script("leave")


@dataclass(frozen=True, slots=True)
class Lease:
    """A conversation that one consumer may work on, until the lease is too old."""

    conversation: ConversationId
    stream: str
    entry: str
    group: str
    consumer: str


class Queue:
    """One process's end of a queue.

    A conversation has at most one entry, so whoever leases it has the conversation for itself. The entry stays until
    the script that finishes the work removes it. An entry whose consumer died is claimed when its lease is too old.
    """

    def __init__(self, wire: Wire, stream: Callable[[int], str], group: str, consumer: str, lease: timedelta) -> None:
        self._wire = wire
        self._reader: Connection | None = None
        self._streams = tuple(stream(shard) for shard in range(keys.SHARDS))
        self._group = group
        self._consumer = consumer
        self._lease_ms = round(lease.total_seconds() * 1000)
        self._wait_for_any = self._pack(self._streams, _BLOCK)
        self._density = 1 / keys.SHARDS  # Entries found in a stream that was read.
        self._window = random.randrange(keys.SHARDS)  # noqa: S311 (spreads workers, hides nothing)

    async def open(self) -> None:
        """Create the groups, where they are missing.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await asyncio.gather(*(self._create_group(stream) for stream in self._streams))

    async def take(self, room: int) -> list[Lease]:
        """Wait a moment for new entries and lease them; [] when none came.

        Redis gives at most one of each stream, but has no limit over all of them. So under pressure only so many
        streams are asked, in turn, as should hold about ``room`` entries, going by the read before: what this process
        has no room for stays for the others, and not every entry costs a read of its own.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        wanted = math.ceil(room / self._density)
        if wanted < keys.SHARDS:
            window = [self._streams[(self._window + n) % keys.SHARDS] for n in range(wanted)]
            self._window = (self._window + wanted) % keys.SHARDS
            if leases := await self._read(self._pack(window, block=None)):
                self._density = len(leases) / wanted
                return leases
        leases = await self._read(self._wait_for_any)
        self._density = max(1, len(leases)) / keys.SHARDS
        return leases

    async def claim(self) -> list[Lease]:
        """Lease entries whose lease is too old, at most one of each stream.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        answers = await self._wire.ask_all(
            ("XAUTOCLAIM", stream, self._group, self._consumer, self._lease_ms, "0-0", "COUNT", 1)
            for stream in self._streams
        )
        return [
            lease
            for stream, answer in zip(self._streams, answers, strict=True)
            for lease in self._leases(stream, answer[1])
        ]

    async def renew(self, leases: Iterable[Lease]) -> set[Lease]:
        """Keep ``leases`` for another while; those returned are lost, to another consumer or because they are done.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        wanted = list(leases)
        if not wanted:
            return set()
        kept = await _keep.on_each(
            self._wire, [([lease.stream], [self._group, self._consumer, lease.entry, 0]) for lease in wanted]
        )
        return {lease for lease, answer in zip(wanted, kept, strict=True) if answer != 1}

    async def retry_after(self, lease: Lease, pause: timedelta) -> Lease | None:
        """Let go of ``lease`` and take it again after ``pause``, as one try more.

        Any process may take it then, this one does; None when another was quicker. At most one lease long.

        Raises:
            StoreUnavailable: Redis does not answer; then it is claimed once the lease is too old.
        """
        pause_ms = min(round(pause.total_seconds() * 1000), self._lease_ms)
        age = self._lease_ms - pause_ms
        if not await _keep(self._wire, [lease.stream], [self._group, self._consumer, lease.entry, age]):
            return None
        await asyncio.sleep(pause_ms / 1000 + 0.005)  # A little more, lest rounding makes it too young.
        claimed = await self._wire.ask("XCLAIM", lease.stream, self._group, self._consumer, self._lease_ms, lease.entry)
        return next(iter(self._leases(lease.stream, claimed)), None)

    async def prune(self) -> None:
        """Forget the consumers of processes that are gone.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        arguments: list[Argument] = [self._group, self._consumer, self._lease_ms * _GONE_AFTER]
        await _prune.on_each(self._wire, [([stream], arguments) for stream in self._streams])

    async def leave(self) -> None:
        """Let others have at once what this process still holds, and forget this consumer.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        arguments: list[Argument] = [self._group, self._consumer, self._lease_ms]
        await _leave.on_each(self._wire, [([stream], arguments) for stream in self._streams])

    async def _create_group(self, stream: str) -> None:
        try:
            # From 0: what came before the group existed waits too.
            await self._wire.ask("XGROUP", "CREATE", stream, self._group, "0", "MKSTREAM")
        except StoreUnavailable as exc:
            if "BUSYGROUP" not in str(exc):  # It exists.
                raise

    async def _read(self, packed: bytes) -> list[Lease]:
        """One XREADGROUP, on a connection of its own: it may block."""
        try:
            async with translated(), asyncio.timeout(ANSWER.total_seconds()):
                answer = await self._ask_reader(packed)
        except StoreUnavailable as exc:
            if "NOGROUP" not in str(exc):
                raise
            await self.open()  # Somebody flushed the database: what comes from now on is served.
            return []
        return [lease for stream, entries in (answer or {}).items() for lease in self._leases(stream.decode(), entries)]

    def _pack(self, streams: Sequence[str], block: timedelta | None) -> bytes:
        """XREADGROUP as it goes over the wire: packing 512 names each time would be a third of a worker's work."""
        wait = [] if block is None else ["BLOCK", str(round(block.total_seconds() * 1000))]
        words = ["XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", "1", *wait, "STREAMS", *streams]
        words += [">"] * len(streams)
        packed: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]  # declared for one word
        return packed

    async def _ask_reader(self, packed: bytes) -> Any:
        if self._reader is None:
            self._reader = self._wire.new_connection()
        try:
            await self._reader.connect()  # type: ignore[no-untyped-call]
            await self._reader.send_packed_command([packed])
            return await self._reader.read_response()
        except BaseException:
            # Cancelled or broken in the middle: what comes next on this connection would answer nobody.
            await self._reader.disconnect(nowait=True)
            raise

    def _leases(self, stream: str, entries: Any) -> list[Lease]:
        return [
            Lease(
                conversation=ConversationId(conversation.decode()),
                stream=stream,
                entry=entry.decode(),
                group=self._group,
                consumer=self._consumer,
            )
            for entry, (_, conversation) in entries
        ]
