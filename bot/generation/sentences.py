"""Cuts a stream of text into sentences, each as soon as it is sure to be one. English and Chinese."""

import re
from collections.abc import AsyncGenerator, AsyncIterator

CUT = "…"
"""What a writer ends its stream with when it had to stop in the middle: such a sentence could say half of a rule."""

_CITED = re.compile(r"\s*\[\d{1,2}\]")
"""The numbers of the prompt's facts. Models copy them, but citations are the check's to give."""

_CANDIDATE = re.compile(r"""(?P<newline>\n)|(?P<mark>[.!?…。！？]+)(?P<closing>["'”’)\]}»」』）】*_]*)""")
_WIDE = re.compile(r"[。！？]")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff]")
_WORD_BEFORE = re.compile(r"[^\W\d_](?:[^\W_]|\.(?=\w))*$")
_ORDINAL = re.compile(r"(?:^|\n)[^\S\n]*\(?\d{1,3}$")

_ALWAYS_SHORT = re.compile(r"e\.g|i\.e|z\.b|d\.h|mrs?|ms|dr|prof|st|vs|incl|excl|resp|[ap]\.m|bzw", re.IGNORECASE)
"""After these a full stop never ends a sentence here: merging two sentences is safer than cutting one."""

_SHORT_BEFORE_NUMBERS = re.compile(r"nos?|nr|art|fig|vol|sec|ch|pp?|ca|approx|max|min|tel|ext|ver", re.IGNORECASE)
"""Short only before a number: "No. 4" is one, "No. You cannot." is an answer."""


def boundary(text: str) -> int | None:
    """Where the first sentence of ``text`` ends, or None while what follows could still change that.

    What comes later never moves an end once it is given, so any cutting of a stream gives the same sentences.
    """
    for found in _CANDIDATE.finditer(text):
        if found["newline"]:
            line = text[: found.start()].strip()
            # A line that announces a list belongs to the list's first item.
            if line and not line.endswith((":", "：")):
                return found.end()
            continue
        if (rest := _after(text, found.end())) is None:
            return None
        if _ends(text, found, rest):
            return found.end()
    return None


def _after(text: str, end: int) -> str | None:
    """What follows ``end`` as far as it matters: one character, after the white space if there is any."""
    if end >= len(text):
        return None
    if not text[end].isspace():
        return text[end]
    for character in text[end:]:
        if character == "\n" or not character.isspace():
            return f" {character}"
    return None


def _ends(text: str, found: re.Match[str], rest: str) -> bool:
    mark = found["mark"]
    if _WIDE.search(mark):
        return True
    before = text[: found.start()]
    if not rest.startswith(" "):
        return mark[-1] in "!?" and bool(_CJK.match(rest))
    following = rest[1]
    if following == "\n" or mark[-1] in "!?":
        return True
    if following.islower():
        return False
    if mark != "." or found["closing"]:
        return True
    if _ORDINAL.search(before):
        return False
    word = _WORD_BEFORE.search(before)
    short = word[0] if word else ""
    numbered = following.isdigit() or following == "#"
    return not (_ALWAYS_SHORT.fullmatch(short) or (numbered and _SHORT_BEFORE_NUMBERS.fullmatch(short)))


def complete(sentence: str) -> bool:
    """Whether ``sentence`` is finished; the last one of a stream that was cut short is not."""
    return bool(re.search(r"""[.!?…。！？]["'”’)\]}»」』）】*_]*\s*$""", sentence))


class Splitter:
    """Gathers pieces of text and gives back the sentences that are finished."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> list[str]:
        """Add ``piece``; the sentences that ended with it, without white space around them."""
        self._rest += piece
        done: list[str] = []
        while (end := boundary(self._rest)) is not None:
            done.append(self._rest[:end].strip())
            self._rest = self._rest[end:]
        return [sentence for sentence in done if sentence]

    def end(self) -> list[str]:
        """The stream has ended: what is left, finished or not."""
        rest, self._rest = self._rest.strip(), ""
        return [rest] if rest else []


async def sentences(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """The sentences of a stream, each as soon as it is sure, without one that was cut off (``CUT``) and without
    the numbers of facts.

    Leaving early closes ``pieces`` too.
    """
    splitter = Splitter()
    try:
        async for piece in pieces:
            for sentence in splitter.feed(piece):
                if shown := _CITED.sub("", sentence).strip():
                    yield shown
        for sentence in splitter.end():
            whole = _CITED.sub("", sentence.removesuffix(CUT)).strip()
            if whole and (not sentence.endswith(CUT) or complete(whole)):
                yield whole
    finally:
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()


def split_sentences(text: str) -> list[str]:
    """The sentences of a whole text."""
    splitter = Splitter()
    return splitter.feed(text) + splitter.end()
