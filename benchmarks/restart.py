"""How soon messages are accepted again after the embedded Redis was killed with many messages in it.

    python benchmarks/restart.py [--messages 200000] [--conversations 20000] [--kills 5]

The messages go through the real scripts: accepted, leased, answered, committed. Then the server is killed with SIGKILL
while a running Kefu process holds it, and the time is taken until that process has accepted the next message: it sees
the death, starts a server, which reads its files, and connects again. Between kills, some messages are written.
"""

import argparse
import asyncio
import os
import signal
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bot.conversations import Conversations, keys, open_conversations
from bot.conversations.queue import READY_GROUP, Lease, Queue
from bot.errors import StoreUnavailable
from bot.records import (
    ConversationId,
    Exchange,
    Intent,
    Message,
    MessageId,
    PassageId,
    State,
    Trace,
    Turn,
    Utterance,
)
from bot.settings import read_settings

ANSWER = (
    "We ship to Belgium within two to three working days. Shipping costs 5.95, and nothing from 50 euro. "
    "You get a link to follow your parcel as soon as it leaves our warehouse."
)
AT_ONCE = 512


def question(conversation: int, number: int) -> Message:
    name = f"shopper-{conversation}"
    text = f"Do you ship to Belgium, and how long does it take? ({number})"
    return Message(MessageId(f"m{number}"), ConversationId(f"web:{name}"), "web", name, text, datetime.now(UTC))


async def answer(conversations: Conversations, lease: Lease) -> None:
    """End the turn with about what a real one leaves: an answer, a state with some history, a trace with its times."""
    conversation = await conversations.load(lease.conversation, lease)
    assert conversation is not None
    asked = conversation.mail[-1].text
    times = dict.fromkeys(("understanding", "retrieval", "writing", "checking", "commit"), 1.5)
    trace = Trace(
        language="en",
        intents=(Intent("shipping", 0.93), Intent("delivery_time", 0.04)),
        in_scope=0.97,
        decision="answer from approved text",
        query=asked,
        answerable=0.91,
        passages=tuple((PassageId(f"faq/shipping#{n}"), 0.8) for n in range(3)),
        milliseconds=times,
    )
    history = (*conversation.state.history, Exchange(asked, ANSWER))[-4:]
    turn = Turn((Utterance(ANSWER),), State(topic=asked, history=history), trace)
    await conversations.commit(conversation, turn, lease=lease)


async def take(queue: Queue) -> list[Lease]:
    """New leases, once Redis is there."""
    while True:
        try:
            return await queue.take(AT_ONCE)
        except StoreUnavailable:
            await asyncio.sleep(0.1)


async def fill(conversations: Conversations, queue: Queue, first: int, messages: int, shoppers: int) -> None:
    """Accept and answer ``messages``, spread over ``shoppers``."""
    for start in range(first, first + messages, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, first + messages))
        await asyncio.gather(*(conversations.accept(question(n % shoppers, n)) for n in numbers))
        left = len(numbers)
        while left:
            leases = await take(queue)
            await asyncio.gather(*(answer(conversations, lease) for lease in leases))
            left -= len(leases)


async def accepted_again(conversations: Conversations, number: int) -> tuple[float, int]:
    """Seconds until a message was accepted, and how often a client was told to come back."""
    started, refused = time.perf_counter(), 0
    while True:
        try:
            await conversations.accept(question(0, number))
            return time.perf_counter() - started, refused
        except StoreUnavailable:
            refused += 1


def size(folder: Path, pattern: str) -> float:
    return sum(file.stat().st_size for file in folder.glob(pattern)) / 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--folder", help="keep the data here, and go on with what is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(options.folder or temporary)
        files = data / "redis" / "appendonlydir"
        was_there = files.exists()
        async with open_conversations(read_settings({"data": data})) as conversations:
            queue = Queue(conversations.wire, keys.ready, READY_GROUP, "bench", read_settings({"data": data}).lease)
            await queue.open()
            if not was_there:
                # The same file, sooner: nothing is killed while it is filled.
                await conversations.wire.ask("CONFIG", "SET", "appendfsync", "no")
                started = time.perf_counter()
                await fill(conversations, queue, 0, options.messages, options.conversations)
                took = time.perf_counter() - started
                print(f"{options.messages} messages in {took:.0f} s ({options.messages / took:.0f}/s)")
                await conversations.wire.ask("CONFIG", "SET", "appendfsync", "always")
            memory = (await conversations.wire.ask("INFO", "memory")).decode()
            used = int(memory.partition("used_memory:")[2].split()[0]) / 1e6
            print(f"in memory: {used:.0f} MB")
            waits = []
            for _ in range(options.kills):
                number = time.time_ns() // 1000  # Of its own: no round comes to these 10,000 again.
                await fill(conversations, queue, number, 2000, options.conversations)
                while b"aof_rewrite_in_progress:1" in await conversations.wire.ask("INFO", "persistence"):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                base, tail = size(files, "*.base.rdb"), size(files, "*.incr.aof")
                os.kill(int((data / "redis" / "redis.pid").read_text()), signal.SIGKILL)
                wait, refused = await accepted_again(conversations, number + 10_000)
                waits.append(wait)
                told = f", {refused} times refused" if refused else ""
                print(f"base {base:.0f} MB, tail {tail:.0f} MB: accepted again after {wait:.2f} s{told}")
                await asyncio.gather(*(answer(conversations, lease) for lease in await take(queue)))
        print(f"median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s of {len(waits)} kills")


if __name__ == "__main__":
    uvloop.run(main())
