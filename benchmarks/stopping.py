"""How long a whole server takes from SIGTERM to its exit, with its Redis and its action server.

    python -m benchmarks.stopping [--times 3]

Idle; while 24 shoppers write; and when everything hangs that can: a turn that waits for actions, the writer, the
collector of traces.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil

from tests.journeys.conftest import ROOT, Server

FREE = {f"KEFU_{name}": "1000000" for name in ("SHOPPER_RATE", "SHOPPER_BUDGET")}
ORDER = "Where is my order LF-204518? My email is mila.devries@mail.example"


async def stop(server: Server) -> float:
    """Seconds from SIGTERM to the exit, which has to be clean, and to the end of its Redis."""
    assert server.process is not None
    began = time.monotonic()
    server.process.terminate()
    assert await asyncio.to_thread(server.process.wait, 60) == 0, server.log()
    took = time.monotonic() - began
    left = [process for process in psutil.process_iter(["cmdline"]) if str(server.data) in str(process.info["cmdline"])]
    assert not left, left
    return took


async def write(server: Server, sender: str, text: str) -> None:
    """Write for as long as somebody listens."""
    with suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession(server.url) as client:
            while True:
                body = {"sender": sender, "message": text}
                async with client.post("/webhooks/rest/webhook", json=body) as answer:
                    await answer.read()
                    if answer.status != 200:
                        await asyncio.sleep(0.1)


async def idle(server: Server) -> None:
    """Nobody writes."""


async def load(server: Server) -> None:
    """Many write."""
    for number in range(24):
        asyncio.get_running_loop().create_task(write(server, f"s{number}", "How much is shipping to Belgium?"))
    await asyncio.sleep(2)


async def hanging(server: Server) -> None:
    """Nothing answers any more."""
    asyncio.get_running_loop().create_task(write(server, "anna", ORDER))
    await asyncio.sleep(2)
    assert server.process is not None
    for child in psutil.Process(server.process.pid).children(recursive=True):
        child.send_signal(signal.SIGSTOP)


async def measure(case: Callable[[Server], Awaitable[None]], environment: dict[str, str], times: int) -> list[float]:
    """Start a server, bring it into the state of ``case``, stop it."""
    took = []
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="kefu-") as folder:
            for made in ("models", "intents", "index"):
                shutil.copytree(ROOT / ".kefu" / made, Path(folder) / made)
            server = await Server(Path(folder), FREE | environment).start()
            await case(server)
            took.append(round(await stop(server), 2))
    return took


async def main(times: int) -> None:
    """Print the figures as JSON."""
    silent = socket.create_server(("127.0.0.1", 0))  # It lets everybody connect, and answers nobody.
    nobody = f"http://127.0.0.1:{silent.getsockname()[1]}"
    stuck = {"KEFU_ACTIONS_URL": f"{nobody}/webhook", "KEFU_ACTION_TIMEOUT": "600", "KEFU_OTEL_ENDPOINT": nobody}
    none = {"KEFU_WRITER": "none"}
    print(
        json.dumps(
            {
                "idle_seconds": await measure(idle, none, times),
                "load_seconds": await measure(load, none, times),
                "hanging_seconds": await measure(hanging, stuck, times),
                "cores": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    asyncio.run(main(parser.parse_args().times))
