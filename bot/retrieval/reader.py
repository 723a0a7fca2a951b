"""The reader: of the passages that a search found, which one answers, and whether any does."""

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from bot.records import Findings, PassageId

WORDS = 90
"""Most words of a passage that are read, about 120 tokens: what passages say first is what they are about."""

READ = 6
"""Passages that are read. The right one stood deeper for one question in fifty of the demo shop's."""

LONG = 15
"""Words of a message from which only its questions are read, where it has any."""

_QUESTION = re.compile(r"[^.!?]+\?(?:\s*\([^)]*\))*")
"""A question, and what a search adds in brackets of the turn before."""

SURE = 0.9
"""A question that the shop has answered itself with this probability needs no reader."""


READS = "en"
"""Its encoder was trained on English alone."""

WEIGHT = 0.3
"""Of the reader's chance beside the score of the search: on the demo shop's `questions.yml` the best of 0.1 to 1.2."""

HALF = 0.5
"""Of the log-odds of the search's own ``answerable``, the other half being the reader's best chance: the search knows
which words the whole shop never uses, the reader what a question asks for."""


FAR = 1.25
"""Log-odds by which a quote has to be the likelier answer before a draft is given up for it: three and a half times as
likely. Between 0.8 and 1.7 little changes; further down drafts go that answer as well in fewer words."""


class Relevance(Protocol):
    """Reads a passage and a question together, off the event loop: ``models.lanes.PairLane``."""

    async def probability(self, passage: str, question: str, /) -> float:
        """How likely ``passage`` answers ``question``, in [0, 1]."""
        ...


def asked_in(query: str) -> str:
    """What a long message asks: shoppers tell who they are and what happened before they come to their question."""
    if len(query.split()) <= LONG:
        return query
    return " ".join(part.strip() for part in _QUESTION.findall(query)) or query


def passage_text(title: str, text: str) -> str:
    """A passage as the reader reads it: what it is about, then its first words."""
    heading = title.rpartition("›")[2].strip()
    words = text.split()
    told = " ".join(words[:WORDS])
    return f"{heading}: {told}" if heading else told


class Reader:
    """Orders the findings of a search anew by what a cross-encoder makes of each, and says whether any answers."""

    def __init__(self, relevance: Relevance) -> None:
        self._relevance = relevance

    async def read(self, found: Findings, language: str) -> Findings:
        """``found`` with the passage first that answers best, and ``answerable`` as the reader sees it too.

        What needs no reading stays as it is: an answer that the shop has written to this very question, a search for
        products by their attributes, and a language that the reader cannot read.
        """
        hits = found.hits
        if language != READS or not hits or found.filters or hits[0].question >= SURE:
            return found
        read = [hit for hit in hits[:READ] if hit.passage.locale == language]
        asked = asked_in(found.query)
        chances = await asyncio.gather(
            *(self._relevance.probability(passage_text(hit.passage.title, hit.passage.text), asked) for hit in read)
        )
        return reordered(found, {hit.passage.id: chance for hit, chance in zip(read, chances, strict=True)})

    async def prefers(self, quoted: str, drafted: str, query: str, language: str) -> bool:
        """Whether ``quoted`` is by far the likelier answer to ``query``: a draft can be true and beside the point."""
        if language != READS or not quoted:
            return False
        asked = asked_in(query)
        texts = (passage_text("", quoted), drafted)
        quotes, drafts = await asyncio.gather(*(self._relevance.probability(text, asked) for text in texts))
        return _logit(quotes) - _logit(drafts) > FAR


def reordered(found: Findings, chances: Mapping[PassageId, float]) -> Findings:
    """The findings by score and chance together; ``chances`` are those of the passages that were read. Pure."""
    if not chances:
        return found
    hits = [
        replace(hit, score=hit.score + WEIGHT * (chances[hit.passage.id] - 0.5)) if hit.passage.id in chances else hit
        for hit in found.hits
    ]
    logit = HALF * _logit(found.answerable) + HALF * _logit(max(chances.values()))
    # A stable sort: what the reader has not seen keeps its place among its like.
    return replace(found, hits=tuple(sorted(hits, key=lambda hit: -hit.score)), answerable=1 / (1 + math.exp(-logit)))


def _logit(chance: float) -> float:
    chance = min(max(chance, 1e-4), 1 - 1e-4)
    return math.log(chance / (1 - chance))
