"""FAQ files: YAML entries with several phrasings of a question and the answer that the shop approves."""

from collections.abc import Iterator
from typing import Any

import yaml

from bot.errors import KnowledgeError
from bot.records import Kind, Passage, PassageId
from bot.retrieval.markup import is_web_address, without_tags
from bot.retrieval.problems import Problem

_SHAPE = "an entry is `id`, `questions` (a list) and `answer`"


def read_faq(text: str, file: str) -> tuple[list[tuple[Passage, int]], list[Problem]]:
    """Read one file: its entries with their lines, and the entries that could not be read.

    Raises:
        KnowledgeError: the file as a whole is not YAML, or has no ``entries``.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f"{mark.line + 1}:" if mark else ""
        raise KnowledgeError(f"{file}:{place} not YAML: {getattr(exc, 'problem', None) or exc}.") from exc
    if not isinstance(data, dict) or not isinstance(data.get("entries"), list):
        raise KnowledgeError(f"{file}:1: an FAQ file has `locale:` and a list of `entries:`; {_SHAPE}.")
    locale = str(data.get("locale") or "en")
    entries: list[tuple[Passage, int]] = []
    problems: list[Problem] = []
    for entry, line in zip(data["entries"], _lines(root), strict=True):
        try:
            entries.append((_passage(entry, file, locale), line))
        except ValueError as exc:
            problems.append(Problem(file, line, str(exc)))
    return entries, problems


def _lines(root: yaml.Node | None) -> Iterator[int]:
    """The line of each entry; the loader forgets them, the node tree does not."""
    assert isinstance(root, yaml.MappingNode), "the data is a mapping"
    for key, value in root.value:
        if key.value == "entries":
            yield from (node.start_mark.line + 1 for node in value.value)


def _passage(entry: Any, file: str, locale: str) -> Passage:
    if not isinstance(entry, dict):
        raise ValueError(f"this is not an entry: {_SHAPE}.")
    missing = [key for key in ("id", "questions", "answer") if not entry.get(key)]
    if missing:
        raise ValueError(f"entry {entry.get('id', '')!r} has no {' and no '.join(f'`{key}`' for key in missing)}.")
    questions = entry["questions"]
    questions = [questions] if isinstance(questions, str) else questions
    if not isinstance(questions, list) or not all(isinstance(question, str) and question for question in questions):
        raise ValueError(
            f"entry {entry['id']!r}: `questions` must be a list of texts; quote a text that YAML misreads."
        )
    if not isinstance(entry["answer"], str):
        raise ValueError(f"entry {entry['id']!r}: `answer` must be a text; quote it.")
    answer, *asked = (without_tags(text).strip() for text in (entry["answer"], *questions))
    if not answer or not all(asked):
        raise ValueError(f"entry {entry['id']!r}: a question or the answer has no text but markup.")
    source = f"{file}#{entry['id']}"
    given = str(entry.get("url") or entry.get("source") or "")
    return Passage(
        id=PassageId(source),
        kind=Kind.FAQ,
        title=asked[0],
        text=answer,
        source=source,
        locale=str(entry.get("locale") or locale),
        url=given if is_web_address(given) else None,
        questions=tuple(asked),
    )
