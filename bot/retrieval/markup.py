"""What of a source's markup reaches a shopper: the text between its tags, and addresses of the web alone. Pure."""

import re

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_UNREAD = re.compile(
    r"<(script|style|template|noscript|svg|iframe|object)(?=[\s/>])[^>]*>.*?</\1\s*>", re.DOTALL | re.I
)
_TAG = re.compile(
    # An attribute's value may hold ">"; where its quote is never closed, the next ">" ends the tag.
    r"""</?([a-z][a-z0-9-]*)(?=[\s/>])(?:(?:[^<>"']|"[^"]*"|'[^']*')*+>|[^<>]*>)""",
    re.IGNORECASE,
)
_BREAKS = frozenset({"br", "p", "li", "div", "tr", "td", "th", "ul", "ol", "hr"})
_ADDRESS = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)


def without_tags(text: str) -> str:
    """Text without HTML tags, comments, and what no reader sees, as scripts; its lines keep their numbers.

    A "<" in prose stays ("< 5 kg"), as do the addresses that Markdown writes in angle brackets.
    """
    while "<" in text:
        before = text
        for pattern in (_COMMENT, _UNREAD):
            text = pattern.sub(lambda match: "\n" * match.group().count("\n"), text)
        text = _TAG.sub(_gap, text)
        # What is left of two tags can be a third: `<scr<b>ipt>`.
        if text == before:
            break
    return text


def is_web_address(address: str) -> bool:
    """Whether a link there leads to a page: ``javascript:`` and ``data:`` would run in the shopper's browser."""
    return bool(_ADDRESS.fullmatch(address))


def _gap(match: re.Match[str]) -> str:
    lines = "\n" * match.group().count("\n")
    return lines or (" " if match[1].lower() in _BREAKS else "")
