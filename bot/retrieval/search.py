"""One search: candidates by vector and by word, scored together, with the products and the two probabilities. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bot.records import Filter, Findings, Hit, Kind, Passage, Vector
from bot.retrieval.calibrate import LOOKED_AT
from bot.retrieval.calibration import differences
from bot.retrieval.dense import Space, top
from bot.retrieval.fusion import FOREIGN, PRODUCT, UNASKED, fuse, score_passages
from bot.retrieval.index import Index
from bot.retrieval.lexical import cover
from bot.retrieval.query import Question

LIMIT = 8
"""Hits of a search: more than the writer reads or the trace shows."""

_CANDIDATES = 64
"""Rows from each side; beyond them no passage came among the first ten on the public sets."""
_UNASKED_HITS = 3
"""Of products that nobody named: facts are many, and would crowd out the policies."""
_OVERVIEWS = 5
"""Products of a listing that come along as passages."""
_LISTED = 300
"""Products whose facts are all compared with the question; a longer listing keeps the catalogue's order."""
_CERTAIN = 0.95
"""A product that satisfies an explicit wish answers it; only the reading of the wish may be wrong."""

Positions = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Passages with their scores, in no order; each array has shape (passages,)."""

    passages: Positions
    scores: Floats
    dense: Floats
    lexical: Floats
    asked: Floats
    """Best cosine with one of an FAQ's phrasings; -inf for others."""


def search(index: Index, question: Question, vector: Vector, encoder: str, limit: int = LIMIT) -> Findings:
    """Find what answers a question; ``vector`` is the encoding of its text by ``encoder``, which the index must have."""
    space = index.spaces[encoder]
    query = space.centred(vector)
    weights = index.lexicon.weigh(question.text)
    lexical = index.lexicon.scores(weights)
    products = question.products or _matching(index, question)
    asked_for = bool(question.products or question.filters)
    candidates = _candidates(index, space, query, lexical)
    if asked_for:
        # With the products known, the facts of others only mislead.
        others = index.is_kind(candidates, Kind.PRODUCT)
        candidates = np.union1d(candidates[~others], _places(index, products))
    scored = _adjusted(index, question, _scores(index, space, query, lexical, candidates), asked_for)
    if question.searches_products:
        products = _ordered(index, question, products, scored)
    chosen = _choose(index, scored, asked_for, products if question.searches_products else (), limit)
    passages = [index.passages[int(scored.passages[at])] for at in chosen]
    hits = _hits(index, question, encoder, weights, scored, chosen, passages)
    return Findings(
        query=question.text,
        hits=hits,
        answerable=_answerable(index, question, encoder, weights, scored, passages, products),
        products=products or _spoken_of(hits),
        filters=question.filters,
        version=index.version,
    )


def _matching(index: Index, question: Question) -> tuple[str, ...]:
    return index.catalogue.matching(question.filters) if question.filters else ()


def _candidates(index: Index, space: Space, query: Vector, lexical: Floats) -> Positions:
    """Passages that are near by vector or by word."""
    if not len(space.rows):
        return np.zeros(0, dtype=np.int64)
    near, _ = space.nearest(query, _CANDIDATES)
    worded = top(lexical, _CANDIDATES)
    rows = np.concatenate([space.rows[near], worded[lexical[worded] > 0]])
    return np.unique(index.layout.owners(rows))


def _places(index: Index, products: Sequence[str]) -> Positions:
    own = [index.places[sku] for sku in products[:_LISTED] if sku in index.places]
    return np.concatenate(own) if own else np.zeros(0, dtype=np.int64)


def _scores(index: Index, space: Space, query: Vector, lexical: Floats, passages: Positions) -> _Scored:
    """Score passages by all their rows that this space holds; a passage without any is left out."""
    rows, _ = index.layout.rows_of(passages)
    at, held = space.positions(rows)
    rows, at = rows[held], at[held]
    if not len(rows):
        return _Scored(*(np.zeros(0, dtype) for dtype in (np.int64, *[np.float32] * 4)))  # type: ignore[arg-type]  # the first is int64
    kept, starts = np.unique(index.layout.owners(rows), return_index=True)
    asks = index.layout.asks[rows]
    dense, words = space.cosines(query, at), lexical[rows]
    scores, _, _ = score_passages(fuse(dense, words), asks, starts)
    never = np.float32(-np.inf)
    return _Scored(
        kept,
        scores,
        np.maximum.reduceat(dense, starts),
        np.maximum.reduceat(words, starts),
        np.maximum.reduceat(np.where(asks, dense, never), starts),
    )


def _adjusted(index: Index, question: Question, scored: _Scored, asked_for: bool) -> _Scored:
    foreign = index.locales[scored.passages] != question.language
    products = index.is_kind(scored.passages, Kind.PRODUCT)
    moved = scored.scores - np.float32(FOREIGN) * foreign + np.float32(PRODUCT if asked_for else -UNASKED) * products
    return replace(scored, scores=moved.astype(np.float32))


