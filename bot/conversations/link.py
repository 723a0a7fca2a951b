"""One node's subscriptions: a connection that is read and written, and made anew when it was lost."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import hiredis
from redis.asyncio import Connection
from redis.crc import key_slot
from redis.exceptions import MovedError, RedisError

from bot.conversations.node import Node

if TYPE_CHECKING:
    from bot.conversations.live import Live

_log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=0.2)
"""Between tries to reach a Redis that is away."""

KEPT = timedelta(seconds=30)
"""How long a channel that nobody waits on stays subscribed: whoever got a reply often writes again."""

_KNOCK = timedelta(seconds=5)
"""Between two signs of life that are asked of a node: a machine that lost its power closes no connection."""

_SILENT = timedelta(seconds=15)
"""A node that says nothing for so long is gone."""


class Link:
    """The subscriptions at one node: one connection, a task that reads it and one that writes to it."""

    def __init__(self, live: "Live", node: Node) -> None:
        self._live = live
        self.node = node
        self._fresh: list[bytes] = []
        """Channels that are not asked for yet."""
        self._asked: dict[int, set[bytes]] = {}
        """Channels that were asked for and are not confirmed, by slot: an error names only that."""
        self._wanted = asyncio.Event()
        self._heard = 0.0
        """When the node said something last, by the loop's clock."""
        self.task = asyncio.create_task(self._run(), name="kefu-live")

    def want(self, name: bytes) -> None:
        """Subscribe ``name`` with whatever else is wanted now."""
        self._fresh.append(name)
        self._wanted.set()

    async def _run(self) -> None:
        connection = self.node.new_connection()
        # redis-py's own handler writes out each push for a log line that nobody reads.
        connection._parser.set_pubsub_push_handler(_as_it_is)  # type: ignore[attr-defined]  # as its own PubSub does
        while True:
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
                await self._serve(connection)
            except (RedisError, OSError) as exc:
                _log.warning("live updates are interrupted: %s", exc)
            finally:
                await connection.disconnect()
                self._fresh, self._asked = [], {}
                names = self._live.lost(self)
            self.node.report_lost()
            await asyncio.sleep(_AGAIN.total_seconds())
            self._live.reroute(self, names)
            if self._live.end(self) or self.node.closed:
                return

    async def _serve(self, connection: Connection) -> None:
        clock = asyncio.get_running_loop().time
        self._heard = clock()
        # One time-out for all reads, which the subscriber puts off: one for each would cost as much as the read.
        async with asyncio.timeout(_SILENT.total_seconds()) as silence:
            subscriber = asyncio.create_task(self._subscribe(connection, silence))
            try:
                while True:
                    # The subscriber's errors show here too: a connection that cannot write cannot read either.
                    try:
                        message = await connection.read_response(push_request=True)
                    except MovedError as exc:
                        self._live.reroute(self, self._asked.pop(exc.slot_id, ()), exc)
                    else:
                        self._hear(message)
                    self._heard = clock()
            finally:
                subscriber.cancel()
                await asyncio.gather(subscriber, return_exceptions=True)

    def _hear(self, message: Any) -> None:
        if not isinstance(message, list):
            return  # A sign of life.
        kind, name = message[0], message[1]
        channel = self._live.channel(name)
        if kind == b"ssubscribe":
            self._asked.get(key_slot(name), set()).discard(name)
        if channel is None or channel.link is not self:
            return
        if kind == b"smessage":
            channel.tell(message[2])
        elif kind == b"ssubscribe":
            channel.confirm()
        elif kind == b"sunsubscribe":
            # Nobody here asked for that, or it is wanted again: its slot went to another node.
            self._live.reroute(self, (name,))

    async def _subscribe(self, connection: Connection, silence: asyncio.Timeout) -> None:
        clock = asyncio.get_running_loop().time
        swept = clock()
        while True:
            self._wanted.clear()  # Before the look: whoever comes while a command is sent is seen in the next round.
            if self._fresh:
                names, self._fresh = self._fresh, []
                by_slot = _by_slot(names)
                for slot, fresh in by_slot.items():
                    self._asked.setdefault(slot, set()).update(fresh)
                await _send(connection, "SSUBSCRIBE", by_slot.values())
            if clock() - swept > KEPT.total_seconds():
                swept = clock()
                if idle := self._live.forget_idle(self):
                    await _send(connection, "SUNSUBSCRIBE", _by_slot(idle).values())
            try:
                async with asyncio.timeout(_KNOCK.total_seconds()):
                    await self._wanted.wait()
            except TimeoutError:
                await connection.send_command("PING")
            silence.reschedule(self._heard + _SILENT.total_seconds())


async def _as_it_is(push: Any) -> Any:
    return push


def _by_slot(names: Iterable[bytes]) -> dict[int, list[bytes]]:
    """``names`` as commands may have them: a cluster refuses one that names channels of two slots."""
    slots: dict[int, list[bytes]] = {}
    for name in names:
        slots.setdefault(key_slot(name), []).append(name)
    return slots


async def _send(connection: Connection, command: str, groups: Iterable[list[bytes]]) -> None:
    """Send ``command`` once for each group of channels, all in one write."""
    words = ((command, *group) for group in groups)
    packed = b"".join(map(hiredis.pack_command, words))  # type: ignore[arg-type]  # declared for one word
    await connection.send_packed_command([packed])
