"""Starts what is measured, each in a process of its own over one Redis, and reads its CPU and memory."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from benchmarks.turns import free_port
from bot.conversations.embedded import EmbeddedRedis

PLENTY = str(10**7)
"""Limits per shopper and address protect against people; a benchmark is one person."""

READY = timedelta(minutes=5)
"""For a server's start, with the training of what is missing."""

KEFU, NULL = "bot.cli", "benchmarks.load.null"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, and what it needs."""

    url: str
    key: str
    """Signs the sessions."""
    process: psutil.Process
    redis: psutil.Process

    def cpu(self) -> tuple[float, float]:
        """Seconds that the server and Redis have computed until now."""
        times = (process.cpu_times() for process in (self.process, self.redis))
        server, redis = (spent.user + spent.system for spent in times)
        return server, redis

    def memory(self) -> tuple[int, int]:
        """Resident bytes of the server and of Redis. What the kernel holds for sockets is in neither."""
        return self.process.memory_info().rss, self.redis.memory_info().rss


@dataclass(frozen=True, slots=True)
class Ground:
    """A data folder with the index and the models, and a Redis on its embedded settings: `appendfsync always`."""

    data: Path
    redis_socket: Path

    @property
    def redis(self) -> psutil.Process:
        return psutil.Process(int((self.data / "redis" / "redis.pid").read_text()))

    @contextlib.contextmanager
    def kefu(self, module: str) -> Iterator[Server]:
        """``KEFU``: `kefu serve` without a writer; ``NULL``: the same with an assistant that only echoes."""
        key, port = secrets.token_hex(32), free_port()
        settings = {
            "data": self.data,
            "redis_url": f"unix://{self.redis_socket}",
            "port": port,
            "writer": "none",
            "session_key": key,
            "log_level": "warning",
            "retention": 3600,
            **dict.fromkeys(("shopper_rate", "shopper_budget", "address_rate", "address_budget"), PLENTY),
        }
        environment = {f"KEFU_{name.upper()}": str(value) for name, value in settings.items()}
        arguments = ("serve",) if module == KEFU else ()
        with self._running((module, *arguments), port, key, environment) as server:
            yield server

    @contextlib.contextmanager
    def floor(self) -> Iterator[Server]:
        port = free_port()
        with self._running(("benchmarks.load.floor", str(self.redis_socket), str(port)), port, "-" * 32) as it:
            yield it

    @contextlib.contextmanager
    def _running(
        self, module: tuple[str, ...], port: int, key: str, environment: dict[str, str] | None = None
    ) -> Iterator[Server]:
        log, url = self.data / "server.log", f"http://127.0.0.1:{port}"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**os.environ, **(environment or {})},
                stdout=output,
                stderr=output,
            )
        try:
            _wait_until_ready(url, process, log)
            yield Server(url, key, psutil.Process(process.pid), self.redis)
        except BaseException:
            sys.stderr.write(log.read_text()[-3000:])  # It is about to go with its folder.
            raise
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY.total_seconds()
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return
        time.sleep(0.05)
    raise SystemExit(f"The server did not come up ({process.poll()}):\n{log.read_text()[-3000:]}")


@contextlib.asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A temporary one, over what `kefu serve` has made of the shop's knowledge before, where it has."""
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as folder:
        other = shutil.ignore_patterns("redis*", "eval", "*.log", "files", "session.key")
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(".kefu", folder, dirs_exist_ok=True, ignore=other)
        redis = EmbeddedRedis(Path(folder))
        async with redis.running():
            yield Ground(Path(folder), redis.socket)
