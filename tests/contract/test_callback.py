"""What the callback channel promises: every reply is posted, in order, until the shop's server has it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.app import open_channels
from bot.conversations import Conversations
from bot.conversations.connection import Wire
from bot.conversations.keys import ConversationKeys
from bot.ports import Voice
from bot.records import Button, Conversation, ConversationId, Trace, Turn, Utterance
from bot.settings import Settings, read_settings
from bot.telemetry.metrics import REGISTRY
from bot.worker import Handle
from tests.conftest import RETENTION
from tests.contract.test_worker import echo

ANNA = ConversationId("callback:anna")


async def until(condition: Callable[[], object]) -> None:
    """Wait until something outside of this task holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


@dataclass
class Receiver:
    """The shop's own server; ``answer`` decides what it says to each post."""

    url: str = ""
    answer: Callable[[int], int] = lambda n: 200
    tried: list[dict[str, Any]] = field(default_factory=list)
    took: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Of what it took."""
    tokens: set[str | None] = field(default_factory=set)
    paths: list[str] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.tried.append(body)
        self.tokens.add(request.query.get("token"))
        self.paths.append(request.path)
        status = self.answer(len(self.tried))
        if 200 <= status < 300:
            self.took.append(body)
            self.keys.append(request.headers["Idempotency-Key"])
        return web.Response(status=status, headers={"Location": self.url + "elsewhere"} if status == 307 else {})

    async def has(self, count: int) -> None:
        await until(lambda: len(self.took) >= count)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/replies/{tail:.*}", receiver.receive)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/replies/"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def conversations(wire: Wire) -> AsyncIterator[Conversations]:
    conversations = Conversations(wire, retention=RETENTION, push=frozenset({"callback"}))
    yield conversations
    await conversations.aclose()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.delivery._FIRST", timedelta(milliseconds=20))
    monkeypatch.setattr("bot.channels.delivery._LONGEST", timedelta(milliseconds=50))
    monkeypatch.setattr("bot.channels.load._LAG", timedelta(minutes=5))


def settings_of(tmp_path: Path, receiver: Receiver | None, **more: Any) -> Settings:
    url = {"callback_url": receiver.url} if receiver else {}
    return read_settings({"data": tmp_path, "port": 0, "stop_timeout": 2, "lease": 2} | url | more)


@asynccontextmanager
async def serving(
    conversations: Conversations, tmp_path: Path, receiver: Receiver | None, handle: Handle = echo, **more: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    settings = settings_of(tmp_path, receiver, **more)
    async with open_channels(settings, conversations, handle) as address, aiohttp.ClientSession(address) as client:
        yield client


async def send(client: aiohttp.ClientSession, text: str, **more: Any) -> tuple[int, str]:
    body = {"sender": "anna", "message": text} | more
    async with client.post("/webhooks/callback/webhook", json=body) as answer:
        return answer.status, await answer.text()


async def outbox_is_empty(conversations: Conversations) -> None:
    keys = ConversationKeys.of(ANNA)
    async with asyncio.timeout(20):
        # Nobody tells when it is.
        while any([await conversations.wire.ask(*c) for c in (("XLEN", keys.outbox), ("EXISTS", keys.post))]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_that_a_message_is_taken_and_its_replies_are_posted(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    async def two(conversation: Conversation, voice: Voice) -> Turn:
        said = (Utterance("One."), Utterance("Two?", (Button("Yes", "/affirm"),), image="https://shop.example/a.png"))
        return Turn(said, conversation.state, Trace())

    async with serving(conversations, tmp_path, receiver, two, callback_token="s3cret") as client:
        async with client.get("/webhooks/callback/") as answer:
            assert await answer.json() == {"status": "ok"}
        assert await send(client, "Hi") == (200, "success")
        await receiver.has(3)
        await outbox_is_empty(conversations)
    assert receiver.took == [
        {"recipient_id": "anna", "text": "One."},
        {"recipient_id": "anna", "text": "Two?", "buttons": [{"title": "Yes", "payload": "/affirm"}]},
        {"recipient_id": "anna", "image": "https://shop.example/a.png"},
    ]
    assert receiver.tokens == {"s3cret"}
    assert len(set(receiver.keys)) == 3


async def test_that_a_server_that_is_down_gets_each_reply_later_and_in_order(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda n: 503 if n < 6 else 200
    async with serving(conversations, tmp_path, receiver) as client:
        for n in range(3):
            assert (await send(client, f"m{n}"))[0] == 200
        await receiver.has(3)
        await outbox_is_empty(conversations)
    assert [row["text"] for row in receiver.took] == ["You said m0", "You said m1", "You said m2"]


async def test_that_a_restart_goes_on_with_what_is_owed_under_the_same_key(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda n: 502
    async with serving(conversations, tmp_path, receiver) as client:
        await send(client, "Hi")
        await until(lambda: receiver.tried)
    assert receiver.took == []
    receiver.answer = lambda n: 200
    async with serving(conversations, tmp_path, receiver):
        await receiver.has(1)
        await outbox_is_empty(conversations)
    assert receiver.took == [{"recipient_id": "anna", "text": "You said Hi"}]


async def test_that_what_will_never_be_taken_holds_nothing_up(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda n: 422 if n == 1 else 200
    before = given_up()
    async with serving(conversations, tmp_path, receiver) as client:
        await send(client, "Bad")
        await outbox_is_empty_after(receiver, conversations, tries=1)
        await send(client, "Good")
        await receiver.has(1)
    assert [row["text"] for row in receiver.took] == ["You said Good"]
    assert given_up() == before + 1


async def test_that_a_reply_that_is_too_old_is_given_up(
    conversations: Conversations, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.delivery.GIVE_UP", timedelta(milliseconds=300))
    receiver.answer = lambda n: 500
    before = given_up()
    async with serving(conversations, tmp_path, receiver) as client:
        await send(client, "Hi")
        await outbox_is_empty_after(receiver, conversations, tries=2)
    assert given_up() == before + 1


async def test_that_a_redirect_is_not_followed(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = lambda n: 307 if n == 1 else 200
    async with serving(conversations, tmp_path, receiver) as client:
        await send(client, "Hi")
        await receiver.has(1)
    assert receiver.paths == ["/replies/", "/replies/"], "nothing is posted where nobody said that it should be"


async def test_that_a_message_that_is_delivered_twice_is_answered_once(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    async with serving(conversations, tmp_path, receiver) as client:
        assert await send(client, "Hi", message_id="m1") == await send(client, "Hi", message_id="m1")
        await send(client, "Bye", message_id="m2")
        await receiver.has(2)
    assert [row["text"] for row in receiver.took] == ["You said Hi", "You said Bye"]


async def test_that_two_servers_share_the_outbox_and_a_key_names_one_reply(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    async with (
        serving(conversations, tmp_path / "a", receiver, lease=10) as one,
        serving(conversations, tmp_path / "b", receiver, lease=10) as other,
    ):
        for n in range(20):
            await send(one if n % 2 else other, f"m{n}", sender=f"shopper-{n}")
        await until(lambda: len(set(receiver.keys)) >= 20)
        await asyncio.sleep(0.5)
    # A server that is late by a whole lease loses it, and what it had posted comes again, under the same key.
    named = dict(zip(receiver.keys, receiver.took, strict=True))
    assert sorted(row["text"] for row in named.values()) == sorted(f"You said m{n}" for n in range(20))
    assert all(named[key] == row for key, row in zip(receiver.keys, receiver.took, strict=True))
    assert all(row["text"][10:] == row["recipient_id"][8:] for row in receiver.took)


async def test_that_what_is_no_message_and_what_is_too_much_is_refused_in_rasas_shape(
    conversations: Conversations, tmp_path: Path, receiver: Receiver
) -> None:
    async with serving(conversations, tmp_path, receiver, shopper_rate=1) as client:
        status, body = await send(client, 7)  # type: ignore[arg-type]  # as a wrong client sends it
        assert status == 400
        assert "message" in body
        status, body = await send(client, "Hi", metadata={"vouched": {"by": "shop", "user": "anna"}})
        assert (status, "vouched" in body) == (400, True)
        assert (await send(client, "Hi"))[0] == 200
        assert (await send(client, "More"))[0] == 429


async def test_that_without_an_address_the_channel_is_off(conversations: Conversations, tmp_path: Path) -> None:
    async with serving(conversations, tmp_path, None) as client:
        assert (await send(client, "Hi"))[0] == 404


def given_up() -> float:
    return REGISTRY.get_sample_value("kefu_deliveries_total", {"channel": "callback", "outcome": "given_up"}) or 0.0


async def outbox_is_empty_after(receiver: Receiver, conversations: Conversations, tries: int) -> None:
    await until(lambda: len(receiver.tried) >= tries)
    await outbox_is_empty(conversations)
