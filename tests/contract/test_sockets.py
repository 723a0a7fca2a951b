"""What the widget's socket promises, over a real Redis and with assistants of a few lines."""

import asyncio
import json
import random
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import WSMsgType, web

from bot.channels.edge import Edge
from bot.channels.guard import Guard
from bot.channels.limits import Limits
from bot.channels.load import Load
from bot.channels.pump import Patience, _look_for_ever
from bot.channels.sessions import Sessions
from bot.channels.websocket import WebSocketChannel
from bot.conversations import Conversations
from bot.conversations.connection import Wire
from bot.conversations.keys import ConversationKeys
from bot.conversations.live import _Channel
from bot.conversations.privacy import erase, export
from bot.conversations.reading import Page
from bot.errors import StoreUnavailable
from bot.ports import Voice
from bot.records import (
    Attachment,
    Conversation,
    ConversationId,
    EntryKind,
    LogId,
    Message,
    MessageId,
    Trace,
    Turn,
    Utterance,
    Vouched,
)
from bot.settings import Settings, read_settings
from bot.worker import Handle, Worker
from tests.conftest import RETENTION, server_program
from tests.socket_client import TOKEN, Line, WidgetClient, place

KEY = "the key that signs the sessions of these tests"
SOON = timedelta(seconds=10)
PHOTO = Attachment("f" * 32, "seam.png", "image/png", 7)


async def echo(conversation: Conversation, voice: Voice) -> Turn:
    return Turn(tuple(Utterance(f"You said {mail.text}") for mail in conversation.mail), conversation.state, Trace())


@dataclass
class Shop:
    """A server with sockets and a worker, and its clients."""

    url: str
    channel: WebSocketChannel
    conversations: Conversations
    sessions: Sessions
    load: Load
    clients: list[WidgetClient] = field(default_factory=list)

    async def client(self, **more: Any) -> WidgetClient:
        """A tab that is open, and connected."""
        client = WidgetClient(self.url, pause=0.05, **more)
        self.clients.append(client)
        await client.__aenter__()
        await client.ready()
        return client

    async def left_with(self, sockets: int) -> None:
        """Wait until the server has closed all but so many."""
        for _ in range(1000):
            if self.channel.count <= sockets:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{self.channel.count} sockets are open")

    async def log(self, conversation: str) -> list[str]:
        """The ids that a client of ``conversation`` has to have seen."""
        entries = await self.conversations.read(ConversationId(conversation))
        return [entry.id for entry in entries if entry.kind is not EntryKind.RECEIPT]


async def find_photo(conversation: ConversationId, file_id: str) -> Attachment | None:
    return PHOTO if file_id == PHOTO.id else None


@asynccontextmanager
async def opened(
    conversations: Conversations,
    settings: Settings,
    handle: Handle | None = echo,
    patience: Patience | None = None,
    send_buffer: int | None = None,
) -> AsyncIterator[Shop]:
    """A shop over ``conversations``; without a worker where there is no ``handle``."""
    edge = Edge(Guard(settings), Sessions(settings), Limits(settings, conversations), Load(conversations, settings))
    app = web.Application()
    edge.guard.protect(app)
    listener = socket.create_server(("127.0.0.1", 0))
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    async with WebSocketChannel(conversations, edge, settings, find_file=find_photo, patience=patience) as channel:
        app.add_routes([*channel.routes(), *edge.sessions.routes()])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        edge.guard.listens_at(runner.addresses[0][1])
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        shop = Shop(url, channel, conversations, edge.sessions, edge.load)
        worker = Worker(conversations, handle or echo, settings)
        if handle is not None:
            await worker.__aenter__()
        try:
            yield shop
            assert [problem for client in shop.clients for problem in client.problems] == []
        finally:
            for client in shop.clients:
                await client.stop()
            await channel.stop()
            if handle is not None:
                await worker.__aexit__()
            await runner.cleanup()


def settings_of(tmp_path: Path, **more: Any) -> Settings:
    plenty = {"shopper_rate": 1_000_000, "shopper_budget": 10_000_000}
    return read_settings({"data": tmp_path, "session_key": KEY, "stop_timeout": 2, "lease": 1} | plenty | more)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
