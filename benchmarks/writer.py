"""The writer: tokens/s of one shopper and of eight at once, side by side, and what that does to the event loop.

    python benchmarks/writer.py [--rounds 3] [--threads 1]

The rounds alternate, so that whatever else the machine does falls on both alike. Every reply runs to its token limit or
its own end; a piece of the stream is a token. The event loop's lag is what a 5 ms timer is late while eight decode.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path

from bot.generation.prompt import build_prompt
from bot.generation.writer import TransformersWriter
from bot.records import Kind, Passage, PassageId
from bot.settings import read_settings

TEXT = (
    "Shipping to the Netherlands costs 3.95 EUR and is free from 60 EUR. Belgium and Germany cost 5.95 EUR, free from "
    "80 EUR. The rest of the EU costs 9.95 EUR, free from 150 EUR. You can return unused items within 30 days after "
    "delivery, and the refund follows within 5 working days after the parcel reaches us. Returns are free in the "
    "Netherlands, Belgium and Germany; elsewhere 4.95 EUR is taken off the refund."
)
QUESTIONS = (
    "Tell me everything about shipping to the Netherlands.",
    "Tell me everything about shipping to Belgium and Germany.",
    "Tell me everything about shipping to the rest of the EU.",
    "Tell me everything about returns from Belgium.",
    "Tell me everything about refunds and how long they take.",
    "Tell me everything about the costs of sending something back.",
    "Tell me everything about what is free.",
    "Tell me everything about prices.",
)


async def write(writer: TransformersWriter, question: str) -> tuple[int, float]:
    """Pieces of one reply, and seconds to the first."""
    prompt = build_prompt(question, [Passage(PassageId("p"), Kind.POLICY, "Shipping", TEXT, "p.md")], "en")
    started, first, pieces = time.perf_counter(), 0.0, 0
    async for _ in writer.write(prompt):
        first = first or time.perf_counter() - started
        pieces += 1
    return pieces, first


async def lag(stop: asyncio.Event) -> list[float]:
    """Milliseconds that a 5 ms timer was late, until stopped."""
    late = []
    while not stop.is_set():
        started = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append((time.perf_counter() - started) * 1000 - 5)
    return late


async def together(writer: TransformersWriter, questions: tuple[str, ...]) -> tuple[float, float]:
    """Tokens/s over all, and the median seconds to a first piece."""
    started = time.perf_counter()
    replies = await asyncio.gather(*(write(writer, question) for question in questions))
    seconds = time.perf_counter() - started
    return sum(pieces for pieces, _ in replies) / seconds, statistics.median(first for _, first in replies)


async def measure(rounds: int, threads: int, data: Path) -> dict[str, float]:
    """Measure, with one warm-up round."""
    writer = TransformersWriter(read_settings({"data": data, "writer_threads": threads}))
    started = time.perf_counter()
    await writer.ready()
    loaded = time.perf_counter() - started
    await together(writer, QUESTIONS)
    alone, eight, late = [], [], []
    for at in range(rounds):
        alone.append(await together(writer, QUESTIONS[at % 8 : at % 8 + 1]))
        stop = asyncio.Event()
        watch = asyncio.create_task(lag(stop))
        eight.append(await together(writer, QUESTIONS))
        stop.set()
        late += await watch
    await writer.close()
    one, many = (statistics.median(speed for speed, _ in found) for found in (alone, eight))
    return {
        "seconds to load": loaded,
        "tokens/s, one shopper": one,
        "tokens/s, eight shoppers": many,
        "eight to one": statistics.median(b / a for (a, _), (b, _) in zip(alone, eight, strict=True)),
        "seconds to first token, one": statistics.median(first for _, first in alone),
        "seconds to first token, eight": statistics.median(first for _, first in eight),
        "event loop late, p99 ms": statistics.quantiles(late, n=100)[98],
        "event loop late, worst ms": max(late),
    }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--data", type=Path, default=Path(".kefu"))
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    figures = asyncio.run(measure(chosen.rounds, chosen.threads, chosen.data))
    if chosen.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:32}{value:10.2f}")


if __name__ == "__main__":
    main()