def _ordered(index: Index, question: Question, products: tuple[str, ...], scored: _Scored) -> tuple[str, ...]:
    """Products in the order that was asked for, else by the fact of each that fits the question best."""
    if question.order:
        attribute, descending = question.order
        return index.catalogue.by(attribute, products, descending=descending)
    if len(products) > _LISTED:
        return products
    best = dict.fromkeys(products, -np.inf)
    for at, score in zip(scored.passages, scored.scores, strict=True):
        sku = _sku(index.passages[int(at)])
        if sku in best:
            best[sku] = max(best[sku], float(score))
    return tuple(sorted(products, key=lambda sku: -best[sku]))


def _choose(index: Index, scored: _Scored, asked_for: bool, listed: Sequence[str], limit: int) -> list[int]:
    """Places in ``scored`` of the hits, best first; the overviews of listed products are among them."""
    order = [int(at) for at in np.argsort(-scored.scores, kind="stable")]
    is_product = index.is_kind(scored.passages, Kind.PRODUCT)
    chosen: list[int] = []
    unasked = 0
    for at in order:
        if is_product[at] and not asked_for:
            unasked += 1
            if unasked > _UNASKED_HITS:
                continue
        chosen.append(at)
        if len(chosen) == limit:
            break
    # The first passage of a product is its overview.
    overviews = {int(index.places[sku][0]) for sku in listed[:_OVERVIEWS]}
    missing = [at for at in order if int(scored.passages[at]) in overviews and at not in chosen]
    kept = [at for at in chosen if int(scored.passages[at]) in overviews]
    others = [at for at in chosen if at not in kept][: limit - len(kept) - len(missing)]
    return sorted([*others, *kept, *missing], key=order.index)


def _hits(
    index: Index,
    question: Question,
    encoder: str,
    weights: dict[str, float],
    scored: _Scored,
    chosen: Sequence[int],
    passages: Sequence[Passage],
) -> tuple[Hit, ...]:
    asked = _asked(index, question, encoder, weights, scored)
    return tuple(
        Hit(
            passage=passage,
            score=float(scored.scores[at]),
            dense=float(scored.dense[at]),
            lexical=float(scored.lexical[at]),
            question=asked.get(at, 0.0),
        )
        for at, passage in zip(chosen, passages, strict=True)
    )


def _asked(
    index: Index, question: Question, encoder: str, weights: dict[str, float], scored: _Scored
) -> dict[int, float]:
    """The probability of the entry that is asked for most clearly; a second cannot be asked at the same time."""
    readable = np.where(index.locales[scored.passages] == question.language, scored.asked, -np.inf)
    if not len(readable) or not np.isfinite(readable).any():
        # No entry in the shopper's language: the nearest of any.
        readable = scored.asked
    first = int(np.argmax(readable)) if len(readable) else -1
    if first < 0 or not np.isfinite(readable[first]):
        return {}
    second = float(np.partition(readable, -2)[-2]) if len(readable) > 1 else 0.0
    passage = index.passages[int(scored.passages[first])]
    entry = "\n".join((*passage.questions, passage.text))
    best = float(readable[first])
    nearest = max(passage.questions, key=lambda asked: cover(weights, asked))
    unlike = differences(question.text, nearest, entry)
    # An entry that does not speak of the product in question answers another question.
    unlike += any(not _speaks_of(index, sku, entry) for sku in question.products[:1])
    chance = index.calibrations[encoder].asks(best, best - max(second, 0.0), cover(weights, entry), unlike)
    return {first: chance}


def _speaks_of(index: Index, sku: str, entry: str) -> bool:
    return sku in index.catalogue.about(entry)


def _answerable(
    index: Index,
    question: Question,
    encoder: str,
    weights: dict[str, float],
    scored: _Scored,
    passages: Sequence[Passage],
    products: Sequence[str],
) -> float:
    if not len(scored.passages):
        return 0.0
    covered = max((cover(weights, _told(passage)) for passage in passages[:LOOKED_AT]), default=0.0)
    chance = index.calibrations[encoder].answers(float(scored.dense.max()), covered)
    wished = any(_is_wish(filter_) for filter_ in question.filters) or bool(question.order)
    return max(chance, _CERTAIN) if wished and products and question.searches_products else chance


def _is_wish(filter_: Filter) -> bool:
    """A category alone is what is spoken of, not yet what is asked."""
    return filter_.attribute != "category"


def _told(passage: Passage) -> str:
    return "\n".join((passage.title, *passage.questions, passage.text))


def _sku(passage: Passage) -> str:
    return passage.attributes.get("sku", "") if passage.kind is Kind.PRODUCT else ""


def _spoken_of(hits: Sequence[Hit]) -> tuple[str, ...]:
    """Products that nobody named, but that the best passages are about."""
    if not hits or not _sku(hits[0].passage):
        return ()
    return tuple(dict.fromkeys(sku for hit in hits if (sku := _sku(hit.passage))))
