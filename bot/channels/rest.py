"""Rasa's REST channel: a message in, the replies of its turn out, whole or sentence by sentence.

Protocol: https://rasa.com/docs/rasa/connectors/your-own-website#rest-channels
"""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.channels.bodies import read_body
from bot.channels.edge import Edge
from bot.channels.failures import explain, failure
from bot.channels.metadata import read_metadata
from bot.conversations import Conversations
from bot.conversations.growth import Growth
from bot.errors import BadRequest, KefuError, Overloaded, RateLimited, StoreUnavailable
from bot.records import (
    Citation,
    ConversationId,
    Entry,
    EntryKind,
    LogId,
    Message,
    MessageId,
    PassageId,
    TurnId,
    Utterance,
)
from bot.telemetry.metrics import count_refusal

CHANNEL = "rest"
"""What Rasa calls this input channel; conversations are named ``rest:<sender>``."""

MAX_ID_CHARACTERS = 256
"""Longest sender or message id: both become parts of Redis keys."""

_LAST_REPLIES = 0.2
"""Seconds in which a reply that was just committed reaches whoever waits for it."""

_UNASKED = timedelta(seconds=2)
"""Between two looks of one request for its answer while nobody tells of any."""


class RestChannel:
    """`POST /webhooks/rest/webhook`, byte-compatible with Rasa's."""

    def __init__(self, conversations: Conversations, edge: Edge, timeout: float) -> None:
        """A request waits ``timeout`` seconds for its turn."""
        self._conversations = conversations
        self._load = edge.load
        self._limits = edge.limits
        self._guard = edge.guard
        self._timeout = timeout
        self._waiting: set[asyncio.Timeout] = set()

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
            self._load.check_room()  # Before the body is read: a flood must cost as little as can be.
            message = read_message(await read_body(request))
            with self._load.request():  # Not before: who sends half a body would hold another's place.
                return await self._receive(request, message)
        except KefuError as exc:
            count_refusal(CHANNEL, exc)
            if (told := explain(exc)) is None:
                raise
            return told

    async def let_go(self) -> None:
        """Answer whoever still waits for a turn that this server will not make: it is stopping, the worker has ended.

        A moment first, for the replies that the worker made last.
        """
        if self._waiting:
            await asyncio.sleep(_LAST_REPLIES)
        for limit in self._waiting:
            limit.reschedule(asyncio.get_running_loop().time())

    async def _receive(self, request: web.Request, message: Message) -> web.StreamResponse:
        await self._admit(request, message)
        if request.query.get("stream", "").lower() == "true":
            return await self._stream(request, message)
        try:
            rows = await self.answer(message)
        except TimeoutError:
            return failure(504, _again(message))
        return web.json_response(rows, dumps=_dumps)

    async def answer(self, message: Message) -> list[dict[str, Any]]:
        """Accept ``message``, of any channel; the replies of the turn it opens, as Rasa's REST channel writes them.

        Raises:
            TimeoutError: the turn is still being made.
            BadRequest, MailboxFull, StoreUnavailable: nothing was accepted, or it is not known.
        """
        async with self._patience(), aclosing(self._replies(message)) as replies:
            return [row async for row in replies]

    async def _admit(self, request: web.Request, message: Message) -> None:
        """Let ``message`` pass. What was accepted once is never refused, whatever the limits say now.

        Raises:
            Overloaded, RateLimited, StoreUnavailable: not now.
        """
        try:
            self._load.check()
            # By its conversation: whoever writes here may name any sender, and must not spend what the widget's has.
            await self._limits.admit(message.conversation, self._guard.address(request))
        except (Overloaded, RateLimited):
            if await self._conversations.accepted(message.conversation, message.id) is None:
                raise

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """How long a request waits; raises `TimeoutError` then."""
        async with asyncio.timeout(self._timeout) as limit:
            self._waiting.add(limit)
            try:
                yield
            finally:
                self._waiting.discard(limit)

    async def _stream(self, request: web.Request, message: Message) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "X-Accel-Buffering": "no"})
        try:
            async with self._patience(), aclosing(self._replies(message)) as replies:
                async for row in replies:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(_dumps(row).encode() + b"\n")
            if not response.prepared:
                await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            pass  # The client is gone; with the id again, it gets all of the reply.
        except (TimeoutError, KefuError) as exc:
            if not response.prepared:
                if isinstance(exc, KefuError):
                    raise
                return failure(504, _again(message))
            # The status line has left; a cut connection is the only way left to say "not all of it".
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _replies(self, message: Message) -> AsyncGenerator[dict[str, Any]]:
        """Accept ``message``; yield the replies of the turn it opens as they enter the log."""
        # Following starts before accepting, so a turn that is faster than this task is not missed.
        async with self._conversations.follow(message.conversation) as grown:
            accepted = await self._conversations.accept(message)
            cursor, turn = accepted.log_id, TurnId(accepted.log_id)
            sources: dict[PassageId, Citation] = {}
            # Nothing stands behind a new message yet, so the first look can wait.
            news = await self._conversations.read(message.conversation, cursor) if accepted.duplicate else []
            while True:
                for entry in news:
                    cursor = entry.id
                    if entry.kind is EntryKind.ASSISTANT and entry.turn == turn and entry.utterance:
                        sources |= {citation.passage: citation for citation in entry.utterance.citations}
                        for row in wire(entry.utterance):
                            yield {"recipient_id": message.sender, **row}
                    if entry.kind is EntryKind.TURN and message.id in entry.covers:
                        if sources:
                            yield {"recipient_id": message.sender, "custom": {"sources": _sources(sources.values())}}
                        return
                news = await self._news(message.conversation, cursor, grown)

    async def _news(self, conversation: ConversationId, cursor: LogId, grown: Growth) -> list[Entry]:
        """What the log has grown by, once it has; looked for now and then though nobody tells, for word may be lost.

        Raises:
            StoreUnavailable: Redis does not answer, and told just now that there is something.
        """
        while True:
            told = await grown(_UNASKED, beyond=cursor)
            try:
                if news := await self._conversations.read(conversation, after=cursor):
                    return news
            except StoreUnavailable:
                if told:
                    raise


