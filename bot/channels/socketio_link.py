"""The transport under Socket.IO: python-socketio over aiohttp, with its memory, its floods and its silences bounded.

Protocol: https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
"""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import engineio
import socketio
from aiohttp import WSMsgType, web
from engineio.async_drivers.aiohttp import translate_request

from bot.channels.bodies import read_body
from bot.channels.client import Close
from bot.channels.frames import FRAME_BYTES
from bot.channels.limits import Allowance

_SLOW = timedelta(seconds=5)
"""For a client to read what waits for it beyond the transport's high water (64 KiB)."""

PLACE = web.RequestKey("kefu_socketio_place", ExitStack)
"""What the connection holds while it is open; on the request that opens it."""

_LIBRARY = logging.getLogger("bot.channels.socketio_link.library")
_LIBRARY.setLevel(logging.CRITICAL + 1)
"""The library writes every packet, with what shoppers say, and a traceback for each bad one. What fails in our own
handlers is logged by them."""


class Link:
    """One Engine.IO connection. A client answers every ping in turn, so a pong says that what came before its ping
    has arrived: a confirmation that no client has to know of."""

    __slots__ = ("address", "confirm", "connected", "expires", "opened", "pings", "place", "pongs", "session")

    def __init__(self, address: str | None, place: ExitStack, opened: float) -> None:
        self.address = address
        self.place = place
        self.opened = opened
        """When, by the loop's clock."""
        self.connected = False
        """Whether it has said which namespace it wants, with a good token."""
        self.expires: float | None = None
        """When its token ends, in seconds since 1970."""
        self.session: str | None = None
        """The only session that its token opens; None where any may be asked for."""
        self.pings = 0
        self.pongs = 0
        self.confirm: Callable[[], None] | None = None
        """Called for every pong."""