async def shop(conversations: Conversations, settings: Settings) -> AsyncIterator[Shop]:
    async with opened(conversations, settings) as shop:
        yield shop


def narrow() -> aiohttp.TCPConnector:
    """For clients with so little room that what they do not read soon waits in the server."""

    def small(address: Any) -> socket.socket:
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        return made

    return aiohttp.TCPConnector(socket_factory=small)


@asynccontextmanager
async def bare(shop: Shop, after: str | None = None, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket that says hello as a new shopper, or what ``hello`` is, and nothing else."""
    hello = options.pop("hello", None) or {"type": "hello", "token": shop.sessions.grant({})["token"], "after": after}
    connector = options.pop("connector", None)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.ws_connect(f"{shop.url}/ws", **options) as connection,
    ):
        await connection.send_str(hello if isinstance(hello, str) else json.dumps(hello))
        yield connection


async def close_code(connection: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code that the server closes with, whatever it says before."""
    async with asyncio.timeout(30):
        async for _ in connection:
            pass
    return connection.close_code


# ── Lines ─────────────────────────────────────────────────────────────────────────────────────────


async def test_that_a_shopper_is_welcomed_and_answered(shop: Shop) -> None:
    client = await shop.client()
    assert client.welcomes == [
        {
            "type": "welcome",
            "shopper": client.shopper,
            "conversation": f"web:{client.shopper}",
            "resync": False,
            "floor": "assistant",
            "limits": {"text": 4000, "files": 5, "file_bytes": 5242880, "file_types": []},
            "links": [],
            "images": [],
        }
    ]
    (answer,) = await client.answered(client.send("Hi"))
    assert answer["text"] == "You said Hi"
    assert [line["kind"] for line in client.lines] == ["shopper", "assistant", "turn"]
    assert client.accepted == {client.lines[0]["message"]: client.lines[0]["id"]}


async def test_that_a_client_resumes_at_any_line_and_gets_exactly_the_rest(shop: Shop) -> None:
    client = await shop.client()
    for n in range(4):
        await client.answered(client.send(f"message {n}"))
    lines, token = list(client.lines), shop.sessions.grant({"resume": client.resume or ""})["token"]
    for n, line in enumerate(lines):
        async with bare(shop, hello={"type": "hello", "token": token, "after": line["id"]}) as connection:
            assert (await connection.receive_json())["resync"] is False
            got: list[Line] = []
            while len(got) < len(lines) - n - 1:
                got += (await connection.receive_json(timeout=SOON.total_seconds()))["lines"]
            assert got == lines[n + 1 :]
            await connection.send_str('{"type": "ping"}')
            assert await connection.receive_json() == {"type": "pong"}, "nothing came twice"


@pytest.mark.parametrize("after", ["1-1", "", "nonsense", "+", "1-0 COUNT 1", "9" * 30, "９-９"])
async def test_that_a_client_whose_place_is_gone_starts_anew(shop: Shop, after: str) -> None:
    client = await shop.client()
    await client.answered(client.send("Hi"))
    token = shop.sessions.grant({"resume": client.resume or ""})["token"]
    async with bare(shop, hello={"type": "hello", "token": token, "after": after}) as connection:
        assert (await connection.receive_json())["resync"] is True
        assert (await connection.receive_json())["lines"] == client.lines


async def test_that_an_erased_shopper_is_told_to_forget(shop: Shop) -> None:
    client = await shop.client()
    await client.answered(client.send("my secret"))
    await erase(shop.conversations, client.shopper)
    client.cut()
    await client.until(lambda client: client.resyncs == 1)
    assert client.lines == []
    await client.answered(client.send("Hi again"))
    assert client.texts("shopper") == ["Hi again"]


async def test_that_a_new_tab_gets_the_last_two_hundred_lines(conversations: Conversations, settings: Settings) -> None:
    async with opened(conversations, settings, handle=None) as shop:
        client = await shop.client()
        for n in range(199):
            await conversations.accept(web_message(client.shopper, f"old {n}"))
        turn = Turn(
            tuple(Utterance(f"new {n}") for n in range(60)), (await loaded(conversations, client)).state, Trace()
        )
        await conversations.commit(await loaded(conversations, client), turn)
        tab = await shop.client(resume=client.resume)
        await tab.until(lambda tab: len(tab.lines) == 200)
        assert [line["id"] for line in tab.lines] == (await shop.log(client.conversation))[-200:]


async def loaded(conversations: Conversations, client: WidgetClient) -> Conversation:
    conversation = await conversations.load(ConversationId(client.conversation))
    assert conversation is not None
    return conversation


def web_message(shopper: str, text: str) -> Message:
    return Message(MessageId(text), ConversationId(f"web:{shopper}"), "web", shopper, text, datetime.now(UTC))


async def test_that_two_tabs_see_the_same_lines(shop: Shop) -> None:
    one = await shop.client()
    other = await shop.client(resume=one.resume)
    ids = [tab.send(f"{n}") for n in range(10) for tab in (one, other)]
    for tab in (one, other):
        for message_id in ids:
            await tab.answered(message_id)
    await one.until(lambda one: len(one.lines) == len(other.lines))
    assert one.lines == other.lines


async def test_that_a_message_delivered_twice_at_the_same_moment_is_answered_once(shop: Shop) -> None:
    one = await shop.client()
    other = await shop.client(resume=one.resume)
    for n in range(20):
        one.send("Hi", f"m{n}")
        other.send("Hi", f"m{n}")
    for n in range(20):
        for tab in (one, other):
            await tab.answered(f"m{n}")
            await tab.until(lambda tab: not tab.outbox)
    assert one.accepted == other.accepted
    assert one.texts("shopper") == ["Hi"] * 20


async def test_that_an_entry_that_cannot_be_read_holds_up_nobody(shop: Shop, wire: Wire) -> None:
    client = await shop.client()
    await client.answered(client.send("one"))
    await wire.ask("XADD", ConversationKeys.of(ConversationId(client.conversation)).log, "*", "e", "no JSON")
    await client.answered(client.send("two"))
    assert client.texts() == ["You said one", "You said two"]
    tab = await shop.client(resume=client.resume)
    await tab.until(lambda tab: len(tab.lines) == len(client.lines))
    assert tab.lines == client.lines
    exported = await export(shop.conversations, client.shopper)
    assert len(exported["conversations"][0]["log"]) == len(client.lines)
    assert await erase(shop.conversations, client.shopper) == 1


def confirmed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose all word of growth, as where a server of an older version publishes it where nobody listens any more."""
    real = _Channel.tell

    def tell(channel: _Channel, log_id: bytes | None) -> None:
        if log_id is None:
            real(channel, log_id)

    monkeypatch.setattr(_Channel, "tell", tell)


class LateReads(Conversations):
    """Whose pages come only when ``come`` is set, as they were when they were asked for."""

    come: asyncio.Event

    async def pages(
        self, asked: Sequence[tuple[ConversationId, LogId | None]], count: int
    ) -> list[Page | StoreUnavailable]:
        pages = await super().pages(asked, count)
        await self.come.wait()
        return pages


async def test_that_what_comes_while_a_page_is_read_is_not_forgotten(wire: Wire, settings: Settings) -> None:
    conversations = LateReads(wire, retention=RETENTION)
    conversations.come = asyncio.Event()
    conversations.come.set()
    async with opened(conversations, settings, handle=None) as shop:
        client = await shop.client()
        await conversations.accept(web_message(client.shopper, "one"))
        await client.until(lambda client: len(client.lines) == 1)
        conversations.come.clear()
        for text in ("two", "three"):
            await conversations.accept(web_message(client.shopper, text))
            await asyncio.sleep(0.1)  # The first is told, and read; the second is told while nobody can listen.
        conversations.come.set()
        await client.until(lambda client: len(client.lines) == 3)
    await conversations.aclose()


class Tripping(Conversations):
    """Whose pages fail once, as nobody foresaw, when they are told to."""

    trips = False

    async def pages(
        self, asked: Sequence[tuple[ConversationId, LogId | None]], count: int
    ) -> list[Page | StoreUnavailable]:
        if self.trips:
            self.trips = False
            raise ValueError("nobody foresaw this")
        return await super().pages(asked, count)


async def test_that_lines_come_although_something_unforeseen_happens(
    wire: Wire, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    conversations = Tripping(wire, retention=RETENTION)
    async with opened(conversations, settings, handle=None) as shop:
        client = await shop.client()
        await conversations.accept(web_message(client.shopper, "one"))
        await client.until(lambda client: len(client.lines) == 1)
        conversations.trips = True
        await conversations.accept(web_message(client.shopper, "two"))
        await client.until(lambda client: len(client.lines) == 2)
    await conversations.aclose()
    assert "nobody foresaw this" in caplog.text


async def test_that_looks_at_the_sockets_go_on_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[int] = []
    enough = asyncio.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise ValueError("nobody foresaw this")
        enough.set()

    looking = asyncio.create_task(_look_for_ever(look, timedelta(milliseconds=1)))
    async with asyncio.timeout(10):
        await enough.wait()
    looking.cancel()
    assert "nobody foresaw this" in caplog.text


async def test_that_an_answer_whose_word_is_lost_comes_all_the_same(
    conversations: Conversations, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed_only(monkeypatch)
    async with opened(conversations, settings, patience=Patience(sweep=timedelta(milliseconds=50))) as shop:
        client = await shop.client()
        await client.answered(client.send("one"))
        await client.answered(client.send("two"))
        assert client.texts() == ["You said one", "You said two"]


# ── What shoppers do ──────────────────────────────────────────────────────────────────────────────


async def test_that_a_person_can_be_asked_for(conversations: Conversations, settings: Settings) -> None:
    async with opened(conversations, settings, handle=None) as shop:
        client = await shop.client()
        client.ask_for_a_person()
        client.ask_for_a_person("转人工")
        await client.until(lambda client: len(client.lines) == 2)
        assert client.texts("shopper") == ["I would like to talk to a person.", "转人工"]
        assert [message.wants_human for message in (await loaded(conversations, client)).mail] == [True, True]


async def test_that_a_file_of_the_shoppers_goes_along_and_another_does_not(shop: Shop) -> None:
    client = await shop.client()
    client.send("", "with", files=[PHOTO.id])
    await client.answered("with")
    assert client.lines[0]["files"] == [{"id": PHOTO.id, "name": "seam.png", "type": "image/png", "size": 7}]
    client.send("look", "without", files=["0" * 32])
    await client.until(lambda client: client.refused)
    assert (client.refused[0]["id"], client.refused[0]["reason"]) == ("without", "bad_file")
    assert "retry_after" not in client.refused[0]


@pytest.mark.parametrize(
    "frame", [{"text": ""}, {"text": " \n"}, {"text": "x" * 4001}, {"text": "x", "shown": "y" * 4001}]
)
async def test_that_a_message_that_is_none_is_refused_for_good(shop: Shop, frame: dict[str, str]) -> None:
    client = await shop.client()
    client.send(**frame)
    await client.until(lambda client: client.refused)
    assert client.refused[0]["reason"] == "bad_message"
    assert client.outbox == {}


async def test_that_thumbs_are_kept_on_what_the_shop_said(shop: Shop) -> None:
    client = await shop.client()
    (answer,) = await client.answered(client.send("Hi"))
    for helpful in (True, True, False, None, None):
        await client.rate(answer["id"], helpful)
    await client.until(lambda client: client.lines[-1].get("helpful", 0) is None)
    assert [line["helpful"] for line in client.lines if line["kind"] == "feedback"] == [True, False, None]
    assert {line["about"] for line in client.lines if line["kind"] == "feedback"} == {answer["id"]}
    wrong = [client.lines[0]["id"], "1-1"]
    for about in wrong:
        await client.rate(about, True)
    await client.until(lambda client: len(client.errors) == 2)
    # Named, or a client would take it for the message that it sent meanwhile.
    assert [error["about"] for error in client.errors] == wrong
    assert all("about" in error["message"] for error in client.errors)


async def test_that_the_shops_word_for_a_shopper_goes_with_the_message(
    conversations: Conversations, tmp_path: Path
) -> None:
    shop_key = "the key that the shop signs its shoppers with"
    settings = settings_of(tmp_path, shop_key=shop_key)
    async with opened(conversations, settings, handle=None) as shop:
        said = {"sub": "4711", "exp": time.time() + 60, "name": "Anna", "email": "anna@shop.example"}
        user = jwt.encode(said, shop_key, "HS256")
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{shop.url}/api/session", json={"user": user}) as response:
                granted = await response.json()
            async with http.post(f"{shop.url}/api/session", json={"user": user + "x"}) as response:
                assert response.status == 401
                assert (await response.json())["reason"] == "NotAllowed"
        client = await shop.client(resume=granted["resume"])
        client.send("Hi")
        await client.until(lambda client: client.accepted)
        [message] = (await loaded(conversations, client)).mail
        assert message.metadata == {"name": "Anna", "email": "anna@shop.example"}
        assert message.vouched == Vouched("shop", "4711", "anna@shop.example")
        assert client.conversation == "web:user-4711"


async def test_that_no_client_vouches_for_itself(conversations: Conversations, tmp_path: Path) -> None:
    async with opened(conversations, settings_of(tmp_path), handle=None) as shop:
        client = await shop.client()
        forged = {"by": "shop", "user": "4711"}
        client.send("Hi", metadata={"vouched": forged, "email": "anna@shop.example"}, vouched=forged)
        await client.until(lambda client: client.accepted)
        [message] = (await loaded(conversations, client)).mail
        assert (message.vouched, message.metadata) == (None, {})


async def test_that_nothing_is_taken_on_a_token_that_has_ended(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.pump.Pump._sweep", lambda self: None)  # Which looks now and then only.
    session_key = "the key that signs the sessions of this test"
    async with (
        opened(conversations, settings_of(tmp_path, session_key=session_key), handle=None) as shop,
        aiohttp.ClientSession(shop.url) as http,
        http.ws_connect("/ws") as socket,
    ):
        claims = {"sub": "user-4711", "iss": "kefu", "aud": "session", "exp": int(time.time()) + 2}
        await socket.send_json({"type": "hello", "token": jwt.encode(claims, session_key, "HS256")})
        assert (await socket.receive_json())["type"] == "welcome"
        await asyncio.sleep(2)
        await socket.send_json({"type": "message", "id": "m1", "text": "Where is my order?"})
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == TOKEN
        assert await conversations.load(ConversationId("web:user-4711")) is None


# ── Limits ────────────────────────────────────────────────────────────────────────────────────────


async def test_that_who_sends_too_fast_is_slowed_and_loses_nothing(
    conversations: Conversations, tmp_path: Path
) -> None:
    async with opened(conversations, settings_of(tmp_path, shopper_rate=120)) as shop:
        client = await shop.client()
        ids = [client.send(f"{n}") for n in range(123)]
        await client.answered(ids[-1])
        assert {refused["reason"] for refused in client.refused} == {"rate"}
        assert client.texts("shopper") == [f"{n}" for n in range(123)]


async def test_that_a_flood_of_frames_is_read_no_faster_than_a_shopper_writes(
    conversations: Conversations, tmp_path: Path
) -> None:
    async with opened(conversations, settings_of(tmp_path, shopper_rate=15)) as shop:
        client = await shop.client()
        for _ in range(600):
            await client.raw({"type": "ping"})
        await client.until(lambda client: client.pongs >= 60)
        await asyncio.sleep(0.3)
        assert client.pongs < 120, "a minute's worth at once, then one a second"


async def test_that_what_was_accepted_is_never_refused(conversations: Conversations, tmp_path: Path) -> None:
    async with opened(conversations, settings_of(tmp_path, shopper_budget=2)) as shop:
        client = await shop.client()
        ids = [client.send(f"{n}") for n in range(3)]
        await client.until(lambda client: client.refused)
        assert (client.refused[0]["id"], client.refused[0]["reason"]) == (ids[2], "budget")
        await client.raw({"type": "message", "id": ids[0], "text": "0"})
        await client.raw({"type": "ping"})
        await client.until(lambda client: client.pongs)
        assert len(client.refused) == 1, "a message that is answered cannot be refused, whenever it comes again"


async def test_that_a_busy_server_refuses_and_says_when(shop: Shop) -> None:
    client = await shop.client()
    shop.load.stop()
    client.send("Hi")
    await client.until(lambda client: client.refused)
    assert client.refused[0]["reason"] == "overloaded"
    assert client.refused[0]["retry_after"] > 0


async def test_that_a_full_mailbox_refuses_and_says_when(wire: Wire, settings: Settings) -> None:
    conversations = Conversations(wire, retention=RETENTION, mailbox=2)
    async with opened(conversations, settings, handle=None) as shop:
        client = await shop.client()
        for n in range(3):
            client.send(f"{n}")
        await client.until(lambda client: client.refused)
        assert (client.refused[0]["reason"], len(client.accepted)) == ("mailbox", 2)
    await conversations.aclose()


async def test_that_there_is_room_for_so_many_sockets_only(conversations: Conversations, tmp_path: Path) -> None:
    async with opened(conversations, settings_of(tmp_path, max_sockets=2)) as shop:
        first = await shop.client()
        await shop.client()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with bare(shop):
                pass
        assert refused.value.status == 503
        assert refused.value.headers is not None
        assert int(refused.value.headers["Retry-After"]) > 0
        await first.stop()
        await shop.left_with(1)
        await shop.client()


async def test_that_one_address_has_room_for_so_many_sockets_only(conversations: Conversations, tmp_path: Path) -> None:
    one, other = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.7"}
    async with opened(conversations, settings_of(tmp_path, address_sockets=2)) as shop, AsyncExitStack() as open_ones:
        for _ in range(2):
            await open_ones.enter_async_context(bare(shop, headers=one))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with bare(shop, headers=one):
                pass
        assert refused.value.status == 429
        async with bare(shop, headers=other) as stranger:
            assert (await stranger.receive_json())["type"] == "welcome"
        await open_ones.aclose()
        await shop.left_with(0)
        async with bare(shop, headers=one) as again:
            assert (await again.receive_json())["type"] == "welcome"


async def test_that_of_a_shoppers_many_sockets_the_newest_stay(
    conversations: Conversations, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.websocket.SOCKETS_OF_SHOPPER", 2)
    async with opened(conversations, settings) as shop, AsyncExitStack() as open_ones:
        hello = {"type": "hello", "token": shop.sessions.grant({})["token"]}
        other = await shop.client()
        tabs, closed = [], []
        for _ in range(4):
            tab = await open_ones.enter_async_context(bare(shop, hello=hello))
            assert (await tab.receive_json())["type"] == "welcome"
            tabs.append(tab)
            if len(tabs) <= 2:
                closed.append(asyncio.create_task(close_code(tab)))
        assert await asyncio.gather(*closed) == [4429, 4429]
        for tab in tabs[2:]:
            await tab.send_json({"type": "ping"})
            assert (await tab.receive_json())["type"] == "pong"
        await other.answered(other.send("Hi"))


async def test_that_who_connects_while_the_server_stops_is_sent_away_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = web.WebSocketResponse.prepare

    async def prepare_while_stopping(response: web.WebSocketResponse, request: web.BaseRequest) -> Any:
        await shop.channel.stop()
        return await prepare(response, request)

    monkeypatch.setattr(web.WebSocketResponse, "prepare", prepare_while_stopping)
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{shop.url}/ws") as connection:
        assert await close_code(connection) == 1012


async def test_that_a_page_of_another_origin_is_refused(conversations: Conversations, tmp_path: Path) -> None:
    async with opened(conversations, settings_of(tmp_path, origins="https://shop.example")) as shop:
        for origin in ("https://evil.example", "null", "https://shop.example.evil.example"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with bare(shop, headers={"Origin": origin}):
                    pass
            assert refused.value.status == 403
        async with bare(shop, headers={"Origin": "https://shop.example"}) as connection:
            assert (await connection.receive_json())["type"] == "welcome"


# ── Bad clients ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hello", ['{"type": "ping"}', "nonsense", '{"type": "hello"}', "[]"])
async def test_that_hello_has_to_come_first(shop: Shop, hello: str) -> None:
    async with bare(shop, hello=hello) as connection:
        assert await close_code(connection) == 4400


async def test_that_a_token_that_is_none_opens_nothing(shop: Shop) -> None:
    resume = shop.sessions.grant({})["resume"]
    for token in ("", "nonsense", resume):
        async with bare(shop, hello={"type": "hello", "token": token}) as connection:
            assert await close_code(connection) == 4401


async def test_that_bad_frames_are_told_and_only_so_many_are_borne(shop: Shop) -> None:
    client = await shop.client()
    for frame in ("nonsense", b"\0", {"type": "hello", "token": ""}, {"type": "message", "id": 7}):
        await client.raw(frame)
    await client.until(lambda client: len(client.errors) == 4)
    assert {error["reason"] for error in client.errors} == {"bad_frame"}
    await client.answered(client.send("Hi"))
    for _ in range(16):
        await client.raw("nonsense")
    await client.until(lambda client: client.closes)
    assert client.closes == [4400]


async def test_that_a_frame_that_is_too_big_ends_the_socket(shop: Shop) -> None:
    client = await shop.client()
    await client.raw({"type": "message", "id": "a", "text": "", "more": "x" * 15_000})
    await client.until(lambda client: client.refused)
    await client.raw("x" * 17_000)
    await client.until(lambda client: client.closes)
    assert client.closes == [1009]


async def test_that_a_flood_of_pings_is_not_kept_in_memory(conversations: Conversations, settings: Settings) -> None:
    patience = Patience(slow=timedelta(seconds=1))

    async def flood(connection: aiohttp.ClientWebSocketResponse) -> None:
        while True:  # Until the server has enough of it.
            await connection.ping(b"x" * 100)
            await connection.send_str('{"type": "ping"}')
            for held in tuple(shop.channel._pump.sockets):
                if (transport := held.protocol.transport) is not None:
                    assert transport.get_write_buffer_size() < 128 * 1024
            await asyncio.sleep(0)

    async with (
        opened(conversations, settings, handle=None, patience=patience, send_buffer=8192) as shop,
        bare(shop, connector=narrow()) as connection,
    ):
        await connection.receive_json()
        connection._writer.transport.pause_reading()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(connection), 30)


# ── Time ──────────────────────────────────────────────────────────────────────────────────────────

HASTY = Patience(
    hello=timedelta(seconds=0.3), silent=timedelta(seconds=1), slow=timedelta(seconds=0.5), sweep=timedelta(seconds=0.1)
)


async def test_that_who_says_nothing_is_sent_away(conversations: Conversations, settings: Settings) -> None:
    async with opened(conversations, settings, patience=HASTY) as shop:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{shop.url}/ws") as connection:
            assert await close_code(connection) == 4400
        async with bare(shop) as connection:
            assert await close_code(connection) == 4408
        async with bare(shop) as connection:
            for _ in range(15):
                await connection.send_str('{"type": "ping"}')
                await asyncio.sleep(0.1)
            assert not connection.closed, "a sign of life is enough"


async def test_that_a_token_ends_unless_it_is_renewed(conversations: Conversations, tmp_path: Path) -> None:
    async with opened(
        conversations, settings_of(tmp_path, session_lifetime=5), patience=Patience(sweep=timedelta(seconds=0.1))
    ) as shop:
        granted = shop.sessions.grant({})
        renewing = await shop.client()
        async with bare(shop, hello={"type": "hello", "token": granted["token"]}) as connection:
            assert await close_code(connection) == 4401
        await renewing.answered(renewing.send("Hi"))
        assert renewing.closes == []
        other = shop.sessions.grant({})["token"]
        await renewing.raw({"type": "renew", "token": other})
        await renewing.until(lambda client: client.closes)
        assert renewing.closes == [4401], "nobody becomes somebody else"


async def test_that_a_slow_reader_is_dropped_and_resumes(conversations: Conversations, settings: Settings) -> None:
    async def talkative(conversation: Conversation, voice: Voice) -> Turn:
        return Turn(tuple(Utterance(f"{n} {'blah ' * 600}") for n in range(20)), conversation.state, Trace())

    async with (
        opened(conversations, settings, talkative, HASTY, send_buffer=8192) as shop,
        aiohttp.ClientSession(connector=narrow()) as http,
    ):
        slow = await shop.client(http=http)
        quick = await shop.client()
        slow.sleep()
        for n in range(10):
            await shop.conversations.accept(web_message(slow.shopper, f"slow {n}"))
            await quick.answered(quick.send(f"{n}"))  # Nobody else waits for it.
        await shop.left_with(1)
        slow.wake()
        await slow.answered("slow 9")
        assert slow.closes != []
        assert slow.resyncs == 0
        assert [line["id"] for line in slow.lines] == await shop.log(slow.conversation)


# ── Faults ────────────────────────────────────────────────────────────────────────────────────────


async def test_that_cuts_leave_no_gap_and_double_nothing(conversations: Conversations, settings: Settings) -> None:
    chance = random.Random(3)
    cuts, messages = 300, 30

    async def sentences(conversation: Conversation, voice: Voice) -> Turn:
        for n in range(4):
            await voice.say(Utterance(f"sentence {n}"))
            await asyncio.sleep(0.002)
        return await echo(conversation, voice)

    async with opened(conversations, settings, sentences) as shop:
        clients = [await shop.client() for _ in range(10)]
        sent = {client: [client.send(f"{n}", f"m{n}") for n in range(messages)] for client in clients}
        for _ in range(cuts):
            chance.choice(clients).cut()
            await asyncio.sleep(chance.uniform(0, 0.02))
        for client in clients:
            await client.answered(sent[client][-1], 60)
            await client.until(lambda client: not client.outbox)
            seen = [line["id"] for line in client.lines]
            assert seen == await shop.log(client.conversation)
            assert [line["message"] for line in client.lines if line["kind"] == "shopper"] == sent[client]
            assert client.resyncs == 0
        assert sum(len(client.closes) for client in clients) > cuts / 3


async def test_that_a_stopping_server_sends_everybody_elsewhere(
    conversations: Conversations, settings: Settings
) -> None:
    async with opened(conversations, settings) as shop:
        clients = [await shop.client() for _ in range(50)]
        for client in clients:
            client.send("Hi", "m")
        await shop.channel.stop()
        for client in clients:
            await client.until(lambda client: client.closes)
        assert {client.closes[0] for client in clients} == {1012}
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with bare(shop):
                pass
    async with opened(conversations, settings) as shop:
        for client in clients:
            again = await shop.client(resume=client.resume)
            if "m" not in client.accepted:
                again.send("Hi", "m")
            await again.answered("m")
            assert again.texts("shopper") == ["Hi"]


class DurableRedis:
    """A Redis that can be killed, and started again with what it had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder / 's'}"

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", "s", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        (self._folder / "s").unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [server_program("valkey-server"), *options], cwd=self._folder, stdout=subprocess.DEVNULL
        )
        while not (self._folder / "s").exists():
            assert self._process.poll() is None
            time.sleep(0.005)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@pytest.fixture
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableRedis]:
    server = DurableRedis(tmp_path_factory.mktemp("d"))
    server.start()
    yield server
    server.kill()


