"""The protocols between the assistant and the world; each has a real adapter and a fake in the tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol

from bot.records import (
    ActionResult,
    Conversation,
    Findings,
    Passage,
    Receipt,
    State,
    Understanding,
    Utterance,
    Verdict,
)

NONE: Mapping[str, Any] = MappingProxyType({})
"""No slots."""


class Recognizer(Protocol):
    """Reads language, intent, entities and mood from a text."""

    async def understand(self, text: str, state: State) -> Understanding:
        """Understand ``text`` as the next thing said in a conversation in ``state``.

        Raises:
            Unavailable: a recognizer outside this process does not answer. Never an empty intent instead.
        """
        ...

    async def answers(self) -> bool:
        """Whether it reads as the settings say, as far as one look tells; it may still read in a poorer way."""
        ...


class Retriever(Protocol):
    """Searches the shop's knowledge."""

    @property
    def passages(self) -> Sequence[Passage]:
        """All that is searched now: another sequence whenever the knowledge has changed."""
        ...

    async def search(self, understanding: Understanding, state: State) -> Findings:
        """Find the passages for what was understood, best first; ``state`` resolves "and in red?"."""
        ...


class Writer(Protocol):
    """Phrases a reply over passages. What it writes is a draft: nothing of it is true until checked."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages it writes well enough to be shown."""
        ...

    @property
    def passages(self) -> int:
        """Most passages that it tells apart in one prompt: to a small model a second one is a temptation."""
        ...

    @property
    def status(self) -> Literal["loading", "ready", "failed"]:
        """Whether it can write now, may later, or never will."""
        ...

    async def ready(self) -> None:
        """Wait until it can write.

        Raises:
            WriterUnavailable: it never will.
        """
        ...

    def write(self, chat: Sequence[Mapping[str, str]]) -> AsyncIterator[str]:
        """Stream the reply to a chat prompt (``role`` and ``content``) as pieces of text.

        Raises:
            WriterUnavailable: it does not answer, or stopped answering.
        """
        ...


class Checker(Protocol):
    """Judges one drafted sentence against the sources of this turn."""

    async def check(self, sentence: str, sources: Sequence[Passage], question: str) -> Verdict:
        """Support or refuse ``sentence``; a supported one carries its citation."""
        ...


class Actions(Protocol):
    """Runs actions on the shop's systems."""

    async def run(
        self,
        action: str,
        conversation: Conversation,
        understanding: Understanding,
        *,
        candidates: Mapping[str, Any] = NONE,
        ordinal: int = 0,
    ) -> ActionResult:
        """Run ``action`` with the slots of the conversation's state.

        ``candidates`` are slots that it is to validate. The turn's id, the action's name and the ``ordinal`` of the
        call among this turn's calls of it are the idempotency key: the same call in a repeated turn happens once.

        Raises:
            ActionUnavailable: no answer, or nonsense; whether it happened is not known.
        """
        ...

    async def answers(self) -> bool:
        """Whether actions can be run now, as far as one look tells."""
        ...


class Replies(Protocol):
    """Remembers grounded replies: the same question over the same knowledge gets the same words."""

    async def recall(self, key: str) -> tuple[Utterance, ...] | None:
        """The reply kept under ``key``, or None."""
        ...

    async def remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        """Keep a checked, impersonal reply."""
        ...


class Voice(Protocol):
    """What leaves a turn while it is being made: sentences, each durable and fenced before anyone sees it, and the fact
    that something was done."""

    async def begin(self) -> None:
        """Begin to act, before each action: what a turn has done cannot be taken back, and belongs to its mail.

        Raises:
            TurnRefused: the floor or the version changed; stop, and do nothing.
        """
        ...

    def did(self, receipt: Receipt) -> None:
        """Keep a receipt, whatever becomes of the turn: it stands in the log even where the words are refused."""
        ...

    async def say(self, utterance: Utterance) -> None:
        """Say it.

        Raises:
            TurnRefused: the floor or the version changed; stop, nothing was said.
        """
        ...
