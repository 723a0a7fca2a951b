"""A llama on OpenVINO, with the keys and values of many replies in one paged cache. Needs openvino, and no torch."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.errors import ModelError


def open_paged(folder: Path, rows: int, tokens: int, threads: int) -> "PagedRows":
    """Load the llama in ``folder`` for ``rows`` replies of up to ``tokens`` tokens each, prompt included.

    Raises:
        ModelError: openvino is not installed or does not know this processor or model; transformers may.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        raise ModelError(f"{platform.machine()}: paged attention is measured and tested on x86-64 only.")
    try:
        import openvino
        from safetensors import SafetensorError

        from bot.models.llama import build_llama
    except ImportError as exc:
        raise ModelError(f"The writer's OpenVINO runtime needs the packages of kefu[models]: {exc}.") from exc
    try:
        compiled = openvino.Core().compile_model(
            build_llama(folder),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                # Pinned threads would stay on a core that the server has just taken.
                "ENABLE_CPU_PINNING": False,
                # 8 bits, the default, round a block again with every token: replies would depend on what was copied.
                "KV_CACHE_PRECISION": "f16",
            },
        )
        return PagedRows(compiled, rows, tokens)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as exc:
        raise ModelError(f"{folder}: OpenVINO cannot load the language model ({exc}).") from exc


class PagedRows:
    """A model, and the keys and values of the replies that it reads. Each row has blocks of its own, for good.

    The memory is mapped only as it is used.
    """

    def __init__(self, compiled: Any, rows: int, tokens: int) -> None:
        import openvino

        self.rows = rows
        self._request = compiled.create_infer_request()
        ports = [(port.any_name, port) for port in compiled.inputs if "_cache." in port.any_name]
        self._block = ports[0][1].partial_shape[2].get_length()
        """Tokens of one block, which the runtime chooses."""
        self._blocks = -(-tokens // self._block)
        self._caches = []
        for name, port in ports:
            sizes = [rows * self._blocks, *(size.get_length() for size in list(port.partial_shape)[1:])]
            cache = openvino.Tensor(port.element_type, openvino.Shape(sizes))
            # Zeros and not garbage: a NaN times an attention weight of 0 would still be a NaN.
            cache.data[:] = 0
            self._request.set_tensor(name, cache)
            # Half floats, whatever the runtime calls them, can be copied as integers.
            self._caches.append(cache.data.view(np.uint8))

    def read(self, first: int, tokens: Sequence[Sequence[int]], starts: Sequence[int]) -> npt.NDArray[np.float32]:
        """Let row ``first`` and those after it read ``tokens``, each from its own ``starts`` on.

        Returns the scores of the word after each row's last token, (rows, vocabulary), until the next call.
        """
        lengths = np.array([len(row) for row in tokens])
        begins, past = _offsets(lengths), np.array(starts)
        used = -(-(past + lengths) // self._block)
        owned = [np.arange(number) + (first + row) * self._blocks for row, number in enumerate(used)]
        self._request.infer(
            {
                "input_ids": np.concatenate(tokens).astype(np.int64),
                "position_ids": np.concatenate([np.arange(a, a + n) for a, n in zip(past, lengths, strict=True)]),
                "picked": (begins[1:] - 1).astype(np.int64),
                "past_lens": past.astype(np.int32),
                "subsequence_begins": begins,
                "block_indices": np.concatenate(owned).astype(np.int32),
                "block_indices_begins": _offsets(used),
                "max_context_len": np.array((past + lengths).max(), np.int32),
            }
        )
        scores: npt.NDArray[np.float32] = self._request.get_tensor("scores").data[:, 0]
        return scores

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy the first ``tokens`` of one row over another's; whole blocks, of which more than that is never read."""
        blocks = -(-tokens // self._block)
        source, target = source * self._blocks, target * self._blocks
        for cache in self._caches:
            cache[target : target + blocks] = cache[source : source + blocks]


def _offsets(lengths: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Where each of several stretches begins when they lie end to end, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
