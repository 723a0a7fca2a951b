"""Continuous batching: many replies decoded together, each joining and leaving between two steps. Needs torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers.decoders import DecodeStream

from bot.generation.sentences import CUT

REPETITION_PENALTY = 1.1
"""Divides the odds of words this reply has used, never of the prompt's: prices and names must be copied."""

MAX_NEW_TOKENS = 80
"""About three sentences, the longest reply that is shown."""

CONTEXT = 1024
"""Tokens of prompt and reply together; memory for the keys and values of all seats is mapped only as it is used."""

_WORTH_COPYING = 16
"""Shared prompt tokens from which copying their keys and values is quicker than reading them again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of one reply; ``last`` ends it."""

    reply: int
    text: str
    last: bool = False


@dataclass(slots=True)
class _Seat:
    """A reply under way. Its row in the batch is its position in the list of seats."""

    reply: int
    stream: Any
    next: int
    """The token that was chosen and not read yet."""
    written: list[int] = field(default_factory=list)


class PromptTooLong(ValueError):
    """A prompt that leaves no room for a reply."""


class Rows:
    """Keys and values of every row, in one preallocated block for each layer; the model's cache for one call.

    transformers calls ``update`` from each layer with the new tokens' keys and values, and attends to what it returns.
    """

    def __init__(self, config: Any, rows: int, dtype: torch.dtype) -> None:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, rows, heads, CONTEXT, size)
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

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy the first ``tokens`` of one row over another's."""
        self.keys[:, target, :, :tokens] = self.keys[:, source, :, :tokens]
        self.values[:, target, :, :tokens] = self.values[:, source, :, :tokens]


class Decoder:
    """Decodes up to ``seats`` replies side by side, greedily. Single-threaded; one step a call."""

    def __init__(self, model: Any, tokenizer: Any, seats: int, max_new: int = MAX_NEW_TOKENS) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._text = tokenizer.backend_tokenizer
        self._max_new = max_new
        self._rows = Rows(model.config, seats, model.dtype)
        self._held: list[list[int]] = [[] for _ in range(seats)]
        """The tokens whose keys and values each row holds, also after its reply has left: for others to copy."""
        self._seats: list[_Seat] = []
        ends = model.generation_config.eos_token_id
        self._ends = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}

    @property
    def active(self) -> int:
        """Replies under way."""
        return len(self._seats)

    @property
    def full(self) -> bool:
        """Whether a newcomer has to wait."""
        return len(self._seats) == len(self._held)

    def join(self, reply: int, chat: Sequence[Mapping[str, str]]) -> Piece:
        """Read a prompt and give the first piece of its reply.

        Raises:
            PromptTooLong: nothing was changed.
        """
        text = self._tokenizer.apply_chat_template(list(chat), add_generation_prompt=True, tokenize=False)
        prompt: list[int] = self._text.encode(text, add_special_tokens=False).ids
        if len(prompt) + self._max_new > CONTEXT:
            raise PromptTooLong(f"{len(prompt)} tokens, and {CONTEXT - self._max_new} have room")
        row = len(self._seats)
        known = self._borrow(row, prompt)
        scores = self._read(row, prompt, known)
        self._held[row] = prompt
        self._seats.append(_Seat(reply, DecodeStream(skip_special_tokens=True), int(scores.argmax())))
        return self._tell(self._seats[row])

    def step(self) -> list[Piece]:
        """Decode one token of every reply; those that end have left when this returns."""
        rows = len(self._seats)
        positions = torch.tensor([[len(held)] for held in self._held[:rows]])
        end = int(positions.max()) + 1
        self._rows.aim(slice(0, rows), positions, end)
        mask = torch.arange(end)[None, :] <= positions
        scores = self._call(torch.tensor([[seat.next] for seat in self._seats]), positions, mask[:, None, None])
        for row, seat in enumerate(self._seats):
            self._held[row].append(seat.next)
            seat.next = _choose(scores[row], seat.written)
        # `_tell` moves the last row into one that leaves, so the seats are told from a copy.
        return [self._tell(seat) for seat in list(self._seats)]

    def leave(self, reply: int) -> None:
        """Stop a reply, if it is still under way."""
        for row, seat in enumerate(self._seats):
            if seat.reply == reply:
                self._vacate(row)
                return

    def _borrow(self, row: int, prompt: list[int]) -> int:
        """Copy keys and values of the longest beginning that any row shares with ``prompt``; returns its tokens."""
        shared = [_shared(held, prompt) for held in self._held]
        best = max(range(len(shared)), key=lambda other: (shared[other], other == row))
        # The last token is always read, since its scores choose the first word.
        known = min(shared[best], len(prompt) - 1)
        if known < _WORTH_COPYING:
            return 0
        if best != row:
            self._rows.copy(best, row, known)
        return known

    def _read(self, row: int, prompt: list[int], known: int) -> torch.Tensor:
        positions = torch.arange(known, len(prompt))[None, :]
        self._rows.aim(slice(row, row + 1), positions, len(prompt))
        mask = torch.arange(len(prompt))[None, :] <= positions[0, :, None]
        return self._call(torch.tensor([prompt[known:]]), positions, mask[None, None])[0]

    def _call(self, tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores (rows, vocabulary) of the word after each row's last token."""
        with torch.inference_mode():
            scores: torch.Tensor = self._model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=self._rows,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            return scores.float()

    def _tell(self, seat: _Seat) -> Piece:
        """The text of the token just chosen; a reply that ends leaves, with ``CUT`` where it had more to say."""
        if seat.next in self._ends:
            self.leave(seat.reply)
            return Piece(seat.reply, "", last=True)
        text = seat.stream.step(self._text, seat.next) or ""
        seat.written.append(seat.next)
        last = len(seat.written) >= self._max_new
        if last:
            self.leave(seat.reply)
            text += CUT
        return Piece(seat.reply, text, last)

    def _vacate(self, row: int) -> None:
        # Rows in use stay in front, so that every step works on a slice and not on gathered copies.
        last = len(self._seats) - 1
        if row != last:
            self._rows.copy(last, row, len(self._held[last]))
            self._held[row] = list(self._held[last])
            self._seats[row] = self._seats[last]
        self._seats.pop()


def _choose(scores: torch.Tensor, written: list[int]) -> int:
    """The likeliest token, those written already being held back a little (Keskar et al. 2019, CTRL)."""
    scores = scores.clone()
    used = torch.tensor(written)
    kept = scores[used]
    scores[used] = torch.where(kept > 0, kept / REPETITION_PENALTY, kept * REPETITION_PENALTY)
    return int(scores.argmax())


def _shared(held: Sequence[int], prompt: Sequence[int]) -> int:
    for at, (a, b) in enumerate(zip(held, prompt, strict=False)):
        if a != b:
            return at
    return min(len(held), len(prompt))
