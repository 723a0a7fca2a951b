"""Any causal model of transformers as the rows of a decoder. Needs torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bot.models.chat import Speech


class TorchRows:
    """A model, and the keys and values of the replies that it reads, in one preallocated block for each layer.

    The memory is mapped only as it is used.
    """

    def __init__(self, model: Any, rows: int, tokens: int) -> None:
        self.rows = rows
        self._model = model
        self._cache = _Cache(model.config, rows, tokens, model.dtype)

    def read(self, first: int, tokens: Sequence[Sequence[int]], starts: Sequence[int]) -> npt.NDArray[np.float32]:
        """Let row ``first`` and those after it read ``tokens``, as many each, from its own ``starts`` on.

        Returns the scores of the word after each row's last token, (rows, vocabulary).
        """
        positions = torch.tensor(starts)[:, None] + torch.arange(len(tokens[0]))
        end = int(positions.max()) + 1
        self._cache.aim(slice(first, first + len(tokens)), positions, end)
        mask = torch.arange(end) <= positions[:, :, None]
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor(tokens),
                attention_mask=mask[:, None],
                position_ids=positions,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
        scores: npt.NDArray[np.float32] = output.logits[:, -1].float().numpy()
        return scores

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy the first ``tokens`` of one row over another's."""
        for block in (self._cache.keys, self._cache.values):
            block[:, target, :, :tokens] = block[:, source, :, :tokens]


class _Cache:
    """The model's cache for one call.

    transformers calls ``update`` from each layer with the new tokens' keys and values, and attends to what it returns.
    """

    def __init__(self, config: Any, rows: int, tokens: int, dtype: torch.dtype) -> None:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, rows, heads, tokens, size)
        # Zeros and not garbage: a NaN times an attention weight of 0 would still be a NaN.
        self.keys = torch.zeros(shape, dtype=dtype)
        self.values = torch.zeros(shape, dtype=dtype)
        self._rows = slice(0, 0)
        self._index: tuple[Any, ...] = ()
        self._end = 0

    def aim(self, rows: slice, positions: torch.Tensor, end: int) -> None:
        """Make the next call write ``rows`` at ``positions`` (rows, tokens) and attend to the first ``end`` tokens."""
        self._rows, self._end = rows, end
        self._index = (torch.arange(rows.start, rows.stop)[:, None], slice(None), positions)

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Store (rows, heads, tokens, size) and return all that the rows hold."""
        # Indexing rows and positions around the heads puts the heads last but one.
        self.keys[layer][self._index] = keys.transpose(1, 2)
        self.values[layer][self._index] = values.transpose(1, 2)
        return self.keys[layer, self._rows, :, : self._end], self.values[layer, self._rows, :, : self._end]

    def get_seq_length(self, *_: Any) -> int:
        """Positions and masks are always given, so no length has to be guessed from here."""
        return 0


def speech_of(model: Any, tokenizer: Any) -> Speech:
    """The speech of a model that transformers has loaded."""
    ends = model.generation_config.eos_token_id
    return Speech(
        lambda chat: str(tokenizer.apply_chat_template(list(chat), add_generation_prompt=True, tokenize=False)),
        tokenizer.backend_tokenizer,
        frozenset({*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}),
    )
