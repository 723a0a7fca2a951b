"""The queues that workers share: one stream of conversation ids a shard, and leases on their entries."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from bot.conversations import keys
from bot.conversations.connection import Argument, Script, Wire
from bot.conversations.node import Node
from bot.conversations.readers import BellReader, BlockingReader, Found
from bot.errors import StoreUnavailable
from bot.records import ConversationId

READY_GROUP = "assistants"
OUTBOX_GROUP = "delivery"

_GONE_AFTER = 10
"""Leases without a sign of life after which a consumer is forgotten."""

HANDED_OVER = "handed-over"
"""The consumer that has what was let go of, until it is claimed: so it can be told from what a death left behind."""

_keep, _claim, _prune, _leave = Script("lease"), Script("claim"), Script("prune"), Script("leave")


@dataclass(frozen=True, slots=True)
class Lease:
    """A conversation that one consumer may work on, until the lease is too old."""

    conversation: ConversationId
    stream: str
    entry: str
    group: str
    consumer: str
    orphaned: bool = field(default=False, compare=False)
    """Whether it was claimed from a consumer that died or froze, and did not let go of it."""


class Queue:
    """One process's end of a queue.

    A conversation has at most one entry, so whoever leases it has the conversation for itself. The entry stays until
    the script that finishes the work removes it. An entry whose consumer died is claimed when its lease is too old.
    """

    def __init__(self, wire: Wire, stream: Callable[[int], str], group: str, consumer: str, lease: timedelta) -> None:
        self._wire = wire
        self._streams = tuple(stream(shard) for shard in range(keys.SHARDS))
        self._group = group
        self._consumer = consumer
        self._lease_ms = round(lease.total_seconds() * 1000)
        reader = BellReader if wire.sharded else BlockingReader
        self._reader = reader(wire, self._streams, group, consumer)

    async def open(self) -> None:
        """Create the groups, where they are missing.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await asyncio.gather(*(self._create_group(stream) for stream in self._streams))

    async def take(self, room: int) -> list[Lease]:
        """Wait a moment for new entries and lease them, about ``room``; [] when none came.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        try:
            return self._leases(await self._reader.take(room))
        except StoreUnavailable as exc:
            if "NOGROUP" not in str(exc):
                raise
            await self.open()  # Somebody flushed the database: what comes from now on is served.
            return []

    async def claim(self, most: int = keys.SHARDS) -> list[Lease]:
        """Lease entries whose lease is too old: ``most`` of each node, and at most one of each stream.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        start = random.randrange(keys.SHARDS)  # noqa: S311 (with few to claim, every stream has its turn)
        by_node: dict[Node, list[str]] = {}
        for stream in (*self._streams[start:], *self._streams[:start]):
            by_node.setdefault(self._wire.node_of(stream), []).append(stream)
        asked: list[Argument] = [self._group, self._consumer, self._lease_ms, most]
        answers = await self._in_time(
            partial(_claim.on_node, node, [*asked, *streams]) for node, streams in by_node.items()
        )
        told = [answer for answer in answers if not isinstance(answer, Exception)]
        if any(elsewhere for _, elsewhere in told):
            self._wire.doubt()
        found = [entry for claimed, _ in told for entry in claimed]
        leases = self._leases((stream.decode(), entry, conversation) for stream, entry, conversation, _ in found)
        let_go = (HANDED_OVER.encode(), self._consumer.encode())
        return [replace(lease, orphaned=owner not in let_go) for lease, (*_, owner) in zip(leases, found, strict=True)]

    async def renew(self, leases: Iterable[Lease]) -> set[Lease]:
        """Keep ``leases`` for another while; those returned are lost, to another consumer or because they are done.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        wanted = list(leases)
        if not wanted:
            return set()
        kept = await self._in_time(
            partial(_keep, self._wire, [lease.stream], [self._group, self._consumer, lease.entry, 0, self._consumer, 0])
            for lease in wanted
        )
        return {lease for lease, answer in zip(wanted, kept, strict=True) if answer == 0}

    async def retry_after(self, lease: Lease, pause: timedelta, *, counts: bool = True) -> Lease | None:
        """Let go of ``lease`` and take it again after ``pause``: as one try more, or as the same if not ``counts``.

        Any process may take it then, this one does; None when another was quicker. At most one lease long.

        Raises:
            StoreUnavailable: Redis does not answer; then it is claimed once the lease is too old.
        """
        pause_ms = min(round(pause.total_seconds() * 1000), self._lease_ms)
        age = self._lease_ms - pause_ms
        let_go: list[Argument] = [self._group, self._consumer, lease.entry, age, HANDED_OVER, int(not counts)]
        if not await _keep(self._wire, [lease.stream], let_go):
            return None
        await asyncio.sleep(pause_ms / 1000 + 0.005)  # A little more, lest rounding makes it too young.
        claimed = await self._wire.ask("XCLAIM", lease.stream, self._group, self._consumer, self._lease_ms, lease.entry)
        return lease if claimed else None

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
        await self._reader.aclose()
        await self._release(self._consumer, HANDED_OVER)

    async def release(self, consumer: str) -> None:
        """Let others have at once what ``consumer`` holds, who is known to be dead.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await self._release(consumer, "")

    async def _release(self, consumer: str, heir: str) -> None:
        arguments: list[Argument] = [self._group, consumer, self._lease_ms, heir]
        await _leave.on_each(self._wire, [([stream], arguments) for stream in self._streams])

    async def _in_time(self, calls: Iterable[Callable[[], Awaitable[Any]]]) -> list[Any]:
        """Each call's answer or error, so that a node that is away holds up nothing that the others tell.

        A call is made once its task runs: a coroutine made here would be awaited by nobody where this is cancelled.

        Raises:
            StoreUnavailable: no call had an answer.
        """
        limit = self._lease_ms / 1000 / 3

        async def in_time(call: Callable[[], Awaitable[Any]]) -> Any:
            try:
                async with asyncio.timeout(limit):
                    return await call()
            except TimeoutError as exc:
                raise StoreUnavailable(f"Redis does not answer within {limit:g} s") from exc

        answers = await asyncio.gather(*map(in_time, calls), return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        if len(failed) == len(answers):
            raise failed[0]
        return answers

    async def _create_group(self, stream: str) -> None:
        try:
            # From 0: what came before the group existed waits too.
            await self._wire.ask("XGROUP", "CREATE", stream, self._group, "0", "MKSTREAM")
        except StoreUnavailable as exc:
            if "BUSYGROUP" not in str(exc):  # It exists.
                raise

    def _leases(self, found: Iterable[Found]) -> list[Lease]:
        return [
            Lease(
                conversation=ConversationId(conversation.decode()),
                stream=stream,
                entry=entry.decode(),
                group=self._group,
                consumer=self._consumer,
            )
            for stream, entry, conversation in found
        ]
