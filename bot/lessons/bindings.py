"""Made-up passages about two things at once, so that the classifier learns which value belongs to which. Pure.

Every word of a false sentence stands in such a passage, and stands there in true ones as often: only reading what
belongs together tells them apart. Things and predicates come from the lessons' own lines, values from a draw.
"""

import random
import re
from collections.abc import Iterator, Sequence

from bot.lessons.contrasts import read_thing
from bot.lessons.falsify import NEGATION, reword
from bot.lessons.pairs import Pair

BOUND = "bound"
"""Kind of these pairs."""

_VALUES: Sequence[tuple[str, str, str, int, int]] = (
    ("weighs {}", "weight", "{} g", 80, 990), ("weighs {}", "weight", "{} kg", 2, 60),
    ("costs {}", "price", "{} EUR", 9, 900),
    ("costs {}", "price", "{}.90 GBP", 3, 200), ("holds {}", "capacity", "{} litres", 2, 90),
    ("lasts {}", "running time", "{} hours", 2, 40), ("is {} wide", "width", "{} cm", 20, 220),
    ("is {} long", "length", "{} mm", 30, 900), ("needs {}", "power", "{} W", 20, 900),
    ("carries {}", "load", "{} kg", 3, 150),
    ("takes {}", "time", "{} working days", 2, 20), ("can be returned within {}", "return period", "{} days", 7, 100),
    ("has a warranty of {}", "warranty", "{} years", 2, 10), ("comes in {}", "choice", "{} colours", 2, 12),
)  # fmt: skip
"""A predicate, the name of its column, its unit, and the least and the most."""

_LETTERS = "ABCDEGHKLMNPRSTVX"
_LINKS = (", ", ", and ", ", while ", "; ", ". ")


def bound_pairs(lines: Sequence[str], most: int, seed: int) -> tuple[Pair, ...]:
    """About ``most`` pairs over passages made of the things and predicates in ``lines``; the same for the same seed."""
    draw = random.Random(f"{seed}/bound")  # noqa: S311 - a choice, not a secret
    parts = [part for line in lines if (part := read_thing(line))]
    pairs: dict[Pair, None] = {}
    while len(pairs) < most and len(parts) > 1:
        made = _valued(draw) if draw.random() < 0.5 else _told(parts, draw)
        pairs |= dict.fromkeys(made)
    return tuple(pairs)


def _told(parts: Sequence[tuple[str, str, str]], draw: random.Random) -> Iterator[Pair]:
    """Two things with a predicate each: of another line of the same number, or the denial of the first."""
    (one, number, says), (two, other_number, other) = draw.sample(list(parts), 2)
    if draw.random() < 0.4:
        one, two = _names(draw)
        number = other_number
    if draw.random() < 0.35:
        denied = [made.text for made in reword(f"{one} {says}", "") if made.kind == NEGATION]
        other = draw.choice(denied).removeprefix(one).strip() if denied else other
    if number != other_number or says == other or {*one.lower().split()} & {*two.lower().split()} - {"the", "a"}:
        return
    link = draw.choice(_LINKS)
    second = _opened(two) if link == ". " else two
    passage = f"{_opened(one)} {says}{link}{second} {other}."
    for thing, predicate, supported in (
        (one, says, True), (two, other, True), (one, other, False), (two, says, False),
    ):  # fmt: skip
        yield Pair(passage, f"{_opened(thing)} {predicate}.", supported=supported, kind=BOUND)
    yield Pair(passage, f"{_opened(two)} {other}, and {one} {says}.", supported=True, kind=BOUND)
    yield Pair(passage, f"{_opened(two)} {says}, and {one} {other}.", supported=False, kind=BOUND)


def _valued(draw: random.Random) -> Iterator[Pair]:
    """Two things with two values each, in a sentence or in columns."""
    one, two = _names(draw)
    columns = draw.sample(list(_VALUES), 2)
    values = [[_value(column, draw) for column in columns] for _ in (one, two)]
    if any(values[0][at] == values[1][at] for at in (0, 1)) or columns[0][0] == columns[1][0]:
        return
    passage = draw.choice((_sentence, _columns, _rows))((one, two), columns, values)
    for at, thing in enumerate((one, two)):
        for which, column in enumerate(columns):
            for supported in (True, False):
                value = values[at if supported else 1 - at][which]
                yield Pair(passage, _say(thing, column, value, draw), supported=supported, kind=BOUND)
        both = [column[0].format(value) for column, value in zip(columns, values[at], strict=True)]
        yield Pair(passage, f"{_opened(thing)} {both[0]} and {both[1]}.", supported=True, kind=BOUND)
        mixed = [both[0], columns[1][0].format(values[1 - at][1])]
        yield Pair(passage, f"{_opened(thing)} {mixed[0]} and {mixed[1]}.", supported=False, kind=BOUND)


def _say(thing: str, column: tuple[str, str, str, int, int], value: str, draw: random.Random) -> str:
    if draw.random() < 0.3:
        return f"The {column[1]} of {thing} is {value}."
    return f"{_opened(thing)} {column[0].format(value)}."


def _value(column: tuple[str, str, str, int, int], draw: random.Random) -> str:
    return column[2].format(draw.randint(column[3], column[4]))


def _sentence(
    things: Sequence[str], columns: Sequence[tuple[str, str, str, int, int]], values: Sequence[Sequence[str]]
) -> str:
    (one, two), (first, second) = things, columns
    return (
        f"{_opened(one)} {first[0].format(values[0][0])} and {second[0].format(values[0][1])}, "
        f"{two} {first[0].format(values[1][0])} and {second[0].format(values[1][1])}."
    )


def _columns(
    things: Sequence[str], columns: Sequence[tuple[str, str, str, int, int]], values: Sequence[Sequence[str]]
) -> str:
    names = [_bare(thing) for thing in things]
    return "\n".join(
        f"{column[1].capitalize()}: {values[0][at]} ({names[0]}), {values[1][at]} ({names[1]})"
        for at, column in enumerate(columns)
    )


def _rows(
    things: Sequence[str], columns: Sequence[tuple[str, str, str, int, int]], values: Sequence[Sequence[str]]
) -> str:
    return "\n".join(
        f"{_bare(thing)}: {columns[0][1]} {values[at][0]}, {columns[1][1]} {values[at][1]}"
        for at, thing in enumerate(things)
    )


def _names(draw: random.Random) -> tuple[str, str]:
    """Two models of one make: they differ in a letter, a number, or a word more."""
    letter, number = draw.choice(_LETTERS), draw.randint(1, 90)
    stem = f"the {letter}{number}"
    other = draw.choice(
        (f"the {letter}{number + draw.randint(1, 9)}", f"{stem} Plus", f"the {draw.choice(_LETTERS)}{number}")
    )
    one, two = (stem, other) if draw.random() < 0.5 else (other, stem)
    return one, (two if two != one else f"{two} Mini")


def _bare(thing: str) -> str:
    return re.sub(r"^the ", "", thing)


def _opened(thing: str) -> str:
    return thing[:1].upper() + thing[1:]
