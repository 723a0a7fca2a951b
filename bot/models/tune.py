"""Fine-tunes the sentence encoder on labelled texts, and exports it like any other: minutes on a CPU, needs torch.

Texts of one label are pulled together and those of others pushed apart (supervised contrastive loss: Khosla et al.
2020; on few examples: Tunstall et al. 2022, "SetFit"). The head is trained afterwards, as on the frozen encoder.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.models.encoder import Encoders, open_encoders
from bot.models.packaged import sentence_weights
from bot.settings import Settings

FORMAT = 1
"""Part of a tuned encoder's name; raise it when this module trains differently."""

TUNED = "tuned"
"""Folder below the data folder with tuned encoders, as sentence-transformers models."""

_TEMPERATURE = 0.07
_RATE = 3e-5
_LABELS_A_BATCH = 24
_TEXTS_A_LABEL = 4
"""A batch is 96 texts: each has three of its own label to come closer to and 92 others to move away from."""

_TEXTS_SEEN = 16_000
"""Training length in texts: ten minutes on two cores."""

_LEAST_PASSES, _MOST_PASSES = 1, 10
"""How often each text is seen at least and at most: few examples are soon known by heart."""

_SEED = 20


def tuned_folder(settings: Settings, texts: Sequence[str], labels: Sequence[str]) -> Path:
    """Where the encoder that was tuned on exactly this data lies, or will."""
    weights = sentence_weights(settings.encoder)
    parts = [str(FORMAT), weights.fingerprint(), *texts, *labels]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return settings.data / TUNED / f"{weights.name}-tuned-{digest}"


def tune_encoder(settings: Settings, texts: Sequence[str], labels: Sequence[str]) -> Encoders:
    """The encoder of ``settings``, fine-tuned so that texts with one label lie together; made once for given data.

    Raises:
        ModelError: torch or sentence-transformers is not installed, or the result cannot be exported.
    """
    folder = tuned_folder(settings, texts, labels)
    if not folder.is_dir():
        _train_aside(sentence_weights(settings.encoder).folder, folder, texts, labels, settings.encoder_threads)
    return open_tuned(settings, folder)


def open_tuned(settings: Settings, folder: Path) -> Encoders:
    """Open a tuned encoder; the first time this exports it to int8 ONNX.

    Raises:
        ModelError: it is not there, or cannot be exported.
    """
    return open_encoders(settings.model_copy(update={"encoder": str(folder)}))


def _train_aside(source: Path, folder: Path, texts: Sequence[str], labels: Sequence[str], threads: int) -> None:
    """Train beside ``folder`` and move the result there: it appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tuning-", dir=folder.parent))
    try:
        _train(source, work, texts, labels, threads)
        work.chmod(0o755)
        work.rename(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _train(source: Path, target: Path, texts: Sequence[str], labels: Sequence[str], threads: int) -> None:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as exc:
        raise ModelError("Tuning the encoder needs torch and sentence-transformers. Install kefu[models].") from exc

    torch.set_num_threads(threads)
    torch.manual_seed(_SEED)
    model = SentenceTransformer(
        str(source), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
    )
    model.max_seq_length = min(int(model.max_seq_length or 128), 64)  # Messages are short; padding costs time.
    passes = min(max(_TEXTS_SEEN / len(texts), _LEAST_PASSES), _MOST_PASSES)
    steps = max(1, round(passes * len(texts) / (_LABELS_A_BATCH * _TEXTS_A_LABEL)))
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / (0.1 * steps + 1), (steps - step) / (0.9 * steps + 1))
    )
    model.train()
    for rows, targets in _batches(labels, steps):
        features = model.preprocess([texts[row] for row in rows])
        vectors = torch.nn.functional.normalize(model(features)["sentence_embedding"], dim=1)
        loss = _contrast(vectors, torch.tensor(targets))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    model.max_seq_length = 256
    model.eval()
    model.save(str(target), safe_serialization=True)


def _batches(labels: Sequence[str], steps: int) -> Any:
    """Rows and label numbers of each step: some labels, some texts of each, drawn anew; every label equally often."""
    import numpy as np

    draw = np.random.default_rng(_SEED)
    names, numbers = np.unique(np.array(labels), return_inverse=True)
    members = [np.flatnonzero(numbers == label) for label in range(len(names))]
    waiting: list[int] = []
    for _ in range(steps):
        if len(waiting) < min(_LABELS_A_BATCH, len(names)):
            waiting = [int(label) for label in draw.permutation(len(names))]
        chosen, waiting = waiting[:_LABELS_A_BATCH], waiting[_LABELS_A_BATCH:]
        rows = [int(row) for label in chosen for row in draw.permutation(members[label])[:_TEXTS_A_LABEL]]
        yield rows, [int(numbers[row]) for row in rows]


def _contrast(vectors: Any, targets: Any) -> Any:
    """Supervised contrastive loss of normalised vectors, shape (texts, dimensions)."""
    import torch

    itself = torch.eye(len(targets), dtype=torch.bool)
    scores = (vectors @ vectors.T / _TEMPERATURE).masked_fill(itself, -1e9)
    alike = (targets[:, None] == targets[None]) & ~itself
    chance = scores - torch.logsumexp(scores, dim=1, keepdim=True)
    paired = alike.any(dim=1)
    return -(chance.masked_fill(~alike, 0.0).sum(1)[paired] / alike.sum(1)[paired]).mean()
