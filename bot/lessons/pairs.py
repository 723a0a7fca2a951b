"""What the support classifier learns from: a passage, a sentence, and whether the passage supports it.

A file of statements is JSON lines: ``source`` (a passage), ``title`` (its own), and the sentences that are ``true`` and
``false`` of it. A bad line is named and counted, never dropped in silence.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from bot.grounding.library import spell
from bot.grounding.said import take_apart
from bot.grounding.window import read_as
from bot.lessons.rows import BadRow, read_lines

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]


Statement = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]

TRUE, WRITTEN = "true", "written"
"""Kinds of pairs: true sentences, and false ones that a person thought of. `support` and `falsify` name more."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence over its passage."""

    source: str
    sentence: str
    supported: bool
    kind: str
    """How it came about, for the figures."""
    title: str = ""

    @property
    def read(self) -> tuple[str, str]:
        """What the classifier reads, as the check shows it: the window of the passage, and the bare statement."""
        statement = take_apart(spell(self.sentence)).statement
        return read_as(self.title, self.source, statement)

    @property
    def share(self) -> float:
        """Where in [0, 1) its passage falls, by title: one that was changed falls where it was. The same for ever."""
        digest = hashlib.blake2b((self.title or self.source).encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48


class Statements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is true and what is false of a passage: a line of a file of statements."""

    source: Text
    title: str = ""
    true: tuple[Statement, ...] = ()
    false: tuple[Statement, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a line without any statement."""
        if not self.true and not self.false:
            raise ValueError("it has neither `true` nor `false` statements")

    @property
    def pairs(self) -> Iterator[Pair]:
        """Each statement as a pair."""
        yield from (Pair(self.source, said, supported=True, kind=TRUE, title=self.title) for said in self.true)
        yield from (Pair(self.source, said, supported=False, kind=WRITTEN, title=self.title) for said in self.false)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of some files, and the lines that are none."""

    pairs: tuple[Pair, ...]
    bad: tuple[BadRow, ...] = ()


EXAMPLE = '{"title": "…", "source": "…", "true": ["…"], "false": ["…"]}'


def read_pairs(path: Path) -> Pairs:
    """Read a file of statements; empty lines are skipped.

    Raises:
        LessonError: the file cannot be read, or holds no statement at all; names the first bad lines.
    """
    found, bad = read_lines(path, Statements, "line of statements", EXAMPLE)
    return Pairs(tuple(pair for statements in found for pair in statements.pairs), bad)
