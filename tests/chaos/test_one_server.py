"""One server, in this process, with the stand-in for its assistant: what a storm shows only now and then."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from bot.app import open_channels
from bot.conversations import open_conversations
from bot.settings import read_settings
from bot.worker import SORRY
from tests.chaos.stand_in import handle
from tests.socket_client import WidgetClient


@pytest.fixture
async def address(redis_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Where the server listens."""
    settings = read_settings({"redis_url": redis_url, "data": tmp_path, "port": 0})
    async with open_conversations(settings) as conversations, open_channels(settings, conversations, handle) as address:
        yield address


async def test_that_a_widget_is_told_of_a_message_that_crashes_its_turn_five_times_and_goes_on(
    address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.worker._FIRST_PAUSE", timedelta(milliseconds=1))
    async with WidgetClient(address) as client:
        client.send("poison 3 sentences", "m1")
        await client.answered("m1")
        client.send("brief 2 sentences", "m2")
        await client.answered("m2")
    told = [text.partition(" by ")[0] for text in client.texts()]
    assert told == ["m1 1/3", "m1 2/3", SORRY["en"], "m2 1/2", "m2 2/2"]
    assert not client.problems
    [seen] = [record for record in caplog.records if record.levelno == logging.ERROR and "set aside" in record.message]
    ids = vars(seen)
    assert (ids["conversation"], ids["messages"]) == (client.conversation, ["m1"])


async def test_that_a_rest_client_that_hangs_up_in_the_middle_of_a_reply_is_no_error(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{address}/webhooks/rest/webhook"
    body = {"sender": "anna", "message": "spoken 9 sentences", "message_id": "m1"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}?stream=true", json=body) as response:
            assert b"m1 1/9" in await response.content.readline()
            response.close()
        async with session.post(url, json=body) as response:
            texts = [row["text"].partition(" by ")[0] for row in await response.json()]
        await asyncio.sleep(0.1)
    assert texts == [f"m1 {n}/9" for n in range(1, 10)]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


class _GoneBefore(web.WebSocketResponse):
    """Answers a client that hung up just before."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        assert request.transport is not None
        request.transport.abort()
        return await super().prepare(request)


async def test_that_a_widget_that_hangs_up_before_its_socket_is_open_is_no_error(
    address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.websocket.new_response", lambda frame_bytes: _GoneBefore())
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(f"{address}/ws")
        await asyncio.sleep(0.1)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
