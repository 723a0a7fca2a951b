"""`kefu train checker`: gathers pairs, trains the classifier, calibrates and measures it on held-out passages."""

import asyncio
import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.generation.sentences import split_sentences
from bot.grounding.verdict import GroundingChecker
from bot.lessons.bindings import bound_pairs
from bot.lessons.measures import auroc, calibration_error, overlap, platt, threshold
from bot.lessons.pairs import TRUE, Pair, read_pairs
from bot.lessons.public_pairs import public_pairs
from bot.lessons.rows import BadRow, Lesson, read_lessons
from bot.lessons.support import TURNED, VERBATIM, lesson_pairs
from bot.lessons.training import WRITTEN
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane
from bot.models.packaged import PACKAGED, sentence_weights
from bot.models.pairs import ADAPTER, CARD, Calibration, PairClassifier, open_graph
from bot.records import Kind, Passage, PassageId
from bot.settings import Settings

PAIRS = (WRITTEN / "pairs" / "support.jsonl", WRITTEN / "pairs" / "reworded.jsonl")
"""Sentences that were written to be true or false of a passage: near its words, and far from them."""

TIMES = 3
"""How often each of them is read in the second stage: they are few beside what programs make, and nearest to what is
asked. Without those far from the passage's words every rewording was taken for false; read from the beginning on, they
hold everything up (the loss stood still)."""

MADE = 20_000
"""Pairs of the first stage that are read again beside them."""

HELD_OUT = 0.15
"""Share of our own passages that nothing is learnt from: for calibration, the threshold and the figures."""

COST = 0.01
"""Share of the true sentences that pass the rules which the classifier may refuse; of sentences over passages unlike
those that it learnt from it refuses some two or three times as many."""

BOUND = 5000
"""Pairs over made-up passages, a tenth of all."""

EPOCHS, REFINING = 2.0, 1.0
"""Of the first stage and the second."""

RATE = 1e-3
"""Twice of it collapses; half of it learns no swaps in as many steps."""

LOOKED_AT = 600
"""Held-out pairs at each look during training."""

SEED = 7
"""Of the classifier that is shipped. Another one makes other falsehoods of the held-out replies too."""

Logits = Callable[[Sequence[tuple[str, str]]], list[float]]


@dataclass(frozen=True, slots=True)
class Material:
    """Pairs to learn from, and pairs over passages of which none is learnt from."""

    learn: tuple[Pair, ...]
    """In the first stage: what programs made, and what was written near the words of its passage."""
    refine: tuple[Pair, ...]
    """In the second: all that was written, and some of the first."""
    held_out: tuple[Pair, ...]
    bad: tuple[BadRow, ...] = ()


def gather(public: Path | None, seed: int) -> Material:
    """All pairs: those that come with Kefu, and with ``public`` those of the public sets in that folder.

    Raises:
        LessonError: a file cannot be read.
    """
    lessons: list[Lesson] = []
    bad: list[BadRow] = []
    for path in sorted(WRITTEN.glob("*.jsonl")):
        rows = read_lessons(path)
        lessons += rows.lessons
        bad += rows.bad
    near, far = (read_pairs(path) for path in PAIRS)
    own = tuple(dict.fromkeys((*near.pairs, *lesson_pairs(lessons, seed))))
    known = [pair for pair in own if pair.share >= HELD_OUT]
    bound = bound_pairs([pair.sentence for pair in known if pair.kind == VERBATIM and pair.supported], BOUND, seed)
    learn = (*known, *bound, *(public_pairs(public, seed) if public else ()))
    written = [pair for pair in (*near.pairs, *far.pairs) if pair.share >= HELD_OUT]
    return Material(
        learn,
        (*written * TIMES, *random.Random(seed).sample(learn, min(MADE, len(learn)))),  # noqa: S311 - a choice, no secret
        tuple(pair for pair in dict.fromkeys((*own, *far.pairs)) if pair.share < HELD_OUT),
        (*bad, *near.bad, *far.bad),
    )


