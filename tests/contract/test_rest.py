"""What REST clients are promised while word of their answers is lost, over real HTTP and a real Redis."""

from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.app import open_channels
from bot.conversations import Conversations
from bot.settings import read_settings
from tests.contract.test_sockets import confirmed_only
from tests.contract.test_worker import echo


async def test_that_an_answer_whose_word_is_lost_comes_all_the_same(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.rest._UNASKED", timedelta(milliseconds=50))
    confirmed_only(monkeypatch)
    settings = read_settings({"data": tmp_path, "port": 0, "reply_timeout": 20, "stop_timeout": 2})
    async with (
        open_channels(settings, conversations, echo) as address,
        aiohttp.ClientSession(address) as client,
        client.post("/webhooks/rest/webhook", json={"sender": "anna", "message": "Hi"}) as answer,
    ):
        assert (answer.status, await answer.json()) == (200, [{"recipient_id": "anna", "text": "You said Hi"}])
