"""Speaks with a server over its REST channel, as a shopper's page would, and keeps what was said."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.errors import KefuError

_PATIENCE = aiohttp.ClientTimeout(total=120)
"""Longer than any reply takes, so that a busy machine is no wrong answer."""


_BUSY = (429, 503, 504)
_PAUSE = 1.0
_TRIES = 60


class TalkFailed(KefuError):
    """The server gave no reply to a message."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back for one message."""

    text: str = ""
    ask: str | None = None
    """The slot that is asked for."""
    options: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else the question tells a program."""
    buttons: tuple[tuple[str, str], ...] = ()
    """Title and payload of each."""


@dataclass(slots=True)
class Talk:
    """One conversation."""

    session: aiohttp.ClientSession
    url: str
    sender: str
    said: list[tuple[str, str]] = field(default_factory=list)
    """Who said what: ``shopper`` or ``assistant``."""

    async def say(self, text: str) -> Heard:
        """Send a message; returns what the turn said.

        A server that is too busy refuses it at first, or answers too late; the same message is sent again then, which
        a server answers once.

        Raises:
            TalkFailed: it was not answered.
        """
        self.said.append(("shopper", text))
        body = {"sender": self.sender, "message": text, "message_id": uuid.uuid4().hex}
        for _ in range(_TRIES):
            status, rows = await self._send(body)
            if status == 200:
                heard = read(rows)
                options = f" [{' | '.join(heard.options)}]" if heard.options else ""
                self.said.append(("assistant", heard.text + options))
                return heard
            if status not in _BUSY:
                break
            await asyncio.sleep(_PAUSE)
        raise TalkFailed(f"{self.url} answered {status} to {text!r}: {rows}")

    async def _send(self, body: Mapping[str, str]) -> tuple[int, Any]:
        try:
            async with self.session.post(f"{self.url}/webhooks/rest/webhook", json=body, timeout=_PATIENCE) as answer:
                return answer.status, await answer.json()
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise TalkFailed(f"{self.url} did not answer {body['message']!r} ({exc}).") from exc


def read(rows: Sequence[Mapping[str, Any]]) -> Heard:
    """The rows of Rasa's REST channel as one reply; of several questions the last one counts."""
    customs = [row["custom"] for row in rows if isinstance(row.get("custom"), dict)]
    asked: Mapping[str, Any] = next((custom for custom in reversed(customs) if "ask" in custom), {})
    buttons = [(str(b["title"]), str(b["payload"])) for row in rows for b in row.get("buttons", ())]
    return Heard(
        "\n".join(row["text"] for row in rows if row.get("text")),
        asked.get("ask"),
        tuple(map(str, asked.get("options", ()))),
        {name: value for name, value in asked.items() if name not in ("ask", "options")},
        tuple(buttons),
    )
