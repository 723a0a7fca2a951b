"""Reads lines that set two things against each other, and says of each what is true and what is the other's. Pure.

"Soil is included, the pot is not." is the hardest line for words: every sentence that swaps the two has all of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.lessons.falsify import NAME, SUBJECT, Falsehood, plain

_VERB = (
    r"(?:is|are|can|cannot|must|may|will|do|does|costs?|weighs?|holds?|carry|carries|takes?|lasts?|needs?|has|have|"
    r"comes?|stays?|gets?|pays?|goes|go|fits?|works?|contains?|means?|starts?|ends?|reach|reaches|prints?|"
    r"covers?|applies|apply|arrives?|keeps?|runs?|shows?|receives?|travels?|ships?)"
)
_NO_THING = (
    r"(?!(?:it|they|we|you|he|if|there|this|these|that|then|only|both|and|or|but|not|as|when|where|which|who|by|on|at|in|"
    r"for|from|to|with|without|up|after|before|per|no|please|so|because|since|until|unless|more|less|therefore|yet|also|"
    rf"even|except|each|all|either|neither|otherwise|of|costs|cover|{_VERB})\b)(?!\d)"
)
_WORDS = rf"(?:{_NO_THING}[\w'’+-]+)(?: {_NO_THING}[\w'’+-]+| \d+\b(?! [a-z])){{0,3}}?"
_REST = r"(?:\d|€|£|\$|up to \d|not\b|none\b|about \d|those of)"
_CONTRAST = re.compile(
    rf"^(?P<one>(?:(?:the|our|your|an?) )?{_WORDS}) (?P<verb>{_VERB})(?P<first>\b(?:(?!,? and only\b)[^;])+?)"
    rf"(?P<link>,? (?:and|while|but|whereas) |, |; )"
    rf"(?P<two>(?:(?:the|our|your|an?) )?{_WORDS}) "
    rf"(?:(?P<again>{_VERB})(?P<second>\b.*?)|(?P<left>{_REST}.*?))[.]?$",
    re.I,
)
"""Two things with a verb each, or with one verb for both ("the kettle costs 20 EUR, the pot 30 EUR")."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two things, and what a line says of each: whole predicates, with their verbs."""

    one: str
    says: str
    two: str
    other: str
    link: str
    elliptic: bool
    """The line leaves the second verb out."""

    @property
    def true(self) -> tuple[str, str]:
        """Each thing with its own predicate."""
        return _sentence(self.one, self.says), _sentence(self.two, self.other)

    @property
    def false(self) -> tuple[Falsehood, ...]:
        """Each thing with the other's predicate."""
        return (
            Falsehood(SUBJECT, _sentence(self.one, self.other), self.says, self.other),
            Falsehood(SUBJECT, _sentence(self.two, self.says), self.other, self.says),
        )

    @property
    def exchanged(self) -> Falsehood:
        """The line with the two things in each other's place."""
        tail = self.other.partition(" ")[2] if self.elliptic else self.other
        text = f"{_sentence(self.two, self.says).rstrip('.')}{self.link}{_inside(self.one)} {tail}."
        return Falsehood(NAME, text, self.one, self.two)


def read_contrast(line: str) -> Contrast | None:
    """The contrast in a line, or None where it holds none that is sure to be one."""
    found = _CONTRAST.match(line.strip())
    if not found or _heads(found["one"]) & _heads(found["two"]) or not _stands_alone(found):
        return None
    verb, says = found["verb"].lower(), f"{found['verb']}{found['first']}"
    again = found["again"]
    if again and _number(again) != _number(verb) and "any" not in (_number(again), _number(verb)):
        return None  # One in the other's place would be no English.
    other = f"{again}{found['second']}" if again else f"{verb} {found['left']}"
    # "Soil is included, the pot is not": what is denied is the first predicate.
    if denied := re.fullmatch(r"((?:is|are) not|cannot)", other):
        other = f"{denied[0]} {says.partition(' ')[2]}"
    elif re.fullmatch(r"do(?:es)? not", other):
        other = f"{other} {plain(verb)} {says.partition(' ')[2]}"
    if says == other:
        return None
    return Contrast(found["one"], says, found["two"], other, found["link"], again is None)


def _stands_alone(found: re.Match[str]) -> bool:
    """Whether the second thing begins a clause, and does not only go on with the first."""
    marked = re.match(r"(?:the|our|your|an?) |[A-Z]", found["two"]) is not None
    return marked if found["again"] is None or found["link"].strip() in ("and", ",") else True


def _number(verb: str) -> str:
    """Whether a verb goes with one, with many, or with both."""
    if verb.lower() in {"can", "cannot", "must", "may", "will"}:
        return "any"
    return "one" if verb.endswith("s") else "many"


def exchanges(sentence: str) -> Iterator[Falsehood]:
    """The sentence with its two things exchanged, where it sets two against each other."""
    if contrast := read_contrast(sentence):
        yield contrast.exchanged


def _heads(thing: str) -> set[str]:
    return {word.lower() for word in thing.split()} - {"the", "our", "your", "its", "a", "an"}


def _sentence(thing: str, says: str) -> str:
    return f"{thing[:1].upper()}{thing[1:]} {says}."


def _inside(thing: str) -> str:
    first, _, rest = thing.partition(" ")
    return f"{first.lower()} {rest}" if rest and first in {"The", "Our", "Your", "An", "A"} else thing


_ALONE = re.compile(
    rf"^(?P<thing>(?:(?:the|our|your|an?) )?{_WORDS}) (?P<says>(?P<verb>{_VERB})\b [^;:]{{3,70}}?)[.]?$", re.I
)


def read_thing(line: str) -> tuple[str, str, str] | None:
    """A line's one thing, its number (``one``, ``many``, ``any``) and what the line says of it, else None."""
    found = _ALONE.match(line.strip())
    if not found or read_contrast(line) or "," in found["says"] or len(found["thing"]) < 3:
        return None
    return _inside(found["thing"]), _number(found["verb"]), found["says"]
