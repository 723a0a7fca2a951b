"""A flood: what waits is measured, too much is refused with a time to come back, what was accepted is answered."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import open_channels
from bot.channels.load import Load
from bot.channels.websocket import WebSocketChannel
from bot.conversations import Conversations, keys
from bot.conversations.backlog import Backlog, measure
from bot.conversations.connection import Wire
from bot.conversations.privacy import erase
from bot.conversations.queue import READY_GROUP, Queue
from bot.errors import Overloaded
from bot.ports import Voice
from bot.records import Conversation, Trace, Turn, Utterance
from bot.settings import Settings, read_settings
from tests.conftest import EVERY_SERVER
from tests.contract.test_conversations import message

pytestmark = EVERY_SERVER

SENDERS = [f"shopper-{number}" for number in range(60)]


def settings(tmp_path: Path, **changed: Any) -> Settings:
    return read_settings({"data": tmp_path, "port": 0, "turns": 2, "lease": 1, "stop_timeout": 5, **changed})


@pytest.fixture
async def workers(wire: Wire) -> AsyncIterator[Queue]:
    """The queue, as a worker has it that takes and never ends."""
    queue = Queue(wire, keys.ready, READY_GROUP, "somebody", timedelta(seconds=10))
    await queue.open()
    yield queue
    await queue.leave()


async def take(workers: Queue, count: int) -> None:
    """Take so many, in as many reads as it needs."""
    async with asyncio.timeout(10):
        while count > 0:
            count -= len(await workers.take(1000))
    assert count == 0


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.001)


async def test_that_nothing_waits_before_the_first_worker_of_all(wire: Wire) -> None:
    assert await measure(wire) == Backlog(0, 0, timedelta())


async def test_that_what_waits_is_counted_apart_from_what_is_under_way(
    wire: Wire, conversations: Conversations, workers: Queue
) -> None:
    for sender in SENDERS:
        await conversations.accept(message("Hi", sender=sender))
    taken = len(await workers.take(1000))  # One of each shard.
    await asyncio.sleep(0.03)
    backlog = await measure(wire)
    assert backlog.waiting + backlog.under_way == len(SENDERS)
    assert backlog.under_way >= taken > 0  # In a cluster, each node is read on its own, and ahead.
    assert (backlog.age >= timedelta(milliseconds=20)) == (backlog.waiting > 0)
    await take(workers, len(SENDERS) - taken)
    # However long a turn takes, it is no reason to send others away.
    assert await measure(wire) == Backlog(0, len(SENDERS), timedelta())


async def test_that_the_age_is_of_who_waits_and_not_of_a_turn_that_takes_long(
    wire: Wire, conversations: Conversations, workers: Queue
) -> None:
    shard = keys.shard_of(message("", sender="anna").conversation)
    neighbour = next(f"n{n}" for n in range(10_000) if keys.shard_of(message("", sender=f"n{n}").conversation) == shard)
    await conversations.accept(message("Hi", sender="anna"))
    await take(workers, 1)
    await asyncio.sleep(0.3)
    written = time.monotonic()
    await conversations.accept(message("Hi", sender=neighbour))
    backlog = await measure(wire)
    assert (backlog.waiting, backlog.under_way) == (1, 1)
    assert backlog.age <= timedelta(seconds=time.monotonic() - written + 0.01)  # Redis's clock counts milliseconds.


async def test_that_erasing_who_waits_leaves_the_measure_right(
    wire: Wire, conversations: Conversations, workers: Queue
) -> None:
    for sender in SENDERS[:4]:
        await conversations.accept(message("Hi", sender=sender))
    await erase(conversations, SENDERS[0])
    assert (await measure(wire)).waiting == 3
    await take(workers, 3)


async def test_that_a_backlog_too_old_closes_the_door_until_it_is_done(
    conversations: Conversations, workers: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.load._LOOK_EVERY", timedelta(milliseconds=10))
    await conversations.accept(message("Hi"))
    async with Load(conversations, settings(tmp_path, backlog_limit=0.2)) as load:
        load.check()
        await until(lambda: load.shedding)
        with pytest.raises(Overloaded) as refused:
            load.check()
        assert refused.value.retry_after >= 1
        assert load.depth == 1
        await take(workers, 1)
        await until(lambda: not load.shedding)
        load.check()


async def test_that_a_loop_which_comes_too_late_closes_the_door(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.load._LAG", timedelta(milliseconds=100))
    async with Load(conversations, settings(tmp_path)) as load:
        await asyncio.sleep(0.01)
        time.sleep(0.6)  # noqa: ASYNC251 (that is the point)
        await until(lambda: load.shedding)
        with pytest.raises(Overloaded):
            load.check()


@asynccontextmanager
async def serving(
    conversations: Conversations, settings: Settings, handle: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        open_channels(settings, conversations, handle) as address,
        aiohttp.ClientSession(address, connector=connector) as client,
    ):
        yield client


async def write(client: aiohttp.ClientSession, sender: str, text: str) -> tuple[int, Any, str | None]:
    body = {"sender": sender, "message": text, "message_id": text}
    async with client.post("/webhooks/rest/webhook", json=body) as answer:
        return answer.status, await answer.json(), answer.headers.get("Retry-After")


async def test_that_a_flood_is_refused_and_what_was_accepted_is_answered_once(
    conversations: Conversations, tmp_path: Path
) -> None:
    """Ten times more than may wait, all at once: no more is held than the settings say."""
    held, most = 0, 0

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        nonlocal held, most
        held += 1
        most = max(most, held)
        await asyncio.sleep(0.02)
        held -= 1
        words = tuple(Utterance(f"re {mail.text}") for mail in conversation.mail)
        return Turn(words, conversation.state, Trace())

    async with serving(conversations, settings(tmp_path, max_requests=20), slow) as client:
        told = await asyncio.gather(*(write(client, f"s{n}", f"m{n}") for n in range(200)))
        statuses = Counter(status for status, _, _ in told)
        assert set(statuses) == {200, 503}
        assert statuses[200] >= 20
        for number, (status, rows, retry_after) in enumerate(told):
            if status == 200:
                assert [row["text"] for row in rows] == [f"re m{number}"]
            else:
                assert int(retry_after or 0) >= 1
                assert await conversations.load(message("", sender=f"s{number}").conversation) is None
        assert most <= 2
        # Whoever comes again as told is served.
        again = next(number for number, (status, _, _) in enumerate(told) if status == 503)
        assert (await write(client, f"s{again}", f"m{again}"))[0] == 200


async def test_that_one_mailbox_is_bounded_too(conversations: Conversations, tmp_path: Path) -> None:
    conversations._mailbox = 3  # Far less than a shopper may send in a minute.
    go = asyncio.Event()

    async def wait(conversation: Conversation, voice: Voice) -> Turn:
        await go.wait()
        return Turn((), conversation.state, Trace())

    async with serving(conversations, settings(tmp_path), wait) as client:
        writing = [asyncio.create_task(write(client, "anna", f"m{n}")) for n in range(5)]
        refused, _ = await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
        status, _, retry_after = next(iter(refused)).result()
        assert status == 429
        assert int(retry_after or 0) >= 1
        go.set()
        assert Counter([status for status, _, _ in await asyncio.gather(*writing)]) == {200: 3, 429: 2}


async def test_that_a_stopping_server_refuses_finishes_and_tells_who_waits_in_vain(
    conversations: Conversations, tmp_path: Path
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def gated(conversation: Conversation, voice: Voice) -> Turn:
        begun.set()
        await go.wait()
        return Turn((Utterance("Done"),), conversation.state, Trace())

    async with AsyncExitStack() as outside:
        stack = AsyncExitStack()
        address = await stack.enter_async_context(open_channels(settings(tmp_path, turns=1), conversations, gated))
        client = await outside.enter_async_context(aiohttp.ClientSession(address))
        first = asyncio.create_task(write(client, "anna", "one"))
        await begun.wait()
        second = asyncio.create_task(write(client, "bert", "two"))
        while (await measure(conversations.wire)).waiting != 1:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
        assert await readiness(client) == (200, "ok")  # Its connection stays open.

        stop = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0.05)
        assert await readiness(client) == (503, "stopping")
        assert (await write(client, "carl", "three"))[0] == 503
        go.set()
        assert (await first)[:2] == (200, [{"recipient_id": "anna", "text": "Done"}])
        status, told, retry_after = await second
        assert (status, retry_after) == (504, "1")
        assert "two" in told["message"]
        await stop

    async with serving(conversations, settings(tmp_path), gated) as client:
        assert (await write(client, "bert", "two"))[:2] == (200, [{"recipient_id": "bert", "text": "Done"}])


async def test_that_turns_under_way_are_given_up_in_time_although_sockets_say_goodbye_slowly(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, given_up = asyncio.Event(), asyncio.Event()

    async def endless(conversation: Conversation, voice: Voice) -> Turn:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            given_up.set()
        raise AssertionError

    async def slow_goodbye(sockets: WebSocketChannel) -> None:
        async with asyncio.timeout(10):
            await given_up.wait()

    monkeypatch.setattr(WebSocketChannel, "stop", slow_goodbye)
    async with serving(conversations, settings(tmp_path, stop_timeout=0.1), endless) as client:
        waiting = asyncio.create_task(write(client, "anna", "one"))
        await begun.wait()
    await asyncio.gather(waiting, return_exceptions=True)


async def readiness(client: aiohttp.ClientSession) -> tuple[int, str]:
    async with client.get("/readyz") as answer:
        return answer.status, (await answer.json())["status"]
