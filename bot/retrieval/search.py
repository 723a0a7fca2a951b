"""One search: candidates by vector and by word, scored together, with the products and the two probabilities. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bot.records import Findings, Hit, Kind, Passage, Vector
from bot.retrieval.calibrate import LOOKED_AT
from bot.retrieval.calibration import differences
from bot.retrieval.dense import Space, top
from bot.retrieval.fusion import FOREIGN, NAMED, POINTED, UNASKED, fuse, score_passages
from bot.retrieval.index import Index
from bot.retrieval.query import Question
from bot.retrieval.words import words_of

LIMIT = 8
"""Hits of a search: more than the writer reads or the trace shows."""

_CANDIDATES = 64
"""Rows from each side; beyond them no passage came among the first ten on the public sets."""
_LITTLE = 0.3
"""Of the best BM25: below it a row comes along by its vector or not at all."""
_UNASKED_HITS = 3
"""Of products that nobody named: facts are many, and would crowd out the policies."""
_OVERVIEWS = 5
"""Products of a listing that come along as passages."""
_LISTED = 300
"""Products whose facts are all compared with the question: the first in the order asked for, or those that the words
and vectors come upon, and then the catalogue's first."""
_HALF = 0.5
"""Of what is asked about a product, an entry must hold at least this share to be about the same."""
_EVERY = 0.9
"""Of a product's facts: a word in so many of them is part of how they are told."""
_VERBATIM = 0.99
"""The shop's own phrasing, letter by letter."""
_LIKELY = 0.5
"""An entry is more likely the one that is asked for than not."""
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
    entry: Floats
    """Score by vectors alone."""
    floor: float = 0.0
    """No passage that is missing here has a row with a higher cosine."""


def search(index: Index, question: Question, vector: Vector, encoder: str, limit: int = LIMIT) -> Findings:
    """Find what answers a question.

    ``vector`` is the encoding of its text by ``encoder``, of which the index must have a space.
    """
    space = index.spaces[encoder]
    query = space.centred(vector, question.language)
    weights = index.lexicon.weigh(question.text)
    asked = _without_names(index, question, weights)
    telling = _telling(index, question, weights)
    lexical = index.lexicon.scores(telling) * np.float32(sum(telling.values()) / max(sum(weights.values()), 1e-9))
    products = question.products or _matching(index, question)
    # What comes nearest to wishes that nothing fulfils is found, but is not among the products that match.
    near = _nearest_to(index, question) if question.searches_products and not products else ()
    asked_for = bool(question.products or question.filters)
    candidates, floor = _candidates(space, index, query, lexical)
    if asked_for:
        # With the products known, the facts of others only mislead.
        others = index.is_kind(candidates, Kind.PRODUCT)
        if question.searches_products:
            products = _foremost(index, question, products, candidates[others])
        candidates = np.union1d(candidates[~others], _places(index, products or near))
    scored = _adjusted(index, question, asked, _scores(index, space, query, lexical, candidates), asked_for)
    scored = replace(scored, floor=floor)
    if question.searches_products and not question.order:
        products = _ordered(index, products, scored)
    chosen = _choose(index, scored, asked_for, (products or near) if question.searches_products else (), limit)
    passages = [index.passages[int(scored.passages[at])] for at in chosen]
    hits = _hits(index, question, encoder, weights, scored, chosen, passages)
    return Findings(
        query=question.text,
        hits=hits,
        answerable=_answerable(index, question, encoder, asked, scored, chosen, products),
        products=products or (() if near else _spoken_of(hits)),
        filters=question.filters,
        version=index.version,
    )


def _matching(index: Index, question: Question) -> tuple[str, ...]:
    return index.catalogue.matching(question.filters) if question.filters else ()


def _nearest_to(index: Index, question: Question) -> tuple[str, ...]:
    nearest = index.catalogue.nearest(question.filters)
    return (nearest,) if nearest else ()


def _candidates(space: Space, index: Index, query: Vector, lexical: Floats) -> tuple[Positions, float]:
    """Passages that are near by vector or by word, and the cosine that no vector of another exceeds."""
    if not len(space.rows):
        return np.zeros(0, dtype=np.int64), 0.0
    near, cosines = space.nearest(query, _CANDIDATES)
    floor = float((space.cosines(query, near) if cosines is None else cosines[near]).min(initial=1.0))
    # Most rows share some word with a query; those that share little need not be sorted.
    worded = np.flatnonzero(lexical > _LITTLE * lexical.max(initial=0.0))
    rows = np.concatenate([space.rows[near], worded[top(lexical[worded], _CANDIDATES)]])
    return np.unique(index.layout.owners(rows)), floor if len(near) < len(space.rows) else -1.0


