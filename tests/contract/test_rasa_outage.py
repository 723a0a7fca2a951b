"""A Rasa server that is away, hangs or answers nonsense: the embedded recognizer reads, and everybody can see it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.app import check
from bot.doctor import _recognizer
from bot.errors import RasaUnavailable, SettingError
from bot.records import State
from bot.settings import Settings
from bot.telemetry.metrics import RASA_FALLBACKS
from bot.understanding.rasa import RasaRecognizer, server_of
from bot.understanding.rasa_server.model import serving
from bot.understanding.recognizer import HeadRecognizer
from tests.contract.conftest import free_port
from tests.rasa_stand_in import ANSWER, Handler, StandIn, well


async def hang(request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError


async def stop_halfway(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"intent": {"name": "gre')
    assert request.transport is not None
    request.transport.abort()
    return response


async def trickle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def answers(body: Any, code: int = 200) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else None
        return web.Response(status=code, text=text) if text is not None else web.json_response(body, status=code)

    return handle


async def elsewhere(request: web.Request) -> web.Response:
    raise web.HTTPFound("/status")


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with StandIn().serving() as stand_in:
        yield stand_in


@asynccontextmanager
async def opened(shop: Settings, url: str, embedded: HeadRecognizer, seconds: float) -> AsyncIterator[RasaRecognizer]:
    changes = {"recognizer": "rasa", "rasa_url": url, "rasa_timeout": timedelta(seconds=seconds)}
    async with aiohttp.ClientSession() as session:
        yield RasaRecognizer.open(shop.model_copy(update=changes), session, embedded)


def counted(reason: str) -> float:
    return RASA_FALLBACKS.labels(reason)._value.get()


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        (answers({"status": "failure", "message": "An unexpected error occurred."}, 500), "status"),
        (answers({"status": "failure", "reason": "NotAuthenticated"}, 401), "status"),
        (answers("not here", 404), "status"),
        (answers({"status": "failure", "reason": "Conflict", "message": "No agent loaded."}, 409), "status"),
        (elsewhere, "status"),
        (answers("<html>Welcome to nginx!</html>"), "nonsense"),
        (answers(""), "nonsense"),
        (answers({}), "nonsense"),
        (answers([ANSWER]), "nonsense"),
        (answers({**ANSWER, "intent_ranking": [{"name": "x", "confidence": 3}]}), "nonsense"),
        (answers({**ANSWER, "entities": [{"entity": "x", "start": 0, "end": 9999, "value": "x"}]}), "nonsense"),
        (answers("x" * 2_000_000), "nonsense"),
        (answers({**ANSWER, "intent": {"name": None, "confidence": 0}, "intent_ranking": []}), "no_intent"),
        (hang, "timeout"),
        (trickle, "timeout"),
        (stop_halfway, "unreachable"),
        (reset, "unreachable"),
    ],
)  # fmt: skip
async def test_that_whatever_goes_wrong_the_embedded_recognizer_reads_and_it_is_seen(
    small_shop: Settings, embedded: HeadRecognizer, stand_in: StandIn, handle: Handler, reason: str
) -> None:
    stand_in.handle = handle
    before = counted(reason)
    async with opened(small_shop, stand_in.url, embedded, 0.3 if reason == "timeout" else 30) as recognizer:
        understood = await recognizer.understand("where is my order", State())
        own = await embedded.understand("where is my order", State())
        assert (understood.intents, understood.in_scope) == (own.intents, own.in_scope)
        assert understood.intents[0].name == "order_status"
        assert understood.notes
        assert understood.notes[0].endswith("The embedded recognizer read this.")
        assert "where is my order" not in understood.notes[0]
        assert counted(reason) == before + 1
        assert await recognizer.answers() is (reason == "no_intent")


async def test_that_a_server_that_hangs_costs_one_message_its_timeout(
    small_shop: Settings, embedded: HeadRecognizer, stand_in: StandIn
) -> None:
    stand_in.handle = hang
    async with opened(small_shop, stand_in.url, embedded, 0.5) as recognizer:
        for _ in range(20):
            assert (await recognizer.understand("where is my order", State())).notes
        # The pause is a second; 20 time-outs would be ten.
        assert stand_in.asked <= 3


async def test_that_a_server_that_came_back_is_asked_again(
    small_shop: Settings, embedded: HeadRecognizer, stand_in: StandIn
) -> None:
    stand_in.handle = answers({}, 500)
    async with opened(small_shop, stand_in.url, embedded, 30) as recognizer:
        assert (await recognizer.understand("hello", State())).intents[0].name == "greet"
        stand_in.handle = well
        assert not await recognizer.answers()
        async with asyncio.timeout(30):
            while (understood := await recognizer.understand("hello", State())).notes:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)
        assert understood.intents[0].name == "from_rasa"
        assert stand_in.asked == 2
        assert await recognizer.answers()


async def test_that_a_turn_that_is_dropped_meanwhile_breaks_nothing(
    small_shop: Settings, embedded: HeadRecognizer, stand_in: StandIn
) -> None:
    stand_in.handle = hang
    async with opened(small_shop, stand_in.url, embedded, 30) as recognizer:
        dropped = asyncio.create_task(recognizer.understand("hello", State()))
        async with asyncio.timeout(30):
            while not stand_in.asked:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        dropped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dropped
        stand_in.handle = well
        assert (await recognizer.understand("hello", State())).intents[0].name == "from_rasa"


async def test_that_nobody_at_the_address_is_not_waited_for(small_shop: Settings, embedded: HeadRecognizer) -> None:
    async with opened(small_shop, f"http://127.0.0.1:{free_port()}", embedded, 30) as recognizer:
        understood = await recognizer.understand("我要退货", State())
        assert (understood.language, understood.intents[0].name) == ("zh", "return_item")
        assert understood.notes
        assert not await recognizer.answers()


async def test_that_the_token_goes_along_and_a_wrong_one_is_explained(
    small_shop: Settings, embedded: HeadRecognizer, stand_in: StandIn
) -> None:
    async def guarded(request: web.Request) -> web.Response:
        right = request.query.get("token") == "open sesame & co"
        return web.json_response(ANSWER if right else {}, status=200 if right else 401)

    stand_in.handle = guarded
    shop = Settings(**{**small_shop.model_dump(), "rasa_auth_token": "open sesame & co"})
    async with opened(shop, stand_in.url, embedded, 30) as recognizer:
        assert (await recognizer.understand("hello", State())).intents[0].name == "from_rasa"
    async with opened(small_shop, stand_in.url, embedded, 30) as recognizer:
        assert "KEFU_RASA_AUTH_TOKEN" in (await recognizer.understand("hello", State())).notes[0]


def test_that_rasa_without_an_address_is_refused_at_the_start(small_shop: Settings) -> None:
    with pytest.raises(SettingError, match=r"rasa_url = None \(KEFU_RASA_URL\).*http://127.0.0.1:5006"):
        check(small_shop.model_copy(update={"recognizer": "rasa"}))


async def test_that_the_doctor_says_who_reads_and_with_which_model(small_shop: Settings, stand_in: StandIn) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    told = [
        await _recognizer(small_shop.model_copy(update={"recognizer": recognizer, "rasa_url": url}))
        for recognizer, url in (
            ("embedded", None), ("embedded", stand_in.url), ("embedded", nobody),
            ("rasa", None), ("rasa", stand_in.url), ("rasa", nobody),
        )
    ]  # fmt: skip
    assert [finding.state for finding in told] == ["ok", "note", "note", "wrong", "ok", "wrong"]
    assert told[4].detail == f"Rasa at {stand_in.url}, model model.tar.gz"
    assert "does not answer" in told[5].detail
    assert "KEFU_RASA_URL" in told[3].detail


async def test_that_a_real_server_that_is_killed_is_missed_by_nobody(
    rasa_program: Path, rasa_model: Path, small_shop: Settings, embedded: HeadRecognizer, tmp_path: Path
) -> None:
    port = free_port()
    async with opened(small_shop, f"http://127.0.0.1:{port}", embedded, 300) as recognizer:
        with serving(rasa_program, rasa_model, port, tmp_path / "rasa.log") as served:
            assert not (await recognizer.understand("where is my order", State())).notes
            assert await server_of(
                small_shop.model_copy(update={"rasa_url": served.url}), recognizer._server.session
            ).model()
            os.killpg(served.pid, signal.SIGKILL)
            understood = await recognizer.understand("where is my order", State())
            assert (understood.intents[0].name, len(understood.notes)) == ("order_status", 1)
            assert not await recognizer.answers()


def test_that_a_server_that_cannot_start_says_why(rasa_program: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(RasaUnavailable, match=r"Rasa server ended with 2:[\s\S]*--no-such-option"),
        serving(rasa_program, tmp_path / "model.tar.gz", free_port(), tmp_path / "rasa.log", "--no-such-option"),
    ):
        pytest.fail("it served nothing")