class Transport(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio carries no types
    """Socket.IO's server, which knows a `Link` for each of its connections."""

    def __init__(self, address: Callable[[web.Request], str | None], frames: Allowance) -> None:
        """``address`` tells whom limits count a request for; ``frames`` is what one connection may send."""
        super().__init__(
            async_mode="aiohttp",
            async_handlers=False,  # One event of a connection after the other, and none is read before.
            cors_allowed_origins=[],  # `Guard` decides.
            max_http_buffer_size=FRAME_BYTES,
            http_compression=False,
            logger=_LIBRARY,
            engineio_logger=_LIBRARY,
        )
        self.links: dict[str, Link] = {}
        """By Engine.IO's session id."""
        self.sockets: set[WebSocket] = set()
        self._address = address
        self.eio._async = {
            **self.eio._async,
            "translate_request": _environ,
            "websocket": partial(WebSocket, self.sockets, frames),
        }

    def link(self, sid: str) -> Link | None:
        """The connection of a Socket.IO session id."""
        return self.links.get(self.manager.eio_sid_from_sid(sid, "/") or "")

    async def ping(self, sid: str) -> None:
        """Send a ping behind what was emitted to ``sid``."""
        with suppress(KeyError, engineio.exceptions.EngineIOError):
            socket = self.eio.sockets[self.manager.eio_sid_from_sid(sid, "/")]
            await socket.send(engineio.packet.Packet(engineio.packet.PING))

    async def drop(self, eio_sid: str) -> None:
        """End a connection so that its client comes again.

        It is to see a lost transport: after a packet that says goodbye, some clients stay away for good.
        """
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and not socket.closed:
            await socket.close(wait=False, abort=True)
            await socket.queue.put(None)  # Ends its poll, or has its writer close the WebSocket.

    async def close_all(self) -> None:
        """End every connection: clients come back, to another server or to this one."""
        await asyncio.gather(*(socket.close(Close.RESTART) for socket in self.sockets), return_exceptions=True)
        await asyncio.gather(*map(self.drop, list(self.eio.sockets)), return_exceptions=True)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        request = environ["aiohttp.request"]
        link = Link(self._address(request), request[PLACE].pop_all(), asyncio.get_running_loop().time())
        self.links[eio_sid] = link
        _count_pings(self.eio.sockets[eio_sid], link)
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        try:
            await super()._handle_eio_disconnect(eio_sid, reason)
        finally:
            if socket is not None and reason == self.eio.reason.CLIENT_DISCONNECT:
                await socket.queue.put(None)  # Ends its poll: who says goodbye shall not wait for it half a minute.
            link = self.links.pop(eio_sid, None)
            if link is not None:
                link.place.close()


def _count_pings(socket: Any, link: Link) -> None:
    """Have ``link`` know of every ping that ``socket`` sends, the library's own too, and every pong that it gets."""
    receive, send = socket.receive, socket.send

    async def received(packet: Any) -> None:
        if packet.packet_type == engineio.packet.PONG:
            link.pongs += 1
            if link.confirm is not None:
                link.confirm()
        await receive(packet)

    async def sent(packet: Any) -> None:
        if packet.packet_type == engineio.packet.PING:
            link.pings += 1
        await send(packet)

    socket.receive, socket.send = received, sent


class WebSocket:
    """The library's WebSocket over aiohttp: without compression, whose state is 30 KiB, and waiting for nobody long."""

    def __init__(
        self,
        sockets: set["WebSocket"],
        frames: Allowance,
        handler: Callable[["WebSocket"], Awaitable[None]],
        server: engineio.AsyncServer,
    ) -> None:
        self._sockets = sockets
        self._frames = frames
        self._handler = handler
        self._due = 0.0
        self._request: web.Request | None = None
        self._response = web.WebSocketResponse(compress=False, max_msg_size=FRAME_BYTES, timeout=2.0)
        self.environ: dict[str, Any] = {}

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        """Serve the connection until it ends."""
        self.environ = environ
        self._request = environ["aiohttp.request"]
        await self._response.prepare(self._request)
        self._response.headers.clear()  # They have left, and a socket lives for hours.
        self._sockets.add(self)
        try:
            await self._handler(self)
        finally:
            self._sockets.discard(self)
        return self._response

    async def close(self, code: int = 1000) -> None:
        """Say goodbye, without waiting for who does not read."""
        with suppress(ConnectionError, TimeoutError):
            await self._response.close(code=code, drain=False)

    async def send(self, message: str | bytes) -> None:
        """Send a frame.

        Raises:
            ConnectionError: it is closed, or its client reads too slowly; then it is cut.
        """
        try:
            async with asyncio.timeout(_SLOW.total_seconds()):
                if isinstance(message, bytes):
                    await self._response.send_bytes(message)
                else:
                    await self._response.send_str(message)
        except TimeoutError as exc:
            if self._request is not None and self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionError("The client reads too slowly.") from exc

    async def wait(self) -> str | bytes:
        """The next frame. What comes too fast waits in the network: a flood costs nobody but its sender.

        Raises:
            ConnectionError: it is closed.
        """
        clock = asyncio.get_running_loop().time
        if wait := self._frames.wait(self._due, clock()):
            await asyncio.sleep(wait)
        came = await self._response.receive()
        if came.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise ConnectionError("The connection is closed.")
        self._due = self._frames.next_due(self._due, clock())
        data: str | bytes = came.data
        return data


class _Body(io.BytesIO):
    """A body that is here, read as the library reads: it takes what a stream gives at once for the whole."""

    async def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        return super().read(size)


async def _environ(request: web.Request) -> dict[str, Any]:
    """The request as the library wants it, its body read in good time.

    Raises:
        HTTPException: the body is too large, or does not come.
    """
    environ: dict[str, Any] = translate_request(request)
    body = await read_body(request) if request.method == "POST" else b""
    return environ | {"wsgi.input": _Body(body), "CONTENT_LENGTH": str(len(body))}
