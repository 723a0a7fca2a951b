"""A Kefu that says what a test tells it to: its socket and session are scripted, its pages are the real server's."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, Route, WebSocketRoute

SHOPPER = "visitor-scripted"
LIMITS = {
    "text": 4000,
    "files": 5,
    "file_bytes": 5_242_880,
    "file_types": ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"],
}


@dataclass
class Script:
    """What the scripted server knows and says; nothing of it is cleaned on the way, as a real one would."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    links: tuple[str, ...] = ("larkfell.example",)
    images: tuple[str, ...] = ()
    floor: str = "assistant"
    heard: list[dict[str, Any]] = field(default_factory=list)
    """What the widget sent."""
    _socket: WebSocketRoute | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def stage(self, context: BrowserContext) -> None:
        """Take the place of the server's session and socket for every tab of ``context``."""
        await context.route("**/api/session", self._open_session)
        await context.route_web_socket("**/ws", self._connect)

    def line(self, kind: str, **more: Any) -> dict[str, Any]:
        """One more line of the log, for `say` or for who connects next."""
        number = len(self.lines) + 1
        made = {"id": f"17953{number:08}-0", "at": "2026-11-22T08:30:00.000Z", "kind": kind, **more}
        self.lines.append(made)
        return made

    def say(self, *lines: dict[str, Any]) -> None:
        """Send lines to the tab that connected last."""
        assert self._socket is not None, "nobody is connected"
        self._socket.send(json.dumps({"type": "lines", "lines": lines}))

    def raw(self, frame: str) -> None:
        assert self._socket is not None, "nobody is connected"
        self._socket.send(frame)

    async def hears(self, kind: str) -> dict[str, Any]:
        """Wait for a frame of this type; the last one."""
        async with asyncio.timeout(30):
            while not (found := [frame for frame in self.heard if frame["type"] == kind]):
                self._news.clear()
                await self._news.wait()
        return found[-1]

    async def _open_session(self, route: Route) -> None:
        token = ".".join(("e30", urlsafe_b64encode(json.dumps({"sub": SHOPPER}).encode()).decode().rstrip("="), "x"))
        await route.fulfill(
            json={
                "token": token,
                "expires_in": 900,
                "resume": token,
                "resume_expires_in": 2592000,
                "shopper": SHOPPER,
                "conversation": f"web:{SHOPPER}",
            }
        )

    def _connect(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(lambda data: self._hear(socket, json.loads(data)))

    def _hear(self, socket: WebSocketRoute, frame: Mapping[str, Any]) -> None:
        self.heard.append(dict(frame))
        self._news.set()
        if frame["type"] == "hello":
            welcome = {
                "type": "welcome",
                "shopper": SHOPPER,
                "conversation": f"web:{SHOPPER}",
                "resync": False,
                "floor": self.floor,
                "limits": LIMITS,
                "links": self.links,
                "images": self.images,
            }
            socket.send(json.dumps(welcome))
            if self.lines:
                socket.send(json.dumps({"type": "lines", "lines": self.lines}))
        elif frame["type"] == "ping":
            socket.send(json.dumps({"type": "pong"}))
