"""What an operator sees of a whole server: health, metrics, log lines and traces, and never a word of a shopper."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio
from aiohttp import web

from bot.conversations.keys import ConversationKeys
from bot.records import ConversationId
from tests.journeys.conftest import Server, serving

SECRET = "4929-plover-7731"
ORDER = "Where is my order LF-204518? My email is mila.devries@mail.example"
TRIES_TAKE = 60
"""Seconds in which five tries of a turn have failed, also on a busy machine."""


@pytest.fixture
async def collected() -> AsyncIterator[tuple[str, list[bytes]]]:
    """An OTLP/HTTP collector: its address, and what it got."""
    bodies: list[bytes] = []

    async def receive(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", bodies
    await runner.cleanup()


async def post(server: Server, body: bytes | str) -> int:
    async with (
        aiohttp.ClientSession(server.url) as client,
        client.post("/webhooks/rest/webhook", data=body) as answer,
    ):
        await answer.read()
        return answer.status


async def send_raw(server: Server, request: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    await reader.read()
    writer.close()


async def break_mail(server: Server, sender: str) -> None:
    """Leave mail that no version of Kefu can read, as a disk or a bug might."""
    key = ConversationKeys.of(ConversationId(f"rest:{sender}"))
    async with redis.asyncio.Redis(unix_socket_path=str(server.data / "redis" / "redis.sock")) as client:
        entry = await client.xadd(key.log, {"e": "{}"})
        await client.rpush(key.mail, entry + f' {{"text": "{SECRET}'.encode())
        # First: a worker takes what is ready at once, and a conversation that nobody began would be no first try.
        await client.hset(key.hash, "shopper", sender)
        await client.hset(key.hash, "queued", await client.xadd(key.ready, {"c": key.id}))


async def metrics(server: Server, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(server.url) as client, client.get("/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


async def test_that_no_word_of_a_shopper_is_in_any_line_metric_or_span(
    made: Path, tmp_path_factory: pytest.TempPathFactory, collected: tuple[str, list[bytes]]
) -> None:
    collector, spans = collected
    folder = tmp_path_factory.mktemp("k")
    async with serving(made, folder, writer="none", log_level="debug", otel_endpoint=collector) as server:
        shopper = server.shopper()
        await shopper.say(f"How much is shipping to Belgium? My code is {SECRET}")
        await shopper.say(f"Where is my order {SECRET}?")
        await shopper.say(SECRET * 400)  # Longer than is read.
        for body in (f'{{"message": "{SECRET}', f'{{"message": "x", "metadata": "{SECRET}"}}', SECRET * 10_000):
            assert await post(server, body) in (400, 413)
        await send_raw(server, f"GET / HTTP/1.1\r\nHost: x\r\nBad header {SECRET}\r\n\r\n".encode())
        await frames(server, SECRET, json.dumps({"type": SECRET}), json.dumps({"type": "hello", "token": SECRET}))
        await break_mail(server, "broken")
        async with asyncio.timeout(TRIES_TAKE):
            while "set aside" not in (folder / "server.log").read_text():  # noqa: ASYNC110 (a file tells nobody)
                await asyncio.sleep(0.1)
        status, measured = await metrics(server)
        assert status == 200

    log = (folder / "server.log").read_text()
    assert SECRET not in log
    assert SECRET not in measured
    assert SECRET not in (folder / "redis" / "redis.log").read_text()
    assert SECRET not in (folder / "actions.log").read_text()
    assert spans
    assert SECRET.encode() not in b"".join(spans)

    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (aside,) = [line for line in lines if "set aside" in line["event"]]
    assert (aside["level"], aside["conversation"], aside["decision"]) == ("error", "rest:broken", "set_aside")
    assert len([line for line in lines if line["event"] == "a try of a turn failed"]) == 5
    turns = [line for line in lines if line["logger"] == "bot.turn" and line["level"] == "info"]
    assert {line["conversation"] for line in turns} == {f"rest:{shopper.sender}"}
    assert all(line["messages"] and line["milliseconds"]["turn"] > 0 for line in turns)
    assert "kefu_messages_set_aside_total 1.0" in measured


async def frames(server: Server, *texts: str) -> None:
    async with aiohttp.ClientSession(server.url) as client, client.ws_connect("/ws") as connected:
        for text in texts:
            if not connected.closed:
                await connected.send_str(text)
        async for _ in connected:
            pass


async def test_that_metrics_are_for_those_who_may_see_them(
    made: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with serving(made, tmp_path_factory.mktemp("k"), writer="none") as server:
        assert (await metrics(server))[0] == 200
        forwarded = {"X-Forwarded-For": "203.0.113.7"}
        assert (await metrics(server, **forwarded))[0] == 401
    async with serving(made, tmp_path_factory.mktemp("k"), writer="none", metrics_token="a-long-token") as server:
        assert (await metrics(server))[0] == 401
        assert (await metrics(server, Authorization="Bearer another-token"))[0] == 401
        assert (await metrics(server, Authorization="Bearer a-long-token"))[0] == 200


async def test_that_being_told_to_stop_twice_ends_at_once(made: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first asks for grace, which a turn that hangs would use up; whoever asks again does not want to wait."""
    silent = socket.create_server(("127.0.0.1", 0))  # It lets everybody connect, and answers nobody.
    actions = f"http://127.0.0.1:{silent.getsockname()[1]}/webhook"
    folder = tmp_path_factory.mktemp("k")
    async with serving(
        made, folder, writer="none", actions_url=actions, action_timeout="600", stop_timeout="600"
    ) as server:
        assert server.process is not None
        hanging = asyncio.create_task(server.shopper().say(ORDER))
        async with asyncio.timeout(30):
            while "kefu_turns_under_way 1.0" not in (await metrics(server))[1]:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, 30) == 128 + signal.SIGTERM
        with pytest.raises(aiohttp.ClientError):
            await hanging
        silent.close()
        # The Redis that was started with it still has the message: the next one answers it.
        await server.start()
