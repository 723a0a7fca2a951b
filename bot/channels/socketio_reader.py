"""Brings a conversation's log to one Socket.IO connection, and notes how far its client has got it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from bot.channels.socketio_link import Link
from bot.channels.uttered import BOT_UTTERED, events_of
from bot.conversations import Conversations
from bot.conversations.growth import Growth
from bot.conversations.heard import heard, note_heard
from bot.conversations.reading import Page
from bot.errors import StoreUnavailable
from bot.records import ConversationId, EntryKind, LogId, MessageId

_log = logging.getLogger(__name__)

_PAGE = 50
"""Entries that are read at once."""

_WINDOW = 8
"""Pings that may be without an answer: what was sent and not read is held in memory."""

_UNASKED = timedelta(seconds=2)
"""Between two looks for an answer while nobody tells of any, for word may be lost."""

_AWAY = timedelta(milliseconds=500)
"""Between tries to read a log that could not be read."""

Emit = Callable[[str, Any], Awaitable[None]]


class Reader:
    """One connection's way through a log.

    It begins where the session's clients have heard all, wherever they were connected, so nothing is missed over a
    reconnect. What was sent and not confirmed when a connection broke is sent again: a client that got it, and broke
    before its pong arrived, gets it twice. The protocol has no way to tell these two apart.
    """

    def __init__(
        self,
        conversations: Conversations,
        conversation: ConversationId,
        emit: Emit,
        ping: Callable[[], Awaitable[None]],
        link: Link,
    ) -> None:
        """``emit`` sends an event to the client, ``ping`` a ping behind it."""
        self.conversation = conversation
        self._conversations = conversations
        self._emit = emit
        self._ping = ping
        self._link = link
        self._cursor: LogId | None = None
        self._growth: Growth | None = None
        self._unanswered: MessageId | None = None
        self._accepted = False
        self._sent: deque[tuple[int, LogId]] = deque()
        """Places of the log, each with the ping that was sent behind it."""
        self._room = asyncio.Event()
        self._heard: LogId | None = None
        self._noting: asyncio.Task[None] | None = None
        link.confirm = self._confirm

    async def run(self) -> None:
        """Send what there is and what comes, for ever; an outage of Redis is waited out."""
        begun = False
        while True:
            try:
                if not begun:
                    self._cursor = await heard(self._conversations.wire, self.conversation)
                    begun = True
                async with self._conversations.follow(self.conversation) as grown:
                    self._growth = grown
                    await self._follow(grown)
            except StoreUnavailable as exc:
                _log.warning("a Socket.IO client waits for its lines: %s", exc)
            except Exception:  # The edge: whatever stands in one log, its client must get what comes after.
                _log.exception("the lines of a Socket.IO client could not be sent")
            await asyncio.sleep(_AWAY.total_seconds())

    def expect(self) -> None:
        """A message of this client was accepted: look for its answer, also where no word of it comes."""
        self._accepted = True
        if self._growth is not None:
            self._growth.tell(None)

    async def aclose(self) -> None:
        """Let what the client confirmed be noted."""
        if self._noting is not None:
            await asyncio.wait([self._noting], timeout=_AWAY.total_seconds())

    async def _follow(self, grown: Growth) -> None:
        while True:
            [page] = await self._conversations.pages([(self.conversation, self._cursor)], _PAGE)
            if not isinstance(page, Page):
                raise page
            if page.end is not None:
                await self._send(page)
                self._cursor = page.end
            if page.count < _PAGE:
                await grown(_UNASKED if self._accepted or self._unanswered else None)

    async def _send(self, page: Page) -> None:
        """Emit what a stretch of the log tells; where words are among it, a ping behind them asks whether they came."""
        spoken = False
        for entry in page.entries:
            if entry.kind is EntryKind.SHOPPER and entry.message is not None:
                self._unanswered, self._accepted = entry.message.id, False
            elif entry.kind is EntryKind.TURN and self._unanswered in entry.covers:
                self._unanswered = None
            try:
                for name, data in events_of(entry):
                    await self._emit(name, data)
                    spoken = spoken or name == BOT_UTTERED
            except (TypeError, ValueError, RecursionError) as exc:
                # A custom payload of an action server, say, that is no JSON for it: the lines behind it must come.
                _log.error("the log's entry %s cannot be shown: %s", entry.id, type(exc).__name__)
        if spoken and page.end is not None:
            while self._link.pings - self._link.pongs >= _WINDOW:
                self._room.clear()
                await self._room.wait()
            self._sent.append((self._link.pings + 1, page.end))
            await self._ping()

    def _confirm(self) -> None:
        self._room.set()
        while self._sent and self._sent[0][0] <= self._link.pongs:
            self._heard = self._sent.popleft()[1]
        if self._heard is not None and (self._noting is None or self._noting.done()):
            self._noting = asyncio.create_task(self._note(), name="kefu-socketio-heard")

    async def _note(self) -> None:
        """Keep how far the client is; what is confirmed meanwhile goes along."""
        while (place := self._heard) is not None:
            try:
                await note_heard(self._conversations.wire, self.conversation, place)
            except StoreUnavailable as exc:
                _log.warning("how far a client has read is not noted: %s", exc)
            if self._heard == place:
                self._heard = None
