"""Pairs for the support classifier, made of lessons: true replies, falsehoods, and the same over changed passages.

A sentence that was made false stands beside two more pairs: over the passage that was changed alike it is true, and the
unchanged sentence false there. So neither a "not" nor a number tells by itself, and only reading both does. Pure.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bot.grounding.clauses import split_sentences
from bot.lessons.contrasts import exchanges, read_contrast
from bot.lessons.falsify import CONDITION, Falsehood, reword
from bot.lessons.pairs import TRUE, Pair
from bot.lessons.rows import Lesson
from bot.lessons.swaps import swap

A_REPLY, A_LINE = 2, 1
"""Falsehoods of a reply and of a line of its passage: what is not word for word in the passage teaches more."""

SHORTEST = 4
"""Words of the shortest line of a passage that is taken for a statement."""

VERBATIM, TURNED, FOREIGN = "verbatim", "turned", "foreign"
"""Kinds beside `TRUE` and those of `falsify`: a line of the passage, a sentence over a changed one, another's reply."""


def lesson_pairs(lessons: Sequence[Lesson], seed: int) -> tuple[Pair, ...]:
    """The pairs of all lessons with one passage and a reply; the same for the same lessons and seed."""
    passages: dict[tuple[str, str], list[str]] = {}
    for lesson in lessons:
        if len(lesson.passages) == 1 and lesson.reply is not None:
            passages.setdefault((lesson.passages[0].title, lesson.passages[0].text), []).append(lesson.reply)
    replies = [(key, reply) for key, told in passages.items() for reply in told]
    pairs: list[Pair] = []
    for (title, text), told in passages.items():
        draw = random.Random(f"{seed}/{title}/{text}")  # noqa: S311 - a choice, not a secret
        pairs += _of_passage(title, text, dict.fromkeys(told), draw)
        key, reply = draw.choice(replies)
        if key != (title, text):
            pairs.append(Pair(text, reply, supported=False, kind=FOREIGN, title=title))
    return _agreeing(pairs)


def _agreeing(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Each sentence over a passage once; what came out both true and false is left out."""
    first: dict[tuple[str, str, str], Pair] = {}
    torn = set()
    for pair in pairs:
        key = (pair.title, pair.source, pair.sentence)
        if first.setdefault(key, pair).supported != pair.supported:
            torn.add(key)
    return tuple(pair for key, pair in first.items() if key not in torn)


def _of_passage(title: str, text: str, replies: Iterable[str], draw: random.Random) -> Iterator[Pair]:
    lines = split_sentences(text)
    told: Counter[str] = Counter()
    for reply in replies:
        yield Pair(text, reply, supported=True, kind=TRUE, title=title)
        for made in choose(falsehoods(reply, text), A_REPLY, told, draw):
            yield Pair(text, made.text, supported=False, kind=made.kind, title=title)
            yield from _turned(title, text, _leaning(reply, lines), reply, made)
    for line in lines:
        if len(line.split()) < SHORTEST or line not in text:
            continue
        yield Pair(text, line, supported=True, kind=VERBATIM, title=title)
        if contrast := read_contrast(line):
            yield from (Pair(text, true, supported=True, kind=TRUE, title=title) for true in contrast.true)
            yield from (Pair(text, made.text, supported=False, kind=made.kind, title=title) for made in contrast.false)
        for made in choose(falsehoods(line, text), A_LINE, told, draw):
            yield Pair(text, made.text, supported=False, kind=VERBATIM, title=title)
            changed = text.replace(line, made.text, 1)
            yield Pair(changed, made.text, supported=True, kind=TURNED, title=title)
            yield Pair(changed, line, supported=False, kind=TURNED, title=title)


def falsehoods(sentence: str, passage: str) -> list[Falsehood]:
    """All that a true sentence can be turned into; none that stands in the passage, where it would be true."""
    made = (*reword(sentence, passage), *swap(sentence, split_sentences(passage)), *exchanges(sentence))
    return [each for each in made if each.text.rstrip(".") not in passage]


def choose(made: Sequence[Falsehood], most: int, told: Counter[str], draw: random.Random) -> list[Falsehood]:
    """At most ``most`` falsehoods of different kinds, those kinds first that were told least."""
    chosen: list[Falsehood] = []
    for kind in sorted(dict.fromkeys(each.kind for each in made), key=lambda kind: (told[kind], draw.random()))[:most]:
        chosen.append(draw.choice([each for each in made if each.kind == kind]))
        told[kind] += 1
    return chosen


def _turned(title: str, text: str, line: str, reply: str, made: Falsehood) -> Iterator[Pair]:
    """The pairs over the passage with the same change, where the line and the reply each have one place for it."""
    if (made.kind == CONDITION and not made.after) or len(made.before.split()) > 4:
        return  # Dropped words are not put back.
    place = re.compile(rf"(?<![\w-]){re.escape(made.before.strip())}(?![\w-])", re.I)
    if not made.before.strip() or len(place.findall(line)) != 1 or len(place.findall(reply)) != 1:
        return
    after = place.sub(lambda found: _cased(made.after, found[0]), line)
    changed = text.replace(line, " ".join(after.split()), 1)
    if changed == text:
        return
    yield Pair(changed, made.text, supported=True, kind=TURNED, title=title)
    yield Pair(changed, reply, supported=False, kind=TURNED, title=title)


def _cased(after: str, before: str) -> str:
    return after[:1].upper() + after[1:] if before[:1].isupper() else after[:1].lower() + after[1:]


def _leaning(reply: str, lines: Sequence[str]) -> str:
    """The line of the passage that holds most words of the reply."""
    wanted = _words(reply)
    return max(lines, key=lambda line: len(wanted & _words(line)) / (3 + len(_words(line)) ** 0.5), default="")


def _words(text: str) -> set[str]:
    return {word.casefold()[:6] for word in re.findall(r"\w+", text)}
