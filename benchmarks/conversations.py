"""How many conversations a second Redis and the worker carry: accept, take, make nothing of it, commit.

    python benchmarks/conversations.py [--redis-url unix:///…] [--seconds 5]

Each of N shoppers writes, waits until their turn is in the log, and writes again; the assistant is a null handle, so
what is left is the store, the queue and the worker. Without a URL: the embedded server, with `appendfsync always`.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime

import uvloop

from bot.conversations import Conversations, open_conversations
from bot.ports import Voice
from bot.records import Conversation, ConversationId, EntryKind, Message, MessageId, Trace, Turn, Utterance
from bot.settings import Settings, read_settings
from bot.worker import Worker


async def echo(conversation: Conversation, voice: Voice) -> Turn:
    """Make the smallest turn there is."""
    return Turn((Utterance(conversation.mail[-1].text),), conversation.state, Trace())


async def shopper(conversations: Conversations, name: str, until: float, waits: list[float]) -> None:
    conversation = ConversationId(f"bench:{name}")
    async with conversations.follow(conversation) as grown:
        count, after = 0, None
        while time.perf_counter() < until:
            count += 1
            started = time.perf_counter()
            message = Message(
                MessageId(str(count)), conversation, "bench", name, "Do you ship to Belgium?", datetime.now(UTC)
            )
            after = (await conversations.accept(message)).log_id
            answered = False
            while not answered:
                for entry in await conversations.read(conversation, after):
                    after = entry.id
                    answered = answered or entry.kind is EntryKind.TURN
                if not answered:
                    await grown()
            waits.append(time.perf_counter() - started)


async def follow_cost(conversations: Conversations) -> float:
    waits = []
    for n in range(300):
        started = time.perf_counter()
        async with conversations.follow(ConversationId(f"bench:follow{n}")):
            waits.append(time.perf_counter() - started)
    return statistics.median(waits)


async def measure(conversations: Conversations, settings: Settings, shoppers: int, seconds: float) -> None:
    async with Worker(conversations, echo, settings):
        for length in (0.5, seconds):  # The first round warms up.
            waits: list[float] = []
            until = time.perf_counter() + length
            async with asyncio.TaskGroup() as group:
                for n in range(shoppers):
                    group.create_task(shopper(conversations, f"{shoppers}-{length}-{n}", until, waits))
    p = statistics.quantiles(waits, n=100)
    print(
        f"{shoppers:4d} at once: {len(waits) / seconds:7.0f} turns/s   "
        f"p50 {p[49] * 1e3:6.2f} ms   p95 {p[94] * 1e3:6.2f} ms   p99 {p[98] * 1e3:6.2f} ms"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis-url")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings({"data": folder, "redis_url": options.redis_url, "retention": 3600})
        started = time.perf_counter()
        async with open_conversations(settings) as conversations:
            print(f"open: {(time.perf_counter() - started) * 1e3:.0f} ms")
            print(f"follow: {await follow_cost(conversations) * 1e3:.2f} ms")
            for shoppers in (1, 8, 64):
                await measure(conversations, settings, shoppers, options.seconds)


if __name__ == "__main__":
    uvloop.run(main())
