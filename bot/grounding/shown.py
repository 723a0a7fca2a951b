"""Cleaning: what is taken out of any text before a shopper, or the claim check, sees it."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from bot.records import Button, Citation, Utterance

_TEMPLATE = re.compile(
    r"<\|[^<>|\n]{0,40}\|>"  # <|im_start|>, <|endoftext|>, <|eot_id|>
    r"|</?s>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|<(?:unk|pad|bos|eos)>"
)
"""Control tokens of chat templates: they end or forge turns where a text becomes a prompt again."""

# `{…}+` takes what it can and gives nothing back: what has to follow is never in its class, so shorter would not help,
# and to try it all the same takes a hundred times as long where somebody writes `[a](` a thousand times.
_IMAGE = re.compile(r"!\[[^\]\n]{0,300}+\]\([^)\n]{0,2000}+\)|!\[[^\]\n]{0,300}+\]\[[^\]\n]{0,300}+\]")
"""A Markdown image is fetched without a click, so its address can carry a conversation away."""

_LINK = re.compile(r"(?<!!)\[([^\]\n]{0,300}+)\]\(([^)\s]{0,2000}+)(?:\s[^)\n]{0,300}+)?\)")

_HIDDEN = re.compile(r"<(script|style|iframe|object|svg|template)\b[^>]{0,500}>.{0,5000}?</\1\s*>", re.I | re.S)
_COMMENT = re.compile(r"<!--.{0,5000}?-->", re.S)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
_OPEN = re.compile(r"<[A-Za-z](?=[^<>]*+(?:<|\Z))[^<>]{0,2000}?\bon\w{2,40}\s*=[^<>]*+", re.I)
"""A tag that is never closed, with a script in it: the page that shows the text would close it. That it stays open is
looked at first, once, and not again for each thing in it that looks like a script."""

_SPACE = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_LINES = re.compile(r" ?\n[ \n]*")

_WEB = re.compile(r"(?:https?://|/(?![/\\]))[^\x00-\x1f\x7f\\<>\"]*", re.I)
"""An address of the web, or a path of this server: ``//`` and ``/\\`` name another's host, and a browser reads over a
tab or a line's end in between."""

_ADDRESSES = frozenset(("url", "image", "link"))
"""Names that addresses have in data."""

_DEEPEST = 32
"""Levels of data that are kept."""

_JOINERS = {"\u200d", "\ufe0f"}
"""Zero-width joiner and emoji selector: dropped too, an emoji stays readable without them."""


def clean(text: str) -> str:
    """The text as it may be shown: no invisible, bidi-override or control characters, no chat-template tokens,
    no Markdown images, no HTML; a Markdown link becomes its words and its address; blanks are single.

    Linear in the length of the text, and a fixed point: ``clean(clean(text)) == clean(text)``.
    """
    before = None
    # Taking one thing out can join the halves of another ("<|im<b>_start|>"), so it goes on until nothing changes;
    # every round shortens the text, and three are enough for anything but an attack.
    for _ in range(8):
        if text == before:
            return text
        before = text
        text = _once(text)
    return _once(text.translate(_LAST_RESORT)) if text != before else text


_LAST_RESORT = {ord(mark): " " for mark in "<>[]|!"}
"""A text nested deeper than eight rounds is an attack: it loses the marks that nesting is made of."""


def _once(text: str) -> str:
    # What Python calls printable is visible, but for the emoji selector, and has no blank but the plain one.
    printable = text.replace("\n", "").isprintable()
    if not printable or "\ufe0f" in text:
        text = "".join(char for char in text if _visible(char))
    # Every pattern here begins with one of these, and most texts have neither.
    if "<" in text or "[" in text:
        text = _TEMPLATE.sub(" ", text)
        text = _IMAGE.sub(" ", text)
        text = _LINK.sub(_unlink, text)
        text = _COMMENT.sub(" ", text)
        text = _HIDDEN.sub(" ", text)
        text = _TAG.sub(" ", text)
        text = _OPEN.sub(" ", text)
    if not printable or "  " in text:
        text = _SPACE.sub(" ", text)
    if "\n" in text:
        text = _LINES.sub("\n", text)
    return text.strip()


def _unlink(link: re.Match[str]) -> str:
    words, address = link.group(1).strip(), link.group(2)
    return f"{words} ({address})" if words and words != address else address


def visible(text: str) -> str:
    """The text without invisible, bidi-override and control characters: what a shopper wrote, for others to read."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if _visible(char))


def _visible(char: str) -> bool:
    if char in "\n\t":
        return True
    # Cc control, Cf format (zero-width, bidi, tags), Co private use, Cs surrogates, Cn unassigned.
    return unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs", "Cn"} and char not in _JOINERS


def plain(text: str) -> str:
    """The text in one spelling for comparing: cleaned, NFKC, ASCII digits, straight quotes, one kind of dash."""
    text = unicodedata.normalize("NFKC", clean(text))
    return "".join(_digit(char) for char in text).translate(_SPELLING)


_SPELLING = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "—": "–", "‒": "–", "−": "-", "‐": "-", "‑": "-", "〜": "–"}
)


def _digit(char: str) -> str:
    if char.isascii() or not char.isdecimal():
        return char
    return str(unicodedata.decimal(char))


def presentable(utterance: Utterance) -> Utterance:
    """An utterance as it may leave, whichever rung it comes from: every text cleaned, no address but of the web.

    ``custom`` and what a button sends are data, the catalogue's rows or an action server's: of them, only what nobody
    can see is taken out.
    """
    return Utterance(
        text=clean(utterance.text),
        buttons=tuple(Button(clean(button.title), visible(button.payload)) for button in utterance.buttons),
        image=web(utterance.image),
        custom=None if utterance.custom is None else visible_data(utterance.custom),
        citations=tuple(
            Citation(cited.passage, clean(cited.title), visible(cited.source), web(cited.url))
            for cited in utterance.citations
        ),
        attachment=None if utterance.attachment is None else _attached(utterance.attachment),
    )


def _attached(attachment: Any) -> Any:
    return web(attachment) if isinstance(attachment, str) else visible_data(attachment)


def visible_data(value: Any, depth: int = 0) -> Any:
    """A value of JSON with every text and name in it made `visible`, and no address but of the web; what is nested
    deeper than anything that can be shown is left out."""
    match value:
        case str():
            return visible(value)
        case Mapping() | list() | tuple() if depth >= _DEEPEST:
            return None
        case Mapping():
            return {
                visible(str(name)): web(item)
                if name in _ADDRESSES and isinstance(item, str)
                else visible_data(item, depth + 1)
                for name, item in value.items()
            }
        case list() | tuple():
            return [visible_data(item, depth + 1) for item in value]
        case _:
            return value


def web(address: str | None) -> str | None:
    """The address, `visible`, where it leads to the web or to a path of this server; else None."""
    return shown if address and _WEB.fullmatch(shown := visible(address)) else None
