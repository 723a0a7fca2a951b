"""Rasa's REST channel: a message in, the replies of its turn out, whole or sentence by sentence.

Protocol: https://rasa.com/docs/rasa/connectors/your-own-website#rest-channels
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.conversations import Conversations
from bot.errors import BadRequest, MailboxFull, StoreUnavailable
from bot.records import Citation, ConversationId, EntryKind, Message, MessageId, PassageId, TurnId, Utterance

CHANNEL = "rest"
"""What Rasa calls this input channel; conversations are named ``rest:<sender>``."""

MAX_ID_CHARACTERS = 256
"""Longest sender or message id: both become parts of Redis keys."""


class RestChannel:
    """`POST /webhooks/rest/webhook`, byte-compatible with Rasa's."""

    def __init__(self, conversations: Conversations, timeout: float) -> None:
        self._conversations = conversations
        self._timeout = timeout

    def routes(self) -> list[web.RouteDef]:
        """Where this channel listens."""
        return [
            web.get("/webhooks/rest/", self.health),
            web.post("/webhooks/rest/webhook", self.receive),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Say that the channel is there, as Rasa does."""
        return web.json_response({"status": "ok"})

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Accept a message and answer with the replies of the turn it opens.

        A message that another message's turn covers (a burst) gets an empty list, so nothing is said twice. A
        message id that was seen before gets the answer of its first time.
        """
        try:
            message = read_message(await request.text())
        except BadRequest as exc:
            return _failure(400, str(exc))
        try:
            if request.query.get("stream", "").lower() == "true":
                return await self._stream(request, message)
            async with asyncio.timeout(self._timeout):
                rows = [row async for row in self._replies(message)]
        except TimeoutError:
            return _failure(504, f"The turn is still being made; send message_id {message.id!r} again to get it.")
        except MailboxFull:
            return _failure(429, "Too many messages of this sender wait for an answer already; wait for one.")
        except StoreUnavailable:
            return _failure(503, "The message was not accepted: the conversation store does not answer. Try again.")
        return web.json_response(rows, dumps=_dumps)

    async def _stream(self, request: web.Request, message: Message) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "X-Accel-Buffering": "no"})
        try:
            async with asyncio.timeout(self._timeout):
                async for row in self._replies(message):
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(_dumps(row).encode() + b"\n")
        except (TimeoutError, StoreUnavailable, MailboxFull):
            if not response.prepared:
                raise
            # The status line has left; a cut connection is the only way left to say "not all of it".
            if request.transport is not None:
                request.transport.abort()
            return response
        if not response.prepared:
            await response.prepare(request)
        await response.write_eof()
        return response

    async def _replies(self, message: Message) -> AsyncIterator[dict[str, Any]]:
        """Accept ``message``; yield the replies of the turn it opens as they enter the log."""
        # Following starts before accepting, so a turn that is faster than this task is not missed.
        async with self._conversations.follow(message.conversation) as grown:
            accepted = await self._conversations.accept(message)
            cursor, turn = accepted.log_id, TurnId(accepted.log_id)
            sources: dict[PassageId, Citation] = {}
            if not accepted.duplicate:
                # Nothing stands behind a new message yet, so the first look can wait.
                await grown(beyond=cursor)
            while True:
                for entry in await self._conversations.read(message.conversation, after=cursor):
                    cursor = entry.id
                    if entry.kind is EntryKind.ASSISTANT and entry.turn == turn and entry.utterance:
                        sources |= {citation.passage: citation for citation in entry.utterance.citations}
                        for row in wire(entry.utterance):
                            yield {"recipient_id": message.sender, **row}
                    if entry.kind is EntryKind.TURN and message.id in entry.covers:
                        if sources:
                            yield {"recipient_id": message.sender, "custom": {"sources": _sources(sources.values())}}
                        return
                await grown(beyond=cursor)


def read_message(body: str) -> Message:
    """Parse the body of a request.

    Raises:
        BadRequest: names the field that is wrong and what is allowed.
    """
    try:
        fields = json.loads(body)
    except ValueError as exc:
        raise BadRequest(f"The body is not valid JSON: {exc}.") from exc
    if not isinstance(fields, dict):
        raise BadRequest("The body has to be a JSON object with the fields sender and message.")
    sender = _text(fields, "sender", "default")
    message_id = _text(fields, "message_id", uuid.uuid4().hex)
    metadata = fields.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise BadRequest(f"metadata: has to be an object, not {metadata!r}.")
    if not isinstance(fields.get("message"), str):
        raise BadRequest("message: has to be a string, the text that the shopper wrote.")
    return Message(
        id=MessageId(message_id),
        conversation=ConversationId(f"{CHANNEL}:{sender}"),
        channel=CHANNEL,
        sender=sender,
        text=fields["message"],
        received_at=datetime.now(UTC),
        metadata=metadata,
    )


def _text(fields: Mapping[str, Any], name: str, default: str) -> str:
    value = fields.get(name, default)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS:
        raise BadRequest(f"{name}: has to be a string of 1 to {MAX_ID_CHARACTERS} characters, not {value!r:.80}.")
    return value


def wire(utterance: Utterance) -> list[dict[str, Any]]:
    """An utterance as Rasa's output channel splits it: text with its buttons, image, custom."""
    rows: list[dict[str, Any]] = []
    if utterance.text:
        rows.append({"text": utterance.text})
    if utterance.buttons:
        buttons = [{"title": button.title, "payload": button.payload} for button in utterance.buttons]
        rows = [{**(rows[0] if rows else {"text": ""}), "buttons": buttons}]
    if utterance.image:
        rows.append({"image": utterance.image})
    if utterance.custom:
        rows.append({"custom": dict(utterance.custom)})
    return rows


def _sources(citations: Iterable[Citation]) -> list[dict[str, Any]]:
    return [{"title": c.title, "source": c.source, "url": c.url} for c in citations]


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _failure(status: int, message: str) -> web.Response:
    reasons = {400: "BadRequest", 429: "TooManyRequests", 503: "Unavailable", 504: "Timeout"}
    body = {"status": "failure", "reason": reasons[status], "message": message, "code": status}
    headers = {"Retry-After": "1"} if status > 400 else None
    return web.json_response(body, status=status, headers=headers)
