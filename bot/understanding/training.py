"""Trains the heads from the shop's training data, and says whether those that are there are out of date."""

import hashlib
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bot.errors import KnowledgeError
from bot.models.encoder import Encoder, Encoders, open_encoders
from bot.models.export import FORMAT as EXPORT_FORMAT
from bot.models.packaged import sentence_weights
from bot.settings import Settings
from bot.understanding.elsewhere import ELSEWHERE
from bot.understanding.head import CARD, FORMAT, is_out_of_scope, read_card
from bot.understanding.language import detect_language
from bot.understanding.recognizer import HEADS, INTENTS, TUNED_POINTER
from bot.understanding.training_data import Example, TrainingData, read_training_data


def is_stale(settings: Settings) -> bool:
    """Whether the training data, the encoder or the format changed since the heads were trained.

    Raises:
        KnowledgeError: the training data has an error.
        ModelError: the encoder's weights are missing.
    """
    cards = [read_card(path.parent) for path in (settings.data / HEADS).glob(f"*/{CARD}")]
    wanted = _fingerprint(settings, read_training_data(settings.knowledge / INTENTS))
    return not cards or any(card is None or card["fingerprint"] != wanted for card in cards)


def train_intents(settings: Settings, tune_encoder: bool = False) -> dict[str, Any]:
    """Learn the shop's intents and save the heads; returns figures to show.

    Raises:
        KnowledgeError: the training data has an error, or fewer than two intents.
        ModelError: the encoder cannot be opened.
    """
    began = time.monotonic()
    data = read_training_data(settings.knowledge / INTENTS)
    _check(data, settings)
    encoders = open_encoders(settings)
    fingerprint = _fingerprint(settings, data)
    folder = settings.data / HEADS
    lots = by_encoder(data, encoders)
    folder.mkdir(parents=True, exist_ok=True)
    if tune_encoder:
        lots[0] = (_tune(settings, lots[0][1]), lots[0][1])
    else:
        (folder / TUNED_POINTER).unlink(missing_ok=True)
    report: dict[str, Any] = {"intents": len(data.intents), "examples": len(data.examples), "heads": {}}
    kept = set()
    for encoder, examples in lots:
        head_folder = folder / _file_name(encoder.name)
        kept.add(head_folder.name)
        report["heads"][encoder.name] = _train(
            encoder, examples, fingerprint, head_folder, readable_only=len(lots) > 1 and encoder is lots[0][0]
        )
    for old in folder.iterdir():
        if old.name not in kept and (old / CARD).is_file():
            shutil.rmtree(old)
    report["seconds"] = round(time.monotonic() - began, 1)
    return report


def _tune(settings: Settings, examples: list[Example]) -> Encoder:
    """The English encoder, tuned on ``examples``, and a pointer to it for the recognizer."""
    from bot.models.tune import tune_encoder, tuned_folder
    from bot.understanding.learning import spoken_name

    inside = [example for example in examples if not is_out_of_scope(example.intent)]
    names = sorted({example.intent for example in inside})
    texts = [*(example.text for example in inside), *map(spoken_name, names)]
    labels = [*(example.intent for example in inside), *names]
    encoder = tune_encoder(settings, texts, labels).for_language("en")
    place = tuned_folder(settings, texts, labels).relative_to(settings.data)
    (settings.data / HEADS / TUNED_POINTER).write_text(f"{place}\n", encoding="utf-8")
    return encoder


def _train(
    encoder: Encoder, examples: list[Example], fingerprint: str, folder: Path, *, readable_only: bool
) -> dict[str, Any]:
    from bot.understanding.learning import Lessons, learn, spoken_name

    intents = tuple(sorted({example.intent for example in examples}))
    number = {intent: at for at, intent in enumerate(intents)}
    texts = [example.text for example in examples]
    strangers = [line for line in ELSEWHERE if line.isascii() or not readable_only]
    lessons = Lessons(
        texts=texts,
        vectors=encoder.encode(texts),
        labels=np.array([number[example.intent] for example in examples], np.intp),
        intents=intents,
        names=encoder.encode([spoken_name(intent) for intent in intents]),
        strangers=strangers,
        stranger_vectors=encoder.encode(strangers),
    )
    head = learn(lessons, encoder.name, fingerprint)
    head.save(folder)
    return {"examples": len(texts), "intents": len(intents)}


def by_encoder(data: TrainingData, encoders: Encoders) -> list[tuple[Encoder, list[Example]]]:
    """The English encoder learns from what it can read; the multilingual one from everything, because a shop's
    English examples teach it their Chinese translations too. Without such languages in the data it is not trained."""
    english = encoders.for_language("en")
    foreign = {e.intent for e in data.examples if encoders.for_language(detect_language(e.text)) is not english}
    if not foreign:
        return [(english, list(data.examples))]
    readable = [e for e in data.examples if encoders.for_language(detect_language(e.text)) is english]
    return [(english, readable), (encoders.for_language("zh"), list(data.examples))]


def _check(data: TrainingData, settings: Settings) -> None:
    counts = Counter(example.intent for example in data.examples)
    if len(counts) < 2:
        raise KnowledgeError(
            f"{settings.knowledge / INTENTS}: has {len(counts)} intents with examples; recognizing needs two or more."
        )


def _fingerprint(settings: Settings, data: TrainingData) -> str:
    weights = sentence_weights(settings.encoder)
    parts = (data.fingerprint(), weights.name, weights.fingerprint(), str(EXPORT_FORMAT), str(FORMAT))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _file_name(encoder: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in encoder)
