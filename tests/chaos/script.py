"""What shoppers write and what a stand-in assistant answers: every text names its message, so that it can be judged."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from bot.records import Message, MessageId


class Manner(StrEnum):
    """How a message is answered."""

    BRIEF = "brief"
    """All of the reply with the commit."""
    SPOKEN = "spoken"
    """Sentence by sentence, so that faults hit the middle of a turn."""
    SLOW = "slow"
    """Nothing for a while, then all of it."""
    STUMBLE = "stumble"
    """The first try fails after a sentence."""
    HANDOVER = "handover"
    """A human is asked for: the floor changes."""
    POISON = "poison"
    """Every try fails: the message is set aside, and the shopper told."""


class Again(StrEnum):
    """When a message is delivered a second time."""

    TOGETHER = "together"
    """At the very same moment, to another server."""
    AFTERWARDS = "afterwards"
    """As soon as it was answered."""
    LATER = "later"
    """Some messages after its turn has ended."""


_MANNERS = (
    (Manner.SPOKEN, Manner.BRIEF, Manner.SLOW, Manner.STUMBLE, Manner.HANDOVER, Manner.POISON),
    (50, 30, 8, 6, 5, 1),
)
_BREATHS = ((1, 2, 3, 4), (80, 12, 6, 2))
"""How many messages a shopper writes without waiting for a reply, and how often of a hundred."""

_MOST_SENTENCES = 5
_AGAIN_EVERY = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a shopper, planned."""

    id: MessageId
    manner: Manner
    sentences: int
    again: Again | None

    @property
    def text(self) -> str:
        """What the shopper writes; `replies_to` reads it again."""
        return f"{self.manner} {self.sentences} sentences on {self.id}"


def manner_of(message: Message) -> Manner:
    """How ``message`` is to be answered."""
    return Manner(message.text.split()[0])


def replies_to(message: Message) -> list[str]:
    """What ``message`` is answered with, in order."""
    sentences = int(message.text.split()[1])
    return [f"{message.id} {n}/{sentences}" for n in range(1, sentences + 1)]


def write_script(shopper: str, messages: int, dice: random.Random) -> list[tuple[Line, ...]]:
    """The breaths of a shopper, ``messages`` long together; every fifth message is delivered again."""
    lines = _lines(shopper, messages, dice)
    breaths = []
    while breath := tuple(islice(lines, dice.choices(*_BREATHS)[0])):
        breaths.append(breath)
    return breaths


def _lines(shopper: str, messages: int, dice: random.Random) -> Iterator[Line]:
    for n in range(messages):
        manner = dice.choices(*_MANNERS)[0]
        again = dice.choice(list(Again)) if n % _AGAIN_EVERY == _AGAIN_EVERY - 1 else None
        yield Line(MessageId(f"{shopper}-{n:04}"), manner, dice.randint(1, _MOST_SENTENCES), again)
