"""Rasa's Socket.IO channel, `/socket.io`: rasa-webchat, RasaHQ's chat widget and their like connect as they are.

Protocol: https://rasa.com/docs/rasa/connectors/your-own-website#websocket-channel, docs/rasa-clients.md
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from aiohttp import web

from bot.channels.edge import Edge
from bot.channels.intake import accept, refusal
from bot.channels.limits import Allowance
from bot.channels.places import Newest, Places
from bot.channels.rasa_tokens import Tokens
from bot.channels.socketio_frames import CHANNEL, read_message, read_session
from bot.channels.socketio_link import PLACE, Link, Transport
from bot.channels.socketio_reader import Reader
from bot.channels.uttered import BOT_UTTERED
from bot.conversations import Conversations
from bot.errors import BadRequest, KefuError, NotAllowed, Overloaded, RateLimited, StoreUnavailable
from bot.records import ConversationId
from bot.settings import Settings
from bot.telemetry.metrics import SOCKETIO_SOCKETS, count_refusal

_log = logging.getLogger(__name__)

SOCKETS_OF_SESSION = 20
"""Tabs and devices; a further one takes the place of the oldest."""

_FRAMES_A_MESSAGE = 4
"""Frames of one connection for each message that its shopper may send: a second try, pongs."""

_FRAMES = 60
"""And what the protocol needs by itself: an upgrade, a session, more pongs."""

_HELLO = timedelta(seconds=10)
"""For a connection to say which namespace it wants."""

_SWEEP = timedelta(seconds=5)
"""Between two looks for connections that said nothing, or whose token has ended."""

_TOLD = 5.0
"""Seconds between two messages that say why one was not taken: who floods is not flooded in turn."""


class _Client:
    """One Socket.IO connection: its session, and who reads for it."""

    __slots__ = ("reader", "refused_at", "task")

    def __init__(self) -> None:
        self.reader: Reader | None = None
        self.task: asyncio.Task[None] | None = None
        self.refused_at = 0.0


class SocketIoChannel:
    """Every Socket.IO connection of this process; open inside ``async with``."""

    def __init__(self, conversations: Conversations, edge: Edge, settings: Settings) -> None:
        """Prepare.

        Raises:
            SettingError: the key for tokens is too short.
        """
        self._conversations = conversations
        self._edge = edge
        self._guard = edge.guard
        self._limits = edge.limits
        self._tokens = Tokens.read("socketio_jwt_key", settings.socketio_jwt_key, settings.socketio_jwt_method)
        self._metadata_key = settings.socketio_metadata_key
        self._longest = settings.max_characters
        self._most_sockets = settings.max_sockets
        self._addresses = Places(settings.address_sockets)
        self._sessions: Newest[str] = Newest(SOCKETS_OF_SESSION)
        self._clients: dict[str, _Client] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._server = Transport(
            edge.guard.address, Allowance(_FRAMES + _FRAMES_A_MESSAGE * settings.shopper_rate, None)
        )
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("session_request", self._request_session)
        self._server.on("user_uttered", self._hear)

    async def __aenter__(self) -> "SocketIoChannel":
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="kefu-socketio-sweep")
        return self

    async def __aexit__(self, *failure: object) -> None:
        tasks = [client.task for client in self._clients.values() if client.task]
        if self._sweeper:
            tasks.append(self._sweeper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._closing, return_exceptions=True)
        await self._server.shutdown()

    def routes(self) -> list[web.RouteDef]:
        """Where clients connect."""
        return [
            web.get("/socket.io/", self.serve),
            web.post("/socket.io/", self.serve),
            web.get(f"/webhooks/{CHANNEL}/", self.health),
        ]

    @property
    def count(self) -> int:
        """Connections that are open."""
        return len(self._server.links)

    async def health(self, request: web.Request) -> web.Response:
        """Say that the channel is there, as Rasa does."""
        return web.json_response({"status": "ok"})

    async def stop(self) -> None:
        """Take no more clients, and send those that are here to another server, or to this one when it is back."""
        self._stopping = True
        await self._server.close_all()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """A connection's first request, a poll, or a WebSocket from its upgrade to its end.

        Raises:
            OriginRefused: its page may not talk to this server.
            Overloaded: there are too many connections already, or the server stops.
            RateLimited: its address has too many.
        """
        self._guard.check_origin(request)
        if "sid" not in request.query and (self._stopping or self.count >= self._most_sockets):
            raise Overloaded("This server has no room for another socket now.", retry_after=5)
        with ExitStack() as place:
            if "sid" not in request.query:
                place.enter_context(self._addresses.one_for(self._guard.address(request)))
            request[PLACE] = place  # The link takes it along where this opens one.
            response: web.StreamResponse = await self._server.handle_request(request)
        return response

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any) -> bool:
        """Let a client in; with a key in the settings, one that brings a good token, as Rasa's ``jwt_key``."""
        link = self._server.link(sid)
        if link is None:
            return False
        if self._tokens is not None:
            token = auth.get("token") if isinstance(auth, dict) else None
            try:
                claims = self._tokens.read_token(token if isinstance(token, str) else "")
            except NotAllowed as exc:
                count_refusal(CHANNEL, exc)
                return False
            ends = claims.get("exp")
            link.expires = None if ends is None else float(ends)
            link.session = None if (only := claims.get("session_id")) is None else str(only)
        link.connected = True
        self._clients[sid] = _Client()
        SOCKETIO_SOCKETS.set(len(self._clients))
        return True

    async def _disconnect(self, sid: str, reason: str) -> None:
        client = self._clients.pop(sid, None)
        SOCKETIO_SOCKETS.set(len(self._clients))
        if client is not None:
            self._part(sid, client)

    async def _request_session(self, sid: str, data: Any = None) -> None:
        """Confirm the session that a client asks for, or a new one, and bring it what its clients have not heard."""
        client, link = self._clients.get(sid), self._server.link(sid)
        if client is None or link is None:
            return
        try:
            session = read_session(data, link.session) or uuid.uuid4().hex
            await self._limits.admit_session(link.address)
        except (BadRequest, NotAllowed) as exc:
            await self._tell(sid, client, exc)
        except RateLimited as exc:
            count_refusal(CHANNEL, exc)
            await self._server.drop(self._server.manager.eio_sid_from_sid(sid, "/"))  # It comes again, later.
        else:
            await self._server.emit("session_confirm", session, to=sid)
            await self._begin(sid, client, link, session)

    async def _hear(self, sid: str, data: Any = None) -> dict[str, Any] | None:
        """Accept a message; the answer is for a client that asks for an acknowledgement, which Rasa leaves empty."""
        client, link = self._clients.get(sid), self._server.link(sid)
        if client is None or link is None:
            return None
        try:
            session = read_session(data, link.session) or _sender(client) or sid
            message = read_message(data, session, self._metadata_key, self._longest)
            place = await accept(self._conversations, self._edge, message, link.address)
            if reader := await self._begin(sid, client, link, session):
                reader.expect()
        except KefuError as exc:
            count_refusal(CHANNEL, exc)
            return await self._tell(sid, client, exc)
        except Exception:  # The edge: the library would say nothing of it.
            _log.exception("a Socket.IO message could not be taken")
            return await self._tell(sid, client, StoreUnavailable("This cannot be kept now."))
        return {"accepted": True, "id": message.id, "line": place}

    async def _tell(self, sid: str, client: _Client, error: KefuError) -> dict[str, Any]:
        """Say why a message was not taken: in the acknowledgement and, as Rasa's clients ask for none, as the bot."""
        told = refusal("", error)
        now = asyncio.get_running_loop().time()
        if now - client.refused_at >= _TOLD or not client.refused_at:
            client.refused_at = now
            await self._server.emit(BOT_UTTERED, {"text": told.message}, to=sid)
        answer: dict[str, Any] = {"accepted": False, "reason": told.reason, "message": told.message}
        return answer if told.retry_after is None else answer | {"retry_after": told.retry_after}

    async def _begin(self, sid: str, client: _Client, link: Link, session: str) -> Reader | None:
        """Have the client read the log of ``session``, unless it does already; None where it is gone."""
        conversation = ConversationId(f"{CHANNEL}:{session}")
        if client.reader is not None and client.reader.conversation == conversation:
            return client.reader
        self._part(sid, client)
        if oldest := self._sessions.enter(session, sid):
            # "io server disconnect": its client does not come back by itself and push out another one.
            await self._server.disconnect(oldest)
        if self._clients.get(sid) is not client:
            self._sessions.leave(session, sid)
            return None
        emit = partial(self._server.emit, to=sid)
        client.reader = Reader(self._conversations, conversation, emit, partial(self._server.ping, sid), link)
        client.task = asyncio.create_task(client.reader.run(), name="kefu-socketio-reader")
        return client.reader

    def _part(self, sid: str, client: _Client) -> None:
        """Stop reading for the client."""
        if client.reader is None or client.task is None:
            return
        client.task.cancel()
        self._sessions.leave(_sender(client) or "", sid)
        closing = asyncio.create_task(client.reader.aclose(), name="kefu-socketio-close")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        client.reader = client.task = None

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP.total_seconds())
            now = asyncio.get_running_loop().time()
            for eio_sid, link in list(self._server.links.items()):
                unknown = not link.connected and now - link.opened > _HELLO.total_seconds()
                if unknown or (link.expires is not None and link.expires <= time.time()):
                    with suppress(Exception):  # The edge: the others are looked at too.
                        await self._server.drop(eio_sid)


def _sender(client: _Client) -> str | None:
    return None if client.reader is None else client.reader.conversation.removeprefix(f"{CHANNEL}:")