def read_message(body: bytes, channel: str = CHANNEL) -> Message:
    """Parse the body of a request on ``channel``, JSON in UTF-8.

    Whoever names no ``sender`` gets a conversation of its own, named in the reply's ``recipient_id``: with one name for
    all of them, as Rasa's "default", one would read the other's order.

    Raises:
        BadRequest: names the field that is wrong and what is allowed.
    """
    try:
        fields = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise BadRequest(f"The body is not valid JSON in UTF-8: {exc}.") from exc
    if not isinstance(fields, dict):
        raise BadRequest("The body has to be a JSON object with the fields sender and message.")
    sender = read_id(fields, "sender", f"anonymous-{uuid.uuid4().hex}")
    message_id = read_id(fields, "message_id", uuid.uuid4().hex)
    metadata = read_metadata(fields.get("metadata") or {})
    text = fields.get("message")
    if not isinstance(text, str) or not _is_unicode(text):
        raise BadRequest("message: has to be a string of valid Unicode, the text that the shopper wrote.")
    return Message(
        id=MessageId(message_id),
        conversation=ConversationId(f"{channel}:{sender}"),
        channel=channel,
        sender=sender,
        text=text,
        received_at=datetime.now(UTC),
        metadata=metadata,
    )


def read_id(fields: Mapping[str, Any], field: str, default: str) -> str:
    """A name that becomes part of Redis keys; ``default`` where the field is not there.

    Raises:
        BadRequest: it is no string of 1 to `MAX_ID_CHARACTERS` characters.
    """
    value = fields.get(field, default)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS or not _is_unicode(value):
        raise BadRequest(f"{field}: has to be a string of 1 to {MAX_ID_CHARACTERS} characters, not {value!a:.80}.")
    return value


def _is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8: JSON can hold halves of characters that nothing else can."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


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
    if utterance.attachment:
        rows.append({"attachment": utterance.attachment})
    if utterance.custom:
        rows.append({"custom": dict(utterance.custom)})
    return rows


def _sources(citations: Iterable[Citation]) -> list[dict[str, Any]]:
    return [{"title": c.title, "source": c.source, "url": c.url} for c in citations]


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _again(message: Message) -> str:
    return f"The turn is still being made; send message_id {message.id!r} again to get it."
