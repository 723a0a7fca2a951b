"""One widget's socket: where its client is in the log, what the pump has to know of it, and how it is closed."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from aiohttp import WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from bot.channels.sessions import Session
from bot.conversations.growth import place
from bot.records import Entry, EntryKind, LogId, MessageId

_FAREWELL = timedelta(seconds=2)
"""For a client to answer a close, or to read what came before it. Then the connection is cut."""


class Close:
    """Close codes, as docs/widget.md has them."""

    RESTART = 1012
    NO_CLIENT = 4400
    TOKEN = 4401
    SLOW = 4408
    REPLACED = 4429
    BUSY = 4503


class Waker(Protocol):
    """Who is told that a socket may have lines to send: `bot.channels.pump.Pump`."""

    def now(self) -> float:
        """The time by the loop's clock."""
        ...

    def wake(self, socket: "Socket") -> None:
        """The socket's log may have grown."""
        ...

    def wake_late(self, socket: "Socket") -> None:
        """It has grown by a message of this socket, whose client knows."""
        ...


class Socket:
    """One client's connection: where it is in the log, and what the pump has to know of it."""

    __slots__ = (
        "_own",
        "_pump",
        "_told",
        "address",
        "again",
        "busy",
        "cursor",
        "ended",
        "faults",
        "heard",
        "protocol",
        "response",
        "session",
        "unanswered",
    )

    def __init__(
        self, pump: Waker, response: web.WebSocketResponse, protocol: RequestHandler, address: str | None
    ) -> None:
        self._pump = pump
        self.response = response
        self.protocol = protocol
        self.session: Session | None = None
        """Set by ``hello``."""
        self.cursor: LogId | None = None
        """The last entry that was sent, or needed no sending; None before the client may get lines."""
        self.heard = pump.now()
        """When the client said something last, by the loop's clock."""
        self.address = address
        """Whom limits by address count it for."""
        self.faults = 0
        """Frames that were none of the protocol."""
        self.ended = "client"
        """Who or what ended it: the close code where this server did."""
        self.busy = False
        """Due, or being served."""
        self.again = False
        """The log may have grown since a pump read it."""
        self.unanswered: MessageId | None = None
        """The last message that the client has the line of, until it has the end of the turn that covers it."""
        self._own: bytes | None = None
        """The line of the last message that came by this socket."""
        self._told: list[bytes | None] | None = None
        """What was told of while a message was being accepted; None while none is."""

    def tell(self, log_id: bytes | None) -> None:
        """The log may have grown (`bot.conversations.live.Listener`)."""
        if self._told is not None:
            self._told.append(log_id)
        elif log_id is not None and log_id == self._own:
            self._pump.wake_late(self)
        else:
            self._pump.wake(self)

    def begin_message(self) -> None:
        """A message of this socket is being accepted: its line may be told of before it is known which it is."""
        self._told = []

    def end_message(self, line: LogId | None) -> None:
        """It stands at ``line``, or nowhere."""
        told, self._told = self._told or [], None
        self._own = None if line is None else line.encode()
        for log_id in told:
            self.tell(log_id)

    def see(self, entries: Iterable[Entry]) -> None:
        """Note what the client is sent."""
        for entry in entries:
            if entry.kind is EntryKind.SHOPPER and entry.message is not None:
                self.unanswered = entry.message.id
            elif entry.kind is EntryKind.TURN and self.unanswered in entry.covers:
                self.unanswered = None

    @property
    def waits(self) -> bool:
        """Whether the log must have grown, or is going to, beyond what the client has."""
        if self.cursor is None or self._own is None:
            return self.unanswered is not None
        return self.unanswered is not None or place(self.cursor) < place(self._own.decode())

    @property
    def congested(self) -> bool:
        """Whether more waits to be read by the client than should: the transport's high water, 64 KiB."""
        return self.protocol.writing_paused and self.protocol.connected

    async def send(self, frame: bytes) -> None:
        """Hand a frame to the transport, which never waits; look at `congested` before sending more.

        Raises:
            ConnectionError: it is closed.
        """
        await self.response.send_frame(frame, WSMsgType.TEXT)

    async def close(self, code: int, why: str) -> None:
        """Say goodbye and close, within twice `_FAREWELL` whatever the client does."""
        self.ended = str(code)
        transport = self.protocol.transport
        with suppress(ConnectionError, TimeoutError):
            # Without draining: whoever does not read would keep us waiting.
            await self.response.close(code=code, message=why.encode(), drain=False)
        if transport is not None and transport.get_write_buffer_size():
            await asyncio.sleep(_FAREWELL.total_seconds())
            if transport.get_write_buffer_size():
                transport.abort()


def new_response(frame_bytes: int) -> web.WebSocketResponse:
    """A socket that costs little: no compression, whose state is 30 KiB, no timers, and no waiting in sends."""
    return web.WebSocketResponse(
        compress=False,
        max_msg_size=frame_bytes,
        timeout=_FAREWELL.total_seconds(),
        autoping=False,  # It would answer without a look at whether anybody reads the answers.
        writer_limit=2**62,
    )
