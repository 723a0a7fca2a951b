"""The conversations: accept what a shopper writes, make turns of it behind a fence, read what was said."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.conversations import codec, keys
from bot.conversations.connection import Command, Script, Wire
from bot.conversations.growth import Growth, Listener
from bot.conversations.keys import SEEN, ConversationKeys
from bot.conversations.live import Live
from bot.conversations.node import Node
from bot.conversations.queue import READY_GROUP, Lease
from bot.conversations.reading import Page, read_conversation, read_floor, read_page
from bot.errors import MailboxFull, StoreUnavailable
from bot.records import (
    Conversation,
    ConversationId,
    Entry,
    EntryKind,
    Feedback,
    Floor,
    LogId,
    Message,
    MessageId,
    Turn,
    Utterance,
)
from bot.telemetry.metrics import MESSAGES

MAILBOX = 200
"""Most messages of one conversation that may wait for a turn: far more than anyone types, little enough to hold."""

_accept, _load, _begin, _say, _commit, _floor, _note = (
    Script(name) for name in ("accept", "load", "begin", "say", "commit", "floor", "note")
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message is durable, and will be answered."""

    log_id: LogId
    """Where it stands in the log; a duplicate has the place of the first."""
    duplicate: bool


class Conversations:
    """All conversations of a shop.

    Every write is one script that may be sent twice, so a lost answer of Redis does no harm.
    """

    def __init__(
        self, wire: Wire, *, retention: timedelta, push: frozenset[str] = frozenset(), mailbox: int = MAILBOX
    ) -> None:
        """``push`` names the channels whose replies go to the outbox, for a platform to be called."""
        self.wire = wire
        self._live = Live(wire)
        self._push = push
        self._mailbox = mailbox
        self._retention_ms = _milliseconds(retention)
        self._seen_ms = min(_milliseconds(SEEN), self._retention_ms)

    @property
    def retention_ms(self) -> int:
        """How long conversations are kept, in milliseconds."""
        return self._retention_ms

    def pushes(self, channel: str) -> bool:
        """Whether a platform has to be called with the replies of ``channel``."""
        return channel in self._push

    async def aclose(self) -> None:
        """Stop following; the wire is the caller's."""
        await self._live.aclose()

    async def ping(self) -> None:
        """Return when Redis answers: every node of it.

        Raises:
            StoreUnavailable: it does not.
        """
        await self.wire.ask_each("PING")

    async def accept(self, message: Message) -> Accepted:
        """Make ``message`` durable and wake a worker, unless it came before.

        Raises:
            BadRequest: its ids or its metadata cannot be stored as text and JSON.
            MailboxFull: too many messages of this conversation wait already.
            StoreUnavailable: Redis does not answer; the platform should deliver again.
        """
        entry = codec.encode_entry(EntryKind.SHOPPER, message=message)  # First: it finds what is no text.
        key = ConversationKeys.of(message.conversation)
        log_id, duplicate = await _accept(
            self.wire,
            [key.seen(message.id), key.hash, key.mail, key.log, key.ready, key.shopper(message.sender)],
            [
                key.id,
                codec.encode(message),
                entry,
                message.sender,
                self._retention_ms,
                self._seen_ms,
                self._mailbox,
                key.live,
            ],
        )
        if log_id is None:
            raise MailboxFull(f"{message.conversation!r} has {self._mailbox} messages that wait for an answer")
        MESSAGES.labels(message.channel, "duplicate" if duplicate else "accepted").inc()
        return Accepted(LogId(log_id.decode()), bool(duplicate))

    async def accepted(self, conversation: ConversationId, message: MessageId) -> LogId | None:
        """Where a message stands that was accepted before, or None.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        log_id = await self.wire.ask("GET", ConversationKeys.of(conversation).seen(message))
        return None if log_id is None else LogId(log_id.decode())

    async def load(self, conversation: ConversationId, lease: Lease | None = None) -> Conversation | None:
        """The conversation as it stands, or None when there is none.

        With a ``lease`` (a worker's), also None when there is nothing to do under it: it is another's now, or all mail
        is covered. Without one, ``mail`` may be empty.

        While a turn that has `begun` to speak or to act has not ended, ``mail`` is what it was begun for and no more:
        what it says and does would be no answer to what came since, which has the next turn.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = ConversationKeys.of(conversation)
        owner = () if lease is None else (lease.consumer, lease.entry)
        found = await _load(self.wire, [key.hash, key.mail, key.said, key.ready], [READY_GROUP, *owner])
        if found is None:
            return None
        return read_conversation(conversation, found)

    async def begin(self, conversation: Conversation, lease: Lease | None = None) -> None:
        """Begin to do what cannot be taken back: every later try of this turn gets the mail that this one has.

        So a turn that is made again after a crash decides the same, and what was done for it is told of.

        Raises:
            FloorLost, TurnStale: do nothing more.
            StoreUnavailable: Redis does not answer; do nothing either.
        """
        key = ConversationKeys.of(conversation.id)
        fence = [conversation.version, conversation.epoch, len(conversation.mail)]
        await _begin(self.wire, [key.hash, key.ready], [*fence, READY_GROUP, *_owner(lease)])

    async def say(
        self, conversation: Conversation, utterance: Utterance, index: int, lease: Lease | None = None
    ) -> LogId:
        """Say ``utterance`` as the ``index``-th of the turn under way, counted from 0 with those in ``said``.

        It is durable when this returns, and a later try of the turn gets it in ``said``.

        Raises:
            FloorLost, TurnStale: nothing was said; stop.
            StoreUnavailable: Redis does not answer; it may have been said.
        """
        key = ConversationKeys.of(conversation.id)
        said = await _say(
            self.wire,
            [key.hash, key.said, key.log, key.ready, key.post, key.outbox],
            [
                conversation.version,
                conversation.epoch,
                index,
                codec.encode(utterance),
                codec.encode_entry(EntryKind.ASSISTANT, turn=conversation.turn, utterance=utterance),
                self._retention_ms,
                key.live,
                key.id,
                f"{conversation.turn}:{index}" if self._pushes(conversation) else "",
                READY_GROUP,
                *_owner(lease),
                len(conversation.mail),
            ],
        )
        return LogId(said.decode())

    async def commit(
        self,
        conversation: Conversation,
        turn: Turn,
        said: int = 0,
        *,
        lease: Lease | None = None,
        unless_mail_grew: bool = False,
    ) -> LogId:
        """End the turn: append what it still says, save its state, cover its mail, wake a worker for newer mail.

        All of it happens, or nothing. ``said`` counts the utterances that `say` has said, in this try and those
        before; ``turn.utterances`` are the rest. Returns the log id of the turn's entry.

        Raises:
            TurnStale: another worker has it, or ended it.
            FloorLost: the floor changed hands.
            MailGrew: with ``unless_mail_grew``, new mail came and the turn has not `begun` to speak or to act.
            StoreUnavailable: Redis does not answer; it may have happened.
        """
        key = ConversationKeys.of(conversation.id)
        shopper = key.shopper(conversation.mail[0].sender)
        committed = await _commit(
            self.wire,
            [key.hash, key.mail, key.said, key.log, key.ready, key.post, key.outbox, shopper],
            [
                conversation.version,
                conversation.epoch,
                secrets.token_hex(16),
                len(conversation.mail),
                said,
                int(unless_mail_grew),
                codec.encode(turn.state),
                turn.floor or "",
                self._retention_ms,
                key.live,
                key.id,
                conversation.turn if self._pushes(conversation) else "",
                READY_GROUP,
                *_owner(lease),
                len(turn.utterances),
                *_entries(conversation, turn),
            ],
        )
        return LogId(committed.decode())

    async def take_floor(self, conversation: ConversationId, floor: Floor) -> int | None:
        """Hand the floor over now: a turn under way can say nothing more. Returns the new epoch.

        None when there is no such conversation.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = ConversationKeys.of(conversation)
        epoch: int | None = await _floor(
            self.wire,
            [key.hash, key.log],
            [
                floor,
                codec.encode_entry(EntryKind.FLOOR, floor=floor),
                secrets.token_hex(16),
                self._retention_ms,
                key.live,
            ],
        )
        return epoch

    async def floor(self, conversation: ConversationId) -> Floor:
        """Who may speak; the assistant where there is no such conversation yet.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        floor = await self.wire.ask("HGET", ConversationKeys.of(conversation).hash, "floor")
        return read_floor(conversation, floor)

    async def note(self, conversation: ConversationId, feedback: Feedback) -> bool:
        """Keep a shopper's thumb in the log, unless it is as it was; False where ``about`` is no line of the shop's.

        Raises:
            StoreUnavailable: Redis does not answer; it may have been kept.
        """
        key = ConversationKeys.of(conversation)
        noted = await _note(
            self.wire,
            [key.hash, key.log],
            [
                feedback.about,
                {True: "up", False: "down", None: "none"}[feedback.helpful],
                codec.encode_entry(EntryKind.FEEDBACK, feedback=feedback),
                self._retention_ms,
                key.live,
            ],
        )
        return bool(noted)

    async def read(self, conversation: ConversationId, after: LogId | None = None, count: int = 1000) -> list[Entry]:
        """Up to ``count`` entries of the log after ``after``, oldest first; only those that can be read.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        page = await self.page(conversation, after, count)
        while not page.entries and page.end is not None:  # None of them could be read; what comes after may.
            page = await self.page(conversation, page.end, count)
        return list(page.entries)

    async def page(self, conversation: ConversationId, after: LogId | None = None, count: int = 1000) -> Page:
        """As `read`, with the place where it ended: what cannot be read is passed over, and not met again.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return read_page(conversation, await self.wire.ask(*_range(conversation, after, count)))

    async def pages(
        self, asked: Sequence[tuple[ConversationId, LogId | None]], count: int
    ) -> list[Page | StoreUnavailable]:
        """A `page` of each of many logs, without traces, in one round trip.

        In place of those that cannot be reached now, why.
        """
        found = await self.wire.try_all(_range(conversation, after, count) for conversation, after in asked)
        return [
            entries if isinstance(entries, StoreUnavailable) else read_page(conversation, entries, traced=False)
            for (conversation, _), entries in zip(asked, found, strict=True)
        ]

    def node_of(self, conversation: ConversationId) -> Node:
        """The server of Redis that holds the conversation, as far as is known here: what is away together."""
        return self.wire.node_of(ConversationKeys.of(conversation).log)

    async def last(self, conversation: ConversationId, count: int) -> Page:
        """The last ``count`` entries of the log, oldest first; without traces.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        found = await self.wire.ask("XREVRANGE", ConversationKeys.of(conversation).log, "+", "-", "COUNT", count)
        return read_page(conversation, found[::-1], traced=False)

    async def has(self, conversation: ConversationId, log_id: LogId) -> bool:
        """Whether the log still has the entry ``log_id``, so that reading can go on behind it.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return bool(await self.wire.ask("XRANGE", ConversationKeys.of(conversation).log, log_id, log_id))

    @asynccontextmanager
    async def follow(self, conversation: ConversationId) -> AsyncIterator[Growth]:
        """Be told when the log grows: enter, read, wait, read again. Nothing is missed in between.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        async with self._live.follow(ConversationKeys.of(conversation).live) as growth:
            yield growth

    def listen(self, conversation: ConversationId, listener: Listener) -> AbstractAsyncContextManager[None]:
        """As `follow`, by a call for each growth: thousands of sockets need no task that waits.

        Entering raises:
            StoreUnavailable: Redis does not answer.
        """
        return self._live.listen(ConversationKeys.of(conversation).live, listener)

    async def recall(self, key: str) -> tuple[Utterance, ...] | None:
        """The grounded reply kept under ``key``, or None (`bot.ports.Replies`).

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        reply = await self.wire.ask("GET", keys.reply(key))
        return None if reply is None else codec.decode_reply(reply)

    async def remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        """Keep a checked, impersonal reply for as long as `keys.REPLY` (`bot.ports.Replies`).

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await self.wire.ask("SET", keys.reply(key), codec.encode(reply), "PX", _milliseconds(keys.REPLY))

    def _pushes(self, conversation: Conversation) -> bool:
        return self.pushes(conversation.mail[0].channel)


def _range(conversation: ConversationId, after: LogId | None, count: int) -> Command:
    start = "-" if after is None else f"({after}"
    return "XRANGE", ConversationKeys.of(conversation).log, start, "+", "COUNT", count


def _entries(conversation: Conversation, turn: Turn) -> list[bytes]:
    """What a turn leaves in the log, its own entry last: who reads that has read all of the turn."""
    name = conversation.turn
    entries = [codec.encode_entry(EntryKind.ASSISTANT, turn=name, utterance=said) for said in turn.utterances]
    entries += [codec.encode_entry(EntryKind.RECEIPT, turn=name, receipt=receipt) for receipt in turn.receipts]
    if turn.floor not in (None, conversation.floor):
        entries.append(codec.encode_entry(EntryKind.FLOOR, turn=name, floor=turn.floor))
    covers = tuple(message.id for message in conversation.mail)
    entries.append(codec.encode_entry(EntryKind.TURN, turn=name, trace=turn.trace, covers=covers))
    return entries


def _owner(lease: Lease | None) -> tuple[str, str]:
    return ("", "") if lease is None else (lease.consumer, lease.entry)


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
