"""YAML as Rasa reads it, where every value knows its file and line.

Rasa reads YAML 1.2: ``yes``, ``no``, ``on`` and ``off`` are words there, which PyYAML by itself takes for booleans.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.errors import KnowledgeError

_DEEPEST = 32
"""Levels of nesting beyond which a file is no part of a dialogue: composing recurses in C and would end the process."""

_LARGEST = 100_000
"""Values that the aliases of one file may unfold to: nine lines of them can name a billion."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, and a line counted from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file."""

    file: Path
    yaml: yaml.Node

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.file, self.yaml.start_mark.line + 1)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.yaml, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it has items."""
        return isinstance(self.yaml, yaml.SequenceNode)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written there."""
        return isinstance(self.yaml, yaml.ScalarNode) and self.plain() is None

    def fields(self, allowed: str) -> dict[str, "Node"]:
        """Its keys and values; nothing for an empty value.

        Raises:
            KnowledgeError: it is no mapping; ``allowed`` says what belongs there.
        """
        if self.is_empty:
            return {}
        if not isinstance(self.yaml, yaml.MappingNode):
            raise self.error(f"found {self._shown()} where {allowed} belongs.")
        fields: dict[str, Node] = {}
        for key, value in self.yaml.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Node(self.file, key).error("a key is a word.")
            if key.value in fields:
                raise Node(self.file, key).error(f"`{key.value}` stands here twice. Keep one.")
            fields[str(key.value)] = Node(self.file, value)
        return fields

    def items(self, allowed: str) -> list["Node"]:
        """Its items; nothing for an empty value.

        Raises:
            KnowledgeError: it is no list; ``allowed`` says what belongs there.
        """
        if self.is_empty:
            return []
        if not isinstance(self.yaml, yaml.SequenceNode):
            raise self.error(f"found {self._shown()} where {allowed} belongs.")
        return [Node(self.file, item) for item in self.yaml.value]

    def one_or_more(self, allowed: str) -> list["Node"]:
        """Itself, or its items where it is a list."""
        return self.items(allowed) if self.is_list else [] if self.is_empty else [self]

    def text(self, allowed: str) -> str:
        """The words as they are written, whatever else they could be read as.

        Raises:
            KnowledgeError: it is a list or a mapping; ``allowed`` says what belongs there.
        """
        if not isinstance(self.yaml, yaml.ScalarNode):
            raise self.error(f"found {self._shown()} where {allowed} belongs.")
        return str(self.yaml.value)

    def plain(self) -> Any:
        """Its value as Python has it: text, number, boolean, None, list or dict."""
        return _plain(self.yaml, [_LARGEST])

    def error(self, problem: str) -> KnowledgeError:
        """An error that says where it stands."""
        return KnowledgeError(f"{self.place}: {problem}")

    def _shown(self) -> str:
        if self.is_list:
            return "a list"
        if self.is_mapping:
            return "a mapping"
        text = str(self.yaml.value)
        return repr(text if len(text) <= 60 else text[:59] + "…")


def read_file(file: Path) -> Node | None:
    """The one document of a YAML file; None for an empty one.

    Raises:
        KnowledgeError: it cannot be read, or is not YAML; names file and line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        _check_depth(file, text)
        root = yaml.compose(text, Loader=_Loader)
    except OSError as exc:
        raise KnowledgeError(f"{file}: cannot be read ({exc.strerror}).") from exc
    except UnicodeDecodeError as exc:
        raise KnowledgeError(f"{file}: is not UTF-8 (byte {exc.start}). Save the file as UTF-8.") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "cannot be parsed"
        raise KnowledgeError(f"{file}{line}: not valid YAML: {problem}.") from exc
    return None if root is None else Node(file, root)


def top_level(file: Path) -> dict[str, Node]:
    """The keys of a Rasa file, such as ``responses`` or ``rules``.

    Raises:
        KnowledgeError: it cannot be read, or has no keys.
    """
    root = read_file(file)
    if root is None:
        return {}
    if not root.is_mapping and not root.is_empty:
        raise root.error("has to be a mapping with the keys of a Rasa file, such as `responses:`.")
    return root.fields("a mapping")


def _check_depth(file: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise KnowledgeError(f"{file}: is nested too deeply; a dialogue has ten levels at most.")


def _plain(node: yaml.Node, room: list[int]) -> Any:
    room[0] -= 1
    if room[0] < 0:
        raise KnowledgeError(f"aliases (`*name`) of line {node.start_mark.line + 1} unfold to too much.")
    match node:
        case yaml.ScalarNode():
            return _scalar(node)
        case yaml.SequenceNode():
            return [_plain(item, room) for item in node.value]
        case _:
            return dict(_pairs(node, room))


def _pairs(node: yaml.Node, room: list[int]) -> Iterator[tuple[str, Any]]:
    for key, value in node.value:
        yield str(key.value), _plain(value, room)


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if node.style:  # Quoted, or a block of text.
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text) and len(text) < 19:  # Longer ones are numbers of cards and parcels, not quantities.
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