def _foremost(index: Index, question: Question, products: tuple[str, ...], met: Positions) -> tuple[str, ...]:
    """Products with those in front that are worth comparing and showing, where there are too many to compare all."""
    if question.order:
        attribute, descending = question.order
        return index.catalogue.by(attribute, products, descending=descending)
    if len(products) <= _LISTED:
        return products
    near = {_sku(index.passages[int(at)]) for at in met}
    return tuple(sorted(products, key=lambda sku: sku not in near))


def _places(index: Index, products: Sequence[str]) -> Positions:
    own = [index.places[sku] for sku in products[:_LISTED] if sku in index.places]
    return np.concatenate(own) if own else np.zeros(0, dtype=np.int64)


def _without_names(index: Index, question: Question, weights: Mapping[str, float]) -> dict[str, float]:
    """The words of a question less the names of its products."""
    catalogue = index.catalogue
    named = {word for sku in question.products for word in (*catalogue.products[sku].named, *words_of(sku))}
    return {word: weight for word, weight in weights.items() if catalogue.spelling(word) not in named}


def _telling(index: Index, question: Question, weights: Mapping[str, float]) -> Mapping[str, float]:
    """The words of a question less those that all facts of its product hold, as they do its name: such a word tells
    nothing among the facts, and would lift all of them over the policies."""
    rows = [index.layout.rows_of(index.places[sku])[0] for sku in question.products[:1] if sku in index.places]
    if not rows:
        return weights
    begin, end = int(rows[0][0]), int(rows[0][-1]) + 1
    most = _EVERY * (end - begin)
    return {word: weight for word, weight in weights.items() if index.lexicon.count(word, begin, end) < most}


def _scores(index: Index, space: Space, query: Vector, lexical: Floats, passages: Positions) -> _Scored:
    """Score passages by all their rows that this space holds; a passage without any is left out."""
    rows, _ = index.layout.rows_of(passages)
    at, held = space.positions(rows)
    rows, at = rows[held], at[held]
    if not len(rows):
        none = np.zeros(0, dtype=np.float32)
        return _Scored(np.zeros(0, dtype=np.int64), none, none, none, none, none)
    kept, starts = np.unique(index.layout.owners(rows), return_index=True)
    asks = index.layout.asks[rows]
    dense, words = space.cosines(query, at), lexical[rows]
    scores = score_passages(fuse(dense, words, asks), asks, starts)
    never = np.float32(-np.inf)
    return _Scored(
        kept,
        scores,
        np.maximum.reduceat(dense, starts),
        np.maximum.reduceat(words, starts),
        np.maximum.reduceat(np.where(asks, dense, never), starts),
        score_passages(dense, asks, starts),
    )


def _adjusted(
    index: Index, question: Question, asked: Mapping[str, float], scored: _Scored, asked_for: bool
) -> _Scored:
    foreign = index.locales[scored.passages] != question.language
    products = index.is_kind(scored.passages, Kind.PRODUCT)
    share = POINTED if question.pointing else NAMED if question.products else 0 if asked_for else -UNASKED
    moved = scored.scores - np.float32(FOREIGN) * foreign + np.float32(share) * products
    if _only_names(question, asked):
        overviews = [index.places[sku][0] for sku in question.products]
        moved = moved + np.float32(1) * np.isin(scored.passages, overviews)
    return replace(scored, scores=moved.astype(np.float32))


def _ordered(index: Index, products: tuple[str, ...], scored: _Scored) -> tuple[str, ...]:
    """Products by the fact of each that fits the question best; those that were not compared come last."""
    compared = products[:_LISTED]
    scores = dict(zip(scored.passages.tolist(), scored.scores.tolist(), strict=True))
    best = {sku: max((scores.get(at, -1.0) for at in index.places[sku].tolist()), default=-1.0) for sku in compared}
    return (*sorted(compared, key=lambda sku: -best[sku]), *products[_LISTED:])


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
    weights: Mapping[str, float],
    scored: _Scored,
    chosen: Sequence[int],
    passages: Sequence[Passage],
) -> tuple[Hit, ...]:
    asked = _asked(index, question, encoder, weights, scored)
    hits = [
        Hit(
            passage=passage,
            score=float(scored.scores[at]),
            dense=float(scored.dense[at]),
            lexical=float(scored.lexical[at]),
            question=asked.get(at, 0.0),
        )
        for at, passage in zip(chosen, passages, strict=True)
    ]
    # The answer that the shop has written to this very question comes before passages that only resemble it.
    return tuple(sorted(hits, key=lambda hit: hit.question < _LIKELY))


