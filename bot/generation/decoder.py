"""Continuous batching: many replies decoded together, each joining and leaving between two steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers.decoders import DecodeStream

from bot.generation.sentences import CUT
from bot.models.chat import Speech

REPETITION_PENALTY = 1.1
"""Divides the odds of words this reply has used, never of the prompt's: prices and names must be copied."""

MAX_NEW_TOKENS = 80
"""About three sentences, the longest reply that is shown."""

CONTEXT = 1024
"""Tokens of prompt and reply together; memory for the keys and values of all seats is mapped only as it is used."""

_WORTH_COPYING = 16
"""Shared prompt tokens from which copying their keys and values is quicker than reading them again."""


class Rows(Protocol):
    """A model, and the keys and values of the replies that it reads: of ``CONTEXT`` tokens in each of its rows."""

    rows: int

    def read(self, first: int, tokens: Sequence[Sequence[int]], starts: Sequence[int]) -> npt.NDArray[np.float32]:
        """Let row ``first`` and those after it read ``tokens``, as many each, from its own ``starts`` on.

        Returns the scores of the word after each row's last token, (rows, vocabulary), good until the next call.
        """

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy the first ``tokens`` of one row over another's."""


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


class Decoder:
    """Decodes as many replies side by side as there are rows, greedily. Single-threaded; one step a call."""

    def __init__(self, rows: Rows, speech: Speech, max_new: int = MAX_NEW_TOKENS) -> None:
        self._rows = rows
        self._speech = speech
        self._max_new = max_new
        self._held: list[list[int]] = [[] for _ in range(rows.rows)]
        """The tokens whose keys and values each row holds, also after its reply has left: for others to copy."""
        self._seats: list[_Seat] = []

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
        text = self._speech.render(chat)
        prompt: list[int] = self._speech.tokenizer.encode(text, add_special_tokens=False).ids
        if len(prompt) + self._max_new > CONTEXT:
            raise PromptTooLong(f"{len(prompt)} tokens, and {CONTEXT - self._max_new} have room")
        row = len(self._seats)
        known = self._borrow(row, prompt)
        scores = self._rows.read(row, [prompt[known:]], [known])
        self._held[row] = prompt
        self._seats.append(_Seat(reply, DecodeStream(skip_special_tokens=True), int(scores[0].argmax())))
        return self._tell(self._seats[row])

    def step(self) -> list[Piece]:
        """Decode one token of every reply; those that end have left when this returns."""
        starts = [len(held) for held in self._held[: len(self._seats)]]
        scores = self._rows.read(0, [[seat.next] for seat in self._seats], starts)
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

    def _tell(self, seat: _Seat) -> Piece:
        """The text of the token just chosen; a reply that ends leaves, with ``CUT`` where it had more to say."""
        if seat.next in self._speech.ends:
            self.leave(seat.reply)
            return Piece(seat.reply, "", last=True)
        text = seat.stream.step(self._speech.tokenizer, seat.next) or ""
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


def _choose(scores: npt.NDArray[np.float32], written: list[int]) -> int:
    """The likeliest token, those written already being held back a little (Keskar et al. 2019, CTRL)."""
    held_back = scores.copy()
    kept = scores[written]
    held_back[written] = np.where(kept > 0, kept / REPETITION_PENALTY, kept * REPETITION_PENALTY)
    return int(held_back.argmax())


def _shared(held: Sequence[int], prompt: Sequence[int]) -> int:
    for at, (a, b) in enumerate(zip(held, prompt, strict=False)):
        if a != b:
            return at
    return min(len(held), len(prompt))
