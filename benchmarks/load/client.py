"""Shoppers' ends of sockets, as cheap as they can be: what is measured is the server, not its clients.

A socket is one `asyncio.Protocol` with a hand-made upgrade request and no task of its own; what the server says is
told to a callback. The protocol is `docs/widget.md`'s, WebSocket is RFC 6455's.
"""

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import cast
from urllib.parse import urlsplit

import jwt
import msgspec

AT_ONCE = 256
"""Sockets that are being opened at the same moment, where they are not meant to come all at once."""

PATIENCE = 180.0
"""Seconds after which whatever is waited for will not come."""

SOURCES = 50
"""Addresses 127.0.1.x that sockets come from: one has some 28,000 ports, and a closed socket keeps its for a minute."""

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_next_source = count()


class Line(msgspec.Struct):
    id: str
    kind: str
    covers: tuple[str, ...] = ()


class Frame(msgspec.Struct):
    type: str
    id: str = ""
    lines: tuple[Line, ...] = ()
    resync: bool = False
    reason: str = ""
    retry_after: float | None = None


class Refused(Exception):
    """The server did not upgrade, or closed the socket before it said welcome."""


Hear = Callable[[Frame], None]
_decode = msgspec.json.Decoder(Frame).decode


class Socket(asyncio.Protocol):
    """A shopper's socket. ``hear`` is called with every frame after `welcome`."""

    __slots__ = ("_rest", "_token", "_transport", "_upgraded", "after", "closed", "hear", "ids", "shopper", "welcomed")

    def __init__(self, shopper: str, token: str, after: str | None = None, ids: list[str] | None = None) -> None:
        self.shopper = shopper
        self.after = after
        """The cursor: id of the last line that came."""
        self.ids = ids
        """Of all lines in the order in which they came; kept only where there is a list."""
        self.hear: Hear | None = None
        self.welcomed: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The close code; 1006 where the connection just ended."""
        self._token = token
        self._rest = b""
        self._upgraded = False

    def again(self, key: str) -> "Socket":
        """The next socket of the same shopper, who goes on where this one ended."""
        return Socket(self.shopper, token(key, self.shopper), self.after, self.ids)

    async def open(self, url: str) -> Frame:
        """Connect, say hello, and wait for the welcome.

        Raises:
            Refused: it never came.
            OSError: nobody listens.
        """
        address = urlsplit(url)
        assert address.hostname
        assert address.port
        source = f"127.0.1.{1 + next(_next_source) % SOURCES}"
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, address.hostname, address.port, local_addr=(source, 0))
        return await self.welcomed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's.
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {transport.get_extra_info('peername')[0]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def say(self, frame: dict[str, object]) -> None:
        self._transport.write(_masked(_TEXT, msgspec.json.encode(frame)))

    def send_message(self, message: str, text: str) -> None:
        self.say({"type": "message", "id": message, "text": text})

    def close(self) -> None:
        """Say goodbye; `closed` is set when the server has said it too."""
        self._transport.write(_masked(_CLOSE, struct.pack("!H", 1000)))

    def cut(self) -> None:
        """Lose the connection, as when a train enters a tunnel."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._upgraded:
            head, ended, data = data.partition(b"\r\n\r\n")
            if not ended:
                self._rest = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                if not self.welcomed.done():
                    self.welcomed.set_exception(Refused(head.decode(errors="replace")))
                self._transport.abort()
                return
            self._upgraded = True
            hello: dict[str, object] = {"type": "hello", "token": self._token}
            self.say(hello | {"after": self.after} if self.after else hello)
        frames, self._rest = _frames(data)
        for opcode, payload in frames:
            self._receive(opcode, payload)

    def _receive(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            frame = _decode(payload)
            if frame.lines:
                self.after = frame.lines[-1].id
                if self.ids is not None:
                    self.ids += (line.id for line in frame.lines)
            if frame.type == "welcome":
                if not self.welcomed.done():
                    self.welcomed.set_result(frame)
            elif self.hear is not None:
                self.hear(frame)
        elif opcode == _PING:
            self._transport.write(_masked(_PONG, payload))
        elif opcode == _CLOSE:
            self._end(struct.unpack("!H", payload[:2])[0] if payload else 1005)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(1006)

    def _end(self, code: int) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(Refused(f"closed with {code} before the welcome"))
        if not self.closed.done():
            self.closed.set_result(code)


def _masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame. A mask of zeros is one too and costs the client nothing; the server unmasks all the same."""
    size = len(payload)
    head = (
        struct.pack("!BB", 0x80 | opcode, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x80 | opcode, 254, size)
    )
    return head + b"\0\0\0\0" + payload


def _frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Whole frames of a server and what is left of ``data``; a server here neither masks nor splits them."""
    found = []
    at, end = 0, len(data)
    while end - at >= 2:
        size, begin = data[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, begin = int.from_bytes(data[begin : begin + width], "big"), begin + width
        if end < begin + size:
            break
        found.append((data[at] & 15, data[begin : begin + size]))
        at = begin + size
    return found, data[at:]


def token(key: str, shopper: str) -> str:
    """A session, signed as Kefu signs it: 10,000 of them over HTTP would measure something else."""
    now = int(time.time())
    claims = {"iss": "kefu", "aud": "session", "sub": shopper, "iat": now, "exp": now + 3600}
    return jwt.encode(claims, key, "HS256")


async def open_sockets(url: str, key: str, shoppers: Iterable[str]) -> list[Socket]:
    """A welcome socket for each of ``shoppers``, in their order."""
    sockets = [Socket(shopper, token(key, shopper)) for shopper in shoppers]
    room = asyncio.Semaphore(AT_ONCE)

    async def open_one(socket: Socket) -> None:
        async with room:
            await socket.open(url)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for socket in sockets:
            group.create_task(open_one(socket))
    return sockets


async def close_sockets(sockets: Iterable[Socket]) -> None:
    """Say goodbye on all, and wait until the server has."""
    leaving = [socket for socket in sockets if not socket.closed.done()]
    for socket in leaving:
        socket.close()
    if leaving:
        await asyncio.wait([socket.closed for socket in leaving], timeout=30)
