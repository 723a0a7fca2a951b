"""Pairs for the reader, made of lessons: a question, and a passage that answers it or only looks as if it did. Pure."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.errors import LessonError
from bot.generation.sentences import split_sentences
from bot.lessons.course import supporting
from bot.lessons.rows import Lesson, Source
from bot.retrieval.reader import passage_text

ANSWERS, CUT, NONE, RIVAL, FOREIGN, CANDIDATE = "answers", "cut", "none", "rival", "foreign", "candidate"
"""How a pair came about: the passage that answers; the same without the sentences that do; a question that was written
to be unanswered; a passage shown beside the right one; one of another lesson; a public set's own label."""


class Reading(NamedTuple):
    """A question over a passage: what the reader reads, and whether the passage answers."""

    question: str
    passage: str
    answers: bool
    kind: str


def reading_pairs(lessons: Sequence[Lesson], seed: int) -> list[Reading]:
    """The pairs of lessons in English; the same for the same lessons and seed."""
    draw = random.Random(seed)  # noqa: S311 - a choice, not a secret
    every = list(dict.fromkeys(source for lesson in lessons for source in lesson.passages))
    by_subject: dict[str, list[Source]] = {}
    for source in every:
        by_subject.setdefault(_subject(source), []).append(source)
    pairs: list[Reading] = []
    for lesson in lessons:
        own = set(lesson.passages)
        if lesson.reply is None:
            pairs += [Reading(lesson.question, _shown(source), False, NONE) for source in lesson.passages]
            continue
        pairs += _of_reply(lesson, lesson.reply, draw)
        other = draw.choice(every if draw.random() < 0.3 else by_subject[_subject(lesson.passages[0])])
        # "How long can I return it?" is answered by many a shop's passage: one that shares the title is left out.
        if other not in own and other.title != lesson.passages[0].title and not _alike(other.text, lesson.reply):
            pairs.append(Reading(lesson.question, _shown(other), False, FOREIGN))
    return list(dict.fromkeys(pairs))


def _of_reply(lesson: Lesson, reply: str, draw: random.Random) -> Iterator[Reading]:
    right = max(lesson.passages, key=lambda source: len(_words(reply) & _words(source.text)))
    yield Reading(lesson.question, _shown(right), True, ANSWERS)
    sentences = split_sentences(right.text)
    first, last = supporting(reply, sentences)
    if draw.random() < 0.5 and len(sentences) > 1:
        narrow = sentences[max(0, first - draw.randrange(2)) : last + 1 + draw.randrange(2)]
        yield Reading(lesson.question, passage_text(right.title, " ".join(narrow)), True, ANSWERS)
    rest = [*sentences[:first], *sentences[last + 1 :]]
    if rest and not _alike(" ".join(rest), reply):
        yield Reading(lesson.question, passage_text(right.title, " ".join(rest)), False, CUT)
    for source in lesson.passages:
        if source is not right and not _alike(source.text, reply):
            yield Reading(lesson.question, _shown(source), False, RIVAL)


def ranked_pairs(data: Path, seed: int, wrong: int = 1) -> list[Reading]:
    """Amazon's labelled candidates (hetPQA and semiPQA, the validation halves): all right ones, ``wrong`` others each.

    Raises:
        LessonError: a file is not there.
    """
    draw = random.Random(seed)  # noqa: S311 - as above
    pairs: list[Reading] = []
    for file in ("hetpqa/valid_ranking.jsonl", "semipqa/valid.jsonl"):
        path = data / file
        try:
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except OSError as exc:
            raise LessonError(f"{path}: no such file; `--public` names the folder of public sets.") from exc
        for row in rows:
            right = [one["text"] for one in row["candidates"] if one["label"]]
            others = [one["text"] for one in row["candidates"] if not one["label"]]
            chosen = draw.sample(others, min(wrong, len(others)))
            pairs += [Reading(row["question"], passage_text("", text), True, CANDIDATE) for text in right[:1]]
            pairs += [Reading(row["question"], passage_text("", text), False, CANDIDATE) for text in chosen]
    return pairs


def _shown(source: Source) -> str:
    return passage_text(source.title, source.text)


def _subject(source: Source) -> str:
    return source.title.partition("›")[0].strip().casefold().split(" ")[0] if "›" in source.title else source.kind


def _alike(text: str, reply: str) -> bool:
    """Whether ``text`` may answer too: it has most words of the reply."""
    words = _words(reply)
    return len(words & _words(text)) > 0.75 * len(words)


def _words(text: str) -> set[str]:
    return {word.casefold()[:6] for word in text.replace(",", " ").replace(".", " ").split()}
