"""The figures of `kefu eval answers`: how right, how faithful and how honest each system was over a set. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bot.evaluation.answer_findings import Searched
from bot.evaluation.answer_sets import Asked
from bot.evaluation.answer_systems import QUOTED, SERVED, SYSTEMS, Judged
from bot.evaluation.ranking import auroc
from bot.evaluation.replies import holds, repetition, token_f1, token_recall, words

DRAWS = 2000
"""Resamples of a bootstrap: the ends of a 95 % interval then stand on fifty draws each."""

SEED = 7

MADE_UP, WRONG = 3.0, 1.0
"""Harm: something made up is worse than anything that is only wrong."""

UNLIKE = 0.2
"""Token F1 below which a reply without facts to look for is taken for another answer than the right one."""

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A question of a set, and what each system said; None where it does not speak the language, or was not asked."""

    set: str
    searched: Searched
    replies: Mapping[str, Judged | None]

    @property
    def asked(self) -> Asked:
        """The question."""
        return self.searched.asked


def set_figures(rows: Sequence[Answered]) -> dict[str, Any]:
    """All figures of one set; ``systems`` has those that answered any of its questions."""
    known = [row.searched.found.answerable for row in rows if row.asked.answerable]
    unknown = [row.searched.found.answerable for row in rows if not row.asked.answerable]
    systems = {
        system: system_figures(rows, system) for system in SYSTEMS if any(row.replies.get(system) for row in rows)
    }
    return {
        "questions": len(rows),
        "answerable": len(known),
        "answerable_auroc": auroc(known, unknown) if known and unknown else None,
        "served": asdict(tally(rows)),
        "served_minus_quoted_f1": difference(rows, SERVED, QUOTED),
        "systems": systems,
    }


def system_figures(rows: Iterable[Answered], system: str) -> dict[str, Any]:
    """The figures of one system; None where a set has nothing to tell it by."""
    replied = [(row.asked, judged) for row in rows if (judged := row.replies.get(system))]
    speaking = [judged for _, judged in replied if not judged.said.abstained]
    verdicts = [verdict.supported for judged in speaking for verdict in judged.verdicts]
    rungs = Counter(str(judged.said.rung) for _, judged in replied if judged.said.rung)
    return {
        **_correctness([(asked, judged) for asked, judged in replied if asked.answerable]),
        "supported": _mean(verdicts),
        "made_up": _mean(bool(judged.made_up) for judged in speaking),
        **abstention([(not asked.answerable, judged.said.abstained) for asked, judged in replied]),
        "words": _mean(len(words(judged.said.text)) for judged in speaking),
        "repetition": _mean(repetition(judged.said.text) for judged in speaking),
        "rungs": dict(rungs.most_common()),
    }


def _correctness(replied: Sequence[tuple[Asked, Judged]]) -> Figures:
    """Over questions that can be answered; who abstains from one is right in nothing."""
    told = [(asked, judged) for asked, judged in replied if asked.references]
    with_facts = [(asked, judged) for asked, judged in replied if asked.facts]
    answered = [(asked, judged) for asked, judged in replied if not judged.said.abstained]
    return {
        "f1": _mean(f1(*pair) for pair in told),
        "f1_answered": _mean(f1(*pair) for pair in answered if pair[0].references),
        "recall": _mean(
            0.0 if judged.said.abstained else token_recall(judged.said.text, asked.references) for asked, judged in told
        ),
        "facts": _mean(
            not judged.said.abstained and holds(judged.said.text, asked.facts) for asked, judged in with_facts
        ),
        "cited": _mean(judged.cited in asked.gold for asked, judged in answered),
    }


def f1(asked: Asked, judged: Judged) -> float:
    """Token F1 of a reply against its nearest reference; 0 where it abstains."""
    return 0.0 if judged.said.abstained else token_f1(judged.said.text, asked.references)


