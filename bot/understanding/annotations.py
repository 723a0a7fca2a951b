"""Reads how Rasa's training examples mark entities: ``[text](name)`` and ``[text]{"entity": …}``."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bot.errors import KnowledgeError

NAME = re.compile(r"[^\s\[\](){}\"]+")
"""An intent's or an entity's name."""

_ANNOTATION = re.compile(r"\[(?P<text>[^\[\]]+)\](?:\((?P<name>[^()]*)\)|(?P<json>\{[^{}]*\}))")
"""``[text](name)``, the old ``[text](name:value)``, or ``[text]{"entity": …}``."""

_ANNOTATION_KEYS = frozenset({"entity", "value", "role", "group"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, and a line counted from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Annotation:
    """An entity that an example marks: ``text[start:end]`` with its canonical ``value``."""

    name: str
    value: str
    start: int
    end: int
    role: str | None = None
    group: str | None = None


def parse_example(marked: str, place: Place) -> tuple[str, tuple[Annotation, ...]]:
    """Split ``marked`` text into the plain text and the entities it marks.

    Raises:
        KnowledgeError: an annotation is not one of the two allowed forms.
    """
    plain: list[str] = []
    annotations: list[Annotation] = []
    length = end = 0
    for match in _ANNOTATION.finditer(marked):
        before = marked[end : match.start()]
        surface = match["text"]
        name, value, role, group = _annotation_parts(match, place)
        start = length + len(before)
        length = start + len(surface)
        annotations.append(Annotation(name, surface if value is None else value, start, length, role, group))
        plain += (before, surface)
        end = match.end()
    plain.append(marked[end:])
    return "".join(plain), tuple(annotations)


def _annotation_parts(match: re.Match[str], place: Place) -> tuple[str, str | None, str | None, str | None]:
    if match["json"] is None:
        name, _, value = match["name"].partition(":")
        if not NAME.fullmatch(name):
            raise KnowledgeError(f"{place}: {match[0]!r} names no entity. Write `[text](entity_name)`.")
        return name, value or None, None, None
    try:
        parts = json.loads(match["json"])
    except (ValueError, RecursionError) as exc:
        raise KnowledgeError(
            f'{place}: {match["json"]!r} is not JSON. Write `[text]{{"entity": "name", "value": "canonical"}}`.'
        ) from exc
    if unknown := set(parts) - _ANNOTATION_KEYS:
        raise KnowledgeError(f"{place}: {min(unknown)!r} is not allowed. Keys are entity, value, role, group.")
    if not all(isinstance(value, str) for value in parts.values()) or not NAME.fullmatch(parts.get("entity", "")):
        raise KnowledgeError(f'{place}: {match["json"]!r} needs "entity" with a name, and texts as values.')
    return parts["entity"], parts.get("value"), parts.get("role"), parts.get("group")
