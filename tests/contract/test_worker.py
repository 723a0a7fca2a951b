"""What the worker promises, over a real Redis and with assistants of a few lines."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.conversations import Conversations, keys
from bot.conversations.keys import ConversationKeys
from bot.conversations.queue import READY_GROUP, Queue
from bot.errors import FloorLost, StoreUnavailable
from bot.ports import Voice
from bot.records import (
    Conversation,
    ConversationId,
    EntryKind,
    Floor,
    Message,
    Receipt,
    Trace,
    Turn,
    Utterance,
)
from bot.settings import Settings, read_settings
from bot.telemetry.metrics import REGISTRY
from bot.worker import CUT_SHORT, SORRY, TRIES, Worker
from tests.conftest import EVERY_SERVER
from tests.contract.test_conversations import ANNA, mail_of, message, told

pytestmark = EVERY_SERVER

SOON = timedelta(seconds=10)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"data": tmp_path, "lease": 1, "turns": 4, "stop_timeout": 2})


def reply(conversation: Conversation, *texts: str) -> Turn:
    return Turn(tuple(Utterance(text) for text in texts), conversation.state, Trace())


async def echo(conversation: Conversation, voice: Voice) -> Turn:
    return reply(conversation, *(f"You said {mail.text}" for mail in conversation.mail))


def takeovers() -> float:
    """Conversations taken over from the dead, as operators are told."""
    return REGISTRY.get_sample_value("kefu_takeovers_total") or 0.0


async def covered(conversations: Conversations, *texts: str, conversation: ConversationId = ANNA) -> list[str]:
    """The log, once turns have covered ``texts``."""
    async with conversations.follow(conversation) as grown:
        while True:
            log = await conversations.read(conversation)
            if set(texts) <= {id_ for entry in log for id_ in entry.covers}:
                return told(log)
            assert await grown(SOON), told(log)


async def test_that_mail_is_answered(conversations: Conversations, settings: Settings) -> None:
    async with Worker(conversations, echo, settings):
        await conversations.accept(message("Hi"))
        assert await covered(conversations, "Hi") == ["shopper: Hi", "assistant: You said Hi", "turn covers Hi"]


async def test_that_mail_which_waited_for_a_worker_is_answered(
    conversations: Conversations, settings: Settings
) -> None:
    await conversations.accept(message("Hi"))
    async with Worker(conversations, echo, settings):
        await covered(conversations, "Hi")


async def test_that_sentences_are_heard_while_the_turn_is_made(
    conversations: Conversations, settings: Settings
) -> None:
    heard = asyncio.Event()

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        await voice.say(Utterance("One moment."))
        await heard.wait()
        return reply(conversation, "Here you are.")

    async with Worker(conversations, slow, settings), conversations.follow(ANNA) as grown:
        await conversations.accept(message("Hi"))
        while "assistant: One moment." not in told(await conversations.read(ANNA)):
            assert await grown(SOON)
        heard.set()
        assert (await covered(conversations, "Hi"))[1:3] == ["assistant: One moment.", "assistant: Here you are."]


async def test_that_a_burst_is_one_turn_and_nobody_waits_for_it(
    conversations: Conversations, settings: Settings
) -> None:
    begun, more_came = asyncio.Event(), asyncio.Event()

    async def thinking(conversation: Conversation, voice: Voice) -> Turn:
        begun.set()
        await more_came.wait()
        return await echo(conversation, voice)

    async with Worker(conversations, thinking, settings):
        await conversations.accept(message("Hello"))
        await begun.wait()  # At once: no delay is meant for bursts.
        await conversations.accept(message("where is my order"))
        more_came.set()
        assert (await covered(conversations, "Hello", "where is my order"))[
            -1
        ] == "turn covers Hello, where is my order"


async def test_that_a_shopper_who_never_stops_typing_is_answered(
    conversations: Conversations, settings: Settings
) -> None:
    async def interrupted(conversation: Conversation, voice: Voice) -> Turn:
        await conversations.accept(message(f"and {len(conversation.mail)}"))
        return reply(conversation, "ok")

    async with Worker(conversations, interrupted, settings):
        await conversations.accept(message("Hi"))
        log = await covered(conversations, "Hi")
        assert next(line for line in log if line.startswith("turn")) == "turn covers Hi, and 1, and 2, and 3"


async def test_that_what_was_done_is_told_although_the_shopper_wrote_on_meanwhile(
    conversations: Conversations, settings: Settings
) -> None:
    done: list[Receipt] = []

    async def cancelling(conversation: Conversation, voice: Voice) -> Turn:
        if [mail.text for mail in conversation.mail] != ["Yes"]:
            return reply(conversation, "I have changed nothing." if not done else "It was done already.")
        await voice.begin()
        await conversations.accept(message("wait, no"))
        done.append(Receipt("R-1", "action_cancel_order", "Cancelled."))
        return replace(reply(conversation, "Cancelled."), receipts=(done[-1],))

    async with Worker(conversations, cancelling, settings):
        await conversations.accept(message("Yes"))
        log = await covered(conversations, "Yes", "wait, no")
    assert [line for line in log if line.startswith(("turn", "assistant"))] == [
        "assistant: Cancelled.",
        "turn covers Yes",
        "assistant: It was done already.",
        "turn covers wait, no",
    ]
    kept = [entry.receipt for entry in await conversations.read(ANNA) if entry.receipt is not None]
    assert kept == done
    assert len(done) == 1


async def test_that_what_was_begun_is_made_again_for_the_same_mail_after_a_crash(
    conversations: Conversations, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    tries: list[list[str]] = []

    async def crashing(conversation: Conversation, voice: Voice) -> Turn:
        await voice.begin()
        tries.append([mail.text for mail in conversation.mail])
        if len(tries) == 1:
            await conversations.accept(message("wait, no"))
            raise RuntimeError("the server died between the action and its commit")
        return await echo(conversation, voice)

    async with Worker(conversations, crashing, settings):
        await conversations.accept(message("Yes"))
        await covered(conversations, "Yes", "wait, no")
    assert tries == [["Yes"], ["Yes"], ["wait, no"]]


async def test_that_what_was_done_stands_in_the_log_though_an_agent_took_the_floor(
    conversations: Conversations, settings: Settings
) -> None:
    receipt = Receipt("R-1", "action_cancel_order", "Cancelled.")

    async def overtaken(conversation: Conversation, voice: Voice) -> Turn:
        await voice.begin()
        voice.did(receipt)
        await conversations.take_floor(ANNA, Floor.AGENT)
        await voice.begin()
        raise AssertionError("nothing more is begun")

    async with Worker(conversations, overtaken, settings):
        await conversations.accept(message("Yes"))
        log = await covered(conversations, "Yes")
        assert log == ["shopper: Yes", "floor: agent", "receipt", "turn covers Yes"]
    log = await conversations.read(ANNA)
    assert [entry.receipt for entry in log if entry.receipt is not None] == [receipt]
    assert log[-1].trace is not None
    assert CUT_SHORT not in log[-1].trace.notes


async def test_that_what_nobody_knows_of_a_turn_is_told_to_the_agent_who_took_over(
    conversations: Conversations, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def crashing(conversation: Conversation, voice: Voice) -> Turn:
        await voice.begin()
        await conversations.take_floor(ANNA, Floor.AGENT)
        raise RuntimeError("the server died in the middle of an action")

    async with Worker(conversations, crashing, settings):
        await conversations.accept(message("Yes"))
        await covered(conversations, "Yes")
    end = (await conversations.read(ANNA))[-1]
    assert end.trace is not None
    assert CUT_SHORT in end.trace.notes


def ends_with_comma(mail: Sequence[Message]) -> bool:
    return mail[-1].text.endswith(",")


async def test_that_an_unfinished_thought_is_waited_for(conversations: Conversations, settings: Settings) -> None:
    patient = settings.model_copy(update={"burst_quiet": timedelta(seconds=5)})
    async with Worker(conversations, echo, patient, ends_with_comma):
        await conversations.accept(message("If I buy two,"))
        await asyncio.sleep(0.2)
        assert told(await conversations.read(ANNA)) == ["shopper: If I buy two,"]
        await conversations.accept(message("is shipping free?"))
        assert (await covered(conversations, "is shipping free?"))[-1].count("is shipping") == 1


async def test_that_an_unfinished_thought_is_answered_once_it_is_quiet(
    conversations: Conversations, settings: Settings
) -> None:
    async with Worker(conversations, echo, settings, ends_with_comma):
        await conversations.accept(message("If I buy two,"))
        await covered(conversations, "If I buy two,")


async def test_that_waiting_for_a_thought_takes_nobodys_place(conversations: Conversations, settings: Settings) -> None:
    narrow = settings.model_copy(update={"turns": 1, "burst_quiet": timedelta(seconds=5)})
    async with Worker(conversations, echo, narrow, ends_with_comma):
        await conversations.accept(message("If I buy two,"))
        await asyncio.sleep(0.1)
        await conversations.accept(message("Hi", sender="otto"))
        await covered(conversations, "Hi", conversation=ConversationId("rest:otto"))
        assert told(await conversations.read(ANNA)) == ["shopper: If I buy two,"]
        await conversations.accept(message("is shipping free?"))
        await covered(conversations, "is shipping free?")


async def test_that_a_failed_turn_is_tried_again_and_says_nothing_twice(
    conversations: Conversations, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[int, tuple[Utterance, ...]]] = []

    async def shaky(conversation: Conversation, voice: Voice) -> Turn:
        seen.append((conversation.tries, conversation.said))
        if not conversation.said:
            await voice.say(Utterance("First."))
            raise RuntimeError("the model tripped")
        return reply(conversation, "Second.")

    async with Worker(conversations, shaky, settings):
        await conversations.accept(message("Hi"))
        log = await covered(conversations, "Hi")
    assert log == ["shopper: Hi", "assistant: First.", "assistant: Second.", "turn covers Hi"]
    assert seen == [(0, ()), (1, (Utterance("First."),))]
    assert "the model tripped" in caplog.text


async def test_that_an_outage_of_redis_in_a_turn_is_told_of_and_is_no_error_of_the_turn(
    conversations: Conversations,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.worker._OUTAGE", timedelta(milliseconds=1))
    seen: list[int] = []

    async def cut_off(conversation: Conversation, voice: Voice) -> Turn:
        seen.append(conversation.tries)
        if len(seen) <= 2 * TRIES:
            raise StoreUnavailable("Redis does not answer")
        return await echo(conversation, voice)

    async with Worker(conversations, cut_off, settings):
        await conversations.accept(message("Hi"))
        assert await covered(conversations, "Hi") == ["shopper: Hi", "assistant: You said Hi", "turn covers Hi"]
    assert set(seen) == {0}
    assert "a try of a turn ended: Redis does not answer" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_that_a_turn_which_redis_refuses_is_set_aside(
    conversations: Conversations,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An outage passes; what is wrong with a turn does not."""
    monkeypatch.setattr("bot.worker._FIRST_PAUSE", timedelta(milliseconds=1))
    caplog.set_level(logging.CRITICAL)

    async def refused(conversation: Conversation, voice: Voice) -> Turn:
        await conversations.wire.ask("SET", "spent:x", "1", "NONSENSE")
        raise AssertionError("it was refused")

    async with Worker(conversations, refused, settings):
        await conversations.accept(message("Hi"))
        assert await covered(conversations, "Hi") == ["shopper: Hi", f"assistant: {SORRY['en']}", "turn covers Hi"]


