"""The widget's socket, `GET /ws`, as docs/widget.md has it: takes what shoppers write, and lets `pump` send lines."""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from aiohttp import WSMsgType, web

from bot.channels import frames
from bot.channels.client import Close, Socket, new_response
from bot.channels.edge import Edge
from bot.channels.frames import Accepted, Bounds, Error, Hello, Human, Ping, Pong, Refused, Renew, Said, Thumb, Welcome
from bot.channels.intake import AWAY, Find, no_file, read_message, refusal
from bot.channels.limits import Allowance
from bot.channels.places import Newest, Places
from bot.channels.pump import Patience, Pump
from bot.channels.sessions import CHANNEL, Session
from bot.conversations import Conversations
from bot.errors import BadRequest, KefuError, NotAllowed, Overloaded, RateLimited, StoreUnavailable
from bot.records import ConversationId, Feedback, LogId, MessageId
from bot.settings import Settings
from bot.telemetry.metrics import REFUSED, RESYNCS

_log = logging.getLogger(__name__)

HISTORY = 200
"""Lines that a client gets which has none: more than anybody scrolls back in a chat."""

SOCKETS_OF_SHOPPER = 20
"""Tabs and devices. A line of the shopper's goes out to each: with thousands, one message sets off a flood."""

_FRAMES_A_MESSAGE = 4
"""Frames of one socket for each message that its shopper may send: a second try, a thumb, a ping."""

_FAULTS = 20
"""Frames that are none of the protocol, from one client: so many are a program gone wrong."""

_PLACE = re.compile(r"[0-9]{1,18}-[0-9]{1,18}", re.ASCII)
"""A log id as Redis gives them, and takes them."""

_UNREAD = 0.25
"""Seconds between two looks whether a client reads; until then nothing more of it is read."""


