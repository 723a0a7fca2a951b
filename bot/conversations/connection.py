"""How Kefu speaks to Redis: scripts survive a restart, errors come in our words, and one server or many look alike."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from hashlib import sha1
from importlib.resources import files
from types import TracebackType
from typing import Any

from redis.exceptions import MovedError, NoPermissionError, NoScriptError, RedisError, ResponseError

from bot.conversations.node import ANSWER, Argument, Command, Node
from bot.errors import FloorLost, KefuError, MailGrew, StoreRefused, StoreUnavailable, TurnRefused, TurnStale

__all__ = ["ANSWER", "Argument", "Command", "Node", "Script", "Wire", "kefu_error", "translated"]

_REFUSALS: dict[str, type[TurnRefused]] = {"STALE": TurnStale, "FLOOR": FloorLost, "GREW": MailGrew}

_PASSING = frozenset({"BUSY", "MISCONF", "NOREPLICAS"})
"""Refusals of whatever is asked, for as long as a server is not itself. For others of the kind (no memory, a replica,
a cluster without the slot), redis-py has classes."""


def kefu_error(exc: BaseException) -> KefuError:
    """What an error of Redis means: a refusal that a script's contract names, or `StoreUnavailable`.

    A server that answers nonsense, or late, is as good as none.
    """
    reason, _, why = str(exc).partition(" ")
    if isinstance(exc, ResponseError):
        if reason in _REFUSALS:
            return _REFUSALS[reason](why)
        lasting = type(exc) is ResponseError or isinstance(exc, NoPermissionError)
        passing = not lasting or reason in _PASSING
        return (StoreUnavailable if passing else StoreRefused)(f"Redis refused: {exc}")
    return StoreUnavailable(f"Redis does not answer: {exc!r}")


class translated:  # noqa: N801 (reads as a verb where it is used)
    """Errors of Redis inside as errors of Kefu.

    A class: it stands around every command, and a generator would cost as much as the command's own Python.

    Raises:
        StoreUnavailable: Redis does not answer.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(exc, RedisError | OSError):
            raise kefu_error(exc) from exc


def _answer_or_error(answer: Any) -> Any:
    if isinstance(answer, RedisError | OSError):
        return kefu_error(answer)
    if isinstance(answer, BaseException):
        raise answer
    return answer


class Wire:
    """The process's way to Redis, here one server; `bot.conversations.cluster.ClusterWire` is the way to many."""

    sharded = False
    """Whether one command can name keys of one shard only, and a blocking one can wait for one shard only."""

    def __init__(self, url: str) -> None:
        """Connect when first used."""
        self._node = Node(url)

    async def aclose(self) -> None:
        """Disconnect; who still waits for an answer is told that none will come."""
        await self._node.aclose()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every server that holds keys."""
        return (self._node,)

    def node_of(self, key: str | bytes) -> Node:
        """The server that holds ``key``, as far as is known here."""
        return self._node

    def moved(self, error: MovedError, told_by: Node) -> None:
        """Take note that ``told_by`` has given a slot away."""

    def doubt(self) -> None:
        """Take note that `node_of` may be wrong."""

    async def ask(self, *command: Argument) -> Any:
        """Send one command and give its answer as RESP3 has it: bytes, numbers, lists, dicts.

        Raises:
            TurnRefused: a script refused, as its contract says.
            StoreUnavailable: Redis does not answer.
        """
        with translated():
            return await self._send(command)

    async def ask_all(self, commands: Iterable[Command]) -> list[Any]:
        """Send many commands; their answers in the same order.

        Raises:
            TurnRefused, StoreUnavailable: as `ask`, for the first that failed.
        """
        with translated():
            return await asyncio.gather(*(self._send(command) for command in commands))

    async def try_all(self, commands: Iterable[Command]) -> list[Any]:
        """Send many commands; in the same order, their answers, or why there is none: `StoreUnavailable`."""
        answers = await asyncio.gather(*(self._send(command) for command in commands), return_exceptions=True)
        return [_answer_or_error(answer) for answer in answers]

    async def ask_each(self, *command: Argument) -> list[Any]:
        """Send a command that is about a whole server to every server; their answers in the order of `nodes`.

        Raises:
            StoreUnavailable: one of them does not answer.
        """
        with translated():
            return await asyncio.gather(*(node.send(command) for node in self.nodes))

    async def run(self, source: bytes, digest: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script by its hash, or by its source on a server that does not know it.

        Raises:
            TurnRefused, StoreUnavailable: as `ask`.
        """
        with translated():
            try:
                return await self._send(("EVALSHA", digest, len(keys), *keys, *arguments))
            except NoScriptError:
                # A server that restarted, or was failed over to, has forgotten its scripts.
                return await self._send(("EVAL", source, len(keys), *keys, *arguments))

    def _send(self, command: Command) -> Awaitable[Any]:
        return self._node.send(command)


class Script:
    """One Lua script. Its file's head comment is its contract."""

    def __init__(self, name: str) -> None:
        self._source = files("bot.conversations").joinpath("scripts", f"{name}.lua").read_bytes()
        self._hash = sha1(self._source, usedforsecurity=False).hexdigest()

    async def __call__(self, wire: Wire, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it on ``keys``, which are all in one shard.

        Raises:
            TurnRefused: where the script's contract says so.
            StoreUnavailable: Redis does not answer.
        """
        return await wire.run(self._source, self._hash, keys, arguments)

    async def on_each(self, wire: Wire, calls: Iterable[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """Run it many times at once; the answers in the same order.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return await asyncio.gather(*(self(wire, keys, arguments) for keys, arguments in calls))

    async def on_node(self, node: Node, arguments: Sequence[Argument]) -> Any:
        """Run a script that looks at many shards of one server (`flags=allow-cross-slot-keys`).

        Raises:
            StoreUnavailable: the server does not answer.
        """
        with translated():
            try:
                return await node.send(("EVALSHA", self._hash, 0, *arguments))
            except NoScriptError:
                return await node.send(("EVAL", self._source, 0, *arguments))
