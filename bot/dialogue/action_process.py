"""Starts the shop's action server beside Kefu, on a free loopback port, and stops it with Kefu."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from bot.errors import ActionUnavailable

_START_SECONDS = 30.0
"""rasa-sdk starts in about 2 s here; a loaded machine takes longer."""

_STOP_SECONDS = 5.0


@asynccontextmanager
async def serve_actions(log: Path) -> AsyncIterator[str]:
    """Run `python -m actions` inside the block; yields the URL of its webhook at once, while it starts.

    A call before it is up is refused by the kernel and becomes `ActionUnavailable`, as any outage does.
    """
    port = _free_port()
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "actions", "--with-parent", "--port", str(port)),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        await _stop(process)


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
