"""Attributes as public sets write them, ``width: { unit:inches, value:11.0 }``, read as Kefu reads a product feed."""

import re
from collections.abc import Iterator
from typing import Any

from bot.retrieval.products import in_words

_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>[{}\[\]:,;])|(?P<quote>["'])(?P<text>.*?)(?P=quote)(?=\s*[}\],])|(?P<bare>[^{}\[\]:,;"'\s][^{}\[\],;]*?)(?=\s*(?:[{}\[\]:,;]|$)))"""
)
_ATTRIBUTE = re.compile(r"\w+:\s*[{\[]")


def read_attribute(text: str) -> str:
    """The attribute in words: ``width: 11 inches``. Any other text comes back as it is."""
    if not _ATTRIBUTE.match(text):
        return text
    try:
        tokens = [*_tokens(text)]
        name, _ = tokens.pop(0), tokens.pop(0)
        values = [_value(tokens)]
        while tokens:
            tokens.pop(0)
            values.append(_value(tokens))
    except (IndexError, ValueError):
        return text
    return f"{name.replace('_', ' ')}: {in_words(values)}"


def _tokens(text: str) -> Iterator[str]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(text[at:])
        yield match["sign"] or (match["text"] if match["quote"] else match["bare"].strip())
        at = match.end()


def _value(tokens: list[str]) -> Any:
    """The value at the beginning of ``tokens``, which are taken off."""
    opened = tokens.pop(0)
    if opened == "[":
        return [*_until("]", tokens)]
    if opened != "{":
        return _scalar(opened)
    found = {}
    while tokens[0] != "}":
        name, _ = tokens.pop(0), tokens.pop(0)
        found[name] = _value(tokens)
        _comma(tokens)
    tokens.pop(0)
    return found


def _until(closing: str, tokens: list[str]) -> Iterator[Any]:
    while tokens[0] != closing:
        yield _value(tokens)
        _comma(tokens)
    tokens.pop(0)


def _comma(tokens: list[str]) -> None:
    if tokens[0] == ",":
        tokens.pop(0)


def _scalar(text: str) -> Any:
    if text in {"true", "false"}:
        return text == "true"
    return float(text) if re.fullmatch(r"-?\d+\.\d*", text) else text
