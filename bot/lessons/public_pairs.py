"""Pairs for the support classifier from public sets; read from a folder, never copied from it."""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.errors import LessonError
from bot.grounding.words import is_content, stem, tokens
from bot.lessons.pairs import Pair
from bot.lessons.support import choose, falsehoods

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LIKE = 0.5
"""Share of an answer's words that another evidence may hold: above it, it could be supported after all."""

SUPPORTED, MISMATCH = "true", "mismatch"


def public_pairs(data: Path, seed: int) -> tuple[Pair, ...]:
    """The pairs of the training halves of BEGIN's audit, hetPQA and semiPQA; the same for the same seed.

    Raises:
        LessonError: a file is not there.
    """
    draw = random.Random(f"{seed}/public")  # noqa: S311 - a choice, not a secret
    read = (*_begin(data), *_hetpqa(data, draw), *_ranking(data), *_semipqa(data, draw))
    return tuple(dict.fromkeys(read))


def _begin(data: Path) -> Iterator[Pair]:
    """FaithDial's audit of dialogues (MIT): what a reply says beside its knowledge is a hallucination."""
    labels = {"Entailment": True, "Hallucination": False, "Partial Hallucination": False}
    for row in _rows(data / "begin" / "train_audit.jsonl"):
        if row["label"] in labels and row["knowledge"].strip() and row["response"].strip():
            yield Pair(row["knowledge"], row["response"], supported=labels[row["label"]], kind="begin")


def _hetpqa(data: Path, draw: random.Random) -> Iterator[Pair]:
    """hetPQA (CDLA-Sharing 1.0): an answer is supported by its own evidence, and not by another one's."""
    rows = [row for row in _rows(data / "hetpqa" / "train.jsonl") if _stands(row)]
    by_product = defaultdict(list)
    for row in rows:
        by_product[row["asin"]].append(row)
    told: Counter[str] = Counter()
    for row in rows:
        yield Pair(row["evidence"], row["answer"], supported=True, kind=SUPPORTED)
        near = [
            other
            for other in by_product[row["asin"]]
            if other["question"] != row["question"] and _differs(row["evidence"], other["answer"])
        ]
        other = draw.choice(near or rows)
        if _differs(row["evidence"], other["answer"]):
            yield Pair(row["evidence"], other["answer"], supported=False, kind=MISMATCH)
        for made in choose(falsehoods(row["answer"], row["evidence"]), 1, told, draw):
            yield Pair(row["evidence"], made.text, supported=False, kind=made.kind)


def _ranking(data: Path) -> Iterator[Pair]:
    """An answer over a candidate that a human found not to answer its question."""
    answers = {(row["asin"], row["question"]): row["answer"] for row in _rows(data / "hetpqa" / "train.jsonl")}
    for row in _rows(data / "hetpqa" / "valid_ranking.jsonl"):
        answer = answers.get((row["asin"], row["question"]))
        for candidate in row["candidates"]:
            if answer and candidate["label"] == 0 and candidate["text"] and _differs(candidate["text"], answer):
                yield Pair(candidate["text"], answer, supported=False, kind=MISMATCH)


def _semipqa(data: Path, draw: random.Random) -> Iterator[Pair]:
    """semiPQA (CDLA-Sharing 1.0): a sentence over its attribute, and over the same attribute of another product."""
    rows = [*_rows(data / "semipqa" / "d2t_train.jsonl")]
    by_key = defaultdict(list)
    for row in rows:
        by_key[row["data"].partition(":")[0]].append(row)
    told: Counter[str] = Counter()
    for row in rows:
        yield Pair(row["data"], row["text"], supported=True, kind=SUPPORTED)
        others = [other for other in by_key[row["data"].partition(":")[0]] if other["data"] != row["data"]]
        if others and _differs(row["data"], _value((other := draw.choice(others))["data"]), like=0.1):
            yield Pair(row["data"], other["text"], supported=False, kind=MISMATCH)
        elif made := choose(falsehoods(row["text"], row["data"]), 1, told, draw):
            yield Pair(row["data"], made[0].text, supported=False, kind=made[0].kind)


def _stands(row: Mapping[str, Any]) -> bool:
    """Whether the answer's numbers stand in its evidence or question; annotators rounded, and looked elsewhere."""
    told = set(_NUMBER.findall(f"{row['evidence']} {row['question']}"))
    return bool(row["answer"].strip()) and set(_NUMBER.findall(row["answer"])) <= told


def _value(data: str) -> str:
    """``10`` and ``pounds`` of ``item_weight: { unit:pounds, value:10 }``."""
    return re.sub(r"\w+:", " ", data)


def _differs(evidence: str, answer: str, like: float = _LIKE) -> bool:
    """Whether little of ``answer`` stands in ``evidence``, so that it is hardly supported by it."""
    said = _words(answer)
    return bool(said) and len(said & _words(evidence)) / len(said) < like


def _words(text: str) -> set[str]:
    return {stem(token.low) for token in tokens(text) if is_content(token) or token.text[0].isdigit()}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise LessonError(f"{path}: no such file; `--public` names the folder of public sets.") from exc
    for line in lines:
        if line.strip():
            yield json.loads(line)
