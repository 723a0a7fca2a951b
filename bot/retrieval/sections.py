"""Headed sections of a page, and how they become passages short enough to quote."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.records import Kind, Passage, PassageId

WORDS = 150
"""A passage's length: about what the encoder reads whole, and what a shopper reads in a chat bubble."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9À-Þ])|(?<=[。！？])")
_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list item or a whole table, as plain text."""

    text: str
    line: int
    whole: bool = False
    """A table: never split, because a row without its neighbours misleads."""


@dataclass(frozen=True, slots=True)
class Section:
    """The blocks under one heading."""

    headings: tuple[str, ...]
    """From the page's own down to this one; empty above the first heading."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of itself."""

    file: str
    title: str
    locale: str = "en"
    url: str | None = None


def passages_of(page: Page, sections: Iterable[Section]) -> Iterator[tuple[Passage, int]]:
    """Cut sections into passages of at most about ``WORDS`` words, each with the line it begins on."""
    taken: dict[str, int] = {}
    for section in sections:
        anchor = _unique(slug(section.headings[-1] if section.headings else page.title), taken)
        title = " › ".join(_path(page.title, section.headings))
        for number, blocks in enumerate(_cut(section.blocks)):
            source = f"{page.file}#{anchor}"
            yield (
                Passage(
                    id=PassageId(source if number == 0 else f"{source}~{number + 1}"),
                    kind=Kind.POLICY,
                    title=title,
                    text="\n".join(block.text for block in blocks),
                    source=source,
                    locale=page.locale,
                    url=f"{page.url}#{anchor}" if page.url and section.headings else page.url,
                ),
                blocks[0].line,
            )


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it: lower case, spaces to hyphens, no punctuation."""
    kept = "".join(c for c in unicodedata.normalize("NFC", heading).lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-") or "top"


def words(text: str) -> int:
    """How long a text is in words; two Chinese characters count as one."""
    characters = len(_CJK.findall(text))
    return len(_CJK.sub(" ", text).split()) + (characters + 1) // 2


def _path(title: str, headings: Sequence[str]) -> list[str]:
    """The page's title, then its headings; a first heading that repeats the title is not said twice."""
    path = [title, *headings] if title else list(headings)
    return [part for at, part in enumerate(path) if part.casefold() not in {p.casefold() for p in path[:at]}]


def _unique(anchor: str, taken: dict[str, int]) -> str:
    count = taken.get(anchor, 0)
    taken[anchor] = count + 1
    return f"{anchor}-{count}" if count else anchor


def _cut(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Fill passages block by block; a paragraph longer than a passage is cut between sentences."""
    filled: list[Block] = []
    length = 0
    for block in blocks:
        for piece in _pieces(block):
            size = words(piece.text)
            if filled and length + size > WORDS:
                yield filled
                filled, length = [], 0
            filled.append(piece)
            length += size
    if filled:
        yield filled


def _pieces(block: Block) -> Iterator[Block]:
    if block.whole or words(block.text) <= WORDS:
        yield block
        return
    piece = ""
    for sentence in (part for part in _SENTENCE.split(block.text) if part):
        joined = f"{piece} {sentence}" if piece and not _CJK.match(sentence) else piece + sentence
        if piece and words(joined) > WORDS:
            yield Block(piece, block.line)
            joined = sentence
        piece = joined
    if piece:
        yield Block(piece, block.line)


def read_table(rows: Sequence[Sequence[str]]) -> str:
    """A table as lines that each stand alone: ``Netherlands: standard shipping 3.95 EUR, free from 60 EUR``.

    The first row is the header, the first column names the row.
    """
    header, *body = rows
    lines = []
    for name, *cells in body:
        told = [_cell(head, cell) for head, cell in zip(header[1:], cells, strict=False) if cell]
        lines.append(f"{name}: {', '.join(told)}" if told else name)
    return "\n".join(lines)


def _cell(head: str, cell: str) -> str:
    first = head.split(" ", 1)[0]
    head = head if first.isupper() else head[:1].lower() + head[1:]
    # "free from: never free" says it twice; the cell alone is the clearer sentence.
    return cell if not head or cell.casefold().endswith(head.split()[0]) else f"{head} {cell}"