class WebSocketChannel:
    """Every widget's socket of this process; open inside ``async with``."""

    def __init__(
        self,
        conversations: Conversations,
        edge: Edge,
        settings: Settings,
        *,
        find_file: Find = no_file,
        file_types: Sequence[str] = (),
        links: Callable[[], Sequence[str]] = tuple,
        images: Callable[[], Sequence[str]] = tuple,
        patience: Patience | None = None,
    ) -> None:
        """``links`` and ``images`` are the hosts that clients may link to and show pictures from."""
        self._conversations = conversations
        self._sessions = edge.sessions
        self._guard = edge.guard
        self._limits = edge.limits
        self._load = edge.load
        self._find_file = find_file
        self._links = links
        self._images = images
        self._most_sockets = settings.max_sockets
        self._frames = Allowance(_FRAMES_A_MESSAGE * settings.shopper_rate, None)
        self._addresses = Places(settings.address_sockets)
        self._shoppers: Newest[Socket] = Newest(SOCKETS_OF_SHOPPER)
        self._bounds = Bounds(settings.max_characters, frames.MOST_FILES, settings.upload_bytes, file_types)
        self._pump = Pump(conversations, patience or Patience())
        self._stopping = False

    async def __aenter__(self) -> "WebSocketChannel":
        await self._pump.__aenter__()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._pump.__aexit__(*failure)

    def routes(self) -> list[web.RouteDef]:
        """Where widgets connect."""
        return [web.get("/ws", self.connect)]

    async def stop(self) -> None:
        """Take no more clients, and send those that are here to another server, or to this one when it is back."""
        self._stopping = True
        await self._pump.close_all(Close.RESTART, "the server restarts")

    @property
    def count(self) -> int:
        """Sockets that are open."""
        return len(self._pump.sockets)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One client, from its upgrade to its end.

        Raises:
            OriginRefused: its page may not talk to this server.
            Overloaded: there are too many sockets already, or the server stops.
            RateLimited: its address has too many.
        """
        self._guard.check_origin(request)
        if self._stopping or self.count >= self._most_sockets:
            raise Overloaded("This server has no room for another socket now.", retry_after=5)
        address = self._guard.address(request)
        with self._addresses.one_for(address):
            return await self._connect(request, address)

    async def _connect(self, request: web.Request, address: str | None) -> web.StreamResponse:
        response = new_response(frames.FRAME_BYTES)
        try:
            await response.prepare(request)
        except ConnectionError:
            return web.Response(status=400)  # The client hung up meanwhile; nobody reads this.
        response.headers.clear()  # They have left, and a socket lives for hours.
        socket = Socket(self._pump, response, request.protocol, address)
        self._pump.take(socket)
        try:
            if self._stopping:  # Since the look above; whoever said goodbye to all others had not met this one.
                await socket.close(Close.RESTART, "the server restarts")
            else:
                await self._serve(socket)
        except ConnectionError:
            pass  # The client is gone, in the middle of an answer to it.
        finally:
            self._pump.forget(socket)
            if socket.session is not None:
                self._shoppers.leave(socket.session.shopper, socket)
        return response

    async def _serve(self, socket: Socket) -> None:
        """Greet the client, then take what it sends, one frame after the other."""
        try:
            hello = await self._read_hello(socket)
            if hello is None:
                return
            socket.session = self._sessions.verify(hello.token)
            if oldest := self._shoppers.enter(socket.session.shopper, socket):
                self._pump.part(oldest, Close.REPLACED, "too many sockets of one shopper")
            await self._welcome(socket, socket.session, hello.after)
            async with self._conversations.listen(socket.session.conversation, socket):
                self._pump.wake(socket)  # What came before it listened.
                due = 0.0
                while (data := await self._read(socket)) is not None:
                    await self._take(socket, socket.session, data)
                    # What comes faster waits in the network: a flood costs nobody but its sender, and nothing is lost.
                    due = self._frames.next_due(due, self._pump.now())
                    if wait := self._frames.wait(due, self._pump.now()):
                        await asyncio.sleep(wait)
        except NotAllowed as exc:
            await socket.close(Close.TOKEN, str(exc))
        except StoreUnavailable as exc:
            _log.warning("a socket is sent away: %s", exc)
            await socket.close(Close.BUSY, "the conversations cannot be reached now")

    async def _read(self, socket: Socket) -> str | bytes | None:
        """The next frame, once the client has read what it was sent; None when the socket is closed."""
        while True:
            while socket.congested and not socket.response.closed:
                self._pump.wait_for(socket)
                await asyncio.sleep(_UNREAD)
            came = await socket.response.receive()
            socket.heard = self._pump.now()
            match came.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    data: str | bytes = came.data
                    return data
                case WSMsgType.PING:
                    await socket.response.pong(came.data)
                case WSMsgType.PONG:
                    pass
                case _:
                    return None

    async def _read_hello(self, socket: Socket) -> Hello | None:
        data = await self._read(socket)
        if data is None:
            return None
        try:
            hello = frames.parse(data)
        except BadRequest:
            hello = None
        if not isinstance(hello, Hello):
            await socket.close(Close.NO_CLIENT, "the first frame has to be hello")
            return None
        return hello

    async def _welcome(self, socket: Socket, session: Session, after: str | None) -> None:
        """Say what the client has to know, and send the lines it lacks.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        conversation = session.conversation
        place = LogId(after) if after is not None and _PLACE.fullmatch(after) else None
        floor, known = await asyncio.gather(self._conversations.floor(conversation), self._has(conversation, place))
        history = None if known else await self._conversations.last(conversation, HISTORY)
        welcome = Welcome(
            shopper=session.shopper,
            conversation=conversation,
            resync=after is not None and not known,
            floor=floor,
            limits=self._bounds,
            links=self._links(),
            images=self._images(),
        )
        if welcome.resync:
            RESYNCS.inc()
        await socket.send(frames.encode(welcome))
        if history is None:
            socket.cursor = place
        else:
            await self._pump.send(socket, history)

    async def _has(self, conversation: ConversationId, place: LogId | None) -> bool:
        return place is not None and await self._conversations.has(conversation, place)

    async def _take(self, socket: Socket, session: Session, data: str | bytes) -> None:
        """Do what a frame asks for, and answer it."""
        frame = None
        try:
            frame = frames.parse(data)
            answer = await self._answer(socket, session, frame)
        except BadRequest as exc:
            socket.faults += 1
            if socket.faults >= _FAULTS:
                return await socket.close(Close.NO_CLIENT, "too many bad frames")
            answer = Error("bad_frame", str(exc), about=frame.about if isinstance(frame, Thumb) else None)
        if isinstance(answer, Refused):
            REFUSED.labels(CHANNEL, answer.reason).inc()
        if answer is not None:
            await socket.send(frames.encode(answer))
        return None

    async def _answer(
        self, socket: Socket, session: Session, frame: frames.Frame
    ) -> Accepted | Refused | Pong | Error | None:
        match frame:
            case Said() | Human():
                if session.expires_at <= datetime.now(UTC):
                    raise NotAllowed("The token has ended.")  # `Pump` closes such sockets, but looks now and then only.
                return await self._accept(socket, session, frame)
            case Thumb():
                return await self._note(socket, session, frame)
            case Renew():
                renewed = self._sessions.verify(frame.token)
                if renewed.shopper != session.shopper:
                    raise NotAllowed("The token is another shopper's.")
                socket.session = renewed
                return None
            case Ping():
                return Pong()
            case Hello():
                raise BadRequest("This is no frame of the protocol: hello comes once.")

    async def _accept(self, socket: Socket, session: Session, frame: Said | Human) -> Accepted | Refused:
        """Make a message durable. What was accepted once is never refused, whatever the limits say now."""
        conversation, message_id = session.conversation, MessageId(frame.id)
        try:
            self._load.check()
            await self._limits.admit(conversation, socket.address)
            message = await read_message(frame, session, self._find_file, self._bounds.text)
            line = None
            socket.begin_message()
            try:
                line = (await self._conversations.accept(message)).log_id
            finally:
                socket.end_message(line)
        except StoreUnavailable as exc:
            return refusal(frame.id, exc)
        except KefuError as exc:
            try:
                line = await self._conversations.accepted(conversation, message_id)
            except StoreUnavailable as away:
                return refusal(frame.id, away)
            return refusal(frame.id, exc) if line is None else Accepted(frame.id, line)
        return Accepted(frame.id, line)

    async def _note(self, socket: Socket, session: Session, frame: Thumb) -> Error | None:
        """Keep a thumb."""
        try:
            await self._limits.admit_feedback(session.conversation, socket.address)
            feedback = Feedback(LogId(frame.about), frame.helpful)
            if not await self._conversations.note(session.conversation, feedback):
                raise BadRequest("about: is no line of the shop's in this conversation.")
        except RateLimited as exc:
            return Error("rate", str(exc), exc.retry_after, frame.about)
        except StoreUnavailable:
            return Error("unavailable", "This cannot be kept now.", AWAY, frame.about)
        return None
