"""`kefu train reader`: trains the cross-encoder that says which passage answers, and calibrates it."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bot.evaluation.ranking import auroc
from bot.lessons.reading import Reading, ranked_pairs, reading_pairs
from bot.lessons.rows import read_lessons
from bot.lessons.shop import shop_lessons
from bot.lessons.training import WRITTEN
from bot.models.packaged import PACKAGED, sentence_weights
from bot.models.pairs import ADAPTER, CARD
from bot.retrieval.calibration import fit
from bot.retrieval.sources import read_knowledge
from bot.settings import Settings

HELD_OUT = 0.12
"""Share of the passages whose pairs calibrate and judge."""


def gather_readings(settings: Settings, public: Path | None, seed: int) -> list[Reading]:
    """Pairs of the lessons that come with Kefu, of the shop's own knowledge, and of public sets.

    Raises:
        LessonError: a file cannot be read.
        KnowledgeError: the shop's knowledge cannot be read.
    """
    written = [lesson for path in sorted(WRITTEN.glob("*.jsonl")) for lesson in read_lessons(path).lessons]
    own = shop_lessons(read_knowledge(settings.knowledge).passages)
    pairs = reading_pairs(written, seed) + reading_pairs(own, seed)
    return pairs + (ranked_pairs(public, seed) if public else [])


def train_reader(pairs: Sequence[Reading], out: Path, recipe: Any, tell: Callable[[Any], None]) -> dict[str, Any]:
    """Train the reader on ``pairs`` into ``out``; returns the card that stands beside it.

    Raises:
        ModelError: the encoder is not installed.
    """
    from bot.models.pair_net import tokenizer
    from bot.models.pair_tune import score, tune_pairs

    learnt = [pair for pair in pairs if _share(pair.passage) >= HELD_OUT]
    held = [pair for pair in pairs if _share(pair.passage) < HELD_OUT]
    asked = [(pair.passage, pair.question) for pair in held]
    net = tune_pairs(
        [(pair.passage, pair.question) for pair in learnt],
        [pair.answers for pair in learnt],
        recipe,
        lambda logits: _figures(held, logits(asked)),
        tell,
    )
    logits = score(net, tokenizer(), asked)
    offset, slope = fit(np.array([[1.0, logit] for logit in logits]), [pair.answers for pair in held], (0.0, 1.0))
    card = {
        "base": {"name": sentence_weights(PACKAGED).name, "fingerprint": sentence_weights(PACKAGED).fingerprint()},
        "pairs": dict(Counter(pair.kind for pair in learnt)),
        "held_out": dict(Counter(pair.kind for pair in held)),
        "recipe": asdict(recipe),
        "figures": _figures(held, logits),
        "calibration": {"slope": slope, "offset": offset, "threshold": 0.5},
    }
    out.mkdir(parents=True, exist_ok=True)
    net.save(out / ADAPTER)
    (out / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def _figures(held: Sequence[Reading], logits: Sequence[float]) -> dict[str, float]:
    """The chance that a right pair scores above a wrong one: over all, and over each kind of wrong ones."""
    right = [logit for pair, logit in zip(held, logits, strict=True) if pair.answers and pair.kind != "candidate"]
    figures: dict[str, float] = {}
    for kind in sorted({pair.kind for pair in held if not pair.answers}):
        wrong = [logit for pair, logit in zip(held, logits, strict=True) if pair.kind == kind and not pair.answers]
        own = [logit for pair, logit in zip(held, logits, strict=True) if pair.kind == kind and pair.answers] or right
        figures[f"AUROC {kind}"] = round(auroc(own, wrong), 4)
    return figures


def _share(passage: str) -> float:
    """Where in [0, 1) a passage falls; the same for ever."""
    return int.from_bytes(hashlib.blake2b(passage[:40].encode(), digest_size=6).digest(), "big") / 2**48