def _asked(
    index: Index, question: Question, encoder: str, weights: Mapping[str, float], scored: _Scored
) -> dict[int, float]:
    """The probability of the entry that is asked for most clearly; a second cannot be asked at the same time."""
    entries = np.isfinite(scored.asked)
    readable = entries & (index.locales[scored.passages] == question.language)
    # Where there is no entry in the shopper's language, the nearest of any.
    ranked = np.where(readable if readable.any() else entries, scored.entry, -np.inf)
    if not entries.any() or _only_names(question, _without_names(index, question, weights)):
        return {}
    first = int(np.argmax(ranked))
    # An entry that is not among the candidates can still be nearly as near as the last of them.
    second = max(float(np.partition(ranked, -2)[-2]) if len(ranked) > 1 else 0.0, scored.floor, 0.0)
    place = int(scored.passages[first])
    passage = index.passages[place]
    entry = "\n".join((*passage.questions, passage.text))
    if question.text.strip(" ?!.。？！").casefold() in {
        asked.strip(" ?!.。？！").casefold() for asked in passage.questions
    }:
        return {first: _VERBATIM}
    covered = _cover(index, _without_names(index, question, weights), place)
    unlike = differences(question.text, _nearest(index, weights, place, passage), entry)
    if question.products and not question.pointing:
        # An entry that does not speak of the product, or not of what is asked about it, answers another question.
        unlike += question.products[0] not in index.catalogue.about(entry)
        unlike += covered < _HALF
    unlike += question.searches_products and _wishes(question)
    score = float(scored.entry[first])
    chance = index.calibrations[encoder].asks(float(scored.asked[first]), score, score - second, covered, unlike)
    return {first: chance}


def _nearest(index: Index, weights: Mapping[str, float], place: int, passage: Passage) -> str:
    """The phrasing that shares most with the query."""
    begin = int(index.layout.begins[place])
    shares = [index.lexicon.cover(weights, row, row + 1) for row in range(begin, begin + len(passage.questions))]
    return passage.questions[int(np.argmax(shares))]


def _cover(index: Index, weights: Mapping[str, float], place: int) -> float:
    return index.lexicon.cover(weights, int(index.layout.begins[place]), int(index.layout.begins[place + 1]))


def _answerable(
    index: Index,
    question: Question,
    encoder: str,
    asked: Mapping[str, float],
    scored: _Scored,
    chosen: Sequence[int],
    products: Sequence[str],
) -> float:
    if not len(scored.passages):
        return 0.0
    if products and (_only_names(question, asked) or (question.searches_products and _wishes(question))):
        return _CERTAIN
    covered = max((_cover(index, asked, int(scored.passages[at])) for at in chosen[:LOOKED_AT]), default=0.0)
    # A question that says "it" is as much nearer to the product's facts as one that says its name.
    nearest = float(scored.dense.max()) + (POINTED if question.pointing else 0)
    return index.calibrations[encoder].answers(nearest, covered)


def _only_names(question: Question, asked: Mapping[str, float]) -> bool:
    """Whether nothing is asked about the products that are named: then they themselves are."""
    return bool(question.products) and not question.pointing and not asked


def _wishes(question: Question) -> bool:
    """Whether something is asked of products; a category alone is only what is spoken of."""
    return bool(question.order) or any(filter_.attribute != "category" for filter_ in question.filters)


def _sku(passage: Passage) -> str:
    return passage.attributes.get("sku", "") if passage.kind is Kind.PRODUCT else ""


def _spoken_of(hits: Sequence[Hit]) -> tuple[str, ...]:
    """Products that nobody named, but that the best passages are about."""
    if not hits or not _sku(hits[0].passage):
        return ()
    return tuple(dict.fromkeys(sku for hit in hits if (sku := _sku(hit.passage))))
