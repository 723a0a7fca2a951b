"""What a head promises, on synthetic vectors: it learns, is honest about what it knows, and survives the disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.errors import ModelError
from bot.understanding.calibration import HeldOut, best_temperature
from bot.understanding.head import CARD, Head, load_head
from bot.understanding.lbfgs import minimise
from bot.understanding.learning import Lessons, learn, spoken_name

DIMENSIONS, INTENTS, EACH = 24, 12, 20
NAMES = tuple(f"intent_{number:02}" for number in range(INTENTS))


def cloud(centres: np.ndarray, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(centres)), EACH)
    vectors = centres[labels] + draw.normal(0, spread, (len(labels), DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def directions(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


CENTRES = directions(INTENTS, seed=1)


def lessons(spread: float = 0.15) -> Lessons:
    vectors, labels = cloud(CENTRES, spread, seed=2)
    texts = [f"word{label} text{row}" for row, label in enumerate(labels)]
    strangers = directions(60, seed=3)
    return Lessons(texts, vectors, labels, NAMES, CENTRES, [f"strange{n}" for n in range(60)], strangers)


@pytest.fixture(scope="module")
def head() -> Head:
    return learn(lessons(), "synthetic", "f00d")


def test_that_new_examples_are_recognized_and_strangers_are_not(head: Head) -> None:
    vectors, labels = cloud(CENTRES, 0.15, seed=4)
    readings = head.read([f"word{label}" for label in labels], vectors)
    best = np.array([NAMES.index(ranked[0].name) for ranked, _ in readings])
    assert (best == labels).mean() > 0.97
    strange = head.read(["nothing known"] * 50, directions(50, seed=5))
    assert np.mean([scope for _, scope in readings]) > 0.85
    assert np.mean([scope for _, scope in strange]) < 0.15


def test_that_confidence_is_a_probability_and_ranked(head: Head) -> None:
    ((ranked, _),) = head.read(["word3"], CENTRES[3:4])
    confidences = [intent.confidence for intent in ranked]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=0.01)
    assert {intent.name for intent in ranked} == set(NAMES)


def test_that_confidence_is_honest_where_intents_overlap() -> None:
    taught = lessons(spread=0.42)
    muddled = learn(replace(taught, texts=["all say the same"] * len(taught.labels)), "synthetic", "f00d")
    vectors, labels = cloud(CENTRES, 0.42, seed=6)
    readings = muddled.read(["all say the same"] * len(labels), vectors)
    right = np.mean([ranked[0].name == NAMES[label] for (ranked, _), label in zip(readings, labels, strict=True)])
    said = np.mean([ranked[0].confidence for ranked, _ in readings])
    assert 0.3 < right < 0.97, "the clouds must overlap for this test to say anything"
    assert abs(said - right) < 0.12


def test_that_the_temperature_undoes_what_is_too_sure() -> None:
    draw = np.random.default_rng(12)
    honest = draw.normal(0, 1.5, (4000, 5)).astype(np.float32)
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = np.array([draw.choice(5, p=row / row.sum()) for row in chances.astype(float)])
    none = np.zeros((0, 4), np.float32)
    assert best_temperature(HeldOut(3 * honest, labels, none, labels[:0])) == pytest.approx(3, rel=0.15)


def test_that_words_tell_apart_what_the_encoder_cannot() -> None:
    same = directions(1, seed=7).repeat(2 * EACH, axis=0)
    labels = np.repeat([0, 1], EACH)
    texts = [f"{'cancel' if label else 'change'} it {row}" for row, label in enumerate(labels)]
    apart = learn(Lessons(texts, same, labels, ("change", "cancel"), same[:2]), "synthetic", "x")
    read = [ranked[0].name for ranked, _ in apart.read(["please cancel", "please change"], same[:2])]
    assert read == ["cancel", "change"]


def test_that_more_evidence_never_means_less_scope(head: Head) -> None:
    assert all(weight >= 0 for weight in head.scope.weights)


def test_that_counterexamples_of_the_shop_put_their_like_out_of_scope() -> None:
    known = lessons()
    elsewhere, _ = cloud(directions(1, seed=8), 0.15, seed=9)
    taught = replace(
        known,
        texts=[*known.texts, *["the weather"] * EACH],
        vectors=np.concatenate([known.vectors, elsewhere]),
        labels=np.concatenate([known.labels, np.full(EACH, INTENTS)]),
        intents=(*NAMES, "out_of_scope"),
        names=np.concatenate([known.names, directions(1, seed=10)]),
    )
    probe, _ = cloud(directions(1, seed=8), 0.15, seed=11)
    assert all(scope < 0.3 for _, scope in learn(taught, "synthetic", "x").read(["the weather"] * EACH, probe))


def test_that_a_saved_head_reads_the_same(head: Head, tmp_path: Path) -> None:
    head.save(tmp_path)
    head.save(tmp_path)
    again = load_head(tmp_path)
    assert again.read(["word3"], CENTRES[3:4]) == head.read(["word3"], CENTRES[3:4])
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npz"], "nothing else is left behind"


def test_that_a_damaged_or_missing_head_says_what_to_do(head: Head, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="kefu train intents"):
        load_head(tmp_path / "nothing")
    head.save(tmp_path)
    next(tmp_path.glob("*.npz")).write_bytes(b"not numbers")
    with pytest.raises(ModelError, match="damaged"):
        load_head(tmp_path)
    (tmp_path / CARD).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="kefu train intents"):
        load_head(tmp_path)


def test_that_the_minimiser_finds_the_minimum() -> None:
    scale = np.logspace(0, 3, 30, dtype=np.float32)

    def bowl(at: np.ndarray) -> tuple[float, np.ndarray]:
        return float((scale * (at - 1) ** 2).sum()), 2 * scale * (at - 1)

    assert minimise(bowl, np.zeros(30, np.float32), steps=200, tolerance=1e-9) == pytest.approx(1, abs=1e-2)


def test_that_an_intents_name_is_spoken() -> None:
    assert spoken_name("faq/ask_return-time") == "ask return time"
