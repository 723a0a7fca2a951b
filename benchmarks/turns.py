"""Turns through the REST channel of a real server: throughput, latency, start-up, memory.

    python -m benchmarks.turns [--seconds 8] [--no-writer]

Starts `kefu serve` in a process of its own over the demo shop, on the embedded Redis with its durable settings, and
talks to it over loopback. First without a writer (greetings and questions that an FAQ entry answers), then with it
(questions that it drafts; what does not pass the check is quoted). Rasa's figures beside ours were measured on a
machine of this kind with rasa 3.6.21, its default pipeline and a small shop assistant; they are printed for the ratio,
not measured again here.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil

RASA = {"turns/s": 14.0, "p50 alone": 69.0, "p50 at 64": 3300.0, "CPU s to start": 50.0, "MiB": 1.33 * 1024}

FAST = (
    "Hello",
    "How much is shipping to Belgium?",
    "thanks a lot",
    "How long do I have to return something?",
    "Can I pay with PayPal?",
    "hi there",
    "What is your phone number?",
    "Do you ship to Switzerland?",
)
WRITTEN = (
    "What happens if my parcel arrives damaged and I have already opened it?",
    "What do I do when the carrier says delivered but nothing came?",
    "How do I wash a down jacket without ruining it?",
    "Who pays the customs duties for an order to Switzerland?",
    "How does an exchange work when my size is out of stock?",
    "How long are my chats with you stored?",
    "Which documents do I need for a warranty claim?",
    "When is my credit card charged?",
)
OPENINGS = ("", "Hi, ", "One question: ", "Please tell me, ")


@contextlib.contextmanager
def server(writer: str, data: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """A running `kefu serve`: its address, its process, and the CPU seconds it took to be ready."""
    port = str(free_port())
    environment = {**os.environ, "KEFU_DATA": str(data), "KEFU_WRITER": writer, "KEFU_PORT": port}
    environment |= {"KEFU_LOG_LEVEL": "warning"}
    # One machine writes here like a thousand shoppers.
    environment |= dict.fromkeys(("KEFU_SHOPPER_RATE", "KEFU_SHOPPER_BUDGET"), "1000000")
    with (data / "server.log").open("ab") as log:
        command = [sys.executable, "-m", "bot.cli", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    handle = psutil.Process(process.pid)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process, data / "server.log")
        times = handle.cpu_times()
        yield f"http://127.0.0.1:{port}", handle, times.user + times.system
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import urllib.request

    for _ in range(12000):
        if process.poll() is not None:
            raise SystemExit(f"The server ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return
        time.sleep(0.05)
    raise SystemExit("The server was not ready within ten minutes.")


async def load(url: str, conversations: int, seconds: float, texts: tuple[str, ...]) -> list[float]:
    """Closed loop: each conversation writes, waits for the reply, and writes again. Milliseconds of every turn."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def talk(session: aiohttp.ClientSession, offset: int) -> None:
        sender = uuid.uuid4().hex
        for text in itertools.islice(itertools.cycle(texts), offset, None):
            started = time.perf_counter()
            if started > until:
                return
            async with session.post("/webhooks/rest/webhook", json={"sender": sender, "message": text}) as response:
                rows = await response.json()
                assert response.status == 200, rows
                assert rows, text
            took.append((time.perf_counter() - started) * 1000)

    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(talk(session, offset) for offset in range(conversations)))
    return took


async def streamed(url: str, shoppers: int, questions: Iterator[str]) -> list[tuple[float, float, int]]:
    """Seconds to the first and the last sentence, and the sentences, for each of ``shoppers`` at once."""

    async def ask(session: aiohttp.ClientSession, text: str) -> tuple[float, float, int]:
        started = time.perf_counter()
        first, rows = 0.0, 0
        body = {"sender": uuid.uuid4().hex, "message": text}
        async with session.post("/webhooks/rest/webhook?stream=true", json=body) as response:
            async for line in response.content:
                if "text" in json.loads(line):
                    rows += 1
                    first = first or time.perf_counter() - started
        return first, time.perf_counter() - started, rows

    # Each wording is asked once: the second time, the reply would come from the cache.
    async with aiohttp.ClientSession(url) as session:
        return await asyncio.gather(*(ask(session, next(questions)) for _ in range(shoppers)))


def memory(process: psutil.Process, data: Path) -> float:
    """Resident MiB of the server and of its Redis, without the action server: Rasa's figure has none either."""
    redis = psutil.Process(int((data / "redis" / "redis.pid").read_text()))
    others = (child for child in process.children(recursive=True) if "actions" not in child.cmdline())
    return sum(member.memory_info().rss for member in (process, redis, *others)) / 2**20


def report(name: str, took: list[float], seconds: float) -> tuple[float, float]:
    cuts = statistics.quantiles(took, n=100)
    rate = len(took) / seconds
    print(f"{name:<22} {rate:8.1f} turns/s   p50 {cuts[49]:7.1f}   p95 {cuts[94]:7.1f}   p99 {cuts[98]:7.1f} ms")
    return rate, cuts[49]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each load")
    parser.add_argument("--no-writer", action="store_true", help="leave out the part with the language model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as folder:
        shutil.copytree(Path(".kefu"), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("redis", "eval"))
        data = Path(folder)
        with server("none", data):  # The first start makes the index and the models; it is not measured.
            pass
        with server("none", data) as (url, process, cpu):
            print("Without the writer: greetings and questions that the FAQ answers")
            asyncio.run(load(url, 8, 1.0, FAST))
            rates = {}
            for conversations in (1, 8, 64):
                took = asyncio.run(load(url, conversations, options.seconds, FAST))
                rates[conversations] = report(f"{conversations} conversations", took, options.seconds)
            used = memory(process, data)
            print(f"{'start-up':<22} {cpu:8.1f} CPU s    memory after the load {used:.0f} MiB (with Redis)")
            best = max(rate for rate, _ in rates.values())
            print(
                f"against Rasa           {best / RASA['turns/s']:.0f} x turns/s,"
                f" p50 alone {RASA['p50 alone'] / rates[1][1]:.0f} x, at 64 {RASA['p50 at 64'] / rates[64][1]:.0f} x,"
                f" start-up {RASA['CPU s to start'] / cpu:.1f} x, memory {RASA['MiB'] / used:.1f} x"
            )
        if options.no_writer:
            return
        with server("packaged", data) as (url, _, _):
            print("\nWith the writer: questions that it drafts, checked, else quoted (seconds)")
            asyncio.run(wait_for_writer(url))
            questions = (f"{opening}{text}" for opening in OPENINGS for text in WRITTEN)
            for shoppers in (1, 8):
                runs = [row for _ in range(3) for row in asyncio.run(streamed(url, shoppers, questions))]
                first, last = (statistics.median(column) for column in list(zip(*runs, strict=True))[:2])
                print(f"{shoppers} shoppers at once     first sentence {first:.2f}   last sentence {last:.2f}")


async def wait_for_writer(url: str) -> None:
    """The server answers before the writer is loaded; `/readyz` says when it is."""
    async with aiohttp.ClientSession(url) as session:
        for _ in range(600):
            async with session.get("/readyz") as response:
                if (await response.json()).get("writer") in ("ready", "none"):
                    return
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
