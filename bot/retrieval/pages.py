"""HTML pages: what a reader sees of them becomes passages; what is hidden from the reader does not."""

from html.parser import HTMLParser

from bot.records import Passage
from bot.retrieval.markup import is_web_address
from bot.retrieval.problems import Problem
from bot.retrieval.sections import Block, Page, Section, passages_of, read_table

_UNREAD = frozenset({"script", "style", "template", "noscript", "nav", "header", "footer", "aside", "svg", "form"})
_BREAKS = frozenset({"p", "li", "div", "br", "section", "article", "dt", "dd", "blockquote", "pre", "ul", "ol", "main"})
_VOID = frozenset({"br", "img", "hr", "meta", "link", "input", "source", "wbr", "area", "base", "col", "embed"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def read_page(text: str, file: str) -> tuple[list[tuple[Passage, int]], list[Problem]]:
    """Read one page: its passages with their lines, and the hidden text that was left out."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end()
    first = next((section.headings[0] for section in reader.sections if section.headings), "")
    url = reader.url if is_web_address(reader.url) else None
    page = Page(file, reader.title or first or file, locale=reader.locale, url=url)
    problems = [Problem(file, line, f"hidden text was left out: {hidden[:80]!r}") for line, hidden in reader.hidden]
    if reader.url and url is None:
        problems.append(Problem.of_address(file, 0, "canonical", reader.url))
    return list(passages_of(page, reader.sections)), problems


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sections: list[Section] = []
        self.hidden: list[tuple[int, str]] = []
        self.title = ""
        self.locale = "en"
        self.url = ""
        self._open: list[tuple[str, str]] = []
        """Open elements, with what is done to the text within: ``read``, ``skip`` or ``hide``."""
        self._headings: list[str] = []
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._line = 0
        self._rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html" and given.get("lang"):
            self.locale = given["lang"].split("-")[0].lower()
        if tag == "link" and given.get("rel") == "canonical":
            self.url = given.get("href", "")
        if tag in _BREAKS or tag in _HEADINGS or tag == "table":
            self._flush()
        if tag == "tr":
            self._rows.append([])
        if tag not in _VOID:
            inherited = self._open[-1][1] if self._open else "read"
            self._open.append((tag, _treatment(tag, given) if inherited == "read" else inherited))

    def handle_endtag(self, tag: str) -> None:
        if tag not in {name for name, _ in self._open}:
            return
        if tag in {"td", "th"} and self._rows:
            self._rows[-1].append(self._take())
        elif tag == "table":
            rows = [row for row in self._rows if row]
            if len(rows) > 1:
                self._blocks.append(Block(read_table(rows), self._line, whole=True))
            self._rows = []
        elif tag in _HEADINGS:
            self._head(_HEADINGS[tag])
        elif tag == "title":
            self.title = self._take()
        elif tag in _BREAKS:
            self._flush()
        # Elements that were left open inside (`<p>`, `<li>`) end with the one around them.
        while self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not data.strip():
            if self._text:
                self._text.append(" ")
            return
        treatment = self._open[-1][1] if self._open else "read"
        if treatment == "hide":
            self.hidden.append((self.getpos()[0], data.strip()))
        elif treatment == "read":
            self._line = self.getpos()[0] if not self._text else self._line
            self._text.append(data)

    def end(self) -> None:
        """Close the last section."""
        self._flush()
        self._close_section()

    def _head(self, level: int) -> None:
        heading = self._take()
        self._close_section()
        self._headings = [*self._headings[: level - 1], *[""] * (level - 1 - len(self._headings)), heading]

    def _close_section(self) -> None:
        if self._blocks:
            self.sections.append(Section(tuple(part for part in self._headings if part), tuple(self._blocks)))
            self._blocks = []

    def _flush(self) -> None:
        if self._rows:
            return  # Inside a table the cells collect the text.
        text = self._take()
        if text:
            self._blocks.append(Block(text, self._line))

    def _take(self) -> str:
        text = " ".join("".join(self._text).split())
        self._text = []
        return text


def _treatment(tag: str, given: dict[str, str]) -> str:
    if tag in _UNREAD:
        return "skip"
    style = given.get("style", "").replace(" ", "").lower()
    unseen = ("display:none", "visibility:hidden", "font-size:0", "opacity:0;", "color:transparent")
    hidden = "hidden" in given or given.get("aria-hidden") == "true" or any(trick in f"{style};" for trick in unseen)
    return "hide" if hidden else "read"
