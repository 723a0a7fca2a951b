"""The writer on another machine: any OpenAI-compatible endpoint that streams chat completions."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Literal

import aiohttp

from bot.errors import WriterUnavailable
from bot.generation.sentences import CUT
from bot.settings import Settings
from bot.telemetry.metrics import WRITER_PIECES

MAX_NEW_TOKENS = 160
"""Twice what the small writer gets: larger models cost their endpoint, not this machine."""

_LONGEST_LINE = 1 << 20
_REASON_CHARACTERS = 200


class EndpointWriter:
    """Writes through ``settings.writer_url`` (``…/v1``), as vLLM, TGI, llama.cpp and hosted providers serve it.

    The protocol is https://platform.openai.com/docs/api-reference/chat, its stream that of server-sent events.
    """

    languages = frozenset({"en", "zh", "de", "nl", "fr", "es", "it"})
    """Those that the prompt can ask for by name; models worth an endpoint write them all."""

    passages = 3
    """As many as an answer needs; each costs prompt time."""

    status: Literal["ready"] = "ready"
    """An endpoint is found to be away only by asking it."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        assert settings.writer_url is not None, "composed only where an endpoint is set"
        self._session = session
        self._url = settings.writer_url.rstrip("/")
        self._model = settings.writer_model
        self._headers = (
            {"Authorization": f"Bearer {settings.writer_key.get_secret_value()}"} if settings.writer_key else {}
        )
        seconds = settings.writer_timeout.total_seconds()
        # A stall between two tokens is as bad as one before the first; a long reply is not.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)

    async def ready(self) -> None:
        """Ask the endpoint for its models once.

        Raises:
            WriterUnavailable: it does not answer, or has no model.
        """
        await self._name()

    async def write(self, chat: Sequence[Mapping[str, str]]) -> AsyncGenerator[str, None]:
        """Stream the reply to ``chat``; closing the iterator closes the connection, which stops the endpoint's work.

        Raises:
            WriterUnavailable: no connection, an error status, nonsense, or nothing for ``writer_timeout``.
        """
        request = {
            "model": await self._name(),
            "messages": [dict(message) for message in chat],
            "stream": True,
            "temperature": 0,
            "max_tokens": MAX_NEW_TOKENS,
        }
        try:
            async with self._session.post(
                f"{self._url}/chat/completions",
                json=request,
                headers={**self._headers, "Accept": "text/event-stream"},
                timeout=self._timeout,
            ) as response:
                await _check(response)
                async for data in _events(response.content):
                    if data == "[DONE]":
                        return
                    if text := _text(data):
                        WRITER_PIECES.inc()
                        yield text
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            raise WriterUnavailable(f"{self._url}: {_reason(exc)}") from exc

    async def _name(self) -> str:
        if self._model is not None:
            return self._model
        try:
            async with self._session.get(
                f"{self._url}/models", headers=self._headers, timeout=self._timeout
            ) as response:
                await _check(response)
                self._model = str((await response.json(content_type=None))["data"][0]["id"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError, TypeError) as exc:
            raise WriterUnavailable(f"{self._url}/models names no model: {_reason(exc)}") from exc
        return self._model


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        body = (await response.content.read(4096)).decode(errors="replace")
        raise ValueError(f"status {response.status}: {body[:_REASON_CHARACTERS]}")


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    """The data of each server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Comments keep the connection alive, other fields do not matter here, several data lines are one event.
    """
    data: list[str] = []
    async for line in _lines(content):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif line.startswith("{"):
            raise ValueError(f"an answer that is no stream: {line[:_REASON_CHARACTERS]}")
    if data:
        yield "\n".join(data)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    # Not `async for line in content`: its limit is 128 KiB, and its error then is a bare ValueError without a word.
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode(errors="replace")
        if len(rest) > _LONGEST_LINE:
            raise ValueError("a line without an end")
    if rest:
        yield rest.decode(errors="replace")


def _text(data: str) -> str:
    """The words in one chunk, which may be none, with ``CUT`` after the last that ``max_tokens`` allowed.

    Raises:
        ValueError: it is an error, or no chunk at all.
    """
    chunk: Any = json.loads(data)
    if not isinstance(chunk, dict):
        raise ValueError(f"not a chunk: {data[:_REASON_CHARACTERS]}")
    if error := chunk.get("error"):
        raise ValueError(f"{error.get('message', error) if isinstance(error, dict) else error}")
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        raise ValueError(f"not a chunk: {data[:_REASON_CHARACTERS]}")
    if not choices or not isinstance(choices[0], dict):
        return ""  # The last chunk of some servers carries usage and no choice.
    delta = choices[0].get("delta")
    content = delta.get("content") if isinstance(delta, dict) else None
    text = content if isinstance(content, str) else ""
    return text + CUT if choices[0].get("finish_reason") == "length" else text


def _reason(exc: Exception) -> str:
    if isinstance(exc, asyncio.TimeoutError):
        return "nothing in time"
    return str(exc) or type(exc).__name__
