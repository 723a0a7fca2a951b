"""What of a passage is searched: one row for each phrasing of a question, and one for what may be quoted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bot.records import Kind, Passage

Role = Literal["query", "passage"]


@dataclass(frozen=True, slots=True)
class Row:
    """One text that a query is compared with."""

    text: str
    asks: bool
    """It is a question, as a shopper would write it, and is encoded as one."""

    @property
    def role(self) -> Role:
        """How it is encoded."""
        return "query" if self.asks else "passage"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which rows belong to which passage: passage p has rows ``begins[p]`` to ``begins[p + 1]``."""

    begins: npt.NDArray[np.int32]
    """Shape (passages + 1,)."""
    asks: npt.NDArray[np.bool_]
    """Shape (rows,)."""

    @property
    def passages(self) -> int:
        """How many passages there are."""
        return len(self.begins) - 1

    def owners(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The passage of each row."""
        found: npt.NDArray[np.int64] = np.searchsorted(self.begins, rows, side="right") - 1
        return found

    def rows_of(self, passages: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """All rows of some passages one after another, and where each passage's begin among them."""
        first = self.begins[passages].astype(np.int64)
        counts = self.begins[passages + 1] - first
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64) if len(passages) else counts
        return np.repeat(first - starts, counts) + np.arange(int(counts.sum())), starts


def rows_of(passage: Passage) -> list[Row]:
    """The rows of one passage."""
    match passage.kind:
        case Kind.FAQ:
            answer = [Row(passage.text, False)] if passage.text else []
            return [*(Row(question, True) for question in passage.questions), *answer]
        case Kind.PRODUCT:
            named = passage.title.casefold() in passage.text.casefold()
            category = passage.attributes.get("category", "") if "#" not in passage.id else ""
            told = (category, "" if named else passage.title, passage.text)
            return [Row(". ".join(part for part in told if part), False)]
        case _:
            return [Row(f"{passage.title}\n{passage.text}", False)]


def lay_out(rows: Sequence[Iterable[Row]]) -> tuple[list[Row], Layout]:
    """Put the rows of all passages one after another."""
    flat = [row for own in rows for row in own]
    begins = np.concatenate([[0], np.cumsum([len(list(own)) for own in rows])]).astype(np.int32)
    return flat, Layout(begins, np.asarray([row.asks for row in flat], dtype=np.bool_))
