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
from bot.evaluation.conversation_words import opening, plain, questions, sentences
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
    trusting: bool = False,
) -> dict[str, Any]:
    """Play the tasks of a split, all or ``most`` of them; write and return the figures.

    ``own_words`` has the shopper answer in words of its own instead of taking what is offered; ``hurriedly`` has it
    state its wishes as people in a hurry do, and not with the instruction's sentences; ``trusting`` has it say yes to
    every summary without reading it.

    Files: ``conversations.json`` (figures), ``conversations.jsonl`` (every task), ``conversations.html``.
    """
    ways = {"own_words": own_words, "hurriedly": hurriedly, "trusting": trusting}
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
                    rows.append(
                        await _play(Shopper(task, retail, own_words, hurriedly, trusting), changes, served, compare)
                    )
                    console.print(f"{task.name}  {task.kind}: {'passed' if rows[-1].passed else 'FAILED'}")
                    # As it goes, so that a measurement that is broken off is not lost.
                    write_report(figures_of(rows, split, **ways), rows, out)
    figures = figures_of(rows, split, **ways)
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
    made = await compare.ask(f"sqlite:///{served.data / DATABASE}")
    words = " ".join(text for who, text in talk.said if who == "assistant").replace(",", "").casefold()
    turns = served.turns.pop(next((c for c in served.turns if c.endswith(talk.sender)), None) or _NOBODY, [])
    return Played(
        task,
        talk.said,
        [turn.trace.decision for turn in turns],
        tuple(change for change in right if change not in made),
        tuple(change for change in made if change not in right),
        tuple(told for told in task.outputs if told.replace(",", "").casefold() not in words),
        visit.again,
        broken,
    )


class _Visit:
    """One shopper's way through its wishes."""

    def __init__(self, shopper: Shopper, talk: Talk) -> None:
        self._shopper = shopper
        self._talk = talk
        self._asked: dict[str, int] = {}
        self.again = 0

    async def play(self) -> None:
        """See each wish through; where there is none, say what the instruction says, and agree to nothing. Last, ask
        what it wants to be told."""
        task, retail = self._shopper.task, self._shopper.retail
        heard = Heard()
        for wish in task.wishes:
            if heard.ask and not _may_be(wish, heard):
                heard = await self._say(LEAVE)
            first = hurried(wish, retail) if self._shopper.hurriedly else opening(task, wish, retail)
            heard = await self._pursue(wish, heard, (first, plain(wish, retail)))
        told = [] if task.wishes else sentences(task)
        for sentence in (*told, *questions(task)):
            if heard.ask:
                await self._say(LEAVE)
            heard = await self._talk_about(sentence)

    async def _pursue(self, wish: Wish, heard: Heard, words: tuple[str, str]) -> Heard:
        """See one wish through: the last reply, with a question in it where the assistant goes on by itself."""
        self._asked.clear()
        stated, agreed = 0, False
        while len(self._talk.said) < 2 * MOST_TURNS:
            if "receipt" in heard.text.casefold() and agreed:
                return heard
            if heard.ask:
                times = self._asked.get(heard.ask, 0)
                self._asked[heard.ask] = times + 1
                said = self._shopper.answer(wish, heard, times) if times < _TRIES else LEAVE
                agreed = heard.ask == "confirmed" and said not in (NO, LEAVE)
            elif agreed or stated >= _TRIES:
                return heard
            else:
                pressed = _button(wish, heard) if stated else None
                said = pressed or words[min(stated, 1)]
                self.again += stated > 0
                stated += 1
            heard = await self._say(said)
        return heard

    async def _talk_about(self, sentence: str) -> Heard:
        """Say something that is to change nothing."""
        heard = await self._say(sentence)
        for _ in range(6):
            if not heard.ask:
                break
            times = self._asked.get(heard.ask, 0)
            self._asked[heard.ask] = times + 1
            if heard.ask in ("shopper", "email") and times < _TRIES:
                heard = await self._say(self._shopper.identity(times))
            elif heard.ask == "confirmed":
                heard = await self._say(NO)
            else:
                heard = await self._say(heard.options[0] if heard.options and times == 0 else LEAVE)
        return heard

    async def _say(self, text: str) -> Heard:
        return await self._talk.say(text)


def _may_be(wish: Wish, heard: Heard) -> bool:
    """Whether a question that the assistant asks by itself may be about the wish that comes next."""
    return heard.ask in ("shopper", "order", "items") or (heard.ask == "confirmed" and wish.order in heard.text)


def _button(wish: Wish, heard: Heard) -> str | None:
    """The button that leads to the wish; one that only asks a question of the shop's does not."""
    title = _TITLES.get(wish.kind, wish.kind)
    leads = (payload for name, payload in heard.buttons if title in name.casefold() and payload.startswith("/"))
    return next(leads, None)
