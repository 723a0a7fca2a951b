"""The same small assistant in Rasa and in Kefu, under the same load: turns a second, latency, memory, start-up.

    python -m benchmarks.rasa [--seconds 8]

One set of files, an assistant of eight intents and as many rules, is given to both. Rasa 3.6.21 learns it with its
default pipeline and of its policies has the one that rules need, RulePolicy: with the others it would be slower. Kefu
serves it without a writer, which the assistant has no use for, on its embedded Redis with the durable settings; Rasa
keeps its conversations in memory, as it does by default. Both are servers in processes of their own on loopback, asked
over Rasa's REST channel in closed loops: each conversation writes, waits for the reply, and writes again. A reply has
to be the rule's response; wrong ones are counted.

It needs Python 3.10 for Rasa, and minutes for the first training; see docs/rasa-server.md.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import yaml

from benchmarks.turns import free_port, load, memory, server
from bot.errors import RasaUnavailable
from bot.understanding.rasa_server.environment import VERSION, ensure
from bot.understanding.rasa_server.model import serving, train
from bot.understanding.rasa_server.project import Project, plan_project
from bot.understanding.training_data import read_training_data

CONVERSATIONS = (1, 8)

ASSISTANT = {
    "greet": ("Hello, how can I help?", ["hello", "hi", "hey there", "good morning", "good evening", "anybody here?"]),
    "goodbye": ("Goodbye!", ["bye", "goodbye", "see you later", "have a nice day", "that is all, bye"]),
    "thanks": ("You are welcome.", ["thanks", "thank you", "thanks a lot", "many thanks", "that helps, thank you"]),
    "bot_challenge": (
        "I am a computer program.",
        ["are you a bot?", "are you human?", "am I talking to a person or a machine?", "is this a real person?"],
    ),
    "opening_hours": (
        "We are open from 9 to 18.",
        ["when are you open?", "what are your opening hours?", "are you open on Sunday?", "when does the shop close?"],
    ),
    "shipping_cost": (
        "Shipping costs 4.95 euro.",
        ["how much is shipping?", "what does delivery cost?", "is shipping free?", "what are the delivery charges?"],
    ),
    "payment_methods": (
        "You can pay by card or PayPal.",
        ["can I pay with PayPal?", "which payment methods are there?", "do you take credit cards?", "how can I pay?"],
    ),
    "return_policy": (
        "You have 30 days to send it back.",
        ["how long can I return something?", "can I send it back?", "your return policy?", "how do returns work?"],
    ),
}  # fmt: skip
"""Each intent with its response and its examples."""

QUESTIONS = {
    "hello": "greet",
    "how much is shipping to Belgium?": "shipping_cost",
    "can I pay with PayPal please?": "payment_methods",
    "how long can I return something I bought?": "return_policy",
    "what are your opening hours today?": "opening_hours",
    "are you a bot or human?": "bot_challenge",
    "thanks a lot!": "thanks",
    "goodbye": "goodbye",
}  # fmt: skip


_ABOUT = """---
title: About us
locale: en
---

# About us

## The founders

