"""Platforms deliver twice, servers die, shoppers type in bursts: each message is answered once."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.conversations import open_conversations
from bot.conversations.embedded import EmbeddedRedis
from bot.records import ConversationId, Entry, EntryKind
from bot.settings import Settings
from tests.journeys.conftest import Reply, Server, serving
from tests.journeys.endpoint import Endpoint

QUESTION = "How does an exchange work for me when my size is sold out?"
PATIENT = {"KEFU_LEASE": "1", "KEFU_WRITER_TIMEOUT": "20"}


async def entries(server: Server, sender: str) -> list[Entry]:
    """The log of a conversation, read from the server's own Redis."""
    async with open_conversations(Settings(data=server.data)) as conversations:
        return await conversations.read(ConversationId(f"rest:{sender}"))


def turns(log: list[Entry]) -> list[Entry]:
    return [entry for entry in log if entry.kind is EntryKind.TURN]


async def test_that_a_redelivered_message_gets_the_same_answer_and_one_turn(shop: Server) -> None:
    mila = shop.shopper()
    both = await asyncio.gather(*(mila.say("Do you ship to Switzerland?", "m-1") for _ in range(5)))
    later = await mila.say("Do you ship to Switzerland?", "m-1")
    assert all(reply == later for reply in both)
    assert later.text
    assert len(turns(await entries(shop, mila.sender))) == 1


async def test_that_a_burst_is_one_turn(shop: Server) -> None:
    mila = shop.shopper()
    sends = []
    for number, text in enumerate(("I have a question,", "it is about a parcel to Belgium", "how much is shipping?")):
        sends.append(asyncio.create_task(mila.say(text, f"m-{number}")))
        await asyncio.sleep(0.15)
    replies = await asyncio.gather(*sends)
    assert "5.95" in " ".join(reply.text for reply in replies)
    assert sum(bool(reply.rows) for reply in replies) == 1, "a burst is answered once"
    ended = turns(await entries(shop, mila.sender))
    assert [entry.covers for entry in ended] == [("m-0", "m-1", "m-2")]


async def test_that_messages_one_after_the_other_are_answered_in_order(shop: Server) -> None:
    mila = shop.shopper()
    for number in range(10):
        assert (await mila.say("Hello", f"m-{number}")).text
    log = [entry for entry in await entries(shop, mila.sender) if entry.kind is not EntryKind.TURN]
    assert [entry.kind for entry in log] == [EntryKind.SHOPPER, EntryKind.ASSISTANT] * 10


async def test_that_a_server_killed_in_the_middle_of_a_turn_answers_once_after_its_restart(
    made: Path, tmp_path: Path
) -> None:
    async with Endpoint(lambda messages: "Let me see. " * 50, pause=0.5).serving() as endpoint:
        shutil.copytree(made, tmp_path / "d")
        server = Server(tmp_path / "d", {"KEFU_WRITER_URL": endpoint.url, **PATIENT})
        await server.start()
        mila = server.shopper()
        cut = asyncio.create_task(mila.say(QUESTION, "m-1"))
        while endpoint.asked == 0:
            await asyncio.sleep(0.05)
            assert not cut.done()
        server.kill()
        with pytest.raises(aiohttp.ClientError):
            await cut
        server.environment["KEFU_WRITER_TIMEOUT"] = "1"
        await server.start()
        try:
            mila.url = server.url
            again = await mila.say(QUESTION, "m-1")
            assert again.text
            log = await entries(server, mila.sender)
            assert [entry.covers for entry in turns(log)] == [("m-1",)]
            assert [entry.kind for entry in log].count(EntryKind.SHOPPER) == 1
            spoken = [entry.utterance.text for entry in log if entry.utterance]
            assert len(spoken) == len(set(spoken))
        finally:
            server.stop()


async def test_that_a_kill_between_two_sentences_repeats_neither(made: Path, tmp_path: Path) -> None:
    """The first sentence is true and said; the second never ends. After the restart the first is not said again."""
    first = "The customs duties for an order to Switzerland are paid by the buyer."

    def write(messages: list[dict[str, Any]]) -> str:
        return first + " Then " + "and " * 2000

    async with Endpoint(write, pause=0.05).serving() as endpoint:
        shutil.copytree(made, tmp_path / "d")
        server = Server(tmp_path / "d", {"KEFU_WRITER_URL": endpoint.url, **PATIENT})
        await server.start()
        mila = server.shopper()
        cut = asyncio.create_task(mila.stream("Who pays the customs duties for an order to Switzerland?"))
        said: list[str] = []
        while not said:
            assert not cut.done(), "the sentence was not said while the rest was written"
            await asyncio.sleep(0.05)
            said = [entry.utterance.text for entry in await entries(server, mila.sender) if entry.utterance]
        server.kill()
        with pytest.raises(aiohttp.ClientError):
            await cut
        server.environment["KEFU_WRITER_TIMEOUT"] = "1"
        await server.start()
        try:
            log: list[Entry] = []
            for _ in range(400):
                log = await entries(server, mila.sender)
                if turns(log):
                    break
                await asyncio.sleep(0.05)
            spoken = [entry.utterance.text for entry in log if entry.utterance]
            assert spoken.count(said[0]) == 1
            assert len(turns(log)) == 1
        finally:
            server.stop()


async def test_that_two_servers_share_the_work(made: Path, tmp_path: Path) -> None:
    async with (
        EmbeddedRedis(tmp_path / "r").running() as url,
        serving(made, tmp_path / "a", redis_url=url, writer="none") as a,
        serving(made, tmp_path / "b", redis_url=url, writer="none") as b,
    ):

        async def talk(number: int) -> list[Reply]:
            one, other = a.shopper(), b.shopper()
            other.sender = one.sender
            return [await (one if turn % 2 else other).say("Hello", f"{number}-{turn}") for turn in range(6)]

        for replies in await asyncio.gather(*(talk(number) for number in range(12))):
            assert all(reply.text for reply in replies)