def train_checker(
    settings: Settings,
    out: Path,
    material: Material,
    tell: Callable[[Any], None],
    *,
    epochs: float = EPOCHS,
    seed: int = SEED,
    start: Path | None = None,
) -> dict[str, Any]:
    """Train a classifier into ``out``, in two stages; returns the card that stands beside it.

    ``start`` is a folder with what a first stage left: then only the second is trained.

    Raises:
        ModelError: torch is not installed, or the result cannot be exported.
    """
    try:
        from bot.models.pair_tune import Recipe
    except ImportError as exc:
        raise ModelError(f"Training the checker needs the packages of kefu[models]: {exc}.") from exc

    looked = _spread(material.held_out, LOOKED_AT)

    def look(logits: Logits) -> dict[str, float]:
        return {"auroc": round(auroc(logits([p.read for p in looked]), [p.supported for p in looked]), 4)}

    out.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(epochs=epochs, rate=RATE, seed=seed)
    refining = Recipe(epochs=REFINING, rate=RATE / 2, seed=seed)
    begun = start or out / "first"
    if start is None:
        begun.mkdir(exist_ok=True)
        _tuned(material.learn, recipe, look, tell).save(begun / ADAPTER)
    _tuned(material.refine, refining, look, tell, begun / ADAPTER).save(out / ADAPTER)
    # Calibrated on what is served: eight bits shift the logits a little.
    raw = PairClassifier(open_graph(settings, out), Calibration(1.0, 0.0, 0.5))
    logits = raw.logits([pair.read for pair in material.held_out])
    passed = asyncio.run(pass_rules(settings, material.held_out))
    calibration = calibrate(material.held_out, logits, passed)
    base = sentence_weights(PACKAGED)
    card = {
        "base": {"name": base.name, "fingerprint": base.fingerprint()},
        "calibration": asdict(calibration),
        "figures": measure(material.held_out, [*map(calibration.probability, logits)], passed, calibration),
        "begun_from": None
        if start is None
        else hashlib.blake2b((start / ADAPTER).read_bytes(), digest_size=6).hexdigest(),
        "learnt_from": _counts(material.learn),
        "refined_with": _counts(material.refine),
        "held_out": _counts(material.held_out),
        "left_out": len(material.bad),
        "recipe": {"first": asdict(recipe), "second": asdict(refining)},
    }
    (out / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()


def _tuned(
    pairs: Sequence[Pair],
    recipe: Any,
    look: Callable[[Logits], dict[str, float]],
    tell: Callable[[Any], None],
    start: Path | None = None,
) -> Any:
    from bot.models.pair_tune import tune_pairs

    return tune_pairs([pair.read for pair in pairs], [pair.supported for pair in pairs], recipe, look, tell, start)


def calibrate(pairs: Sequence[Pair], logits: Sequence[float], passed: Sequence[bool]) -> Calibration:
    """Probabilities for the logits of held-out pairs, and the threshold that costs few of the true that ``passed``.

    Calibrated on replies, true and false: lines word for word are easier than what is asked.
    """
    rows = [at for at, pair in enumerate(pairs) if pair.kind not in (VERBATIM, TURNED)]
    slope, offset = platt([logits[at] for at in rows], [pairs[at].supported for at in rows])
    free = Calibration(slope, offset, 0.0)
    shown = [at for at, pair in enumerate(pairs) if pair.supported and pair.kind == TRUE and passed[at]]
    least = threshold([free.probability(logits[at]) for at in shown], COST)
    return Calibration(round(slope, 4), round(offset, 4), round(least, 4))


def measure(
    pairs: Sequence[Pair], probabilities: Sequence[float], passed: Sequence[bool], calibration: Calibration
) -> dict[str, Any]:
    """Figures on held-out pairs: for each kind of false sentences, how well the classifier, plain overlap and the rules
    tell them from true replies, and what of them is refused at the threshold.
    """
    told = [overlap(pair.read[1], pair.read[0]) for pair in pairs]
    true = [at for at, pair in enumerate(pairs) if pair.kind == TRUE and pair.supported]
    judged = [at for at, pair in enumerate(pairs) if pair.kind not in (VERBATIM, TURNED)]
    cut = calibration.threshold
    # Overlap is cut where it refuses as many true ones.
    lost = sum(probabilities[at] < cut for at in true)
    overlap_cut = sorted(told[at] for at in true)[lost] if lost < len(true) else 1.0
    figures: dict[str, Any] = {
        "calibration_error": round(
            calibration_error([probabilities[at] for at in judged], [pairs[at].supported for at in judged]), 4
        ),
        "true": {
            "pairs": len(true),
            "refused": _share(probabilities[at] < cut for at in true),
            "passed by rules": _share(passed[at] for at in true),
            "refused of what rules pass": _share(probabilities[at] < cut for at in true if passed[at]),
        },
    }
    by_kind = defaultdict(list)
    for at, pair in enumerate(pairs):
        if not pair.supported:
            by_kind[pair.kind].append(at)
    for kind, false in sorted(by_kind.items()):
        labels = [True] * len(true) + [False] * len(false)
        figures[kind] = {
            "pairs": len(false),
            "auroc": round(auroc([probabilities[at] for at in (*true, *false)], labels), 4),
            "auroc of overlap": round(auroc([told[at] for at in (*true, *false)], labels), 4),
            "refused": _share(probabilities[at] < cut for at in false),
            "refused by overlap": _share(told[at] < overlap_cut for at in false),
            "passed by rules": sum(passed[at] for at in false),
            "passed by both": sum(passed[at] and probabilities[at] >= cut for at in false),
        }
    return figures


async def pass_rules(settings: Settings, pairs: Sequence[Pair]) -> list[bool]:
    """Whether the rules alone would show each pair's sentence."""
    lane = EncoderLane(open_encoders(settings))
    checker = GroundingChecker(lane)
    try:
        return [await _passes(checker, pair) for pair in pairs]
    finally:
        await lane.close()


async def _passes(checker: GroundingChecker, pair: Pair) -> bool:
    passage = Passage(PassageId("held out"), Kind.POLICY, pair.title, pair.source, "")
    verdicts = [await checker.check(sentence, [passage], "") for sentence in split_sentences(pair.sentence)]
    return all(verdict.supported for verdict in verdicts)


def _counts(pairs: Sequence[Pair]) -> dict[str, int]:
    return dict(sorted(Counter(f"{pair.kind}, {'true' if pair.supported else 'false'}" for pair in pairs).items()))


def _share(values: Any) -> float:
    found = [bool(value) for value in values]
    return round(sum(found) / len(found), 4) if found else 0.0


def _spread(pairs: Sequence[Pair], most: int) -> list[Pair]:
    step = max(1, len(pairs) // most)
    return list(pairs[::step][:most])
