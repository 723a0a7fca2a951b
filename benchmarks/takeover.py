"""How long a dead server's conversations wait until another server works on them.

    python benchmarks/takeover.py [--kills 40] [--lease 2] [--freeze] [--one-machine]

Two worker processes answer shoppers who write as soon as they are answered; their turns take 50 to 150 ms. One of the
two is killed with SIGKILL (or stopped with SIGSTOP), and for every conversation that it had leased, the time until the
other one's first word is taken from the log, whose ids are Redis's clock. Each worker has a data folder of its own, as
on two machines, so that only the lease tells of the death; with --one-machine they share one, and a lock file does.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bot.conversations import Conversations, keys, open_conversations
from bot.conversations.embedded import EmbeddedRedis
from bot.conversations.queue import READY_GROUP
from bot.ports import Voice
from bot.records import Conversation, ConversationId, EntryKind, LogId, Message, MessageId, Trace, Turn, Utterance
from bot.settings import read_settings
from bot.worker import Worker

TURNS = 8


async def work(url: str, data: str, lease: float) -> None:
    """Be one of the two servers, without its channels and its assistant."""

    async def handle(conversation: Conversation, voice: Voice) -> Turn:
        if not conversation.said:
            await voice.say(Utterance("One moment."))
        else:
            await voice.say(Utterance("I go on."))
        await asyncio.sleep(random.uniform(0.05, 0.15))
        return Turn((Utterance("Yes."),), conversation.state, Trace())

    settings = read_settings({"redis_url": url, "data": data, "lease": lease, "turns": TURNS})
    async with open_conversations(settings) as conversations, Worker(conversations, handle, settings):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def shopper(conversations: Conversations, name: str, until: asyncio.Event) -> None:
    conversation = ConversationId(f"bench:{name}")
    count, after = 0, None
    async with conversations.follow(conversation) as grown:
        while not until.is_set():
            count += 1
            message = Message(MessageId(str(count)), conversation, "bench", name, "Is it open?", datetime.now(UTC))
            after = (await conversations.accept(message)).log_id
            answered = False
            while not answered:
                for entry in await conversations.read(conversation, after):
                    after = entry.id
                    answered = answered or entry.kind is EntryKind.TURN
                if not answered:
                    await grown()


async def start(url: str, data: Path, lease: float) -> asyncio.subprocess.Process:
    command = [__file__, "--work", url, str(data), "--lease", str(lease)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def leased(conversations: Conversations, pid: int) -> set[ConversationId]:
    """The conversations that the worker ``pid`` has leased."""
    found: set[ConversationId] = set()
    for shard in range(keys.SHARDS):
        stream = keys.ready(shard)
        for entry, consumer, *_ in await conversations.wire.ask("XPENDING", stream, READY_GROUP, "-", "+", 100):
            if f":{pid}:".encode() in consumer:
                for _, (_, conversation) in await conversations.wire.ask("XRANGE", stream, entry, entry):
                    found.add(ConversationId(conversation.decode()))
    return found


async def first_sign(conversations: Conversations, conversation: ConversationId, killed: float) -> float:
    """Seconds from ``killed`` (a time of day) until somebody worked on ``conversation`` again."""
    after = LogId(f"{int(killed * 1000)}-0")
    async with conversations.follow(conversation) as grown:
        while True:
            for entry in await conversations.read(conversation, after):
                if entry.kind in (EntryKind.ASSISTANT, EntryKind.TURN):
                    return int(entry.id.partition("-")[0]) / 1000 - killed
            await grown()


async def measure(options: argparse.Namespace, folder: Path) -> list[float]:
    waits: list[float] = []
    until = asyncio.Event()
    async with EmbeddedRedis(folder).running() as url:
        settings = read_settings({"redis_url": url, "data": folder})
        async with open_conversations(settings) as conversations:
            shoppers = [asyncio.create_task(shopper(conversations, f"s{n}", until)) for n in range(options.shoppers)]
            data = [folder / ("both" if options.one_machine else str(n)) for n in range(2)]
            workers = [await start(url, data[n], options.lease) for n in range(2)]
            for kill in range(options.kills):
                await asyncio.sleep(random.uniform(1, 2) * options.lease)
                victim = kill % 2
                killed = time.time()
                os.kill(workers[victim].pid, signal.SIGSTOP if options.freeze else signal.SIGKILL)
                held = await leased(conversations, workers[victim].pid)
                waits += await asyncio.gather(*(first_sign(conversations, name, killed) for name in held))
                if options.freeze:
                    os.kill(workers[victim].pid, signal.SIGCONT)
                    await asyncio.sleep(0.5)
                    workers[victim].kill()
                await workers[victim].wait()
                workers[victim] = await start(url, data[victim], options.lease)
            until.set()
            await asyncio.gather(*shoppers, return_exceptions=True)
            for worker in workers:
                worker.kill()
                await worker.wait()
    return waits


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--lease", type=float, default=2)
    parser.add_argument("--shoppers", type=int, default=24)
    parser.add_argument("--freeze", action="store_true")
    parser.add_argument("--one-machine", action="store_true")
    parser.add_argument("--work", nargs=2, metavar=("URL", "DATA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        await work(*options.work, options.lease)
        return
    with tempfile.TemporaryDirectory() as folder:
        waits = await measure(options, Path(folder))
    p = statistics.quantiles(waits, n=100)
    print(
        f"{len(waits)} conversations of {options.kills} {'frozen' if options.freeze else 'killed'} servers, lease "
        f"{options.lease:g} s, {options.shoppers} shoppers: first sign of the other after p50 {p[49]:.2f} s, "
        f"p99 {p[98]:.2f} s, longest {max(waits):.2f} s (allowed: {options.lease + 1:g} s)"
    )


if __name__ == "__main__":
    asyncio.run(main())
