"""Exported networks: made in a process of their own, opened by ONNX Runtime, and run in batches of like length."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.errors import ModelError
from bot.models.export import GRAPH, TOKENIZER

_BATCH = 64
"""Texts in one pass of the network: more does not get faster on a CPU, and costs memory."""

_EXPORT_SECONDS = 600


class Graph:
    """An exported network with its tokenizer. Safe to call from several threads; blocks, so off the event loop only.

    Raises:
        ModelError: it cannot be loaded; names the folder.
    """

    def __init__(self, folder: Path, max_tokens: int, threads: int) -> None:
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
            raise ModelError(f"{folder}: the exported model cannot be loaded ({exc}); delete the folder.") from exc
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._wanted = {each.name for each in self._session.get_inputs()}

    def __call__(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
        """What the network makes of texts, or of pairs of them: one row for each, in their order.

        They go through in order of length, so that little is padding.
        """
        tokens = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row].ids))
        rows: dict[int, npt.NDArray[np.float32]] = {}
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            rows |= zip(chosen, self._run([tokens[row] for row in chosen]), strict=True)
        return np.stack([rows[row] for row in range(len(tokens))])

    def _run(self, tokens: Sequence[object]) -> npt.NDArray[np.float32]:
        fed = {
            "input_ids": _padded([each.ids for each in tokens]),  # type: ignore[attr-defined]  # tokenizers is untyped.
            "attention_mask": _padded([each.attention_mask for each in tokens]),  # type: ignore[attr-defined]
            "token_type_ids": _padded([each.type_ids for each in tokens]),  # type: ignore[attr-defined]
        }
        output: npt.NDArray[np.float32] = self._session.run(None, {name: fed[name] for name in self._wanted})[0]
        return output


def _padded(rows: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Rows of unlike length as one array. Padding ids do not matter where the mask is 0."""
    padded = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for at, row in enumerate(rows):
        padded[at, : len(row)] = row
    return padded


def export_aside(module: str, source: Path, folder: Path, card: str) -> None:
    """Have ``python -m module source folder`` make ``folder``, in a process of its own: torch's 400 MB stay outside.

    Raises:
        ModelError: ``folder`` did not come about; names ``source``.
    """
    command = [sys.executable, "-W", "ignore", "-m", module, str(source), str(folder.resolve())]
    environment: Mapping[str, str] = os.environ | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 — our own module, and paths as arguments
            command, capture_output=True, text=True, env=environment, timeout=_EXPORT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise ModelError(f"{source}: not exported within {_EXPORT_SECONDS} seconds.") from exc
    if not (folder / card).is_file():
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"{source}: cannot be exported ({reason}). Is kefu[models] installed?")