async def test_that_mail_which_comes_in_an_interrupted_turn_is_answered(
    conversations: Conversations, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def interrupted(conversation: Conversation, voice: Voice) -> Turn:
        if conversation.mail[0].text != "Hi":
            return await echo(conversation, voice)
        if not conversation.said:
            await voice.say(Utterance("First."))
            await conversations.accept(message("Where is my order?"))
            raise RuntimeError("the server died")
        return reply(conversation, "Second.")

    async with Worker(conversations, interrupted, settings):
        await conversations.accept(message("Hi"))
        log = await covered(conversations, "Hi", "Where is my order?")
    assert log == [
        "shopper: Hi",
        "assistant: First.",
        "shopper: Where is my order?",
        "assistant: Second.",
        "turn covers Hi",
        "assistant: You said Where is my order?",
        "turn covers Where is my order?",
    ]


@pytest.mark.parametrize("step", ["open", "take", "claim", "renew", "prune"])
async def test_that_a_worker_outlives_an_error_that_nobody_foresaw(
    conversations: Conversations,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    real, tripped = getattr(Queue, step), asyncio.Event()

    async def trip(queue: Queue, *arguments: Any) -> Any:
        if not tripped.is_set():
            tripped.set()
            raise ValueError("nobody foresaw this")
        return await real(queue, *arguments)

    monkeypatch.setattr(Queue, step, trip)
    worker = Worker(conversations, echo, settings)
    alive = [worker.alive]
    async with worker:
        await tripped.wait()
        await conversations.accept(message("Hi"))
        await covered(conversations, "Hi")
        alive.append(worker.alive)
    assert [*alive, worker.alive] == [False, True, False]
    assert "nobody foresaw this" in caplog.text


async def test_that_a_worker_which_died_says_so(
    conversations: Conversations, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(worker: Worker) -> None:
        raise RuntimeError("dead")

    monkeypatch.setattr(Worker, "run", die)
    worker = await Worker(conversations, echo, settings).__aenter__()
    await asyncio.sleep(0.01)
    assert not worker.alive
    with pytest.raises(RuntimeError, match="dead"):
        await worker.__aexit__()


@pytest.mark.parametrize("part", ["mail", "said"])
async def test_that_mail_which_cannot_be_read_is_set_aside_and_the_conversation_goes_on(
    conversations: Conversations,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    monkeypatch.setattr("bot.worker._FIRST_PAUSE", timedelta(milliseconds=1))
    caplog.set_level(logging.CRITICAL)
    begun = await mail_of(conversations, "Hi")
    await conversations.say(begun, Utterance("One moment."), 0)
    await conversations.wire.ask("LSET", getattr(ConversationKeys.of(ANNA), part), 0, f"{begun.turn} {{")
    await conversations.accept(message("Hi again"))
    async with Worker(conversations, echo, settings, ends_with_comma):
        log = await covered(conversations, "Hi again")
    name = begun.turn if part == "mail" else "Hi"  # Its own id cannot be read either.
    assert log[3:] == [
        f"assistant: {SORRY['en']}",
        f"turn covers {name}",
        "assistant: You said Hi again",
        "turn covers Hi again",
    ]


async def test_that_a_turn_which_always_fails_is_set_aside_and_the_conversation_goes_on(
    conversations: Conversations,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.worker._FIRST_PAUSE", timedelta(milliseconds=1))
    caplog.set_level(logging.CRITICAL)
    tries = 0

    async def poisoned(conversation: Conversation, voice: Voice) -> Turn:
        nonlocal tries
        if conversation.mail[0].text == "poison":
            tries += 1
            raise RuntimeError("always")
        return await echo(conversation, voice)

    async with Worker(conversations, poisoned, settings):
        await conversations.accept(message("poison"))
        await covered(conversations, "poison")
        await conversations.accept(message("Hi"))
        log = await covered(conversations, "Hi")
    assert tries == TRIES
    assert log[1:] == [
        f"assistant: {SORRY['en']}",
        "turn covers poison",
        "shopper: Hi",
        "assistant: You said Hi",
        "turn covers Hi",
    ]
    [note, _] = [entry.trace for entry in await conversations.read(ANNA) if entry.kind is EntryKind.TURN]
    assert note is not None
    assert note.notes == (f"failed {TRIES} times",)


async def test_that_mail_to_an_agent_is_covered_without_a_word(
    conversations: Conversations, settings: Settings
) -> None:
    await conversations.accept(message("A human!"))
    await conversations.take_floor(ANNA, Floor.AGENT)
    async with Worker(conversations, echo, settings):
        assert await covered(conversations, "A human!") == ["shopper: A human!", "floor: agent", "turn covers A human!"]


async def test_that_a_turn_stops_when_an_agent_takes_the_floor(
    conversations: Conversations, settings: Settings
) -> None:
    stopped = asyncio.Event()

    async def talkative(conversation: Conversation, voice: Voice) -> Turn:
        try:
            for n in range(1000):
                await voice.say(Utterance(f"{n}"))
                if n == 3:
                    await conversations.take_floor(ANNA, Floor.AGENT)
        except FloorLost:
            stopped.set()
            raise
        return reply(conversation)

    async with Worker(conversations, talkative, settings):
        await conversations.accept(message("Hi"))
        log = await covered(conversations, "Hi")
    assert stopped.is_set()
    assert log[-3:] == ["assistant: 3", "floor: agent", "turn covers Hi"]


async def test_that_many_conversations_are_made_side_by_side_and_each_in_order(
    conversations: Conversations, settings: Settings
) -> None:
    at_once = most = 0

    async def counted(conversation: Conversation, voice: Voice) -> Turn:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.002)
        at_once -= 1
        return await echo(conversation, voice)

    shoppers = [ConversationId(f"rest:s{n}") for n in range(20)]
    async with Worker(conversations, counted, settings), Worker(conversations, counted, settings):
        for n in range(10):
            await asyncio.gather(*(conversations.accept(message(f"m{n}", sender=shopper[5:])) for shopper in shoppers))
        for shopper in shoppers:
            log = await covered(conversations, *(f"m{n}" for n in range(10)), conversation=shopper)
            said = [line for line in log if line.startswith("assistant")]
            assert said == [f"assistant: You said m{n}" for n in range(10)]
    assert 1 < most <= 2 * settings.turns


async def test_that_a_worker_which_stops_ends_its_turns_and_leaves_the_rest(
    conversations: Conversations, settings: Settings
) -> None:
    begun = asyncio.Event()

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        begun.set()
        await asyncio.sleep(0.3 if conversation.id == ANNA else 60)
        return await echo(conversation, voice)

    async with Worker(conversations, slow, settings):
        await conversations.accept(message("Hi"))
        await conversations.accept(message("Hi", sender="otto"))
        await begun.wait()
        await asyncio.sleep(0.1)
    assert told(await conversations.read(ANNA))[-1] == "turn covers Hi"
    before = takeovers()
    async with Worker(conversations, echo, settings):
        await covered(conversations, "Hi", conversation=ConversationId("rest:otto"))
    assert takeovers() == before, "it was handed on, and nobody died"


@pytest.mark.parametrize(
    "commands", [("FLUSHALL",), ("SCRIPT", "FLUSH"), ("CLIENT", "KILL", "TYPE", "normal")], ids=" ".join
)
async def test_that_a_worker_survives_what_happens_to_redis(
    conversations: Conversations, settings: Settings, commands: tuple[str, ...]
) -> None:
    async with Worker(conversations, echo, settings):
        await conversations.accept(message("Hi"))
        await covered(conversations, "Hi")
        await conversations.wire.ask(*commands)
        await conversations.accept(message("Hi again"))
        await covered(conversations, "Hi again")


async def test_that_a_worker_restarted_on_the_same_machine_waits_for_no_lease(
    conversations: Conversations, tmp_path: Path
) -> None:
    """Its lock file is free, so it is dead, however long its lease goes on."""
    settings = read_settings({"data": tmp_path, "lease": 600, "turns": 4})
    queue = Queue(conversations.wire, keys.ready, READY_GROUP, "host:1:dead", settings.lease)
    await queue.open()
    await conversations.accept(message("Hi"))
    assert len(await queue.take(8)) == 1
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "host:1:dead").touch()
    before = takeovers()
    async with Worker(conversations, echo, settings):
        await covered(conversations, "Hi")
    assert takeovers() == before + 1, "operators are told of it"
    assert list((tmp_path / "workers").iterdir()) == [], "the dead is buried, and who left left nothing"


async def test_that_a_living_worker_is_not_taken_for_dead(conversations: Conversations, tmp_path: Path) -> None:
    settings = read_settings({"data": tmp_path, "lease": 600, "turns": 4})
    begun, more = asyncio.Event(), asyncio.Event()
    makers: list[str] = []

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        makers.append("first")
        begun.set()
        await more.wait()
        return await echo(conversation, voice)

    async def quick(conversation: Conversation, voice: Voice) -> Turn:
        makers.append("second")
        return await echo(conversation, voice)

    async with Worker(conversations, slow, settings):
        await conversations.accept(message("Hi"))
        await begun.wait()
        async with Worker(conversations, quick, settings):
            await asyncio.sleep(1)  # Longer than it takes to look at all who are there.
        more.set()
        await covered(conversations, "Hi")
    assert makers == ["first"]
