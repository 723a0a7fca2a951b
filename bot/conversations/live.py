"""Who waits for which conversation to go on: sharded pub/sub, one connection a node for all waiters of a process."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.exceptions import MovedError

from bot.conversations.connection import Wire
from bot.conversations.growth import Growth, Listener
from bot.conversations.link import KEPT, Link
from bot.conversations.node import Node
from bot.errors import StoreUnavailable

_CONFIRMED = timedelta(seconds=10)
"""A subscription that takes longer means that Redis is away, not that tens of thousands came at once."""


class _Channel:
    """One channel that somebody waits on. There are tens of thousands, so it is small."""

    __slots__ = ("confirmed", "left", "link", "listeners", "subscribed")

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.link: Link | None = None
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
        self._links: dict[Node, Link] = {}

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

    def reroute(self, link: Link, names: Iterable[bytes], moved: MovedError | None = None) -> None:
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

    def lost(self, link: Link) -> list[bytes]:
        """What ``link`` has to subscribe anew when its connection is back."""
        names = [name for name, channel in self._channels.items() if channel.link is link]
        for name in names:
            self._channels[name].subscribed = False
        return names

    def end(self, link: Link) -> bool:
        """Whether ``link`` has nothing left to listen to, and is forgotten."""
        if any(channel.link is link for channel in self._channels.values()):
            return False
        return self._links.pop(link.node, None) is not None

    def forget_idle(self, link: Link) -> list[bytes]:
        """Drop the channels of ``link`` that nobody has waited on for a while."""
        since = asyncio.get_running_loop().time() - KEPT.total_seconds()
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
            link = self._links[node] = Link(self, node)
        channel.link = link
        link.want(name)
