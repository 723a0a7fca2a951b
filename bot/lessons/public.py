"""Lessons from public sets whose licence lets trained weights be shared; read from a folder, never copied from it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.errors import LessonError
from bot.lessons.rows import BadRow, Lesson, Rows, Source
from bot.records import Kind

_QUESTIONS = ("what is the {}?", "{}?", "can you tell me the {}", "Which {} does it have?", "what about the {}?")
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_IDLE = frozenset(
    {"this", "that", "they", "them", "there", "these", "those", "with", "have", "been", "does", "item", "items"}
    | {"product", "products", "come", "comes"}
)
"""Words that sentences are made with, and that claim nothing."""
_FAQ = re.compile(r"^\s*\d+[.)]\s*(.+\?)\s*\n\s*(.+)$", re.MULTILINE)


def read_public(data: Path, sets: Sequence[str], most: int) -> Rows:
    """At most ``most`` lessons of the training half of each of ``sets``, evenly spread over it.

    What does not stand in its own evidence is counted as bad.

    Raises:
        LessonError: there is no such set, or its file is not there.
    """
    lessons: list[Lesson] = []
    bad: list[BadRow] = []
    for name in sets:
        if name not in SETS:
            raise LessonError(f"{name}: no such public set; sets are {', '.join(SETS)}.")
        file, read = SETS[name]
        path = data / name / file
        try:
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except OSError as exc:
            raise LessonError(f"{path}: no such file; `--public` names the folder of public sets.") from exc
        fit: list[Lesson] = []
        for number, row in enumerate(lines, 1):
            for lesson in read(row):
                if reason := _unfit(lesson):
                    bad.append(BadRow(str(path), number, reason))
                else:
                    fit.append(lesson)
        lessons += [fit[at * len(fit) // most] for at in range(most)] if len(fit) > most else fit
    return Rows(tuple(lessons), tuple(bad))


def _hetpqa(row: Mapping[str, Any]) -> Iterator[Lesson]:
    """Amazon's hetPQA (CDLA-Sharing 1.0): a customer's question, one piece of evidence, a human's answer."""
    reply = _sentence(row["answer"])
    yield Lesson((Source(row["evidence"], kind=Kind.PRODUCT),), row["question"], reply, origin="hetpqa")


def _semipqa(row: Mapping[str, Any]) -> Iterator[Lesson]:
    """Amazon's semiPQA, data to text (CDLA-Sharing 1.0): an attribute as it stands in a catalogue, and a sentence."""
    key = row["data"].partition(":")[0].replace("_", " ").strip()
    question = _QUESTIONS[len(row["data"]) % len(_QUESTIONS)].format(key)
    yield Lesson((Source(row["data"], kind=Kind.PRODUCT),), question, _sentence(row["text"]), origin="semipqa")


def _contoso(row: Mapping[str, Any]) -> Iterator[Lesson]:
    """Microsoft's Contoso Outdoors manuals (MIT): the questions and answers at their ends, over two answers each."""
    found = [(question.strip(), answer.strip()) for question, answer in _FAQ.findall(row["markdown"])]
    for at, (question, answer) in enumerate(found):
        other = found[(at + 1) % len(found)][1]
        passages = (Source(answer, kind=Kind.FAQ), Source(other, kind=Kind.FAQ))
        yield Lesson(passages, question, answer, origin="contoso")


SETS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[Lesson]]]] = {
    "hetpqa": ("train.jsonl", _hetpqa),
    "semipqa": ("d2t_train.jsonl", _semipqa),
    "shop_contoso": ("manuals.jsonl", _contoso),
}
"""File and reader of each set."""


def _unfit(lesson: Lesson) -> str:
    """Why the reply would teach to make things up: a number or most words of it stand in no passage."""
    assert lesson.reply is not None
    told = " ".join(source.text for source in lesson.passages).casefold()
    reply = lesson.reply.casefold()
    numbers = set(_NUMBER.findall(told)) | set(_NUMBER.findall(lesson.question))
    if strange := [number for number in _NUMBER.findall(reply) if number not in numbers]:
        return f"the reply says {strange[0]}, which does not stand in its evidence"
    known = {word[:5] for word in _WORD.findall(f"{told} {lesson.question.casefold()}")}
    said = [word for word in _WORD.findall(reply) if len(word) > 3 and word not in _IDLE]
    strangers = [word for word in said if word[:5] not in known]
    if len(strangers) * 3 > len(said):
        return f"most of the reply does not stand in its evidence (“{strangers[0]}”)"
    return ""


def _sentence(text: str) -> str:
    """``text`` with a capital at its beginning and a full stop at its end."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
