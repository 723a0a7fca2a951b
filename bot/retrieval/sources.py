"""The knowledge folder: every file of it read into passages, with the problems that were found on the way."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.errors import KnowledgeError
from bot.records import Kind, Passage
from bot.retrieval.faq import read_faq
from bot.retrieval.markdown import read_markdown
from bot.retrieval.pages import read_page
from bot.retrieval.problems import Problem
from bot.retrieval.products import read_csv, read_json
from bot.retrieval.quarantine import suspicion

_SUFFIXES = frozenset({".md", ".markdown", ".yml", ".yaml", ".csv", ".json", ".html", ".htm"})
_OTHERS = frozenset({"domain.yml", "rules.yml", "questions.yml", "answers.yml", "README.md"})
"""Files of the folder that are not knowledge: the dialogue's, and the shop's own test questions."""

_DIALOGUE = re.compile(
    r"^(?:nlu|rules|stories|flows|responses|intents|slots|forms|actions|pipeline|policies|action_endpoint|tracker_store"
    r"|session_config|socketio|rest)\s*:",
    re.MULTILINE,
)
"""Keys by which a YAML file is part of a Rasa project, wherever it lies."""

_BESIDE = frozenset({"actions", "tests", "models", "results", "deploy"})
"""Folders of a Rasa project that hold no word for shoppers."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a folder holds."""

    passages: tuple[Passage, ...]
    problems: tuple[Problem, ...]
    digest: str
    """Changes with any byte of any source."""


def source_files(folder: Path) -> list[Path]:
    """The knowledge files below a folder, in a fixed order; ``intents/`` and hidden files are not knowledge.

    Raises:
        KnowledgeError: there is no such folder.
    """
    if not folder.is_dir():
        raise KnowledgeError(
            f"{folder}: no such folder; `knowledge` must name the folder of FAQ, policies and products."
        )
    beside = is_rasa_project(folder)
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES
        and path.is_file()
        and not _set_aside(path.relative_to(folder))
        and not _is_dialogue(path)
        and not (beside and path.relative_to(folder).parts[0] in _BESIDE)
    )


def _set_aside(path: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return hidden or path.parts[0] == "intents" or (len(path.parts) == 1 and path.name in _OTHERS)


def _is_dialogue(path: Path) -> bool:
    return path.suffix.lower() in (".yml", ".yaml") and bool(
        _DIALOGUE.search(path.read_text("utf-8", errors="replace"))
    )


def is_rasa_project(folder: Path) -> bool:
    """Whether a dialogue lies in the folder, which can talk without any knowledge."""
    return (folder / "domain.yml").is_file() or (folder / "domain").is_dir()


def digest(folder: Path) -> str:
    """A fingerprint of every source's name and bytes, in hexadecimal."""
    told = hashlib.sha256()
    for path in source_files(folder):
        told.update(str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return told.hexdigest()


def read_knowledge(folder: Path) -> Knowledge:
    """Read all sources. What cannot be read becomes a problem; the rest of the shop stays open.

    Raises:
        KnowledgeError: there is no such folder.
    """
    passages: dict[str, Passage] = {}
    problems: list[Problem] = []
    for path in source_files(folder):
        file = path.relative_to(folder).as_posix()
        try:
            read, found = _read(path, file)
        except KnowledgeError as exc:
            problems.append(_located(file, str(exc)))
            continue
        problems.extend(found)
        for passage, line in read:
            reason = _suspicion(passage)
            if reason:
                problems.append(Problem(file, line, f"set aside, because it {reason}"))
            elif passage.id in passages:
                problems.append(Problem(file, line, f"{passage.id!r} stands in {passages[passage.id].source} already."))
            else:
                passages[passage.id] = passage
    return Knowledge(tuple(passages.values()), tuple(_once(problems)), digest(folder))


def _read(path: Path, file: str) -> tuple[Iterable[tuple[Passage, int]], list[Problem]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise KnowledgeError(f"{file}: not UTF-8 (byte {exc.start}); save it as UTF-8.") from exc
    match path.suffix.lower():
        case ".md" | ".markdown":
            return read_markdown(text, file)
        case ".yml" | ".yaml":
            return read_faq(text, file)
        case ".csv":
            return read_csv(text, file)
        case ".json":
            return read_json(text, file)
        case _:
            return read_page(text, file)


def _suspicion(passage: Passage) -> str | None:
    """A product is judged by its columns, so that one poisoned column sets the whole product aside."""
    told = [passage.title, passage.text, *passage.questions]
    if passage.kind is Kind.PRODUCT:
        told += passage.attributes.values()
    return suspicion("\n".join(told))


def _located(file: str, message: str) -> Problem:
    """Take ``file:line:`` off an error's message."""
    rest = message.removeprefix(f"{file}:")
    line, colon, told = rest.partition(":")
    if colon and line.strip().isdigit():
        return Problem(file, int(line), told.strip())
    return Problem(file, 0, rest.strip())


def _once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """A poisoned product is found in each of its passages, and told once."""
    seen: set[Problem] = set()
    for problem in problems:
        if problem not in seen:
            seen.add(problem)
            yield problem
