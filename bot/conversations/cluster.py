"""The way to a Redis Cluster: each command goes to the node that holds its shard, wherever that is by now."""

import asyncio
import itertools
import random
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError
from redis.exceptions import ConnectionError as ConnectionLost

from bot.conversations.connection import Wire, translated
from bot.conversations.node import PATIENCE, Command, Node

_KEY_AT = {"EVAL": 3, "EVALSHA": 3, "XGROUP": 2, "XINFO": 2, "OBJECT": 2}
"""Where the key stands in commands whose first argument it is not."""

_HOPS = 3
"""Moves that a command follows at once; after that, nodes disagree about a slot, and settle it in a second or two."""

_REFRESH_EVERY = timedelta(seconds=0.2)
"""Between two looks at the map: while many slots move, each tells so, and one look serves all."""

_ASK_MAP_WITHIN = timedelta(seconds=1)
"""A node that does not give the map by then is passed over."""

_AGAIN = timedelta(seconds=0.05)
"""Between tries while a slot is on its way, or without an owner."""

Map = list[tuple[int, int, str, int]]
"""First and last slot, host and port of the primary that serves them."""


async def open_wire(url: str) -> Wire:
    """The way to the server, or the cluster, of which ``url`` names one node.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    wire = Wire(url)
    try:
        if b"cluster_enabled:1" not in await wire.ask("INFO", "cluster"):
            return wire
    except BaseException:
        await wire.aclose()
        raise
    await wire.aclose()
    cluster = ClusterWire(url)
    try:
        await cluster.open()
    except BaseException:
        await cluster.aclose()
        raise
    return cluster


class ClusterWire(Wire):
    """The process's way to a cluster: what is asked at the same moment travels together, node by node.

    It keeps a map of slots, learns each move from the first command that meets it, and reads the whole map anew when
    something seems wrong. The nodes' own batches and patience stay what they are with one server.
    """

    sharded = True

    def __init__(self, url: str) -> None:
        """Connect when first used; ``url`` names any node, its user, password and TLS are those of all."""
        super().__init__(url)
        self._url = urlsplit(url)
        self._nodes: dict[tuple[str, int], Node] = {}
        self._slots: list[Node] = [self._node] * REDIS_CLUSTER_HASH_SLOTS
        self._refreshing: asyncio.Task[None] | None = None
        self._closed = False
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Read the map.

        Raises:
            StoreUnavailable: the node does not answer.
        """
        with translated():
            self._learn(await self._read_map(self._node))

    async def aclose(self) -> None:
        """Disconnect; who still waits for an answer is told that none will come."""
        self._closed = True
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        for node in (*self._nodes.values(), self._node):
            await node.aclose()
        await asyncio.gather(*self._closing)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every primary that serves slots."""
        return tuple(self._nodes.values()) or (self._node,)

    def node_of(self, key: str | bytes) -> Node:
        """The primary that serves the slot of ``key``, as far as is known here."""
        return self._slots[key_slot(key if isinstance(key, bytes) else key.encode())]

    def moved(self, error: MovedError, told_by: Node) -> None:
        """Take note that ``told_by`` has given a slot away."""
        self._slots[error.slot_id] = self._node_at(error.host, error.port, told_by)
        self.doubt()

    def doubt(self) -> None:
        """Read the map anew, soon; many doubts make one look."""
        if not self._closed and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self._refresh(), name="kefu-cluster-map")

    def _send(self, command: Command) -> Awaitable[Any]:
        return self._follow(command)

    async def _follow(self, command: Command) -> Any:
        """Send a command to wherever its key is by now."""
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE.total_seconds()
        key = _key_of(command)
        for hop in itertools.count():
            node = self.node_of(key)
            try:
                return await node.send(command)
            except MovedError as exc:
                self.moved(exc, node)
                if hop >= _HOPS:
                    await self._pause(until, exc)
            except AskError as exc:
                # The slot is on its way; this key is there already, or will be there when it is made.
                try:
                    return await self._node_at(exc.host, exc.port, node).send_asking(command)
                except (TryAgainError, MovedError):
                    await self._pause(until, exc)
            except (TryAgainError, ClusterDownError) as exc:
                self.doubt()
                await self._pause(until, exc)
            except (ConnectionLost, OSError):
                if self.node_of(key) is node:
                    raise  # It was tried for long enough; elsewhere the key is not known to be.
        raise AssertionError("it counts for ever")

    async def _pause(self, until: float, error: Exception) -> None:
        if asyncio.get_running_loop().time() > until:
            raise error
        await asyncio.sleep(_AGAIN.total_seconds() * random.uniform(0.5, 1.5))  # noqa: S311 (spreads clients)

    async def _refresh(self) -> None:
        """Learn the map from the first node that has one."""
        asked = [
            asyncio.create_task(self._read_map(node), name="kefu-cluster-map")
            for node in {self._node, *self._nodes.values()}
        ]
        try:
            for answer in asyncio.as_completed(asked, timeout=_ASK_MAP_WITHIN.total_seconds()):
                try:
                    self._learn(await answer)
                    break
                except (RedisError, OSError):
                    continue  # Another node may know; while none does, each command that fails asks again.
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        await asyncio.sleep(_REFRESH_EVERY.total_seconds())

    async def _read_map(self, node: Node) -> Map:
        answer = await node.send(("CLUSTER", "SLOTS"))
        own = urlsplit(node.url).hostname or ""
        # A node that does not know its own name means the one by which it was reached.
        return [(first, last, (host or b"").decode() or own, port) for first, last, (host, port, *_), *_ in answer]

    def _learn(self, ranges: Map) -> None:
        if not ranges:
            return  # A node that was just reset, or has met nobody yet.
        for first, last, host, port in ranges:
            self._slots[first : last + 1] = [self._node_at(host, port, self._node)] * (last - first + 1)
        serving = set(self._slots)
        for address, node in list(self._nodes.items()):
            if node not in serving:
                # Who still waits there is told that it is closed, and goes where the map points now.
                del self._nodes[address]
                closing = asyncio.create_task(node.aclose(), name="kefu-cluster-close")
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def _node_at(self, host: str, port: int, told_by: Node) -> Node:
        host = host or urlsplit(told_by.url).hostname or ""
        node = self._nodes.get((host, port))
        if node is None:
            node = self._nodes[host, port] = Node(self._url_of(host, port), self.doubt)
        return node

    def _url_of(self, host: str, port: int) -> str:
        user, at, _ = self._url.netloc.rpartition("@")
        return urlunsplit(self._url._replace(netloc=f"{user}{at}{f'[{host}]' if ':' in host else host}:{port}"))


def _key_of(command: Command) -> str | bytes:
    """The key that says where a command belongs; any word will do for a command without one."""
    word = command[0]
    assert isinstance(word, str), "commands are named in text"
    place = _KEY_AT.get(word, 1)
    key = command[place] if place < len(command) else b""
    return key if isinstance(key, bytes) else str(key)
