"""The processes that get hurt: chat servers, and their Redis with its append-only file on a busy disk."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.conversations import embedded
from tests.conftest import server_program

ROOT = Path(__file__).parents[2]

UP_SECONDS = 180.0
"""Longest start of a process, on a machine that does much else."""

STOP_SECONDS = 10.0
"""A graceful stop takes no longer, whatever goes on."""


class VictimGone(Exception):
    """A process does not come up any more."""


class Victim:
    """A process that is killed, frozen and started again; whoever hurts it holds its lock."""

    def __init__(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.lock = asyncio.Lock()
        self._command = command
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: Process | None = None
        self.slowest_start = 0.0
        """Seconds from the start of the process until it served."""
        self.slowest_stop = 0.0
        """Seconds of a graceful stop."""
        self.killed: dict[int, float] = {}
        """When each process that was killed died, by its id, in seconds since 1970 as Redis counts them."""
        self.failures: list[str] = []
        """Graceful stops that were none."""

    async def start(self) -> None:
        """Start it as often as it takes until it is `up`: a server that finds no Redis gives up, as it should.

        Raises:
            VictimGone: it does not come up; says what it said.
        """
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(UP_SECONDS):
                while not await self.up(await self._spawn()):  # noqa: ASYNC110 (nobody tells when Redis is back)
                    await asyncio.sleep(0.1)
        except TimeoutError as exc:
            raise VictimGone(f"{self.name} does not start:\n{self._log.read_text(errors='replace')[-2000:]}") from exc
        self.slowest_start = max(self.slowest_start, asyncio.get_running_loop().time() - began)

    async def _spawn(self) -> Process:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=ROOT, env=self._environment, stdin=PIPE, stdout=PIPE, stderr=log
            )
        return self._process

    async def up(self, process: Process) -> bool:
        """Whether it serves; False when it ended instead."""
        assert process.stdout is not None
        return bool(await process.stdout.readline())

    async def kill(self) -> None:
        """`kill -9`."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self.killed[self._process.pid] = time.time()
        await self._process.wait()

    def freeze(self) -> None:
        """`SIGSTOP`: it holds what it holds, and does not know that time passes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """`SIGCONT`."""
        self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """`SIGTERM`; what is wrong with the end that it comes to is kept in ``failures``."""
        assert self._process is not None
        began = asyncio.get_running_loop().time()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(UP_SECONDS):
                if status := await self._process.wait():
                    self.failures.append(f"{self.name} was told to stop and ended with {status}")
        except TimeoutError:
            self.failures.append(f"{self.name} was told to stop and did not")
            await self.kill()
        took = asyncio.get_running_loop().time() - began
        self.slowest_stop = max(self.slowest_stop, took)
        if took > STOP_SECONDS:
            self.failures.append(f"{self.name} took {took:.1f} s to stop")

    async def revive(self) -> None:
        """Have it running, whatever state a run that was broken off left it in."""
        self.thaw()
        if self._process is None or self._process.returncode is not None:
            await self.start()

    async def end(self) -> None:
        """Have it gone, whatever state it is in."""
        if self._process is not None and self._process.returncode is None:
            self.thaw()
            await self.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "started before"
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


def chat_server(number: int, port: int, folder: Path, settings: Mapping[str, str], arguments: Sequence[str]) -> Victim:
    """A chat server on ``port``, the same after each restart."""
    command = [sys.executable, "-m", "tests.chaos.server_process", *arguments]
    return Victim(f"server {number}", command, {**settings, "KEFU_PORT": str(port)}, folder / f"server-{number}.log")


def disk_load(folder: Path) -> Victim:
    """A neighbour who writes and syncs files."""
    return _Silent("disk load", [sys.executable, "-m", "tests.chaos.disk_load", folder], {}, folder / "disk.log")


class _Silent(Victim):
    """A process that has nothing to say when it is up."""

    async def up(self, process: Process) -> bool:
        return True


class Store(Victim):
    """The Redis of the shop: every write is synced to its append-only file before it is answered."""

    def __init__(self, folder: Path, program: str) -> None:
        self._socket = folder / "s"
        self.url = f"unix://{self._socket}"
        paths = {"unixsocket": str(self._socket), "dir": str(folder), "logfile": str(folder / "redis.log")}
        options = embedded._OPTIONS | paths | {"daemonize": "no"}  # As the shop's own, but a child of ours.
        command: list[str | Path] = [server_program(program)]
        command += (part for name, value in options.items() for part in (f"--{name}", value))
        super().__init__("Redis", command, {}, folder / "redis.err")

    async def up(self, process: Process) -> bool:
        """Whether it has read its file and answers."""
        async with Redis.from_url(self.url) as client:
            while process.returncode is None:
                with suppress(RedisError, OSError):
                    return bool(await client.ping())
                await asyncio.sleep(0.01)
        return False
