"""The check of one drafted sentence: pure judgement first, then what models say of what it leaves open."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from bot.grounding.judge import Finding, judge
from bot.grounding.library import Shelf, spell
from bot.grounding.said import Said, says_nothing, speaks_of_itself, take_apart
from bot.grounding.shown import plain
from bot.grounding.window import read_as
from bot.grounding.words import is_chinese
from bot.records import Citation, Claim, Passage, Vector, Verdict


class TextEncoder(Protocol):
    """Encodes a text off the event loop: ``models.lanes.EncoderLane``."""

    async def encode(self, text: str, language: str) -> tuple[Vector, str]:
        """The L2-normalised vector of ``text``, and the name of the encoder that made it."""
        ...


class SupportReader(Protocol):
    """Reads a source and a sentence together, off the event loop: ``models.lanes.PairLane``."""

    @property
    def threshold(self) -> float:
        """Least probability of a sentence that may be shown."""
        ...

    async def probability(self, source: str, sentence: str, /) -> float:
        """How likely ``source`` supports ``sentence``, in [0, 1]; both in English."""
        ...


LONGEST = 600
"""Characters. What is longer is no sentence, and is refused unread."""

SIMILAR = 0.40
"""Least cosine between a sentence and its source sentence. Far below it lie sentences about something else; nearer,
words and claims decide."""

NEAR_WORD = 0.62
"""Least cosine between a word that the source lacks and one that it has."""


class GroundingChecker:
    """Lets a sentence pass when every hard claim stands in one source and its words are covered by it.

    Refusing is cheap, a false pass is a broken promise: whatever is not understood is refused. It holds no state but
    caches of what it has read; safe to share between turns.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        catalogue: Callable[[], Sequence[str]] = tuple,
        support: SupportReader | None = None,
    ) -> None:
        """``catalogue`` gives the titles of all products, so that a shortened name can be told from another's.

        ``support`` reads what passes everything else; it can only refuse.
        """
        self._vectors = _Vectors(encoder)
        self._support = support
        self._catalogue = catalogue
        self._shelf = Shelf()

    async def check(self, sentence: str, sources: Sequence[Passage], question: str) -> Verdict:
        """Support or refuse ``sentence``; a supported one carries its citation.

        Greetings and connectives from a closed list pass without one. Facts in ``question`` narrow the sources down
        ("the Netherlands", "the Tarn 2") and support nothing.

        Raises:
            ModelError: the encoder cannot be loaded.
        """
        if len(sentence) > LONGEST:
            return _refused(sentence, "it is too long for one sentence")
        said = spell(sentence)
        if not any(char.isalnum() for char in said):
            return _refused(sentence, "it says nothing")
        if says_nothing(plain(sentence)):
            return Verdict(sentence, True, similarity=1.0)
        if speaks_of_itself(plain(sentence)):
            return _refused(sentence, "it speaks of the assistant and its instructions")
        library = await self._shelf.library(sources, self._catalogue())
        apart = take_apart(said)
        finding = await asyncio.to_thread(judge, apart, library, spell(question[:LONGEST]))
        if not finding.supported:
            return Verdict(sentence, False, finding.claims)
        return await self._weigh(sentence, apart, finding)

    async def _weigh(self, sentence: str, said: Said, finding: Finding) -> Verdict:
        """What only a model can say: are the open words near ones of the source, is the whole near the source, and do
        the two say the same?
        """
        passage = finding.passage
        assert passage is not None, "a supported finding has its passage"
        citation = Citation(passage.id, passage.title, passage.source, passage.url)
        if finding.verbatim:
            return Verdict(sentence, True, finding.claims, 1.0, citation)
        language = "zh" if is_chinese(said.whole) else "en"
        for word in finding.open_words:
            if not await self._has_near(word, finding.near, language):
                return _withdrawn(sentence, finding, f"“{word}” stands in no source of this turn, nor a near word")
        similarity = await self._vectors.cosine(said.whole, finding.window, language)
        if similarity < SIMILAR:
            return _withdrawn(sentence, finding, f"it is not like its source (cosine {similarity:.2f})", similarity)
        if self._support and language == "en":
            pair = read_as(passage.title, passage.text, said.statement, finding.window)
            probability = await self._support.probability(*pair)
            if probability < self._support.threshold:
                return _withdrawn(sentence, finding, f"its source does not say so ({probability:.2f})", similarity)
        return Verdict(sentence, True, finding.claims, similarity, citation)

    async def _has_near(self, word: str, words: Sequence[str], language: str) -> bool:
        cosines = await asyncio.gather(*(self._vectors.cosine(word, other, language) for other in words))
        return max(cosines, default=0.0) >= NEAR_WORD


class _Vectors:
    """Vectors of the texts seen last: a turn's sources are encoded once, however many sentences lean on them."""

    def __init__(self, encoder: TextEncoder, size: int = 4096) -> None:
        self._encoder = encoder
        self._size = size
        self._kept: OrderedDict[tuple[str, str], Vector] = OrderedDict()

    async def cosine(self, one: str, other: str, language: str) -> float:
        """In [-1, 1]."""
        left, right = await asyncio.gather(self._vector(one, language), self._vector(other, language))
        return float(np.dot(left, right))

    async def _vector(self, text: str, language: str) -> Vector:
        key = (text, language)
        vector = self._kept.pop(key, None)
        if vector is None:
            vector, _ = await self._encoder.encode(text, language)
        self._kept[key] = vector
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return vector


def _withdrawn(sentence: str, finding: Finding, reason: str, similarity: float = 0.0) -> Verdict:
    return Verdict(sentence, False, (*finding.claims[:-1], Claim("statement", sentence, False, reason)), similarity)


def _refused(sentence: str, reason: str) -> Verdict:
    return Verdict(sentence, False, (Claim("statement", sentence, False, reason),))
