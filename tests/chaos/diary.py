"""What shoppers saw and when, kept for the verdict."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from bot.records import ConversationId, MessageId
from tests.chaos.script import Line

_ticks = count()
"""One order over all that the clients did: their process is the only one that nobody kills."""

Reply = tuple[str, ...]


@dataclass(slots=True)
class Sent:
    """One message as its shopper lived it."""

    line: Line
    began: int = field(default_factory=lambda: next(_ticks))
    """When it was first sent."""
    accepted: int | None = None
    """When a server first said that it is durable."""
    answered: bool = False
    deliveries: int = 0
    """How often it was delivered on purpose; retries of a client are not counted."""
    replies: list[Reply] = field(default_factory=list)
    """The whole replies that REST gave, one for each delivery."""
    pieces: list[Reply] = field(default_factory=list)
    """Replies that broke off."""

    def accept(self) -> None:
        """Note that a server took it."""
        if self.accepted is None:
            self.accepted = next(_ticks)


@dataclass(frozen=True, slots=True)
class Window:
    """One widget at the end."""

    lines: Sequence[tuple[str, str]]
    """Log ids, and what stands there."""
    problems: Sequence[str]
    """What the client itself found wrong."""
    resyncs: int
    """How often it was told that its lines are gone, which no fault here excuses."""
    late: bool
    """It was opened when all was over, and got the history."""
    connections: int


@dataclass(slots=True)
class Diary:
    """One shopper's."""

    conversation: ConversationId
    sent: dict[MessageId, Sent] = field(default_factory=dict)
    refused: set[MessageId] = field(default_factory=set)
    """Ids of messages that were refused for good: nothing of them may be seen anywhere."""
    refusals: Counter[str] = field(default_factory=Counter)
    """What the shopper was told instead of an answer, and how often: statuses of REST, reasons of the socket."""
    windows: list[Window] = field(default_factory=list)

    def begin(self, line: Line) -> Sent:
        """Note that ``line`` is delivered, once more or for the first time."""
        sent = self.sent.setdefault(line.id, Sent(line))
        sent.deliveries += 1
        return sent