def abstention(pairs: Iterable[tuple[bool, bool]]) -> Figures:
    """Precision, recall and F1 of abstaining, over pairs of (it should, it did); None where nothing can be told."""
    counts = Counter(pairs)
    right, wrong, missed = counts[True, True], counts[False, True], counts[True, False]
    if not right + missed:
        return dict.fromkeys(("abstain_precision", "abstain_recall", "abstain_f1"))
    return {
        "abstain_precision": right / (right + wrong) if right + wrong else None,
        "abstain_recall": right / (right + missed),
        "abstain_f1": 2 * right / (2 * right + wrong + missed),
    }


def difference(rows: Iterable[Answered], one: str, other: str) -> Figures | None:
    """Mean F1 of ``one`` minus that of ``other`` over the same questions, with its 95 % interval; None without any."""
    gained = [
        f1(row.asked, mine) - f1(row.asked, theirs)
        for row in rows
        if row.asked.answerable and row.asked.references
        if (mine := row.replies.get(one)) and (theirs := row.replies.get(other))
    ]
    if not gained:
        return None
    low, high = interval(gained)
    return {"mean": float(np.mean(gained)), "low": low, "high": high}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean, by the percentile bootstrap (Efron 1979); the same values give the same interval."""
    found = np.asarray(values, dtype=float)
    draws = np.random.default_rng(SEED).integers(len(found), size=(DRAWS, len(found)))
    low, high = np.percentile(found[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of a system's replies were what; the figures that need no explanation."""

    answerable: int
    """Questions that can be answered."""
    answered: int
    """Of these, with a reply."""
    right: int
    """Of those, by every fact that the reply should hold, or by its words where it should hold none."""
    unanswerable: int
    silent: int
    """Of these, with no reply but that it does not know."""
    made_up: int
    """Replies with a figure, or a sentence of the model, that no passage found supports."""


def tally(rows: Iterable[Answered], system: str = SERVED) -> Tally:
    """Count a system's replies."""
    judged = [(row, reply.said.abstained, harm(row, system)) for row in rows if (reply := row.replies.get(system))]
    known = [(abstained, bad) for row, abstained, bad in judged if row.asked.answerable]
    return Tally(
        answerable=len(known),
        answered=sum(not abstained for abstained, _ in known),
        right=sum(not abstained and bad < WRONG for abstained, bad in known),
        unanswerable=len(judged) - len(known),
        silent=sum(abstained for row, abstained, _ in judged if not row.asked.answerable),
        made_up=sum(bad >= MADE_UP for _, _, bad in judged),
    )


def worst(rows: Iterable[Answered], count: int, system: str = SERVED) -> list[Answered]:
    """The replies of a system that do most harm, worst first: what is made up, then what is wrong."""
    judged = sorted(((harm(row, system), at, row) for at, row in enumerate(rows)), key=lambda one: (-one[0], one[1]))
    return [row for bad, _, row in judged[:count] if bad >= WRONG]


def harm(row: Answered, system: str = SERVED) -> float:
    """How bad a reply is: from ``MADE_UP`` on it makes something up, from ``WRONG`` on it is wrong; below it may pass.

    A reply to a question without an answer is as bad as the search was sure of one. One that abstains does no harm.
    """
    judged = row.replies.get(system)
    if judged is None or judged.said.abstained:
        return 0.0
    made_up = MADE_UP * judged.invents
    if not row.asked.answerable:
        return made_up + 1 + row.searched.found.answerable
    alike = f1(row.asked, judged)
    if row.asked.facts:
        return made_up + (not holds(judged.said.text, row.asked.facts)) + 1 - alike
    if row.asked.references:
        return made_up + (alike < UNLIKE) + 1 - alike
    return made_up + (judged.cited not in row.asked.gold)


def wrongly_silent(rows: Iterable[Answered], system: str = SERVED) -> list[Answered]:
    """Questions that can be answered, from which a system abstained."""
    return [
        row
        for row in rows
        if row.asked.answerable and (judged := row.replies.get(system)) is not None and judged.said.abstained
    ]


def _mean(values: Iterable[float]) -> float | None:
    found = [float(value) for value in values]
    return sum(found) / len(found) if found else None
