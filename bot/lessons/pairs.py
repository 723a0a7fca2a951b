"""What the support classifier learns from: a passage, a sentence, and whether the passage supports it.

A file of pairs is JSON lines: ``source`` (the passage), ``sentence``, ``supported``, and perhaps ``title`` (the
passage's) and ``kind`` (how a false one came about, for the figures). A bad line is named and counted, never dropped
in silence.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from bot.grounding.library import spell
from bot.grounding.said import take_apart
from bot.grounding.window import read_as
from bot.lessons.rows import BadRow, read_lines

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence over its passage: a line of a file of pairs."""

    source: Text
    sentence: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    supported: bool
    kind: str = "written"
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


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of some files, and the lines that are none."""

    pairs: tuple[Pair, ...]
    bad: tuple[BadRow, ...] = ()


EXAMPLE = '{"source": "…", "sentence": "…", "supported": true}'


def read_pairs(path: Path) -> Pairs:
    """Read a file of pairs; empty lines are skipped.

    Raises:
        LessonError: the file cannot be read, or holds no pair at all; names the first bad lines.
    """
    return Pairs(*read_lines(path, Pair, "pair", EXAMPLE))


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write pairs as a file that `read_pairs` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(pair) + b"\n" for pair in pairs))
