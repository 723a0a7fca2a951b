"""Platforms deliver twice, servers die, shoppers type in bursts: each message is answered once."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.conversations import open_conversations
from bot.conversations.embedded import EmbeddedRedis
from bot.records import ConversationId, Entry, EntryKind, Message, MessageId
from bot.settings import Settings
from tests.journeys.conftest import Reply, Server, furnish, serving
from tests.journeys.endpoint import Endpoint
from tests.journeys.evidence import entries, turns

QUESTION = "How does an exchange work for me when my size is sold out?"
PATIENT = {"KEFU_LEASE": "1", "KEFU_WRITER_TIMEOUT": "20"}


def spoken(log: list[Entry]) -> list[str]:
    return [entry.utterance.text for entry in log if entry.utterance]


async def test_that_a_redelivered_message_gets_the_same_answer_and_one_turn(shop: Server) -> None:
    mila = shop.shopper()
    both = await asyncio.gather(*(mila.say("Do you ship to Switzerland?", "m-1") for _ in range(5)))
    later = await mila.say("Do you ship to Switzerland?", "m-1")
    assert all(reply == later for reply in both)
    assert later.text
    assert len(turns(await entries(shop, mila.sender))) == 1


async def test_that_a_burst_is_one_turn(made: Path, tmp_path: Path) -> None:
    # Patient enough for a machine that has more to do than to type for a shopper.
    async with serving(made, tmp_path / "d", writer="none", burst_quiet="3") as server:
        mila = server.shopper()
        sends = []
        burst = ("I have a question,", "it is about a parcel to Belgium", "how much is shipping?")
        for number, text in enumerate(burst):
            sends.append(asyncio.create_task(mila.say(text, f"m-{number}")))
            await asyncio.sleep(0.15)
        replies = await asyncio.gather(*sends)
        assert "5.95" in " ".join(reply.text for reply in replies)
        assert sum(bool(reply.rows) for reply in replies) == 1, "a burst is answered once"
        ended = turns(await entries(server, mila.sender))
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
        furnish(made, tmp_path / "d")
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
            assert len(spoken(log)) == len(set(spoken(log)))
        finally:
            server.stop()


CUSTOMS = "Who pays the customs duties for an order to Switzerland?"
FIRST = "The customs duties for an order to Switzerland are paid by the buyer."


def endless(messages: list[dict[str, Any]]) -> str:
    """A true sentence, and a second one that never ends."""
    return FIRST + " Then " + "and " * 2000


async def killed_after_its_first_sentence(server: Server, question: str, message_id: str) -> str:
    """Ask, and kill the server as soon as ``FIRST`` is said; who asked."""
    mila = server.shopper()
    cut = asyncio.create_task(mila.say(question, message_id))
    while not spoken(await entries(server, mila.sender)):
        assert not cut.done(), "the sentence was not said while the rest was written"
        await asyncio.sleep(0.05)
    server.kill()
    with pytest.raises(aiohttp.ClientError):
        await cut
    assert spoken(await entries(server, mila.sender)) == [FIRST]
    return mila.sender


async def test_that_a_kill_between_two_sentences_repeats_neither(made: Path, tmp_path: Path) -> None:
    """After the restart the first sentence is not said again."""
    async with Endpoint(endless, pause=0.05).serving() as endpoint:
        furnish(made, tmp_path / "d")
        server = Server(tmp_path / "d", {"KEFU_WRITER_URL": endpoint.url, **PATIENT})
        await server.start()
        sender = await killed_after_its_first_sentence(server, CUSTOMS, "m-1")
        server.environment["KEFU_WRITER_TIMEOUT"] = "1"
        await server.start()
        try:
            log: list[Entry] = []
            for _ in range(400):
                log = await entries(server, sender)
                if turns(log):
                    break
                await asyncio.sleep(0.05)
            assert spoken(log).count(FIRST) == 1
            assert len(turns(log)) == 1
        finally:
            server.stop()


async def test_that_a_message_amid_an_interrupted_turn_gets_an_answer_of_its_own(made: Path, tmp_path: Path) -> None:
    """The first half of an answer is said, the server dies, the next message is accepted, the server comes back."""
    exclusions = "What is not covered by the warranty?"
    async with Endpoint(endless, pause=0.05).serving() as endpoint:
        furnish(made, tmp_path / "d")
        server = Server(tmp_path / "d", {"KEFU_WRITER_URL": endpoint.url, **PATIENT})
        await server.start()
        sender = await killed_after_its_first_sentence(server, CUSTOMS, "m-1")
        # By a second server over the same store, as it were: so it is there before the turn is tried again.
        await accept(server, sender, exclusions, "m-2")
        server.environment["KEFU_WRITER_TIMEOUT"] = "1"
        await server.start()
        try:
            mila = server.shopper()
            mila.sender = sender
            first, second = await asyncio.gather(mila.say(CUSTOMS, "m-1"), mila.say(exclusions, "m-2"))
            log = await entries(server, sender)
            assert [entry.covers for entry in turns(log)] == [("m-1",), ("m-2",)]
            assert first.text.startswith(FIRST)
            assert "wear" not in first.text
            assert "Normal wear and damage" in second.text
            assert FIRST not in second.text
            assert spoken(log).count(FIRST) == 1
            assert len(spoken(log)) == len(set(spoken(log)))
            one, other = (entry.turn for entry in turns(log))
            answered = [entry.turn for entry in log if entry.kind in (EntryKind.ASSISTANT, EntryKind.TURN)]
            assert answered == [one] * answered.count(one) + [other] * answered.count(other), "in order"
        finally:
            server.stop()


async def accept(server: Server, sender: str, text: str, message_id: str) -> None:
    """Take a message in as the REST channel does, while no server runs."""
    message = Message(
        id=MessageId(message_id),
        conversation=ConversationId(f"rest:{sender}"),
        channel="rest",
        sender=sender,
        text=text,
        received_at=datetime.now(UTC),
    )
    async with open_conversations(Settings(data=server.data)) as conversations:
        assert not (await conversations.accept(message)).duplicate


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
