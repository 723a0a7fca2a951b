"""Packs rows of tokens into one tree, so that what several rows begin with is read once. Pure, and needs torch.

A batch of a writer's lessons begins with the same instructions, and often with the same passage. Its rows become the
branches of a trie: each node is one token, its position is its depth, and it attends to nothing but its ancestors. So
the loss is that of rows read one by one, without padding and without reading a beginning twice.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

GRAIN = 64
"""Packs are filled up to a multiple of this many tokens: torch keeps what it prepared for every length it has met, and
some hundred lengths cost gigabytes."""

NOTHING = -100
"""Wanted where a pack is filled up; torch's cross entropy passes it over."""


PACK_TOKENS = 600
"""Tokens read at once. Attention over a pack grows with its square, what is shared only with its rows: on two cores 600
was the quickest of 350, 600, 900, 1,100 and 2,000."""


@dataclass(frozen=True, slots=True)
class Row:
    """One lesson in tokens."""

    prompt: tuple[int, ...]
    reply: tuple[int, ...]
    """With the token that ends it."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A batch of rows as one sequence of n tokens."""

    tokens: torch.Tensor
    """Shape (n,)."""
    positions: torch.Tensor
    """Shape (n,): the place of each token in its row."""
    mask: torch.Tensor
    """Shape (n, n), boolean: which tokens (columns) each token (row) may look at."""
    asked: torch.Tensor
    """Shape (m,): the tokens after which a word of a reply comes."""
    wanted: torch.Tensor
    """Shape (m,): that word, for each of ``asked``; ``NOTHING`` where the pack is filled up."""

    @property
    def words(self) -> int:
        """Words of replies in it."""
        return int((self.wanted != NOTHING).sum())


def pack(rows: Sequence[Row]) -> Pack:
    """The trie of ``rows`` in depth-first order, filled up with tokens that look at themselves alone."""
    tokens: list[int] = []
    positions: list[int] = []
    ends: list[int] = []
    """For each node, one past its last descendant: i is an ancestor of j just when i <= j < ends[i]."""
    asked: list[int] = []
    wanted: list[int] = []
    path: list[int] = []
    """The nodes of the row before; sorted rows share their beginning with it, if with any."""
    for row in sorted(rows, key=lambda row: (*row.prompt, *row.reply)):
        line = (*row.prompt, *row.reply)
        shared = 0
        while shared < min(len(path), len(line)) and tokens[path[shared]] == line[shared]:
            shared += 1
        del path[shared:]
        for token in line[shared:]:
            positions.append(len(path))
            path.append(len(tokens))
            tokens.append(token)
            ends.append(0)
        for node in path:
            ends[node] = len(tokens)
        asked += path[len(row.prompt) - 1 : -1]
        wanted += row.reply
    for _ in range(-len(tokens) % GRAIN):
        ends.append(len(ends) + 1)
        tokens.append(0)
        positions.append(0)
    for _ in range(-len(asked) % (GRAIN // 2)):
        asked.append(0)
        wanted.append(NOTHING)
    at = torch.arange(len(tokens))
    below = (at[None, :] <= at[:, None]) & (at[:, None] < torch.tensor(ends)[None, :])
    return Pack(torch.tensor(tokens), torch.tensor(positions), below, torch.tensor(asked), torch.tensor(wanted))


def size(rows: Sequence[Row]) -> int:
    """Tokens of ``rows`` once packed."""
    total = 0
    before: tuple[int, ...] = ()
    for line in sorted((*row.prompt, *row.reply) for row in rows):
        shared = 0
        while shared < min(len(before), len(line)) and before[shared] == line[shared]:
            shared += 1
        total += len(line) - shared
        before = line
    return total


def in_packs(rows: Sequence[Row], draw: random.Random | None) -> Iterator[list[Row]]:
    """Sorted rows in packs of about ``PACK_TOKENS``; rows with one passage stay together where they fit."""
    lots: list[list[Row]] = []
    for row in rows:
        # That much of a prompt in common is a passage, and not only the instructions.
        if lots and _common(lots[-1][-1].prompt, row.prompt) > 0.6 * len(row.prompt):
            lots[-1].append(row)
        else:
            lots.append([row])
    if draw:
        draw.shuffle(lots)
    packed: list[Row] = []
    tokens = 0
    for row in (row for lot in lots for row in lot):
        grown = size([*packed, row])
        if packed and grown > PACK_TOKENS:
            yield packed
            packed, grown = [], len(row.prompt) + len(row.reply)
        packed.append(row)
        tokens = grown
    if tokens:
        yield packed


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))
