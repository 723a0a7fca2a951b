"""How lessons are shown to the writer: one chosen passage, or the few sentences of it that answer. Pure."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.generation.finetune import Example
from bot.generation.prompt import build_prompt
from bot.generation.sentences import split_sentences
from bot.lessons.rows import Lesson, passages_of
from bot.records import Passage

WHOLE = 0.4
"""Share of the showings with the whole passage; the others show the sentences that answer, with some beside them."""

BESIDE = 0.15
"""Share of the showings with another passage beside the right one, where the lesson has one."""

REFUSAL = "I do not know."
"""The reply to a lesson without one, where such lessons are shown at all."""

_WORD = re.compile(r"[^\W_]+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Split:
    """Lessons to learn from, and lessons held out to judge replies by: no passage stands in both."""

    learn: tuple[Lesson, ...]
    held_out: tuple[Lesson, ...]


def split(lessons: Sequence[Lesson], held_out: int, seed: int) -> Split:
    """Hold out about ``held_out`` lessons with a reply, a fifth of all at most, with all others of their passages."""
    by_passage: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        by_passage.setdefault(lesson.passages[0].text, []).append(lesson)
    lots = [*by_passage.values()]
    random.Random(seed).shuffle(lots)  # noqa: S311 - an order, not a secret
    out: list[Lesson] = []
    kept: list[Lesson] = []
    most = min(held_out, max(1, len(lessons) // 5))
    for lot in lots:
        (out if len(out) < most and any(lesson.reply for lesson in lot) else kept).extend(lot)
    return Split(tuple(kept), tuple(lesson for lesson in out if lesson.reply is not None))


def shown(lessons: Sequence[Lesson], epoch: int, seed: int, refusals: float = 0.0) -> list[Example]:
    """The examples of an epoch: each lesson once, in a way that the epoch and the seed choose.

    Of the lessons without a reply at most ``refusals`` of all are shown: many teach a small model to refuse what it
    could answer.
    """
    draw = random.Random(f"{seed}/{epoch}")  # noqa: S311 - as above
    examples = [_show(lesson, draw) for lesson in lessons if lesson.reply is not None]
    silent = [lesson for lesson in lessons if lesson.reply is None]
    few = draw.sample(silent, min(len(silent), round(refusals * len(examples))))
    return examples + [_show(lesson, draw) for lesson in few]


def asked(lesson: Lesson) -> Example:
    """The lesson as a shopper's question would be shown: the passage that answers, whole."""
    return Example(tuple(build_prompt(lesson.question, [answering(lesson)], "en")), lesson.reply or REFUSAL)


def _show(lesson: Lesson, draw: random.Random) -> Example:
    right = answering(lesson)
    passage = right if lesson.reply is None or draw.random() < WHOLE else _narrowed(right, lesson.reply, draw)
    passages = [passage]
    others = [other for other in passages_of(lesson) if other.text != right.text]
    if others and draw.random() < BESIDE:
        passages.insert(draw.randrange(2), draw.choice(others))
    return Example(tuple(build_prompt(lesson.question, passages, "en")), lesson.reply or REFUSAL)


def answering(lesson: Lesson) -> Passage:
    """The passage that the reply rests on, by its words."""
    words = _words(lesson.reply or lesson.question)
    return max(passages_of(lesson), key=lambda passage: len(words & _words(passage.text)))


def _narrowed(passage: Passage, reply: str, draw: random.Random) -> Passage:
    """The neighbouring sentences that hold the reply's words, with up to two more around them."""
    sentences = split_sentences(passage.text)
    first, last = supporting(reply, sentences)
    first, last = max(0, first - draw.randrange(2)), min(len(sentences) - 1, last + draw.randrange(2))
    return replace(passage, text="\n".join(sentences[first : last + 1]))


def supporting(reply: str, sentences: Sequence[str]) -> tuple[int, int]:
    """First and last of the one to three neighbouring sentences that hold most words of ``reply``, each further one
    for a price."""
    wanted = _words(reply)
    held = [_words(sentence) for sentence in sentences]
    windows = [
        (first, last) for first in range(len(sentences)) for last in range(first, min(first + 3, len(sentences)))
    ]
    return max(
        windows,
        key=lambda window: (
            len(wanted & set().union(*held[window[0] : window[1] + 1])) / max(1, len(wanted))
            - 0.12 * (window[1] - window[0]),
            -window[0],
        ),
    )


def _words(text: str) -> set[str]:
    return {word.casefold()[:6] for word in _WORD.findall(text)}
