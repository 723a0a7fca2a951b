"""Markdown pages: front matter, headings, paragraphs, lists and tables become passages."""

import re
from collections.abc import Iterator

import yaml

from bot.errors import KnowledgeError
from bot.records import Passage
from bot.retrieval.markup import is_web_address, without_tags
from bot.retrieval.problems import Problem
from bot.retrieval.sections import Block, Page, Section, passages_of, read_table

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(.*)")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*$")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_INLINE = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\((?:mailto:)?([^)\s]+@[^)\s]+)\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)[^)]*\)"), r"\1 (\2)"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<((?:https?://|mailto:)?[^<>\s]+[@.][^<>\s]+)>"), r"\1"),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_]+?)(?<=\S)_(?![\w_])"), r"\1"),
    (re.compile(r"`([^`]+)`"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!|>-])"), r"\1"),
)


def read_markdown(text: str, file: str) -> tuple[list[tuple[Passage, int]], list[Problem]]:
    """Read one page: its passages with their lines, and the address that was refused.

    Raises:
        KnowledgeError: the front matter is not a YAML mapping.
    """
    lines = text.splitlines()
    front, begin = _front_matter(lines, file)
    # A comment is not shown on the page, so it is no knowledge; nor is a script.
    visible = without_tags("\n".join(lines[begin:])).split("\n")
    sections = list(_sections(visible, begin + 1))
    first = next((section.headings[0] for section in sections if section.headings), "")
    url = str(front.get("url") or "")
    page = Page(
        file,
        title=without_tags(str(front.get("title") or "")) or first or file.rsplit("/", 1)[-1].removesuffix(".md"),
        locale=str(front.get("locale") or "en"),
        url=url if is_web_address(url) else None,
    )
    refused = [Problem.of_address(file, 1, "url", url)] if url and page.url is None else []
    return list(passages_of(page, sections)), refused


def plain(text: str) -> str:
    """A line of Markdown as the reader sees it; links keep their address, because it may be quoted."""
    for pattern, shown in _INLINE:
        text = pattern.sub(shown, text)
    return text.strip()


def _front_matter(lines: list[str], file: str) -> tuple[dict[str, object], int]:
    if not lines or lines[0].strip() != "---":
        return {}, 0
    end = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        raise KnowledgeError(f"{file}:1: the front matter that begins with `---` has no closing `---`.")
    try:
        front = yaml.safe_load("\n".join(lines[1:end])) or {}
    except yaml.YAMLError as exc:
        raise KnowledgeError(f"{file}:1: the front matter is not YAML: {exc}") from exc
    if not isinstance(front, dict):
        raise KnowledgeError(f"{file}:1: the front matter must be lines of `key: value` (title, locale, url).")
    return front, end + 1


def _sections(lines: list[str], first: int) -> Iterator[Section]:
    headings: list[str] = []
    blocks: list[Block] = []
    body: list[tuple[int, str]] = []
    fenced = False
    for number, line in enumerate(lines, first):
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            body.append((number, line))
            continue
        blocks = list(_blocks(body))
        if blocks:
            yield Section(tuple(part for part in headings if part), tuple(blocks))
        body = []
        level = len(heading[1])
        # A skipped level leaves an empty place, which the path leaves out.
        headings = [*headings[: level - 1], *[""] * (level - 1 - len(headings)), plain(heading[2])]
    blocks = list(_blocks(body))
    if blocks:
        yield Section(tuple(part for part in headings if part), tuple(blocks))


def _blocks(body: list[tuple[int, str]]) -> Iterator[Block]:
    """Paragraphs, list items and tables of one section."""
    paragraph: list[tuple[int, str]] = []

    def flush() -> Iterator[Block]:
        if paragraph:
            yield Block(plain(" ".join(text for _, text in paragraph)), paragraph[0][0])
            paragraph.clear()

    at = 0
    while at < len(body):
        number, line = body[at]
        if "|" in line and at + 1 < len(body) and _TABLE_RULE.match(body[at + 1][1]) and "-" in body[at + 1][1]:
            yield from flush()
            rows = [_cells(line)]
            at += 2
            while at < len(body) and "|" in body[at][1]:
                rows.append(_cells(body[at][1]))
                at += 1
            yield Block(read_table(rows), number, whole=True)
            continue
        item = _ITEM.match(line)
        if not line.strip() or _RULE.match(line) or _FENCE.match(line):
            yield from flush()
        elif item:
            yield from flush()
            paragraph.append((number, item[1]))
        else:
            paragraph.append((number, line.strip().removeprefix("> ")))
        at += 1
    yield from flush()


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|").removesuffix("|")
    return [plain(cell) for cell in re.split(r"(?<!\\)\|", inner)]
