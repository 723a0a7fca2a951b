"""A tab of a Rasa widget, over the real python-socketio client: what rasa-webchat and RasaHQ's chat widget do."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import socketio


class Tab:
    """Connects as rasa-webchat does: ``session_request`` at every connect, with the session that was confirmed."""

    def __init__(
        self,
        url: str,
        session: str | None = None,
        *,
        transports: tuple[str, ...] = ("polling", "websocket"),
        token: str | None = None,
        origin: str | None = None,
        reconnect: bool = True,
    ) -> None:
        self.url = url
        self.session = session
        self.uttered: list[dict[str, Any]] = []
        self.floors: list[str] = []
        self.confirmed: list[str] = []
        self.disconnects: list[str] = []
        self._transports = list(transports)
        self._auth = {"token": token} if token is not None else None
        self._headers = {"Origin": origin} if origin else {}
        self._changed = asyncio.Event()
        self.client = socketio.AsyncClient(
            reconnection=reconnect, reconnection_delay=0.05, reconnection_delay_max=0.3, randomization_factor=0
        )
        self.client.on("connect", self._on_connect)
        self.client.on("disconnect", self._on_disconnect)
        self.client.on("session_confirm", self._on_confirm)
        self.client.on("bot_uttered", self._on_uttered)
        self.client.on("floor", self._on_floor)

    async def __aenter__(self) -> "Tab":
        await self.open()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def open(self) -> None:
        try:
            await self.client.connect(
                self.url, transports=self._transports, auth=self._auth, headers=self._headers, wait_timeout=20
            )
            await self.until(lambda tab: tab.confirmed)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        with suppress(Exception):
            await self.client.shutdown()  # Also of a reconnect under way, which would open another session.
        if self.client.eio.http is not None:
            await self.client.eio.http.close()

    def cut(self) -> None:
        """Tear the connection, as a tunnel does: no goodbye, and what was under way is lost."""
        self.client.eio.ws._response.connection.transport.abort()

    async def say(self, text: str, message_id: str | None = None, **more: Any) -> None:
        """Send and forget, as Rasa's widgets do."""
        await self.client.emit("user_uttered", self._message(text, message_id) | more)

    async def tell(self, text: str, message_id: str | None = None, **more: Any) -> Any:
        """Send, and wait for the acknowledgement."""
        return await self.client.call("user_uttered", self._message(text, message_id) | more, timeout=20)

    def _message(self, text: str, message_id: str | None) -> dict[str, Any]:
        message: dict[str, Any] = {"message": text, "session_id": self.session}
        return message if message_id is None else message | {"message_id": message_id}

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.uttered if "text" in message]

    async def until(self, condition: Callable[["Tab"], object], timeout: float = 30) -> None:
        """Wait until ``condition(self)`` holds; it is looked at whenever anything came."""
        try:
            async with asyncio.timeout(timeout):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"waited {timeout} s in vain: {self.uttered}, {self.confirmed}, {self.disconnects}"
            ) from None

    async def hears(self, *texts: str, timeout: float = 30) -> None:
        await self.until(lambda tab: len(tab.texts) >= len(texts), timeout)
        assert self.texts == list(texts)

    async def _on_connect(self) -> None:
        await self.client.emit("session_request", {"session_id": self.session})

    async def _on_disconnect(self, reason: str) -> None:
        self.disconnects.append(reason)
        self._changed.set()

    async def _on_confirm(self, session: str) -> None:
        self.session = session
        self.confirmed.append(session)
        self._changed.set()

    async def _on_uttered(self, data: dict[str, Any]) -> None:
        self.uttered.append(data)
        self._changed.set()

    async def _on_floor(self, data: dict[str, Any]) -> None:
        self.floors.append(data["floor"])
        self._changed.set()
