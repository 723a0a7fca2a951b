"""Rasa's callback channel: a message comes in over HTTP, and its replies are posted to the shop's own server.

Protocol: https://rasa.com/docs/rasa/connectors/your-own-website#callbackinput
"""

import hashlib
from typing import Any

import aiohttp
from aiohttp import web

from bot.channels.bodies import read_body
from bot.channels.edge import Edge
from bot.channels.failures import explain
from bot.channels.intake import accept
from bot.channels.rest import read_message, wire
from bot.conversations import Conversations
from bot.conversations.outbox import Delivery
from bot.errors import DeliveryFailed, DeliveryRefused, KefuError
from bot.settings import Settings
from bot.telemetry.metrics import count_refusal

CHANNEL = "callback"
"""What Rasa calls this input channel; conversations are named ``callback:<sender>``."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""The same for every try of the same message. Source: draft-ietf-httpapi-idempotency-key-header."""

_PATIENCE = aiohttp.ClientTimeout(total=10)

_NEVER = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501})
"""Statuses that say that this message is not taken, now or later; what may be mended (a wrong token, a path that is
not there yet) is none of them."""


class CallbackChannel:
    """`POST /webhooks/callback/webhook`, and the posts to ``callback_url``."""

    def __init__(
        self, conversations: Conversations, edge: Edge, settings: Settings, session: aiohttp.ClientSession
    ) -> None:
        """``session`` is what replies are posted with, to no other address than the configured one."""
        self._conversations = conversations
        self._edge = edge
        self._session = session
        self._url = settings.callback_url
        self._query = {"token": settings.callback_token.get_secret_value()} if settings.callback_token else {}
        self._posted: dict[str, int] = {}
        """How many messages of a reply are there already, of those that are under way."""

    def routes(self) -> list[web.RouteDef]:
        """Where this channel listens: nowhere without an address to post replies to."""
        if self._url is None:
            return []
        return [
            web.get(f"/webhooks/{CHANNEL}/", self.health),
            web.post(f"/webhooks/{CHANNEL}/webhook", self.receive),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Say that the channel is there, as Rasa does."""
        return web.json_response({"status": "ok"})

    async def receive(self, request: web.Request) -> web.Response:
        """Accept a message, and say so as Rasa does; a ``message_id`` that was seen before opens no second turn."""
        try:
            self._edge.load.check_room()  # Before the body is read: a flood must cost as little as can be.
            message = read_message(await read_body(request), CHANNEL)
            await accept(self._conversations, self._edge, message, self._edge.guard.address(request))
        except KefuError as exc:
            count_refusal(CHANNEL, exc)
            if (told := explain(exc)) is None:
                raise
            return told
        return web.Response(text="success")

    async def send(self, delivery: Delivery) -> None:
        """Post one reply, message by message as Rasa does (`bot.channels.delivery.Send`).

        Raises:
            DeliveryFailed: not all of it is there; what is, is not posted again by this process.
            DeliveryRefused: the server will never take it.
        """
        recipient = delivery.conversation.removeprefix(f"{CHANNEL}:")
        rows = wire(delivery.utterance)
        for n in range(self._posted.pop(delivery.key, 0), len(rows)):
            try:
                await self._post({"recipient_id": recipient, **rows[n]}, _name(delivery, n))
            except DeliveryRefused:
                raise
            except DeliveryFailed:
                self._posted[delivery.key] = n
                raise

    async def _post(self, message: dict[str, Any], key: str) -> None:
        assert self._url is not None, "without it, nothing was accepted on this channel"
        try:
            # A redirect would lead to an address that nobody configured, which may be one of the inner network.
            async with self._session.post(
                self._url,
                params=self._query,
                json=message,
                headers={IDEMPOTENCY_KEY: key},
                timeout=_PATIENCE,
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            # Not what the error says: it may name the address with its token.
            raise DeliveryFailed(f"callback_url does not answer ({type(exc).__name__})") from exc
        if status in _NEVER:
            raise DeliveryRefused(f"callback_url answered {status}")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"callback_url answered {status}")


def _name(delivery: Delivery, n: int) -> str:
    """What the n-th message of a reply is called: the same for every try, and nothing of who the shopper is."""
    told = f"{delivery.conversation}\0{delivery.key}\0{n}".encode(errors="surrogatepass")
    return hashlib.blake2b(told, digest_size=16).hexdigest()
