"""Keeps the shop's action server alive beside Kefu, on a free loopback port, and stops it with Kefu."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

import aiohttp

from bot.errors import ActionUnavailable

log = logging.getLogger(__name__)

_START_SECONDS = 30.0
"""rasa-sdk starts in about 2 s here; a loaded machine takes longer."""

_PAUSES = (1.0, 5.0, 30.0)
"""Seconds before a server that died is started again; the last one repeats, as orders fail for so long."""

_STOP_SECONDS = 0.5
"""It takes a tenth, and no turn waits for it any more; longer means that it hangs, and a stop has ten seconds."""


@asynccontextmanager
async def serve_actions(output: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Keep `python -m actions` alive inside the block; yields the URL of its webhook at once, while it starts.

    It runs in ``environment``, else in that of this process.

    The address stays the same when the server is started again. A call before it is up is refused by the kernel and
    becomes `ActionUnavailable`, as any outage does.
    """
    port = _free_port()
    with output.open("ab") as file:
        life = asyncio.create_task(_live(port, file, output.parent, environment), name="actions")
        try:
            yield f"http://127.0.0.1:{port}/webhook"
        finally:
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life


async def wait_until_up(session: aiohttp.ClientSession, url: str) -> None:
    """Return when the action server at the webhook ``url`` answers.

    Raises:
        ActionUnavailable: it did not within half a minute.
    """
    health = url.removesuffix("/webhook") + "/health"
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            async with session.get(health) as response:
                if response.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise ActionUnavailable(f"The action server at {url} did not start within {_START_SECONDS:.0f} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _live(port: int, output: IO[bytes], data: Path, environment: Mapping[str, str] | None) -> None:
    """Start the server, and start it again whenever it ended."""
    deaths = 0
    while True:
        try:
            end = f"exit status {await _run(port, output, data, environment)}"
        except OSError as exc:  # No memory or no process was left to start it with; later there may be.
            end = str(exc)
        pause = _PAUSES[min(deaths, len(_PAUSES) - 1)]
        deaths += 1
        log.error("action server died", extra={"reason": end, "restart_in": pause})
        await asyncio.sleep(pause)


async def _run(port: int, output: IO[bytes], data: Path, environment: Mapping[str, str] | None) -> int:
    """Run the server, with its own files in ``data``, until it ends; returns its exit status."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "actions", "--with-parent", str(os.getpid())),
        *("--port", str(port), "--data", str(data)),
        stdout=output,
        stderr=output,
        start_new_session=True,
        env=environment,
    )
    try:
        return await process.wait()
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask politely, then end the whole group: sanic keeps workers of its own."""
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    await process.wait()
