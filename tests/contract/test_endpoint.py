"""An endpoint that is slow, broken, rude or gone makes the writer unavailable, and never hangs or breaks a turn."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.errors import WriterUnavailable
from bot.generation.endpoint import EndpointWriter
from bot.settings import read_settings

CHAT = [{"role": "user", "content": "Hello?"}]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def chunk(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


def sending(*parts: bytes, status: int = 200, then: Callable[[web.Request], Awaitable[None]] | None = None) -> Handler:
    """A handler that sends raw bytes, each part in a packet of its own."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0.005)
        if then is not None:
            await then(request)
        return response

    return handle


async def models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "first"}, {"id": "second"}]})


@asynccontextmanager
async def writer(complete: Handler, list_models: Handler = models, **settings: Any) -> AsyncIterator[EndpointWriter]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", list_models)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/"
    try:
        async with aiohttp.ClientSession() as session:
            yield EndpointWriter(session, read_settings({"writer_url": url, "writer_timeout": 0.3, **settings}))
    finally:
        await runner.cleanup()


async def written(complete: Handler, **settings: Any) -> str:
    async with writer(complete, **settings) as endpoint:
        return "".join([piece async for piece in endpoint.write(CHAT)])


@pytest.mark.parametrize(
    "parts",
    [
        (chunk("Hello"), chunk(" you"), b"data: [DONE]\n\n"),
        (chunk("Hello") + chunk(" you") + b"data: [DONE]\n\n",),
        (b": keep-alive\n\n", chunk("Hello"), b": ping\n\n", chunk(" you"), b"data: [DONE]\n\n"),
        (chunk("Hello")[:20], chunk("Hello")[20:], chunk(" you"), b"data: [DONE]\n\n"),
        (chunk("Hello").replace(b"\n", b"\r\n"), chunk(" you").replace(b"\n", b"\r\n"), b"data: [DONE]\r\n\r\n"),
        (chunk("Hello").replace(b"data: ", b"data:"), chunk(" you"), b"data:[DONE]\n\n"),
        (b"event: message\nid: 1\nretry: 5\n", chunk("Hello"), chunk(" you"), b"data: [DONE]\n\n"),
        (chunk("Hello"), chunk(" you")),
        (chunk("Hello"), chunk(" you").rstrip()),
        (b'data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}\n\n', chunk("Hello you")),
        (chunk("Hello you"), b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n', b"data: [DONE]\n\n"),
        (chunk("Hello you"), b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'),
        (chunk("Hello you"), b"data: [DONE]\n\n", chunk(" and more")),
    ],
)
async def test_that_every_way_to_stream_is_read(parts: tuple[bytes, ...]) -> None:
    assert await written(sending(*parts)) == "Hello you"


async def test_that_a_reply_cut_by_its_limit_says_so() -> None:
    last = b'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\n'
    assert await written(sending(chunk("Half a"), last, b"data: [DONE]\n\n")) == "Half a…"


async def test_that_letters_cut_between_packets_arrive_whole() -> None:
    data = f"data: {json.dumps({'choices': [{'delta': {'content': '你好😀'}}]}, ensure_ascii=False)}\n\n".encode()
    assert await written(sending(*(data[at : at + 1] for at in range(len(data))))) == "你好😀"


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (sending(b'{"error": {"message": "no such model"}}', status=404), "404.*no such model"),
        (sending(b"overloaded", status=503), "503.*overloaded"),
        (sending(b'data: {"error": {"message": "out of memory"}}\n\n'), "out of memory"),
        (sending(b'data: {"error": "boom"}\n\n'), "boom"),
        (sending(b'{"choices": [{"message": {"content": "not a stream"}}]}\n'), "no stream"),
        (sending(b"data: {nonsense\n\n"), "Expecting"),
        (sending(b"data: 3\n\n"), "not a chunk"),
        (sending(b'data: {"choices": "x"}\n\n'), "not a chunk"),
        (sending(b"x" * 2_000_000), "without an end"),
        (sending(then=lambda _: asyncio.sleep(5)), "in time|[Tt]imeout"),
        (sending(chunk("Hel"), then=lambda _: asyncio.sleep(5)), "in time|[Tt]imeout"),
    ],
)
async def test_that_what_goes_wrong_is_said(handler: Handler, reason: str) -> None:
    with pytest.raises(WriterUnavailable, match=reason):
        await written(handler)


async def test_that_a_connection_cut_in_the_middle_is_noticed() -> None:
    async def cut(request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()

    with pytest.raises(WriterUnavailable):
        await written(sending(chunk("Hel"), then=cut))


async def test_that_an_address_where_nobody_listens_is_unavailable_at_once() -> None:
    settings = read_settings({"writer_url": "http://127.0.0.1:1/v1", "writer_model": "m"})
    async with aiohttp.ClientSession() as session:
        with pytest.raises(WriterUnavailable, match=r"127\.0\.0\.1:1"):
            await anext(EndpointWriter(session, settings).write(CHAT))


async def test_that_the_first_model_is_taken_and_the_key_is_sent() -> None:
    seen: list[tuple[str | None, dict[str, Any]]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers.get("Authorization"), await request.json()))
        return await sending(chunk("Hi"))(request)

    assert await written(complete, writer_key="secret") == "Hi"
    assert await written(complete, writer_model="chosen") == "Hi"
    (key, first), (no_key, second) = seen
    assert (key, first["model"], first["stream"], first["messages"]) == ("Bearer secret", "first", True, CHAT)
    assert (no_key, second["model"]) == (None, "chosen")


@pytest.mark.parametrize("answer", [{"data": []}, {}, [], {"data": [{}]}])
async def test_that_an_endpoint_without_a_model_is_unavailable(answer: Any) -> None:
    async def list_models(request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with writer(sending(chunk("Hi")), list_models) as endpoint:
        with pytest.raises(WriterUnavailable, match="names no model"):
            await endpoint.ready()


async def test_that_leaving_early_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def stay(request: web.Request) -> web.StreamResponse:
        try:  # aiohttp cancels the handler when its client goes.
            return await sending(chunk("Hi"), then=lambda _: asyncio.sleep(30))(request)
        finally:
            gone.set()

    async with writer(stay, writer_timeout=30) as endpoint:
        pieces = endpoint.write(CHAT)
        assert await anext(pieces) == "Hi"
        await pieces.aclose()
        async with asyncio.timeout(5):
            await gone.wait()
