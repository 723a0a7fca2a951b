"""Fits an index's two probabilities to the shop's own FAQ, by leaving phrasings and whole entries out."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bot.models.encoder import Encoders
from bot.records import Kind, Passage
from bot.retrieval.calibration import CENTRED, ISOTROPIC, Calibration, fit
from bot.retrieval.dense import Space
from bot.retrieval.fusion import score_passages
from bot.retrieval.lexical import Lexicon
from bot.retrieval.offtopic import OFF_TOPIC
from bot.retrieval.rows import Layout, rows_of

_MOST = 800
"""Phrasings that are left out in turn: more fit no better, and each costs a product with all vectors."""
_SAME = 0.6
"""Cosine to an entry's answer from which a passage says the same: it too is left out when the entry is."""
LOOKED_AT = 3
"""Passages whose words may cover a query's."""

GONE = np.float32(-1)
"""Cosine of a row that was left out."""

Cosines = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


def calibrate(
    passages: Sequence[Passage], layout: Layout, lexicon: Lexicon, space: Space, encoders: Encoders
) -> Calibration:
    """The calibration of one encoder's space."""
    prior = CENTRED if space.centres[""].any() else ISOTROPIC
    own = {locale for locale in {p.locale for p in passages} if encoders.for_language(locale).name == space.encoder}
    field = _Field(passages, layout, lexicon, space, own)
    asked: list[tuple[bool, tuple[float, ...]]] = []
    answered: list[tuple[bool, tuple[float, ...]]] = []
    for row, owner in field.phrasings():
        text, cosines = field.text(row), field.cosines(row)
        cosines[field.position(row)] = GONE
        found, question = field.question(text, cosines, row)
        asked.append((found == owner, question))
        answered.append((True, field.answer(text, cosines, row)))
        cosines[field.saying_the_same(owner)] = GONE
        asked.append((False, field.question(text, cosines, row)[1]))
        answered.append((False, field.answer(text, cosines, row)))
    for text, vector in _off_topic(space, encoders):
        cosines = space.vectors @ vector
        asked.append((False, field.question(text, cosines)[1]))
        answered.append((False, field.answer(text, cosines)))
    return Calibration(_fitted(asked, prior.question), _fitted(answered, prior.answerable))


def _fitted(examples: list[tuple[bool, tuple[float, ...]]], prior: tuple[float, ...]) -> tuple[float, ...]:
    return fit(np.asarray([features for _, features in examples]), np.asarray([label for label, _ in examples]), prior)


def _off_topic(space: Space, encoders: Encoders) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for locale, texts in OFF_TOPIC.items():
        encoder = encoders.for_language(locale)
        if encoder.name == space.encoder:
            for text, vector in zip(texts, encoder.encode(texts, role="query"), strict=True):
                yield text, space.centred(vector, locale)


class _Field:
    """The features of a query as a search would see them, with any rows of the index left out."""

    def __init__(
        self, passages: Sequence[Passage], layout: Layout, lexicon: Lexicon, space: Space, own: set[str]
    ) -> None:
        self._passages, self._layout, self._lexicon, self._space = passages, layout, lexicon, space
        owners = layout.owners(space.rows)
        self._held, self._starts = np.unique(owners, return_index=True)
        self._asks = layout.asks[space.rows]
        self._entries = np.asarray([passages[at].kind is Kind.FAQ and passages[at].locale in own for at in self._held])
        self._own = np.asarray([passages[at].locale in own for at in self._held])

    def phrasings(self) -> Iterator[tuple[int, int]]:
        """Rows that can be left out, with their passages: those of entries that have another phrasing left."""
        rows = [
            (row, int(at))
            for at, entry in zip(self._held, self._entries, strict=True)
            if entry and len(self._passages[at].questions) > 1
            for row in range(self._layout.begins[at], self._layout.begins[at + 1] - 1)
        ]
        yield from rows[:: max(1, len(rows) // _MOST)]

    def text(self, row: int) -> str:
        at = int(self._layout.owners(np.asarray([row]))[0])
        return rows_of(self._passages[at])[row - int(self._layout.begins[at])].text

    def position(self, row: int) -> Positions:
        return self._space.positions(np.asarray([row]))[0]

    def cosines(self, row: int) -> Cosines:
        return np.array(self._space.vectors @ self._space.vectors[self.position(row)[0]])

    def saying_the_same(self, owner: int) -> Positions:
        """All rows of a passage, and of the passages that say what it says."""
        answer = self.position(int(self._layout.begins[owner + 1]) - 1)[0]
        cosines = self._space.vectors @ self._space.vectors[answer]
        said = np.maximum.reduceat(np.where(self._asks, GONE, cosines), self._starts) >= _SAME
        passages = np.union1d(self._held[said], [owner])
        rows, _ = self._layout.rows_of(passages)
        at, held = self._space.positions(rows)
        return at[held]

    def question(self, text: str, cosines: Cosines, without: int = -1) -> tuple[int, tuple[float, ...]]:
        """The entry that a query resembles most, and the features of its being the one."""
        asks = self._asks & (cosines > GONE)
        best = np.maximum.reduceat(np.where(asks, cosines, GONE), self._starts)
        scores = np.where(self._entries & (best > GONE), score_passages(cosines, asks, self._starts), GONE)
        if not len(scores) or scores.max() == GONE:
            return -1, (1.0, 0.0, 0.0, 0.0, 0.0)
        first = int(np.argmax(scores))
        second = float(np.partition(scores, -2)[-2]) if len(scores) > 1 else 0.0
        passage = int(self._held[first])
        lead = float(scores[first]) - max(second, 0.0)
        return passage, (1.0, float(best[first]), float(scores[first]), lead, self._cover(text, passage, without))

    def answer(self, text: str, cosines: Cosines, without: int = -1) -> tuple[float, ...]:
        """The features of a query's being answered at all."""
        best = np.maximum.reduceat(cosines, self._starts)
        best[~self._own] = GONE
        nearest = np.argsort(-best)[:LOOKED_AT]
        kept = [int(self._held[at]) for at in nearest if best[at] > GONE]
        covered = max((self._cover(text, passage, without) for passage in kept), default=0.0)
        return 1.0, float(best.max(initial=0.0)), covered

    def _cover(self, text: str, passage: int, without: int) -> float:
        begins = self._layout.begins
        return self._lexicon.cover(self._lexicon.weigh(text), int(begins[passage]), int(begins[passage + 1]), without)
