"""Who waits for which conversation to go on: sharded pub/sub, one connection a node for all waiters of a process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import hiredis
from redis.asyncio import Connection
from redis.crc import key_slot
from redis.exceptions import MovedError, RedisError

from bot.conversations.connection import Wire
from bot.conversations.growth import Growth, Listener
from bot.conversations.node import Node
from bot.errors import StoreUnavailable

_log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=0.2)
"""Between tries to reach a Redis that is away."""

_CONFIRMED = timedelta(seconds=10)
"""A subscription that takes longer means that Redis is away, not that tens of thousands came at once."""

_KEPT = timedelta(seconds=30)
"""How long a channel that nobody waits on stays subscribed: whoever got a reply often writes again."""

_KNOCK = timedelta(seconds=5)
"""Between two signs of life that are asked of a node: a machine that lost its power closes no connection."""

_SILENT = timedelta(seconds=15)
"""A node that says nothing for so long is gone."""


class _Channel:
    """One channel that somebody waits on. There are tens of thousands, so it is small."""

    __slots__ = ("confirmed", "left", "link", "listeners", "subscribed")

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.link: _Link | None = None
        self.subscribed = False
        self.confirmed: asyncio.Future[None] | None = None
        """Made by the first who waits for the subscription, gone with it."""
        self.left = 0.0
        """When the last listener went, by the loop's clock."""

    def tell(self, log_id: bytes | None) -> None:
        for listener in self.listeners:
            listener.tell(log_id)

    def confirm(self) -> None:
        self.subscribed = True
        if self.confirmed is not None:
            if not self.confirmed.done():
                self.confirmed.set_result(None)
            self.confirmed = None
        # A confirmation counts as growth: after a lost connection or a move, something may have been missed.
        self.tell(None)


class Listening:
    """One listener on one channel, as an async context manager: it holds while it is entered.

    A class and no generator, whose frame would cost each of tens of thousands of sockets half a kilobyte.
    """

    __slots__ = ("_listener", "_live", "_name")

    def __init__(self, live: "Live", name: bytes, listener: Listener) -> None:
        self._live = live
        self._name = name
        self._listener = listener

    async def __aenter__(self) -> None:
        channel = self._live.attach(self._name, self._listener)
        try:
            await _confirmed(channel)
        except BaseException:
            self._live.detach(self._name, self._listener)
            raise

    async def __aexit__(self, *failure: object) -> None:
        self._live.detach(self._name, self._listener)


async def _confirmed(channel: _Channel) -> None:
    try:
        async with asyncio.timeout(_CONFIRMED.total_seconds()):
            while not channel.subscribed:
                if channel.confirmed is None:
                    channel.confirmed = asyncio.get_running_loop().create_future()
                await asyncio.shield(channel.confirmed)  # Others wait for it too.
    except TimeoutError as exc:
        raise StoreUnavailable("Redis does not confirm a subscription") from exc


class Live:
    """The process's subscriptions.

    Followers only say what they want; one task for each node subscribes, many channels in one write, and starts over
    after the connection was lost. So a follower that is cancelled cannot break the others' connection.

    What a script publishes stays with the shard whose keys it changed (Redis 7's sharded pub/sub, the channel has the
    shard's hash tag), so nothing gets lost between nodes. A single server is treated as a cluster of one.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._channels: dict[bytes, _Channel] = {}
        self._links: dict[Node, _Link] = {}

    @asynccontextmanager
    async def follow(self, name: str) -> AsyncIterator[Growth]:
        """Wait on the channel ``name``: all that is published after entering is told of.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        growth = Growth()
        async with self.listen(name, growth):
            growth.forget()  # Whoever follows reads after this.
            yield growth

    def listen(self, name: str, listener: Listener) -> Listening:
        """Call ``listener`` for all that is published on the channel ``name`` after entering.

        Entering raises:
            StoreUnavailable: Redis does not answer.
        """
        return Listening(self, name.encode(), listener)

    def attach(self, name: bytes, listener: Listener) -> _Channel:
        """Call ``listener`` for what is published on ``name``, and once when the subscription is confirmed."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel()
            self._route(name, channel)
        channel.listeners += (listener,)
        return channel

    def detach(self, name: bytes, listener: Listener) -> None:
        """Call ``listener`` for ``name`` no more."""
        channel = self._channels.get(name)
        if channel is not None:
            channel.listeners = tuple(other for other in channel.listeners if other is not listener)
            channel.left = asyncio.get_running_loop().time()

    async def aclose(self) -> None:
        """Stop listening."""
        links, self._links = self._links, {}
        for link in links.values():
            link.task.cancel()
        await asyncio.gather(*(link.task for link in links.values()), return_exceptions=True)

    def channel(self, name: bytes) -> _Channel | None:
        """The channel that somebody waits on, or did a short while ago."""
        return self._channels.get(name)

    def reroute(self, link: "_Link", names: Iterable[bytes], moved: MovedError | None = None) -> None:
        """Subscribe ``names`` anew, at the nodes that have them by now."""
        if moved is not None:
            self._wire.moved(moved, link.node)
        else:
            self._wire.doubt()
        for name in names:
            channel = self._channels.get(name)
            if channel is not None and channel.link is link:
                channel.subscribed = False
                self._route(name, channel)

    def lost(self, link: "_Link") -> list[bytes]:
        """What ``link`` has to subscribe anew when its connection is back."""
        names = [name for name, channel in self._channels.items() if channel.link is link]
        for name in names:
            self._channels[name].subscribed = False
        return names

    def end(self, link: "_Link") -> bool:
        """Whether ``link`` has nothing left to listen to, and is forgotten."""
        if any(channel.link is link for channel in self._channels.values()):
            return False
        return self._links.pop(link.node, None) is not None

    def forget_idle(self, link: "_Link") -> list[bytes]:
        """Drop the channels of ``link`` that nobody has waited on for a while."""
        since = asyncio.get_running_loop().time() - _KEPT.total_seconds()
        idle = [
            name
            for name, channel in self._channels.items()
            if not channel.listeners and channel.left < since and channel.link is link
        ]
        for name in idle:
            del self._channels[name]
        return idle

    def _route(self, name: bytes, channel: _Channel) -> None:
        node = self._wire.node_of(name)
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = _Link(self, node)
        channel.link = link
        link.want(name)


class _Link:
    """The subscriptions at one node: one connection, a task that reads it and one that writes to it."""

    def __init__(self, live: Live, node: Node) -> None:
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
            if clock() - swept > _KEPT.total_seconds():
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
