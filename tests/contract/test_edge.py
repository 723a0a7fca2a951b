"""A whole server's edge, over real HTTP and Redis: pages of other shops, proxies, wrong requests, and what fails."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.app import open_channels, open_server
from bot.channels.guard import Guard
from bot.conversations import Conversations
from bot.errors import NotAllowed, Overloaded, RateLimited, SettingError, StoreUnavailable
from bot.ports import Voice
from bot.records import Conversation, Kind, Passage, PassageId, Trace, Turn, Utterance
from bot.settings import Settings

SHOP = "https://shop.example"
HOOK = "/webhooks/rest/webhook"
CALLBACK = "/webhooks/callback/webhook"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

PASSAGES = (
    Passage(
        PassageId("faq:shipping"),
        Kind.FAQ,
        "How much is\u202e shipping?",
        "4.95 EUR.<script>alert(1)</script>\u200b",
        "faq/shipping.yml#1",
        url="https://larkfell.example/shipping",
    ),
    Passage(
        PassageId("product:T1"),
        Kind.PRODUCT,
        "Tarn 1",
        "A tent.",
        "products.csv#T1",
        url="javascript:alert(1)",
        attributes={"image": "https://pictures.larkfell.example:8443/t1.jpg", "url": "https://larkfell.example/t1"},
    ),
    Passage(PassageId("action:order"), Kind.ACTION, "Order 1017", "Anna, Hoofdstraat 1", "action:order"),
)

Serve = Callable[..., AbstractAsyncContextManager[aiohttp.ClientSession]]


ENDLESS = "Tell me everything"


async def echo(conversation: Conversation, voice: Voice) -> Turn:
    if conversation.mail[0].text == ENDLESS:
        await asyncio.sleep(3600)
    words = " ".join(message.text for message in conversation.mail)
    return Turn((Utterance(words),), conversation.state, Trace())


@pytest.fixture
def serve(conversations: Conversations, tmp_path: Path) -> Serve:
    """Every channel over a real Redis, spoken to over HTTP; the assistant only echoes."""

    @asynccontextmanager
    async def serving(**more: Any) -> AsyncIterator[aiohttp.ClientSession]:
        settings = Settings(data=tmp_path, port=0, **{"origins": (SHOP,), "stop_timeout": 0, **more})
        opened = open_channels(settings, conversations, echo, passages=lambda: PASSAGES)
        async with opened as address, aiohttp.ClientSession(address) as session:
            yield session

    return serving


# ── Which pages may call ──────────────────────────────────────────────────────────────────────────

STRANGERS = {
    "another": "https://evil.example",
    "with the shop's name before its own": "https://shop.example.evil.example",
    "with the shop's name behind its own": "https://evilshop.example",
    "a part of the shop's name": "https://hop.example",
    "below the shop": "https://sub.shop.example",
    "without encryption": "http://shop.example",
    "on another port": "https://shop.example:8443",
    "on the usual port, written out": "https://shop.example:443",
    "in capitals": "https://SHOP.example",
    "with the shop as a user": "https://shop.example@evil.example",
    "with the shop as a password": "https://evil.example#@shop.example",
    "with a full stop at the end": "https://shop.example.",
    "with a path": "https://shop.example/",
    "with a letter that looks alike": "https://ѕhop.example",
    "with a letter that looks alike, encoded": "https://xn--hop-vgd.example",
    "with a full-width full stop": "https://shop。example",
    "with something invisible": "https://shop.exam\u200bple",
    "a file or a sandbox": "null",
    "everybody": "*",
    "empty": "",
    "two at once": "https://shop.example https://evil.example",
    "two with a comma": "https://shop.example, https://evil.example",
    "a scheme alone": "https://",
    "a script": "javascript:alert(1)",
}


@pytest.mark.parametrize("path", ["/api/session", "/api/files", HOOK])
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
async def test_that_the_shops_page_may_call_and_gets_no_more_than_that(serve: Serve, path: str, method: str) -> None:
    async with serve() as client:
        headers = {"Origin": SHOP, **(PREFLIGHT if method == "OPTIONS" else {})}
        async with client.request(method, path, headers=headers, data=b"{}") as answer:
            assert answer.status != 403, await answer.text()
            assert answer.headers["Access-Control-Allow-Origin"] == SHOP
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers["Vary"]
            if method == "OPTIONS":
                assert answer.status == 204
                assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"


async def test_that_no_other_page_may_call_whatever_it_calls_itself(serve: Serve) -> None:
    async with serve() as client:
        for what, origin in STRANGERS.items():
            for method, path in (
                ("OPTIONS", "/api/session"),
                ("POST", "/api/session"),
                ("POST", HOOK),
                ("POST", CALLBACK),
                ("GET", "/ws"),
            ):
                head = await raw(client, method, path, Origin=origin, **(PREFLIGHT if method == "OPTIONS" else {}))
                assert head.startswith("HTTP/1.1 403 "), f"{what}: {method} {path}: {head}"
                assert "access-control-allow-origin" not in head.lower(), what
                assert "vary: origin" in head.lower() or path == "/ws", what


async def test_that_a_second_origin_in_the_head_helps_nobody(serve: Serve) -> None:
    async with serve() as client:
        for pair in ((SHOP, "https://evil.example"), ("https://evil.example", SHOP)):
            lines = "".join(f"Origin: {origin}\r\n" for origin in pair)
            head = await spoken(client, f"POST /api/session HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: 0\r\n\r\n")
            assert head.startswith(("HTTP/1.1 403 ", "HTTP/1.1 400 ")), head
            assert "evil.example\r\n" not in head


async def test_that_a_name_pointed_at_this_server_is_not_its_own(serve: Serve) -> None:
    async with serve() as client:
        port = port_of(client)
        for host in ("evil.example", f"evil.example:{port}"):
            head = await raw(client, "POST", "/api/session", Host=host, Origin=f"http://{host}")
            assert head.startswith("HTTP/1.1 403 "), host
        for own in ("127.0.0.1", "localhost", "[::1]"):
            head = await raw(client, "POST", "/api/session", Origin=f"http://{own}:{port}")
            assert head.startswith("HTTP/1.1 200 "), own
            assert await status(client, "POST", "/api/session", Origin=f"http://{own}") == 403


async def test_that_behind_a_public_address_loopback_is_a_stranger(serve: Serve) -> None:
    async with serve(public_url="https://chat.shop.example", origins=()) as client:
        port = port_of(client)
        assert (await raw(client, "POST", "/api/session", Origin="https://chat.shop.example")).startswith(
            "HTTP/1.1 200 "
        )
        assert (await raw(client, "POST", "/api/session", Origin=f"http://127.0.0.1:{port}")).startswith(
            "HTTP/1.1 403 "
        )
        assert await status(client, "POST", "/api/session", Origin=SHOP) == 403


async def test_that_programs_which_are_no_pages_need_no_origin(serve: Serve) -> None:
    async with serve() as client, client.post(HOOK, json={"sender": "a", "message": "Hello"}) as answer:
        assert await answer.json() == [{"recipient_id": "a", "text": "Hello"}]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"], "a cache must not give this answer to the shop's page"


async def test_that_a_strangers_page_reads_nothing_where_it_may_look(serve: Serve) -> None:
    async with serve() as client:
        head = await raw(client, "GET", "/api/knowledge?passage=faq:shipping", Origin="https://evil.example")
        assert head.startswith("HTTP/1.1 200 ")
        assert "access-control-allow-origin" not in head.lower()


# ── What every answer carries ─────────────────────────────────────────────────────────────────────


async def test_that_our_page_may_run_its_own_scripts_only(serve: Serve) -> None:
    async with serve(image_hosts=("cdn.shop.example",)) as client, client.get("/") as answer:
        told = answer.headers["Content-Security-Policy"].split("; ")
        policy = {name: sources for name, _, sources in (part.partition(" ") for part in told)}
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["img-src"] == "'self' cdn.shop.example pictures.larkfell.example:8443"
        assert f"ws://127.0.0.1:{answer.url.port}" in policy["connect-src"].split()
        assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:", "https:"} & set(" ".join(policy.values()).split())


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/api/nothing", "/api/knowledge?passage=faq:shipping"])
async def test_that_every_answer_carries_the_guards_headers(serve: Serve, path: str) -> None:
    async with serve() as client, client.get(path) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "geolocation=()" in answer.headers["Permissions-Policy"]
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_that_a_streamed_answer_carries_them_too(serve: Serve) -> None:
    async with serve() as client:
        body = {"sender": "a", "message": "Hello"}
        async with client.post(HOOK + "?stream=true", json=body, headers={"Origin": SHOP}) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Access-Control-Allow-Origin"] == SHOP
            assert json.loads(await answer.text()) == {"recipient_id": "a", "text": "Hello"}


# ── What fails, and how it is told ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", "/api/nothing", b"", 404, "NotFound"),
        ("GET", "/webhooks/telegram/webhook", b"", 404, "NotFound"),
        ("GET", HOOK, b"", 405, "MethodNotAllowed"),
        ("DELETE", "/api/session", b"", 405, "MethodNotAllowed"),
        ("POST", "/api/session", b"{" + b" " * 70_000 + b"}", 413, "TooLarge"),
        ("POST", HOOK, json.dumps({"sender": "a", "message": "a" * 66_000}).encode(), 413, "TooLarge"),
        ("POST", "/api/session", b"[", 400, "BadRequest"),
        ("POST", "/api/session", b'{"resume": "forged"}', 401, "NotAllowed"),
        ("GET", "/api/files/" + "0" * 32, b"", 401, "NotAllowed"),
        ("GET", "/api/knowledge", b"", 400, "BadRequest"),
        ("GET", "/api/knowledge?passage=nothing", b"", 404, "NotFound"),
    ],
)
async def test_that_programs_are_told_what_failed_in_one_shape(
    serve: Serve, method: str, path: str, body: bytes, status: int, reason: str
) -> None:
    async with serve() as client, client.request(method, path, data=body) as answer:
        assert (answer.status, answer.content_type) == (status, "application/json")
        told = await answer.json()
        assert set(told) == {"status", "reason", "message", "code"}
        assert (told["status"], told["reason"], told["code"]) == ("failure", reason, status)
        assert ("Allow" in answer.headers) is (status == 405)
        assert ("WWW-Authenticate" in answer.headers) is (status == 401)


@asynccontextmanager
async def guarded(tmp_path: Path, raised: Exception) -> AsyncIterator[aiohttp.ClientSession]:
    """A server whose handlers all raise."""

    async def fail(request: web.Request) -> web.StreamResponse:
        raise raised

    async def fail_late(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half an ")
        raise raised

    app = web.Application()
    guard = Guard(Settings(data=tmp_path, port=0))
    guard.protect(app)
    app.add_routes([web.get("/api/fail", fail), web.get("/api/late", fail_late)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            yield session
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("raised", "status", "retry_after"),
    [
        (NotAllowed("no"), 401, None),
        (RateLimited("no", 12.1), 429, "13"),
        (Overloaded("no", 0), 503, "1"),
        (StoreUnavailable("no"), 503, "1"),
    ],
)
async def test_that_handlers_only_raise(
    tmp_path: Path, raised: Exception, status: int, retry_after: str | None
) -> None:
    async with guarded(tmp_path, raised) as client, client.get("/api/fail") as answer:
        assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)


async def test_that_a_fault_of_ours_is_logged_and_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with guarded(tmp_path, RuntimeError("password: hunter2")) as client:
        with caplog.at_level(logging.DEBUG):
            async with client.get("/api/fail?token=sEcReT") as answer:
                assert (answer.status, (await answer.json())["reason"]) == (500, "ServerError")
                assert "hunter2" not in await answer.text()
    assert "hunter2" in caplog.text
    assert "/api/fail" in caplog.text
    assert "sEcReT" not in caplog.text


async def test_that_who_left_before_the_answer_is_no_fault_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with guarded(tmp_path, ConnectionResetError("gone")) as client, client.get("/api/fail") as answer:
        assert answer.status == 400
    assert caplog.text == ""


async def test_that_an_answer_that_breaks_off_is_seen_to_be_broken(tmp_path: Path) -> None:
    async with guarded(tmp_path, RuntimeError("late")) as client:
        with pytest.raises(aiohttp.ClientError):
            async with client.get("/api/late") as answer:
                await answer.read()
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(client))
        writer.write(b"GET /api/late HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            everything = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert everything.count(b"HTTP/1.1") == 1, "no second answer stands in the middle of the first"


async def test_that_the_metrics_are_not_read_through_a_proxy(serve: Serve) -> None:
    async with serve() as client:
        for headers, expected in (({}, 200), ({"X-Real-IP": "203.0.113.9"}, 401), ({"via": "1.1 proxy"}, 401)):
            async with client.get("/metrics", headers=headers) as answer:
                assert answer.status == expected, headers


# ── Wrong settings ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session_key", "short"),
        ("shop_key", "short"),
        ("origins", ("shop.example",)),
        ("trusted_proxies", ("the proxy",)),
        ("desk_hours", "sometimes"),
    ],
)
async def test_that_a_wrong_setting_shows_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    def start(settings: Settings) -> None:
        raise AssertionError("Redis was asked for")

    monkeypatch.setattr("bot.app.open_conversations", start)
    with pytest.raises(SettingError, match=name):
        async with open_server(Settings(data=tmp_path, port=0, **{name: value})):  # type: ignore[arg-type]
            pass


# ── Who sends half of something, or leaves ────────────────────────────────────────────────────────

HALF = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


@asynccontextmanager
async def half_sent(client: aiohttp.ClientSession, text: str) -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which only ``text`` was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(client))
    writer.write(text.encode())
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_that_half_a_message_holds_nobodys_place(serve: Serve) -> None:
    async with serve(max_requests=1) as client, half_sent(client, f"POST {HOOK} HTTP/1.1\r\n{HALF}"):
        await asyncio.sleep(0.1)
        assert (await post(client, {})).status == 200


@pytest.mark.parametrize("path", [HOOK, "/api/session"])
async def test_that_half_a_body_is_not_waited_for(serve: Serve, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.bodies.PATIENCE", timedelta(milliseconds=50))
    async with serve() as client, half_sent(client, f"POST {path} HTTP/1.1\r\n{HALF}") as reader:
        async with asyncio.timeout(10):
            assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_that_half_a_request_line_is_not_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.IDLE", timedelta(milliseconds=50))
    async with serve() as client, half_sent(client, "POST /api/se") as reader:
        async with asyncio.timeout(10):
            assert await reader.read() == b""


async def test_that_who_leaves_makes_room(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve(max_requests=1, reply_timeout=3600) as client:
        body = json.dumps({"sender": "anna", "message": ENDLESS})
        head = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        async with half_sent(client, head + body):
            while (await post(client, {})).status != 503:
                pass
        async with asyncio.timeout(10):
            while (await post(client, {})).status != 200:
                pass
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


# ── How much somebody may send ────────────────────────────────────────────────────────────────────


async def test_that_a_rest_client_that_sends_too_fast_gets_429(serve: Serve) -> None:
    async with serve(shopper_rate=2) as client:
        for expected in (200, 200, 429):
            async with client.post(HOOK, json={"sender": "a", "message": "Hello"}) as answer:
                assert answer.status == expected
                told = await answer.json()
        # A message every half minute; some of the first is over already.
        assert 29 <= int(answer.headers["Retry-After"]) <= 30
        assert told["reason"] == "TooManyRequests"


async def test_that_what_was_accepted_once_is_answered_again_whatever_the_limits_say(serve: Serve) -> None:
    async with serve(shopper_rate=1) as client:
        for message_id, expected in (("m1", 200), ("m2", 429), ("m1", 200)):
            message = {"sender": "a", "message": "Hello", "message_id": message_id}
            async with client.post(HOOK, json=message) as answer:
                assert answer.status == expected
                told = await answer.json()
        assert told == [{"recipient_id": "a", "text": "Hello"}]


async def test_that_made_up_addresses_do_not_help_behind_a_proxy(serve: Serve) -> None:
    async with serve(address_rate=3) as client:
        statuses = [(await post(client, {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"})).status for n in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await post(client, {"X-Forwarded-For": "203.0.113.10"})).status == 200


async def test_that_no_address_is_believed_of_a_stranger(serve: Serve) -> None:
    async with serve(address_rate=3, trusted_proxies=()) as client:
        statuses = [(await post(client, {"X-Forwarded-For": f"198.51.100.{n}"})).status for n in range(5)]
        assert statuses == [200, 200, 200, 429, 429]


async def test_that_sessions_are_bounded_by_address(serve: Serve) -> None:
    async with serve(address_rate=2) as client:
        statuses = []
        for _ in range(3):
            async with client.post("/api/session", json={}, headers={"X-Forwarded-For": "203.0.113.9"}) as answer:
                statuses.append(answer.status)
        assert statuses == [200, 200, 429]


async def post(client: aiohttp.ClientSession, headers: dict[str, str]) -> aiohttp.ClientResponse:
    """A message of a shopper whom nobody knows."""
    async with client.post(HOOK, json={"message": "Hello"}, headers=headers) as answer:
        await answer.read()
        return answer


# ── Sources ───────────────────────────────────────────────────────────────────────────────────────


async def test_that_a_source_opens_cleaned(serve: Serve) -> None:
    async with serve() as client, client.get("/api/knowledge", params={"passage": "faq:shipping"}) as answer:
        assert await answer.json() == {
            "passage": "faq:shipping",
            "kind": "faq",
            "title": "How much is shipping?",
            "text": "4.95 EUR.",
            "source": "faq/shipping.yml#1",
            "url": "https://larkfell.example/shipping",
        }


async def test_that_a_source_leads_to_no_script_and_no_shoppers_order_is_a_source(serve: Serve) -> None:
    async with serve() as client:
        async with client.get("/api/knowledge", params={"passage": "product:T1"}) as answer:
            assert "url" not in await answer.json()
        async with client.get("/api/knowledge", params={"passage": "action:order"}) as answer:
            assert answer.status == 404


# ── Requests that no client library would send ────────────────────────────────────────────────────


async def raw(client: aiohttp.ClientSession, method: str, path: str, **headers: str) -> str:
    """The head of the answer to a request with exactly these headers."""
    told = {"Host": "127.0.0.1", "Content-Length": "0"} | headers
    if path == "/ws":
        told |= {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        told |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return await spoken(client, f"{method} {path} HTTP/1.1\r\n{lines}\r\n")


async def status(client: aiohttp.ClientSession, method: str, path: str, **headers: str) -> int:
    """The status of the answer to such a request."""
    return int((await raw(client, method, path, **headers)).split()[1])


async def spoken(client: aiohttp.ClientSession, request: str) -> str:
    """The head of the answer to these very bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(client))
    try:
        writer.write(request.encode())
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    finally:
        writer.close()
        await writer.wait_closed()


def port_of(client: aiohttp.ClientSession) -> int:
    url = client._base_url
    assert url is not None
    assert url.port is not None
    return url.port