Two sisters founded this company in a shed behind their grandmother's house, and sold umbrellas from a bicycle first.
"""
"""Kefu insists on something to answer from; this answers none of the questions, but is searched for most of them."""


@dataclass
class Column:
    """What one of the two brought."""

    name: str
    training: float
    rows: dict[str, str] = field(default_factory=dict)


def write_assistant(folder: Path) -> Project:
    """The files of both: Kefu's knowledge folder in ``folder``, and Rasa's project."""
    nlu = [
        {"intent": intent, "examples": "".join(f"- {text}\n" for text in examples)}
        for intent, (_, examples) in ASSISTANT.items()
    ]
    domain = {
        "version": "3.1",
        "intents": list(ASSISTANT),
        "responses": {f"utter_{intent}": [{"text": text}] for intent, (text, _) in ASSISTANT.items()},
    }
    rules = [{"rule": intent, "steps": [{"intent": intent}, {"action": f"utter_{intent}"}]} for intent in ASSISTANT]
    files = {
        "intents/nlu.yml": {"version": "3.1", "nlu": nlu},
        "domain.yml": domain,
        "rules.yml": {"version": "3.1", "rules": rules},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (folder / "policies").mkdir()
    (folder / "policies" / "about.md").write_text(_ABOUT, encoding="utf-8")
    learnt = dict(plan_project(read_training_data(folder / "intents")).files)
    learnt["domain.yml"] = (folder / "domain.yml").read_text(encoding="utf-8")
    learnt["data/rules.yml"] = (folder / "rules.yml").read_text(encoding="utf-8")
    return Project(tuple(learnt.items()))


def measure(column: Column, url: str, seconds: float) -> Column:
    """Load it, and see that it says the right things."""
    right = asyncio.run(replies(url))
    column.rows["right replies"] = f"{right} of {len(QUESTIONS)}"
    for conversations in CONVERSATIONS:
        asyncio.run(load(url, conversations, min(2.0, seconds), tuple(QUESTIONS)))
        took = asyncio.run(load(url, conversations, seconds, tuple(QUESTIONS)))
        cuts = statistics.quantiles(took, n=100)
        column.rows[f"{conversations} conversation{'s' * (conversations > 1)}"] = (
            f"{len(took) / seconds:.1f} turns/s, p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms"
        )
    return column


async def replies(url: str) -> int:
    """How many questions get the response of their rule."""
    right = 0
    async with aiohttp.ClientSession(url) as session:
        for number, (text, intent) in enumerate(QUESTIONS.items()):
            body = {"sender": f"check-{number}", "message": text}
            async with session.post("/webhooks/rest/webhook", json=body) as response:
                said = " ".join(row.get("text", "") for row in await response.json())
            right += said == ASSISTANT[intent][0]
    return right


def kefu(knowledge: Path, folder: Path, seconds: float) -> Column:
    """Train and load Kefu. The first start makes what is made once, as `make serve` does, and is not measured."""
    folder.mkdir()
    models = Path(".kefu/models")
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models.resolve())  # The exported encoders are of no shop.
    os.environ |= {"KEFU_KNOWLEDGE": str(knowledge)}
    with server("none", folder):
        pass
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bot.cli", "train", "intents", "--json"],
        env={**os.environ, "KEFU_DATA": str(folder)}, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    column = Column("Kefu", time.perf_counter() - started)
    started = time.perf_counter()
    with server("none", folder) as (url, process, cpu):
        column.rows["start-up"] = f"{time.perf_counter() - started:.1f} s, {cpu:.1f} CPU s"
        measure(column, url, seconds)
        column.rows["memory after the load"] = f"{memory(process, folder):.0f} MiB (with Redis)"
    return column


def rasa(project: Project, folder: Path, seconds: float) -> Column:
    """Train and load Rasa."""
    program = ensure()
    trained = train(program, project, Path(".kefu/rasa-bench"), whole=True)
    column = Column(f"Rasa {VERSION}", trained.seconds)
    folder.mkdir()
    (folder / "credentials.yml").write_text("rest:\n", encoding="utf-8")
    options = ("--credentials", str(folder / "credentials.yml"))
    with serving(program, trained.path, free_port(), folder / "rasa.log", *options) as served:
        process = psutil.Process(served.pid)
        times = process.cpu_times()
        column.rows["start-up"] = f"{served.seconds:.1f} s, {times.user + times.system:.1f} CPU s"
        measure(column, served.url, seconds)
        members = (process, *process.children(recursive=True))
        used = sum(member.memory_info().rss for member in members) / 2**20
        column.rows["memory after the load"] = f"{used:.0f} MiB"
    return column


def show(column: Column) -> None:
    print(f"\n{column.name}")
    for name, value in {"training": f"{column.training:.0f} s", **column.rows}.items():
        print(f"  {name:<22} {value}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each load")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as place:
        folder = Path(place)
        project = write_assistant(folder / "knowledge")
        try:
            show(rasa(project, folder / "rasa", options.seconds))
        except RasaUnavailable as exc:
            print(f"Rasa cannot be measured here: {exc}")
        show(kefu(folder / "knowledge", folder / "kefu", options.seconds))


if __name__ == "__main__":
    main()
