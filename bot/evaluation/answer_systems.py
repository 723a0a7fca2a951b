"""The systems that `kefu eval answers` compares: the writer alone, the passage quoted, and the ladder that serves."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bot.channels.terminal import Spoken, first_message
from bot.errors import WriterUnavailable
from bot.evaluation.answer_findings import Searched
from bot.evaluation.replies import declines, unsourced
from bot.generation.prompt import build_prompt
from bot.generation.quote import quote
from bot.generation.sentences import sentences, split_sentences
from bot.grounding.shown import clean, presentable
from bot.ladder import Ladder, chosen, impersonal
from bot.ports import Checker, Writer
from bot.records import Findings, Passage, PassageId, Rung, Utterance, Verdict

BASE, TUNED, QUOTED, SERVED = "base", "tuned", "quoted", "served"
SYSTEMS = (BASE, TUNED, QUOTED, SERVED)


@dataclass(frozen=True, slots=True)
class Said:
    """What a system said to a question."""

    text: str
    seconds: float
    """From the findings to the last word."""
    abstained: bool
    """It said that it does not know, or nothing."""
    rung: Rung | None = None
    """Of the ladder; None for a writer alone."""
    sources: tuple[Passage, ...] = ()
    """What it was made from."""
    cited: PassageId | None = None
    """The passage that it names first as its source."""
    drafted: tuple[Verdict, ...] = ()
    """Of the sentences that the writer drafted for the ladder, shown or not."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said, with what is to be said of it."""

    said: Said
    verdicts: tuple[Verdict, ...]
    """The check's, of each sentence of a reply that does not abstain; none of a list of the catalogue's rows."""
    made_up: tuple[str, ...]
    """Numbers, codes, addresses and links that stand nowhere in what was found, by `unsourced` and not by the check."""
    cited: PassageId | None

    @property
    def invents(self) -> bool:
        """Whether a figure has no source, or a sentence that a model wrote; the shop's own words need no check."""
        own_words = self.said.rung not in (None, Rung.WRITTEN)
        return bool(self.made_up) or not (own_words or all(verdict.supported for verdict in self.verdicts))


System = Callable[[Searched], Awaitable[Said | None]]
"""Answers a question; None where it does not speak its language."""


def written(writer: Writer | None) -> System:
    """The writer alone, prompted as the ladder prompts it, and unchecked."""

    async def answer(searched: Searched) -> Said | None:
        understood, found = searched.understood, searched.found
        if writer is None or understood.language not in writer.languages:
            return None
        sources = chosen(found.hits, writer.passages)
        prompt = build_prompt(impersonal(understood, found.query), sources, understood.language)
        begun = time.perf_counter()
        try:
            text = " ".join([sentence async for sentence in sentences(writer.write(prompt))])
        except WriterUnavailable as exc:
            if writer.status != "ready":
                raise
            return Said("", time.perf_counter() - begun, abstained=True, notes=(str(exc),))
        return Said(clean(text), time.perf_counter() - begun, declines(text), sources=tuple(sources))

    return answer


def quoted(answerable: float) -> System:
    """The best passage quoted, from the probability on at which the ladder answers at all."""

    async def answer(searched: Searched) -> Said:
        understood, found = searched.understood, searched.found
        begun = time.perf_counter()
        if not found.hits or found.answerable < answerable:
            return Said("", time.perf_counter() - begun, abstained=True, rung=Rung.UNANSWERED)
        said = _said([quote(understood.text, found.hits, understood.language)], begun, found)
        return replace(said, rung=Rung.QUOTED)

    return answer


def served(ladder: Ladder) -> System:
    """The ladder, as shoppers get it."""

    async def answer(searched: Searched) -> Said:
        begun, voice = time.perf_counter(), Spoken()
        reply = await ladder.climb(searched.understood, searched.found, first_message(searched.asked.question), voice)
        said = _said([*reply.said, *reply.utterances], begun, searched.found)
        abstained = reply.rung is Rung.UNANSWERED
        return replace(said, abstained=abstained, rung=reply.rung, drafted=reply.verdicts, notes=reply.notes)

    return answer


def _said(utterances: Sequence[Utterance], begun: float, found: Findings) -> Said:
    shown = [presentable(utterance) for utterance in utterances]
    text = "\n".join(utterance.text for utterance in shown if utterance.text)
    cited = [citation.passage for utterance in shown for citation in utterance.citations]
    return Said(
        text,
        time.perf_counter() - begun,
        abstained=not text,
        sources=tuple(hit.passage for hit in found.hits if hit.passage.id in cited),
        cited=cited[0] if cited else None,
    )


async def ask_all(
    system: System, rows: Sequence[Searched], at_once: int, tell: Callable[[], None] = lambda: None
) -> list[Said | None]:
    """What ``system`` says to each of ``rows``, ``at_once`` of them together; ``tell`` is called after each."""
    seats = asyncio.Semaphore(at_once)

    async def ask(row: Searched) -> Said | None:
        async with seats:
            said = await system(row)
        tell()
        return said

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(row)) for row in rows]
    return [task.result() for task in tasks]


async def judge(said: Said, searched: Searched, checker: Checker) -> Judged:
    """Check each sentence of a reply against what it was made from, and look for what stands in no passage found."""
    found = searched.found
    verdicts = [
        await checker.check(clean(sentence), said.sources, found.query)
        for sentence in (() if said.abstained or said.rung is Rung.LISTED else split_sentences(said.text))
        if any(character.isalnum() for character in sentence)  # A bracket left alone states nothing.
    ]
    known = [text for hit in found.hits for text in _told(hit.passage)]
    if said.rung is Rung.LISTED:
        shown = sum(line.startswith("- ") for line in said.text.splitlines())
        known.append(f"{len(found.products)} {len(found.products) - shown}")  # "And 3 more": the catalogue's own rows.
    cited = said.cited or next((verdict.citation.passage for verdict in verdicts if verdict.citation), None)
    return Judged(said, tuple(verdicts), unsourced(said.text, [*known, searched.asked.question]), cited)


def _told(passage: Passage) -> list[str]:
    return [passage.title, passage.text, passage.url or "", *passage.attributes.values()]
