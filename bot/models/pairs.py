"""Classifiers of pairs: the packaged encoder, with a trained adapter, reads two texts together and says yes or no.

Two are shipped, as adapter and head: one says whether a source supports a sentence (``kefu train checker``), one
whether a passage answers a question (``kefu train reader``). The first time they are merged into the encoder and
exported, as the encoder itself is (``models.pair_net``).
"""

import hashlib
import importlib.util
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.models.graph import Graph, export_aside
from bot.models.packaged import PACKAGED, sentence_weights
from bot.settings import Settings

SUPPORT = Path(__file__).parent / "shipped" / "support"
"""Whether a source (first) supports a sentence (second)."""

READER = SUPPORT.with_name("reader")
"""Whether a passage (first) answers a question (second)."""

ADAPTER = "adapter.safetensors"
CARD = "card.json"

FORMAT = 1
"""Part of every export's folder name; raise it when the same adapter makes another graph."""

MOST_TOKENS = 160
"""Of both texts; the longer of the two is cut. One pair in a hundred of a shop's is longer than 116."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes a probability of a logit (Platt 1999), and the least one that is a yes."""

    slope: float
    offset: float
    threshold: float

    def probability(self, logit: float) -> float:
        """In [0, 1]."""
        return 1 / (1 + math.exp(-min(max(self.slope * logit + self.offset, -30.0), 30.0)))


class PairClassifier:
    """Says how likely a pair is a yes. Safe to call from several threads; blocks, so off the event loop only."""

    def __init__(self, graph: Graph, calibration: Calibration) -> None:
        self._graph = graph
        self.calibration = calibration

    def logits(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """One for each pair; only differences between them mean anything."""
        return [float(logit) for logit in self._graph(pairs)] if pairs else []

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """How likely each pair is a yes, in [0, 1]."""
        return [self.calibration.probability(logit) for logit in self.logits(pairs)]


def open_pairs(settings: Settings, folder: Path = SUPPORT) -> PairClassifier | None:
    """Open the classifier in ``folder``; the first time this exports it, some 20 seconds.

    None where none is shipped, and where it was not exported before and kefu[models], which could do it, is not
    installed: rules check alone.

    Raises:
        ModelError: it is damaged, or was trained on another encoder; names the file.
    """
    if not folder.is_dir():
        return None
    calibration = _calibration(folder, read_card(folder))
    if not is_exported(settings, folder) and not can_export():
        return None
    return PairClassifier(open_graph(settings, folder), calibration)


def open_graph(settings: Settings, folder: Path) -> Graph:
    """The network of the classifier in ``folder``, exported if it was not before.

    Raises:
        ModelError: as for `open_pairs`.
    """
    exported = exported_folder(settings, folder)
    if not (exported / CARD).is_file():
        export_aside("bot.models.pair_net", folder, exported, CARD)
    return Graph(exported, MOST_TOKENS, settings.encoder_threads)


def exported_folder(settings: Settings, folder: Path = SUPPORT) -> Path:
    """Where the classifier in ``folder`` lies exported, or will.

    Raises:
        ModelError: its adapter or the encoder is not there.
    """
    try:
        weights = (folder / ADAPTER).read_bytes()
    except OSError as exc:
        raise ModelError(f"{folder / ADAPTER}: cannot be read ({exc.strerror or exc}).") from exc
    digest = hashlib.blake2b(weights, digest_size=6).hexdigest()
    return settings.data / "models" / f"pairs-{FORMAT}{digest}"


def is_exported(settings: Settings, folder: Path = SUPPORT) -> bool:
    """Whether the classifier in ``folder`` can be opened without kefu[models].

    Raises:
        ModelError: its adapter is not there.
    """
    return (exported_folder(settings, folder) / CARD).is_file()


def can_export() -> bool:
    """Whether the packages are installed that exporting needs."""
    wanted = ("torch", "transformers", "safetensors", "onnx", "onnxscript")
    return all(importlib.util.find_spec(name) for name in wanted)


def read_card(folder: Path = SUPPORT) -> dict[str, Any]:
    """What training wrote beside the adapter: its data, its figures, its calibration.

    Raises:
        ModelError: it cannot be read, or names another encoder than the one that is installed.
    """
    path = folder / CARD
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        fingerprint = card["base"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ModelError(f"{path}: cannot be read ({exc}).") from exc
    installed = sentence_weights(PACKAGED)
    if fingerprint != installed.fingerprint():
        raise ModelError(f"{path}: trained on {fingerprint}, and {installed.name} here is {installed.fingerprint()}.")
    return card


def _calibration(folder: Path, card: dict[str, Any]) -> Calibration:
    try:
        return Calibration(**card["calibration"])
    except (KeyError, TypeError) as exc:
        raise ModelError(f"{folder / CARD}: holds no calibration ({exc}).") from exc
