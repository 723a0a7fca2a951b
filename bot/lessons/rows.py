"""The format of a lesson: JSON lines of passages, question and reply; a bad line is named and counted, never dropped
in silence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from bot.errors import LessonError
from bot.records import Kind, Passage, PassageId

MOST_TOLD = 20
"""Bad rows that are told one by one; all are counted."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]
Row = TypeVar("Row", bound=msgspec.Struct)


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passage of a lesson."""

    text: Text
    title: str = ""
    kind: Kind = Kind.POLICY


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A turn before the question."""

    shopper: str
    assistant: str


class Lesson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question with its reply over its passages: a line of a lessons file.

    The passages stand in any order, those that answer among those that only look alike. ``reply`` is null where none
    answers.
    """

    passages: Annotated[tuple[Source, ...], msgspec.Meta(min_length=1, max_length=20)]
    question: Text
    reply: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None
    history: tuple[Exchange, ...] = ()
    """Turns before, oldest first; what the question means without them is kept in ``question``."""
    origin: str = ""
    """Where the row comes from, for counts: ``written``, ``shop``, ``agents``, or a public set."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no lesson."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Rows:
    """The lessons of some files, and the lines that are none."""

    lessons: tuple[Lesson, ...]
    bad: tuple[BadRow, ...] = ()

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(self.lessons + other.lessons, self.bad + other.bad)


def read_lessons(path: Path) -> Rows:
    """Read a file of lessons, one JSON object a line; empty lines are skipped.

    Raises:
        LessonError: the file cannot be read, or holds no lesson at all; names the first bad lines.
    """
    lessons, bad = read_lines(path, Lesson, "lesson", EXAMPLE)
    named = (one if one.origin else msgspec.structs.replace(one, origin=path.stem) for one in lessons)
    return Rows(tuple(named), bad)


EXAMPLE = '{"passages": [{"title": "…", "text": "…"}], "question": "…", "reply": "…"}'


def read_lines(path: Path, kind: type[Row], name: str, example: str) -> tuple[tuple[Row, ...], tuple[BadRow, ...]]:
    """The rows of a file of JSON lines, and the lines that are none; ``name`` and ``example`` tell what one is.

    Raises:
        LessonError: the file cannot be read, or holds no row at all; names the first bad lines.
    """
    decoder = msgspec.json.Decoder(kind)
    rows: list[Row] = []
    bad: list[BadRow] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise LessonError(f"{path}: cannot be read ({exc.strerror or exc}).") from exc
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(decoder.decode(line))
        except msgspec.ValidationError as exc:
            bad.append(BadRow(str(path), number, f"{exc}; a {name} is {example}"))
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            bad.append(BadRow(str(path), number, f"not JSON ({exc})"))
    if not rows:
        told = "".join(f"\n  {row}" for row in bad[:MOST_TOLD])
        raise LessonError(f"{path}: holds no {name}; a line is {example}{told}")
    return tuple(rows), tuple(bad)


def passages_of(lesson: Lesson) -> tuple[Passage, ...]:
    """The passages of a lesson as a search would bring them."""
    return tuple(
        Passage(PassageId(str(at)), source.kind, source.title, source.text, source.title or str(at))
        for at, source in enumerate(lesson.passages)
    )
