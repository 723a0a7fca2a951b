"""Plays tau-bench retail's tasks with a scripted shopper over REST, and compares the shop's database afterwards."""

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from bot.evaluation.conversation_phrases import hurried
from bot.evaluation.conversation_report import Played, figures_of, tables, write_report
from bot.evaluation.conversation_server import Served, scratch, serving
from bot.evaluation.conversation_shop import DATABASE, Reader, fill, only_shop, reader, restore, right_changes
from bot.evaluation.conversation_shopper import LEAVE, NO, Shopper
from bot.evaluation.conversation_talk import Heard, Talk, TalkFailed
from bot.evaluation.conversation_tasks import Wish, read_retail, read_tasks
from bot.evaluation.conversation_words import opening, plain, sentences
from bot.records import ConversationId
from bot.settings import Settings

MOST_TURNS = 40
"""Messages of one task; the longest, of six wishes, takes thirty."""

SECONDS = 300.0
"""For one task, so that a server that hangs ends the measurement some day."""

_TRIES = 3
"""Times that a wish is stated before the shopper leaves it."""

_NOBODY = ConversationId("")

_TITLES = {"items": "change order", "payment": "change order", "address": "change", "account": "change address"}
"""How a button that leads to a wish may be called, where its name is not the wish's own."""


async def evaluate_conversations(
    settings: Settings,
    data: Path,
    out: Path,
    console: Console,
    *,
    split: str = "dev",
    most: int | None = None,
    own_words: bool = False,
    hurriedly: bool = False,
) -> dict[str, Any]:
    """Play the tasks of a split, all or ``most`` of them; write and return the figures.

    ``own_words`` has the shopper answer in words of its own instead of taking what is offered; ``hurriedly`` has it
    state its wishes as people in a hurry do, and not with the instruction's sentences.

    Files: ``conversations.json`` (figures), ``conversations.jsonl`` (every task), ``conversations.html``.
    """
    retail, tasks = read_retail(data), read_tasks(data, split, most)
    rows: list[Played] = []
    with scratch() as name:
        folder = Path(name)
        console.print(f"Filling a shop with {len(retail.orders):,} orders …")
        prepared = await asyncio.to_thread(fill, folder, retail.folder)
        right = await right_changes(tasks, retail.folder)
        live = folder / DATABASE
        restore(prepared, live)
        with only_shop(live):
            own = settings.model_copy(update={"actions_url": None})
            async with serving(own, folder) as served, reader("compare", retail.folder) as compare:
                for task, changes in zip(tasks, right, strict=True):
                    restore(prepared, live)
                    rows.append(await _play(Shopper(task, retail, own_words, hurriedly), changes, served, compare))
                    console.print(f"{task.name}  {task.kind}: {'passed' if rows[-1].passed else 'FAILED'}")
                    # As it goes, so that a measurement that is broken off is not lost.
                    write_report(figures_of(rows, split, own_words=own_words, hurriedly=hurriedly), rows, out)
    figures = figures_of(rows, split, own_words=own_words, hurriedly=hurriedly)
    for table in tables(figures):
        console.print(table)
    return figures


async def _play(shopper: Shopper, right: Sequence[str], served: Served, compare: Reader) -> Played:
    """Play one shopper's task on the database as it is."""
    task = shopper.task
    broken = ""
    async with aiohttp.ClientSession() as session:
        talk = Talk(session, served.url, f"{task.name}-{uuid.uuid4().hex[:6]}")
        visit = _Visit(shopper, talk)
        try:
            async with asyncio.timeout(SECONDS):
                await visit.play()
        except (TalkFailed, TimeoutError) as exc:
            broken = str(exc) or f"not done within {SECONDS:.0f} s"
    made = await compare.ask(f"sqlite:///{served.data / DATABAS