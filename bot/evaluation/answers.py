"""Measures what is said: the writer with and without its adapter, the passage quoted, and the ladder that serves."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bot.channels.terminal import Forgetful
from bot.dialogue.policy import Thresholds
from bot.errors import SettingError
from bot.evaluation.answer_figures import Answered, set_figures
from bot.evaluation.answer_findings import Searched, search_own, search_shop
from bot.evaluation.answer_log import line
from bot.evaluation.answer_plot import plot_answers
from bot.evaluation.answer_report import write_report
from bot.evaluation.answer_sets import ANSWERS, HARD, PUBLIC, SETS, SHOP, Asked, read_shop, take
from bot.evaluation.answer_systems import (
    BASE,
    QUOTED,
    SERVED,
    TUNED,
    Judged,
    Said,
    System,
    ask_all,
    judge,
    quoted,
    served,
    written,
)
from bot.evaluation.answer_table import tables
from bot.evaluation.retrieval_sets import Bench
from bot.generation.endpoint import EndpointWriter
from bot.generation.writer import TransformersWriter
from bot.grounding.verdict import GroundingChecker
from bot.ladder import Ladder
from bot.models.adapter import NONE, find_adapter, is_worth_serving
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane, PairLane
from bot.models.pairs import READER, SUPPORT, open_pairs
from bot.ports import Checker, Writer
from bot.retrieval.build import build_index, is_stale
from bot.retrieval.reader import Reader
from bot.retrieval.retriever import HybridRetriever
from bot.settings import Settings

PATIENCE = 30.0
"""Seconds that the ladder waits for a sentence: how long replies take is measured, and must not choose the rung."""

ALONE = 20
"""Questions that are asked one at a time, for the seconds that a single shopper waits."""


@dataclass(slots=True, eq=False)
class _Part:
    """A set on its way: what was found, who checks and who reads, and what each system said."""

    name: str
    rows: list[Searched]
    checker: Checker
    reader: Reader | None
    said: dict[str, list[Said | None]] = field(default_factory=dict)


async def evaluate_answers(
    settings: Settings,
    data: Path | None,
    out: Path,
    console: Console,
    *,
    sets: Sequence[str] | None = None,
    most: int = 200,
) -> dict[str, Any]:
    """Ask ``sets`` (the shop's own, and with ``data`` all public ones) of every system, and return the figures.

    They go to ``out`` as ``answers.json`` too, beside ``answers.jsonl`` with every reply, ``answers.png``, and
    ``answers.html`` for the shopkeeper. Of each set ``most`` questions are taken, evenly.

    Raises:
        SettingError: a set is unknown or its data is missing, or matplotlib is not installed.
        KnowledgeError: the shop's knowledge or its ``answers.yml`` cannot be read.
        ModelError: the encoder or the adapter cannot be opened.
        WriterUnavailable: the writer cannot be loaded.
    """
    asked = {name: take(rows, most) for name, rows in _read(settings, data, sets).items()}
    own = settings.writer != "none" and not settings.writer_url
    adapter = find_adapter(settings.writer_adapter, settings.writer) if own else None
    encoders = open_encoders(settings)
    bench, lane = Bench(encoders, data or settings.data), EncoderLane(encoders)
    relevance, support = _pairs(settings, READER), _pairs(settings, SUPPORT)
    reader = Reader(relevance) if relevance else None
    try:
        with console.status("searching …"):
            parts = [
                await _searched(settings, bench, lane, reader, support, name, rows) for name, rows in asked.items()
            ]
        seconds = await _ask(settings, parts, adapted=adapter is not None, console=console)
        with console.status("checking what was said …"):
            rows = [row for part in parts for row in await _judged(part)]
    finally:
        await lane.close()
        for pairs in filter(None, (relevance, support)):
            await pairs.close()
    report = {
        "writer": settings.writer_url or settings.writer,
        "adapter": str(adapter.folder) if adapter else NONE,
        "encoder": settings.encoder,
        "most": most,
        "seconds_alone": seconds,
        "sets": {part.name: set_figures([row for row in rows if row.set == part.name]) for part in parts},
    }
    _write(out, report, rows)
    console.print(*tables(report))
    return report


def _pairs(settings: Settings, folder: Path) -> PairLane | None:
    """A classifier of pairs as the server has it."""
    classifier = open_pairs(settings, folder)
    return PairLane(classifier) if classifier else None


def _read(settings: Settings, data: Path | None, sets: Sequence[str] | None) -> dict[str, list[Asked]]:
    names = list(dict.fromkeys(sets or (SETS if data else (SHOP, HARD))))
    if unknown := [name for name in names if name not in SETS]:
        raise SettingError(f"{', '.join(unknown)}: no such set; sets are {', '.join(SETS)}.")
    asked: dict[str, list[Asked]] = {}
    for name in names:
        if name in (SHOP, HARD):
            asked[name] = read_shop(settings.knowledge / ANSWERS)[name]
        elif data is None:
            raise SettingError(f"{name}: a public set, so `--data` has to name the folder it lies in.")
        else:
            asked[name] = PUBLIC[name](data)
    return {name: rows for name, rows in asked.items() if rows}


async def _searched(
    settings: Settings,
    bench: Bench,
    lane: EncoderLane,
    reader: Reader | None,
    support: PairLane | None,
    name: str,
    rows: Sequence[Asked],
) -> _Part:
    if name not in (SHOP, HARD):
        return _Part(name, await search_own(bench, reader, rows), GroundingChecker(lane, support=support), reader)
    if is_stale(settings):
        build_index(settings, bench.encoders)
    retriever = HybridRetriever(settings, lane, reader)
    titles = [product.name for product in retriever.index.catalogue.products.values()]
    return _Part(name, await search_shop(retriever, rows), GroundingChecker(lane, lambda: titles, support), reader)


async def _ask(settings: Settings, parts: Sequence[_Part], *, adapted: bool, console: Console) -> dict[str, float]:
    """Ask every question of every system, one writer after the other; returns the median seconds of a reply alone."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    seconds: dict[str, float] = {}
    with Progress(*columns, console=console) as progress:
        many = _Asking(parts, settings.writer_batch, progress, seconds)
        if adapted:
            async with _writer(settings.model_copy(update={"writer_adapter": NONE})) as untuned:
                await many.ask(BASE, lambda _: written(untuned))
        async with _writer(settings) as writer:
            await many.ask(TUNED if adapted else BASE, lambda _: written(writer))
            await many.ask(QUOTED, lambda _: quoted(Thresholds().answerable))
            speaks = not adapted or is_worth_serving(settings.writer, settings.writer_adapter)
            await many.ask(SERVED, lambda part: served(_ladder(writer if speaks else None, part)))
    return seconds


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks systems about all parts, and keeps what they say there."""

    parts: Sequence[_Part]
    at_once: int
    progress: Progress
    seconds: dict[str, float]

    async def ask(self, name: str, system_of: Callable[[_Part], System]) -> None:
        """Ask one system about every part, many questions at once, and then some again one at a time."""
        task = self.progress.add_task(name, total=sum(len(part.rows) for part in self.parts))
        for part in self.parts:
            part.said[name] = await ask_all(
                system_of(part), part.rows, self.at_once, lambda: self.progress.advance(task)
            )
        pairs = [(system_of(part), row) for part in self.parts for row in part.rows]
        alone = [await system(row) for system, row in pairs[:: max(1, len(pairs) // ALONE)][:ALONE]]
        if spent := [said.seconds for said in alone if said]:
            self.seconds[name] = round(statistics.median(spent), 4)


@asynccontextmanager
async def _writer(settings: Settings) -> AsyncIterator[Writer | None]:
    """The writer of the settings, ready, also with an adapter that a shop would not serve."""
    if settings.writer_url:
        async with aiohttp.ClientSession() as session:
            yield EndpointWriter(session, settings)
    elif settings.writer == "none":
        yield None
    else:
        writer = TransformersWriter(settings)
        try:
            await writer.ready()
            yield writer
        finally:
            await writer.close()


def _ladder(writer: Writer | None, part: _Part) -> Ladder:
    thresholds = Thresholds()
    approved, answerable = thresholds.approved, thresholds.answerable
    return Ladder(writer, part.checker, Forgetful(), approved, answerable, PATIENCE, part.reader)


async def _judged(part: _Part) -> list[Answered]:
    async def of(said: Said | None, row: Searched) -> Judged | None:
        return None if said is None else await judge(said, row, part.checker)

    rows = []
    for at, row in enumerate(part.rows):
        judged = await asyncio.gather(*(of(said[at], row) for said in part.said.values()))
        rows.append(Answered(part.name, row, dict(zip(part.said, judged, strict=True))))
    return rows


def _write(out: Path, report: Mapping[str, Any], rows: Sequence[Answered]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "answers.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = (json.dumps(line(row), ensure_ascii=False) + "\n" for row in rows)
    (out / "answers.jsonl").write_text("".join(lines), encoding="utf-8")
    plot_answers(report["sets"], out / "answers.png")
    write_report(report, rows, out / "answers.png", out / "answers.html")