async def test_that_sockets_stay_open_while_redis_is_away(durable: DurableRedis, settings: Settings) -> None:
    wire = Wire(durable.url)
    conversations = Conversations(wire, retention=RETENTION)
    async with opened(conversations, settings) as shop:
        clients = [await shop.client() for _ in range(5)]
        for client in clients:
            await client.answered(client.send("before"))
        await asyncio.to_thread(durable.kill)
        for client in clients:
            client.send("during", "during")
        await clients[0].until(lambda client: client.refused)
        assert clients[0].refused[0]["reason"] == "unavailable"
        assert clients[0].refused[0]["retry_after"] > 0
        async with bare(shop) as connection:
            assert await close_code(connection) == 4503
        await asyncio.to_thread(durable.start)
        for client in clients:
            await client.answered("during")
            await client.until(lambda client: not client.outbox)
            assert client.closes == []
            assert [line["id"] for line in client.lines] == await shop.log(client.conversation)
            assert client.texts() == ["You said before", "You said during"]
    await conversations.aclose()
    await wire.aclose()


async def test_that_text_types_only_are_read(shop: Shop) -> None:
    async with bare(shop) as connection:
        await connection.receive_json()
        await connection.ping(b"there?")
        await connection.send_bytes(b"{}")
        message = await connection.receive()
        assert message.type is WSMsgType.TEXT
        assert json.loads(message.data)["reason"] == "bad_frame"


def test_that_places_compare_as_the_log_is_ordered() -> None:
    assert place("9-10") > place("9-9") > place("8-11")
