"""A client of the widget's socket with all that docs/widget.md asks of one: outbox, resume, renewal, reconnect."""

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

Line = dict[str, Any]

RESTART, TOKEN = 1012, 4401


class WidgetClient:
    """One tab of one shopper: connects for as long as it is open, and comes back after whatever happens.

    ``lines`` is what the shopper sees; ``problems`` is what no client may ever see (a line twice, or out of order).
    """

    def __init__(
        self,
        url: str,
        *,
        http: aiohttp.ClientSession | None = None,
        resume: str | None = None,
        origin: str | None = None,
        pause: float = 0.5,
    ) -> None:
        """``url`` is the server's; ``resume`` makes it a tab of an older shopper; ``pause`` is the first before a
        reconnect, in seconds: it doubles up to 30 s, and half of it is random."""
        self.url = url
        self.resume = resume
        self.shopper = ""
        self.conversation = ""
        self.lines: list[Line] = []
        self.problems: list[str] = []
        self.outbox: dict[str, dict[str, Any]] = {}
        """What is not accepted yet, in the order of sending."""
        self.accepted: dict[str, str] = {}
        """Message ids, and the lines that they became."""
        self.refused: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.pongs = 0
        self.closes: list[int | None] = []
        """Close codes, of one connection after the other; None where it broke."""
        self.welcomes: list[dict[str, Any]] = []
        self._own_http = http is None
        self._http = http or aiohttp.ClientSession()
        self._headers = {"Origin": origin} if origin else {}
        self._first_pause = pause
        self._token = ""
        self._lifetime = 0.0
        self._socket: ClientWebSocketResponse | None = None
        self._welcomed = False
        self._held_until = 0.0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "WidgetClient":
        self._task = asyncio.create_task(self._run(), name="widget-client")
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close the tab."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._own_http:
            await self._http.close()

    @property
    def resyncs(self) -> int:
        return sum(welcome["resync"] for welcome in self.welcomes)

    @property
    def connected(self) -> bool:
        return self._socket is not None and not self._socket.closed

    # ── What a shopper does ───────────────────────────────────────────────────────────────────────

    def send(self, text: str, message_id: str | None = None, **more: Any) -> str:
        """Put a message into the outbox; it leaves when it can, and once. Returns its id."""
        return self._put({"type": "message", "id": message_id or uuid.uuid4().hex, "text": text, **more})

    def ask_for_a_person(self, text: str | None = None) -> str:
        return self._put({"type": "human", "id": uuid.uuid4().hex} | ({"text": text} if text else {}))

    async def rate(self, about: str, helpful: bool | None) -> None:
        await self.raw({"type": "feedback", "about": about, "helpful": helpful})

    async def raw(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send any frame at all, on the connection as it is."""
        assert self._socket is not None, "not connected"
        match frame:
            case bytes():
                await self._socket.send_bytes(frame)
            case str():
                await self._socket.send_str(frame)
            case _:
                await self._socket.send_str(json.dumps(frame, ensure_ascii=False))

    def cut(self) -> None:
        """Tear the connection, as a tunnel or a flat battery does: no goodbye, and what was under way is lost."""
        if self._socket is not None and self._socket._writer.transport is not None:
            self._socket._writer.transport.abort()

    def sleep(self) -> None:
        """Stop reading, as a laptop does whose lid is closed; `wake` goes on."""
        assert self._socket is not None, "not connected"
        if self._socket._writer.transport is not None:
            self._socket._writer.transport.pause_reading()

    def wake(self) -> None:
        assert self._socket is not None, "not connected"
        if self._socket._writer.transport is not None:
            self._socket._writer.transport.resume_reading()

    # ── What a test waits for ─────────────────────────────────────────────────────────────────────

    async def until(self, condition: Callable[["WidgetClient"], object], timeout: float = 30) -> None:
        """Wait until ``condition(self)`` holds; it is looked at whenever anything came or closed."""
        try:
            async with asyncio.timeout(timeout):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.shopper} waited {timeout} s in vain: {len(self.lines)} lines, outbox {list(self.outbox)}, "
                f"closes {self.closes[-5:]}, refused {self.refused[-3:]}, errors {self.errors[-3:]}"
            ) from None

    async def ready(self, timeout: float = 30) -> None:
        """Wait for a welcome on a connection that is open."""
        await self.until(lambda self: self.connected and self.welcomes, timeout)

    async def answered(self, message_id: str, timeout: float = 30) -> list[Line]:
        """Wait for the end of the turn that covers a message; its lines of the shop."""
        await self.until(lambda self: self.turn_of(message_id) is not None, timeout)
        turn = self.turn_of(message_id)
        return [line for line in self.lines if line["kind"] == "assistant" and line.get("turn") == turn]

    def turn_of(self, message_id: str) -> str | None:
        return next(
            (line["turn"] for line in self.lines if line["kind"] == "turn" and message_id in line.get("covers", ())),
            None,
        )

    def texts(self, kind: str = "assistant") -> list[str]:
        return [line["text"] for line in self.lines if line["kind"] == kind and "text" in line]

    # ── The protocol ──────────────────────────────────────────────────────────────────────────────

    def _put(self, frame: dict[str, Any]) -> str:
        self.outbox[frame["id"]] = frame
        if len(self.outbox) == 1:
            self._send_next()
        return str(frame["id"])

    def _send_next(self) -> None:
        """One after the other: a later message must not be taken while an earlier one is refused."""
        if self.outbox and self.connected and self._welcomed:
            asyncio.ensure_future(self._send_first())  # noqa: RUF006 (a send ends by itself)

    async def _send_first(self) -> None:
        await asyncio.sleep(max(0.0, self._held_until - asyncio.get_running_loop().time()))
        with suppress(ConnectionError, AssertionError):
            if self.outbox:
                await self.raw(next(iter(self.outbox.values())))

    async def _run(self) -> None:
        pause = self._first_pause
        while True:
            welcomes = len(self.welcomes)
            code, retry_after = await self._connect_once()
            self.closes.append(code)
            self._changed.set()
            if len(self.welcomes) > welcomes:
                pause = self._first_pause
            if code == TOKEN:
                self._token = ""
            if code == RESTART:
                await asyncio.sleep(random.uniform(0, min(3.0, self._first_pause * 6)))
            else:
                await asyncio.sleep(max(retry_after, pause / 2 + random.uniform(0, pause / 2)))
                pause = min(30.0, pause * 2)

    async def _connect_once(self) -> tuple[int | None, float]:
        """One connection from hello to its end: its close code, and the seconds that the server asked to wait."""
        self._welcomed = False
        try:
            if not self._token:
                await self.open_session()
            async with self._http.ws_connect(
                f"{self.url}/ws", headers=self._headers, compress=0, timeout=aiohttp.ClientWSTimeout(ws_close=1)
            ) as socket:
                self._socket = socket
                hello = {"type": "hello", "token": self._token}
                if self.lines:
                    hello["after"] = self.lines[-1]["id"]
                await self.raw(hello)
                renewal = asyncio.create_task(self._renew())
                try:
                    async for message in socket:
                        if message.type is WSMsgType.TEXT:
                            self._take(json.loads(message.data))
                            self._changed.set()
                finally:
                    renewal.cancel()
                return socket.close_code, 0.0
        except aiohttp.WSServerHandshakeError as exc:
            return None, float((exc.headers or {}).get("Retry-After", 0))
        except (aiohttp.ClientError, ConnectionError, TimeoutError, OSError):
            return None, 0.0

    async def open_session(self) -> None:
        """Get a token: with the resume token where there is one."""
        body = {"resume": self.resume} if self.resume else {}
        async with self._http.post(f"{self.url}/api/session", json=body, headers=self._headers) as response:
            if response.status != 200:
                raise ConnectionError(await response.text())
            session = await response.json()
        self._token, self.resume = session["token"], session["resume"]
        self._lifetime = session["expires_in"]
        self.shopper, self.conversation = session["shopper"], session["conversation"]

    async def _renew(self) -> None:
        """Renew the token on the open socket before it ends, and give signs of life."""
        renew_at = asyncio.get_running_loop().time() + self._lifetime * 0.7
        while True:
            await asyncio.sleep(max(0.0, min(50.0, renew_at - asyncio.get_running_loop().time())))
            with suppress(ConnectionError, aiohttp.ClientError):
                if asyncio.get_running_loop().time() >= renew_at:
                    await self.open_session()
                    renew_at = asyncio.get_running_loop().time() + self._lifetime * 0.7
                    await self.raw({"type": "renew", "token": self._token})
                await self.raw({"type": "ping"})

    def _take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "welcome":
                self.welcomes.append(frame)
                if frame["resync"]:
                    self.lines.clear()
                self._welcomed = True
                self._send_next()
            case "lines":
                for line in frame["lines"]:
                    self._take_line(line)
            case "accepted":
                self._settle(frame["id"], frame["line"])
            case "refused":
                self.refused.append(frame)
                if "retry_after" in frame:
                    self._held_until = asyncio.get_running_loop().time() + frame["retry_after"]
                else:
                    self.outbox.pop(frame["id"], None)
                self._send_next()
            case "error":
                self.errors.append(frame)
            case "pong":
                self.pongs += 1

    def _take_line(self, line: Line) -> None:
        if self.lines and place(line["id"]) <= place(self.lines[-1]["id"]):
            self.problems.append(f"{line['id']} came after {self.lines[-1]['id']}")
            return
        self.lines.append(line)

    def _settle(self, message_id: str, line: str) -> None:
        if self.accepted.setdefault(message_id, line) != line:
            self.problems.append(f"{message_id} was accepted as {self.accepted[message_id]} and as {line}")
        if self.outbox.pop(message_id, None) is not None:
            self._send_next()


def place(log_id: str) -> tuple[int, int]:
    """A log id as numbers, which compare as the log is ordered."""
    milliseconds, _, sequence = log_id.partition("-")
    return int(milliseconds), int(sequence)
