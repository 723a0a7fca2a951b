"""What the store promises, on every server that it promises to work with."""

import asyncio
import gc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection

from bot.conversations import Conversations, keys
from bot.conversations.connection import Argument, Wire
from bot.conversations.keys import ConversationKeys
from bot.conversations.outbox import Outbox
from bot.conversations.privacy import erase, export
from bot.conversations.queue import OUTBOX_GROUP, READY_GROUP, Lease, Queue
from bot.errors import BadRequest, FloorLost, MailboxFull, MailGrew, StoreUnavailable, TurnStale
from bot.records import (
    Conversation,
    ConversationId,
    Entry,
    EntryKind,
    Floor,
    Message,
    MessageId,
    Receipt,
    State,
    Trace,
    Turn,
    TurnId,
    Utterance,
)
from tests.conftest import EVERY_SERVER, RETENTION

pytestmark = EVERY_SERVER

ANNA = ConversationId("rest:anna")
LEASE = timedelta(seconds=1)


def message(
    text: str, message_id: str | None = None, sender: str = "anna", channel: str = "rest", **metadata: Any
) -> Message:
    return Message(
        MessageId(message_id or text),
        ConversationId(f"{channel}:{sender}"),
        channel,
        sender,
        text,
        datetime.now(UTC),
        metadata,
    )


def turn(*texts: str, state: State | None = None, floor: Floor | None = None, receipts: Sequence[Receipt] = ()) -> Turn:
    utterances = tuple(Utterance(text) for text in texts)
    return Turn(utterances, state or State(), Trace(decision="test"), floor, tuple(receipts))


async def mail_of(
    conversations: Conversations, *texts: str, sender: str = "anna", channel: str = "rest"
) -> Conversation:
    for text in texts:
        await conversations.accept(message(text, sender=sender, channel=channel))
    conversation = await conversations.load(ConversationId(f"{channel}:{sender}"))
    assert conversation is not None
    return conversation


async def queue_of(wire: Wire, consumer: str, lease: timedelta = LEASE) -> Queue:
    queue = Queue(wire, keys.ready, READY_GROUP, consumer, lease)
    await queue.open()
    return queue


def told(entries: Sequence[Entry]) -> list[str]:
    """A log in short: who said what, and what happened."""
    short = []
    for entry in entries:
        match entry.kind:
            case EntryKind.SHOPPER:
                assert entry.message
                short.append(f"shopper: {entry.message.text}")
            case EntryKind.ASSISTANT:
                assert entry.utterance
                short.append(f"assistant: {entry.utterance.text}")
            case EntryKind.TURN:
                short.append(f"turn covers {', '.join(entry.covers)}")
            case EntryKind.FLOOR:
                short.append(f"floor: {entry.floor}")
            case _:
                short.append(entry.kind)
    return short


async def test_that_a_turn_leaves_all_it_made_in_the_log(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Where is my order?", "Hello?")
    await conversations.say(conversation, Utterance("One moment."), 0)
    end = await conversations.commit(
        conversation,
        turn("It left on Monday.", state=State(topic="order"), receipts=(Receipt("r1", "track", "tracked"),)),
        said=1,
    )
    log = await conversations.read(ANNA)
    assert told(log) == [
        "shopper: Where is my order?",
        "shopper: Hello?",
        "assistant: One moment.",
        "assistant: It left on Monday.",
        "receipt",
        "turn covers Where is my order?, Hello?",
    ]
    assert log[-1].id == end
    assert {entry.turn for entry in log[2:]} == {TurnId(log[0].id)}, (
        "a turn is named by the first message that it covers"
    )
    assert log[-1].trace == Trace(decision="test")
    assert await conversations.read(ANNA, after=log[3].id) == log[4:]
    after = await conversations.load(ANNA)
    assert after is not None
    assert (after.version, after.mail, after.said, after.state.topic) == (1, (), (), "order")


async def test_that_a_message_that_comes_twice_is_accepted_once(conversations: Conversations) -> None:
    both = await asyncio.gather(*(conversations.accept(message("Hi", message_id="m1")) for _ in range(2)))
    assert {accepted.log_id for accepted in both} == {both[0].log_id}
    assert sorted(accepted.duplicate for accepted in both) == [False, True]
    assert told(await conversations.read(ANNA)) == ["shopper: Hi"]


async def test_that_two_shoppers_may_count_their_messages_alike(conversations: Conversations) -> None:
    # All senders of one shard: these would meet if a message were known by channel and id only.
    shard = keys.shard_of(ANNA)
    senders = [f"s{n}" for n in range(2000) if keys.shard_of(ConversationId(f"rest:s{n}")) == shard]
    assert len(senders) > 2
    for sender in senders:
        assert not (await conversations.accept(message("Hi", message_id="1", sender=sender))).duplicate


async def test_that_a_mailbox_is_bounded(wire: Wire) -> None:
    small = Conversations(wire, retention=RETENTION, mailbox=2)
    conversation = await mail_of(small, "1", "2")
    with pytest.raises(MailboxFull, match="rest:anna"):
        await small.accept(message("3"))
    assert (await small.accept(message("2"))).duplicate, "a redelivery is no new mail"
    await small.commit(conversation, turn("ok"))
    assert not (await small.accept(message("3"))).duplicate


@pytest.mark.parametrize(
    "bad",
    [message("half a pair: \ud83d"), message("Hi", message_id="\ud83d"), message("Hi", page="\ud83d")],
    ids=("text", "id", "metadata"),
)
async def test_that_what_is_no_text_is_refused_and_harms_nobody(conversations: Conversations, bad: Message) -> None:
    good, refused = await asyncio.gather(
        conversations.accept(message("Hi", sender="otto")), conversations.accept(bad), return_exceptions=True
    )
    assert isinstance(refused, BadRequest)
    assert not isinstance(good, BaseException)


async def test_that_a_sentence_sent_again_is_said_once(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi")
    first = await conversations.say(conversation, Utterance("Hello."), 0)
    assert await conversations.say(conversation, Utterance("Hello."), 0) == first
    with pytest.raises(TurnStale):
        await conversations.say(conversation, Utterance("Something else."), 0)
    with pytest.raises(TurnStale):
        await conversations.say(conversation, Utterance("Too far."), 2)
    assert told(await conversations.read(ANNA)) == ["shopper: Hi", "assistant: Hello."]


async def test_that_the_next_try_of_a_turn_knows_what_was_said(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi")
    await conversations.say(conversation, Utterance("Hello."), 0)
    again = await conversations.load(ANNA)
    assert again is not None
    assert again.said == (Utterance("Hello."),)
    assert again.turn == conversation.turn


async def test_that_what_comes_in_the_middle_of_a_turn_has_a_turn_of_its_own(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi", "Hello?")
    await conversations.say(conversation, Utterance("Hello."), 0)
    again = await mail_of(conversations, "Where is my order?")
    assert [mail.text for mail in again.mail] == ["Hi", "Hello?"], "what is said already was no answer to more"
    await conversations.say(again, Utterance("How can I help?"), 1)
    await conversations.commit(again, turn(), said=2, unless_mail_grew=True)
    after = await conversations.load(ANNA)
    assert after is not None
    assert ([mail.text for mail in after.mail], after.said) == (["Where is my order?"], ())


async def test_that_two_tries_of_a_turn_cannot_cover_different_mail(conversations: Conversations) -> None:
    first, second = await mail_of(conversations, "Hi"), await mail_of(conversations, "Where is my order?")
    await conversations.say(first, Utterance("Hello."), 0)
    with pytest.raises(TurnStale):
        await conversations.say(second, Utterance("Hello."), 0)
    with pytest.raises(TurnStale):
        await conversations.commit(second, turn(), said=1)
    await conversations.commit(first, turn(), said=1)
    assert told(await conversations.read(ANNA))[-1] == "turn covers Hi"


async def test_that_a_state_which_cannot_be_read_is_forgotten(
    conversations: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    await conversations.commit(await mail_of(conversations, "Hi"), turn("Hello.", state=State(topic="order")))
    await conversations.wire.ask("HSET", ConversationKeys.of(ANNA).hash, "state", '{"topic": 7, "secret')
    after = await mail_of(conversations, "Hi again")
    assert (after.state, after.readable) == (State(), True)
    [logged] = caplog.records
    assert (logged.levelname, "rest:anna" in logged.message, "secret" in logged.message) == ("ERROR", True, False)


@pytest.mark.parametrize("damage", [b"%s {", b"%s \xff", b"\xff", b"", b"%s " + b"[" * 100_000], ids=range(5))
@pytest.mark.parametrize("part", ["mail", "said"])
async def test_that_mail_which_cannot_be_read_can_be_covered(
    conversations: Conversations, part: str, damage: bytes
) -> None:
    conversation = await mail_of(conversations, "Hi", channel="whatsapp")
    await conversations.say(conversation, Utterance("Hello."), 0)
    await mail_of(conversations, "Hi again", channel="whatsapp")
    damaged = damage.replace(b"%s", conversation.turn.encode())
    await conversations.wire.ask("LSET", getattr(ConversationKeys.of(conversation.id), part), 0, damaged)
    found = await conversations.load(conversation.id)
    assert found is not None
    assert (found.readable, len(found.mail), len(found.said)) == (False, 1, 1)
    assert (found.mail[0].sender, found.mail[0].channel) == ("anna", "whatsapp")
    await conversations.commit(found, turn("Sorry."), said=1)
    after = await conversations.load(conversation.id)
    assert after is not None
    assert (after.readable, [mail.text for mail in after.mail], after.said) == (True, ["Hi again"], ())


async def test_that_a_stale_turn_is_refused(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi")
    await conversations.commit(conversation, turn("Hello."))
    with pytest.raises(TurnStale):
        await conversations.commit(conversation, turn("Hello again."))
    with pytest.raises(TurnStale):
        await conversations.say(conversation, Utterance("Hello again."), 0)
    assert told(await conversations.read(ANNA)) == ["shopper: Hi", "assistant: Hello.", "turn covers Hi"]


async def test_that_no_word_leaves_once_an_agent_has_the_floor(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "A human, please")
    assert await conversations.take_floor(ANNA, Floor.AGENT) == 1
    with pytest.raises(FloorLost):
        await conversations.say(conversation, Utterance("But I"), 0)
    with pytest.raises(FloorLost):
        await conversations.commit(conversation, turn("But I"))
    fresh = await conversations.load(ANNA)
    assert fresh is not None
    with pytest.raises(FloorLost):  # Even for who knows the new epoch.
        await conversations.commit(fresh, turn("But I"))
    await conversations.commit(fresh, turn())  # Mail is covered without a word.
    assert told(await conversations.read(ANNA)) == [
        "shopper: A human, please",
        "floor: agent",
        "turn covers A human, please",
    ]


async def test_that_a_turn_can_hand_the_floor_over(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "A human, please")
    await conversations.commit(conversation, turn("I am asking for one.", floor=Floor.WAITING))
    after = await conversations.load(ANNA)
    assert after is not None
    assert (after.floor, after.epoch) == (Floor.WAITING, 1)
    assert "floor: waiting" in told(await conversations.read(ANNA))


async def test_that_nobody_has_the_floor_where_there_is_no_conversation(conversations: Conversations) -> None:
    assert await conversations.take_floor(ANNA, Floor.AGENT) is None
    assert await conversations.load(ANNA) is None
    assert await conversations.read(ANNA) == []


async def test_that_a_turn_which_began_to_act_is_for_its_mail_in_every_try(conversations: Conversations) -> None:
    first = await mail_of(conversations, "Yes")
    assert not first.begun
    await conversations.begin(first)
    again = await mail_of(conversations, "no, wait")
    assert ([mail.text for mail in again.mail], again.begun) == (["Yes"], True)
    await conversations.begin(again)
    await conversations.say(again, Utterance("One moment."), 0)
    await conversations.commit(again, turn("Cancelled."), said=1, unless_mail_grew=True)
    after = await conversations.load(ANNA)
    assert after is not None
    assert ([mail.text for mail in after.mail], after.begun) == (["no, wait"], False)


async def test_that_a_conversation_whose_mail_was_lost_in_the_middle_of_a_turn_goes_on(
    conversations: Conversations,
) -> None:
    first = await mail_of(conversations, "Hi", "Yes")
    await conversations.begin(first)
    await conversations.say(first, Utterance("One moment."), 0)
    await conversations.wire.ask("DEL", ConversationKeys.of(ANNA).mail)  # As after its retention.
    now = await mail_of(conversations, "Hello?")
    assert ([mail.text for mail in now.mail], now.said, now.begun) == (["Hello?"], (), False)
    await conversations.commit(now, turn("Hello."))


async def test_that_nothing_is_begun_that_another_try_began_with_other_mail(conversations: Conversations) -> None:
    first, second = await mail_of(conversations, "Yes"), await mail_of(conversations, "no, wait")
    await conversations.begin(second)
    with pytest.raises(TurnStale):
        await conversations.begin(first)
    with pytest.raises(TurnStale):
        await conversations.say(first, Utterance("Cancelled."), 0)
    with pytest.raises(TurnStale):
        await conversations.commit(first, turn("Cancelled."))


async def test_that_nothing_is_begun_by_who_has_lost_the_floor_or_the_turn(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Yes")
    await conversations.take_floor(ANNA, Floor.AGENT)
    with pytest.raises(FloorLost):
        await conversations.begin(conversation)
    now = await conversations.load(ANNA)
    assert now is not None
    with pytest.raises(FloorLost):
        await conversations.begin(now)
    await conversations.commit(now, turn())
    with pytest.raises(TurnStale):
        await conversations.begin(conversation)


async def test_that_mail_that_grew_is_told_only_to_who_asks_and_said_nothing(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi")
    await conversations.accept(message("Where is my order?"))
    with pytest.raises(MailGrew):
        await conversations.commit(conversation, turn("Hello."), unless_mail_grew=True)
    await conversations.say(conversation, Utterance("Hello."), 0)
    await conversations.commit(conversation, turn(), said=1, unless_mail_grew=True)
    after = await conversations.load(ANNA)
    assert after is not None
    assert [left.text for left in after.mail] == ["Where is my order?"]


async def test_that_lost_answers_do_no_harm(
    wire: Wire, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = wire.run

    async def twice(source: bytes, digest: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Lose the first answer of every script."""
        await run(source, digest, keys, arguments)
        return await run(source, digest, keys, arguments)

    monkeypatch.setattr(wire, "run", twice)
    queue = await queue_of(wire, "me")
    await conversations.accept(message("Hi", channel="whatsapp"))
    [lease] = await queue.take(1)
    conversation = await conversations.load(lease.conversation, lease)
    assert conversation is not None
    await conversations.begin(conversation, lease)
    await conversations.say(conversation, Utterance("Hello."), 0, lease)
    await conversations.commit(conversation, turn("How can I help?", floor=Floor.WAITING), 1, lease=lease)
    assert await conversations.take_floor(lease.conversation, Floor.AGENT) == 2
    assert told(await conversations.read(lease.conversation)) == [
        "shopper: Hi",
        "assistant: Hello.",
        "assistant: How can I help?",
        "floor: waiting",
        "turn covers Hi",
        "floor: agent",
    ]
    owed = await Outbox(wire).load(lease.conversation)
    assert [delivery.utterance.text for delivery in owed] == ["Hello.", "How can I help?"]


async def test_that_a_server_which_forgot_the_scripts_is_told_them_again(conversations: Conversations) -> None:
    await conversations.wire.ask_each("SCRIPT", "FLUSH")
    assert not (await conversations.accept(message("Hi"))).duplicate


async def test_that_a_redis_that_is_away_is_said_so(tmp_path: Path, redis_server: str) -> None:
    wire = Wire(f"unix://{tmp_path / 'nobody'}")
    with pytest.raises(StoreUnavailable):
        await Conversations(wire, retention=RETENTION).accept(message("Hi"))
    await wire.aclose()


async def test_that_a_turn_renews_what_its_conversation_needs_and_nothing_else(conversations: Conversations) -> None:
    wire, key = conversations.wire, ConversationKeys.of(ConversationId("whatsapp:anna"))
    conversation = await mail_of(conversations, "Hi", channel="whatsapp")
    await conversations.accept(message("One more thing", channel="whatsapp"))
    kept = [key.hash, key.mail, key.log, key.shopper("anna")]
    for name in kept:
        await wire.ask("PEXPIRE", name, 1000)
    await conversations.commit(conversation, turn("Hello."))
    for name in (*kept, key.post):
        assert await wire.ask("PTTL", name) > RETENTION.total_seconds() * 1000 - 60_000, name


async def test_that_a_long_talk_forgets_what_is_older_than_the_retention(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi")
    old = ConversationKeys.of(ConversationId("rest:anna")).log
    entry = (await conversations.wire.ask("XRANGE", old, "-", "+"))[0][1][1]
    await conversations.wire.ask("DEL", old)
    too_old = datetime.now(UTC) - RETENTION - timedelta(minutes=1)
    still_kept = datetime.now(UTC) - RETENTION + timedelta(minutes=1)
    for at in (too_old, still_kept):
        await conversations.wire.ask("XADD", old, f"{int(at.timestamp() * 1000)}-0", "e", entry)
    await conversations.commit(conversation, turn("Hello."))
    assert [entry.at.date() for entry in await conversations.read(ANNA, count=1)] == [still_kept.date()]
    assert len(await conversations.read(ANNA)) == 3


# ── Leases ────────────────────────────────────────────────────────────────────────────────────────


async def test_that_a_conversation_is_queued_once_and_again_for_mail_that_is_left(conversations: Conversations) -> None:
    queue = await queue_of(conversations.wire, "me")
    conversation = await mail_of(conversations, "1", "2")
    [lease] = await queue.take(8)
    await conversations.accept(message("3"))
    await conversations.commit(conversation, turn("ok"), lease=lease)
    [second] = await queue.take(8)
    left = await conversations.load(ANNA, second)
    assert left is not None
    assert [mail.text for mail in left.mail] == ["3"]
    await conversations.commit(left, turn("ok"), lease=second)
    ready = ConversationKeys.of(ANNA).ready
    assert await conversations.wire.ask("XLEN", ready) == 0
    assert (await conversations.wire.ask("XPENDING", ready, READY_GROUP))[0] == 0


async def test_that_a_dead_workers_conversation_is_claimed_and_its_late_words_are_refused(
    conversations: Conversations,
) -> None:
    dead, alive = await queue_of(conversations.wire, "dead"), await queue_of(conversations.wire, "alive")
    conversation = await mail_of(conversations, "Hi")
    [lost] = await dead.take(8)
    assert await alive.claim() == []
    await asyncio.sleep(LEASE.total_seconds())
    [lease] = await alive.claim()
    again = await conversations.load(ANNA, lease)
    assert again is not None
    assert (again.tries, again.version) == (1, conversation.version)
    for late in (
        conversations.say(conversation, Utterance("late"), 0, lost),
        conversations.commit(conversation, turn("late"), lease=lost),
    ):
        with pytest.raises(TurnStale):
            await late
    assert await conversations.load(ANNA, lost) is None
    assert await dead.renew([lost]) == {lost}
    await conversations.commit(again, turn("Hello."), lease=lease)
    assert told(await conversations.read(ANNA)) == ["shopper: Hi", "assistant: Hello.", "turn covers Hi"]


async def test_that_a_claim_which_is_given_up_as_it_begins_leaves_nothing_behind(wire: Wire) -> None:
    queue = await queue_of(wire, "bob")
    claim = asyncio.create_task(queue.claim())
    await asyncio.sleep(0)  # Every node is about to be asked, and none was yet.
    claim.cancel()
    await asyncio.gather(claim, return_exceptions=True)
    gc.collect()  # What was never awaited is a warning here, and every warning an error.


async def test_that_a_living_worker_keeps_its_lease(conversations: Conversations) -> None:
    me, other = await queue_of(conversations.wire, "me"), await queue_of(conversations.wire, "other")
    await mail_of(conversations, "Hi")
    [lease] = await me.take(8)
    for _ in range(3):
        await asyncio.sleep(0.5)
        assert await me.renew([lease]) == set()
    assert await other.claim() == []


async def test_that_a_failed_turn_is_tried_again_after_its_pause(conversations: Conversations) -> None:
    queue = await queue_of(conversations.wire, "me")
    await mail_of(conversations, "Hi")
    lease: Lease | None
    [lease] = await queue.take(8)
    for tries in range(3):
        conversation = await conversations.load(ANNA, lease)
        assert conversation is not None
        assert conversation.tries == tries
        lease = await queue.retry_after(lease, timedelta(milliseconds=20))
        assert lease is not None


async def test_that_a_try_which_does_not_count_may_be_repeated_for_ever(conversations: Conversations) -> None:
    queue = await queue_of(conversations.wire, "me")
    await mail_of(conversations, "Hi")
    lease: Lease | None
    [lease] = await queue.take(8)
    lease = await queue.retry_after(lease, timedelta(milliseconds=5))
    for _ in range(10):
        assert lease is not None
        conversation = await conversations.load(ANNA, lease)
        assert conversation is not None
        assert conversation.tries == 1
        lease = await queue.retry_after(lease, timedelta(milliseconds=5), counts=False)


async def test_that_who_leaves_lets_others_go_on_at_once(conversations: Conversations) -> None:
    leaver, other = await queue_of(conversations.wire, "leaver"), await queue_of(conversations.wire, "other")
    await mail_of(conversations, "Hi")
    await leaver.take(8)
    await leaver.leave()
    [lease] = await other.claim()
    again = await conversations.load(ANNA, lease)
    assert again is not None
    assert again.tries == 0  # It stopped in good order: no try has failed.
    consumers = await conversations.wire.ask("XINFO", "CONSUMERS", lease.stream, READY_GROUP)
    assert b"leaver" not in {consumer[b"name"] for consumer in consumers}


async def test_that_only_what_a_death_left_behind_is_an_orphan(conversations: Conversations) -> None:
    worker, other = await queue_of(conversations.wire, "worker"), await queue_of(conversations.wire, "other")
    await mail_of(conversations, "Hi")
    await worker.take(8)
    await worker.leave()
    [handed_over] = await other.claim()
    retry = asyncio.create_task(other.retry_after(handed_over, timedelta(milliseconds=300)))
    await asyncio.sleep(0.15)  # It has let go by then.
    retry.cancel()
    await asyncio.sleep(0.3)
    [tried_again] = await worker.claim()
    await worker.release("worker")  # As is done for whoever is known to be dead.
    [orphan] = await other.claim()
    assert [lease.orphaned for lease in (handed_over, tried_again, orphan)] == [False, False, True]


async def test_that_dead_consumers_are_forgotten_and_those_with_work_are_not(conversations: Conversations) -> None:
    lease = timedelta(milliseconds=10)
    gone, holding = (
        await queue_of(conversations.wire, "gone", lease),
        await queue_of(conversations.wire, "holds", lease),
    )
    conversation = await mail_of(conversations, "Hi")
    await gone.take(8)
    await conversations.commit(conversation, turn("ok"))
    await conversations.accept(message("again"))
    await holding.take(8)
    await asyncio.sleep(0.2)
    await (await queue_of(conversations.wire, "me", lease)).prune()
    stream = ConversationKeys.of(ANNA).ready
    consumers = await conversations.wire.ask("XINFO", "CONSUMERS", stream, READY_GROUP)
    assert [consumer[b"name"] for consumer in consumers] == [b"holds"]


async def test_that_a_worker_under_pressure_takes_about_what_it_has_room_for(conversations: Conversations) -> None:
    queue = await queue_of(conversations.wire, "me")
    for n in range(100):
        await conversations.accept(message("Hi", sender=f"s{n}"))
    taken = len(await queue.take(4))
    if conversations.wire.sharded:
        assert taken <= 4
    else:
        assert taken > 50, "the first blocking read cannot be bounded over all streams"
        taken = 0
    for n in range(100):
        await conversations.accept(message("Hi", sender=f"t{n}"))
    while leases := await queue.take(4):
        assert len(leases) <= 24
        taken += len(leases)
    assert taken >= 100


async def test_that_a_flushed_redis_is_served_again(conversations: Conversations) -> None:
    queue = await queue_of(conversations.wire, "me")
    await conversations.wire.ask_each("FLUSHALL")
    assert await queue.take(8) == []
    await mail_of(conversations, "Hi")
    assert [lease.conversation for lease in await queue.take(8)] == [ANNA]


# ── Waiting, delivering, and what a shopper may ask for ───────────────────────────────────────────


async def test_that_who_follows_misses_nothing(conversations: Conversations) -> None:
    async with conversations.follow(ANNA) as grown, conversations.follow(ANNA) as also:
        await conversations.accept(message("Hi"))
        assert await grown(timedelta(seconds=5))
        assert await also(timedelta(seconds=5))
        while await grown(timedelta(milliseconds=50)):  # The subscription itself may count once.
            pass
        await conversations.accept(message("Hi again"))
        assert await grown(timedelta(seconds=5))


async def test_that_followers_come_and_go_on_one_connection(conversations: Conversations) -> None:
    async def one(n: int) -> None:
        async with conversations.follow(ConversationId(f"rest:s{n % 7}")) as grown:
            clients = await conversations.wire.ask("CLIENT", "LIST", "TYPE", "pubsub")
            assert clients.count(b"addr=") == 2 * 1, clients  # Each line has "addr=" and "laddr=".
            await conversations.accept(message(str(n), sender=f"s{n % 7}"))
            assert await grown(timedelta(seconds=5))

    await asyncio.gather(*(one(n) for n in range(100)))


async def test_that_who_follows_while_others_are_subscribed_is_not_forgotten(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, came = AbstractConnection.send_packed_command, asyncio.Event()

    async def slow(connection: AbstractConnection, packed: list[bytes], **options: Any) -> None:
        await send(connection, packed, **options)
        if b"SSUBSCRIBE" in packed[0]:
            await came.wait()

    async def follow_otto() -> None:
        async with conversations.follow(ConversationId("rest:otto")):
            pass

    monkeypatch.setattr(AbstractConnection, "send_packed_command", slow)
    async with conversations.follow(ANNA):
        otto = asyncio.create_task(follow_otto())
        await asyncio.sleep(0)  # Otto came while Anna's subscription is still being sent.
        came.set()
        await otto


async def test_that_a_lost_connection_tells_those_who_wait(conversations: Conversations) -> None:
    async with conversations.follow(ANNA) as grown:
        while await grown(timedelta(milliseconds=50)):
            pass
        await conversations.wire.ask_each("CLIENT", "KILL", "TYPE", "pubsub")
        await conversations.accept(message("Hi"))
        assert await grown(timedelta(seconds=5))


async def test_that_a_push_channels_replies_are_delivered_in_order(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi", channel="whatsapp")
    await conversations.say(conversation, Utterance("Hello."), 0)
    await conversations.commit(conversation, turn("How can I help?"), said=1)
    queue = Queue(conversations.wire, keys.outbox, OUTBOX_GROUP, "courier", LEASE)
    await queue.open()
    [lease] = await queue.take(8)
    outbox = Outbox(conversations.wire)
    first, second = await outbox.load(lease.conversation)
    assert [first.key, second.key] == [f"{conversation.turn}:0", f"{conversation.turn}:1"]
    assert [first.utterance.text, second.utterance.text] == ["Hello.", "How can I help?"]
    assert await outbox.delivered(first) == 1
    assert await outbox.load(lease.conversation) == [second]
    assert await outbox.delivered(second) == 0
    assert await outbox.delivered(second) == 0, "an answer may get lost"
    assert await conversations.wire.ask("XLEN", ConversationKeys.of(lease.conversation).outbox) == 0


async def test_that_a_live_channels_replies_stay_out_of_the_outbox(conversations: Conversations) -> None:
    await conversations.commit(await mail_of(conversations, "Hi"), turn("Hello."))
    assert await Outbox(conversations.wire).load(ANNA) == []


async def test_that_a_shopper_gets_all_that_is_kept_on_every_channel(conversations: Conversations) -> None:
    await conversations.commit(await mail_of(conversations, "Hi", "It's me"), turn("Hello.", floor=Floor.WAITING))
    await mail_of(conversations, "Hallo", channel="whatsapp")
    await mail_of(conversations, "Not Anna's", sender="otto")
    found = await export(conversations, "anna")
    assert [one["id"] for one in found["conversations"]] == ["rest:anna", "whatsapp:anna"]
    assert found["conversations"][0]["floor"] == "waiting"
    assert len(found["conversations"][0]["log"]) == 5
    assert "Not Anna's" not in str(found)
    assert await export(conversations, "nobody") == {"shopper": "nobody", "conversations": []}


async def test_that_an_erased_shopper_is_in_no_key(conversations: Conversations) -> None:
    wire = conversations.wire
    queue = await queue_of(wire, "me")
    spoken = await mail_of(conversations, "Hi", channel="whatsapp")
    await conversations.say(spoken, Utterance("Hello."), 0)
    await mail_of(conversations, "Hi", "Hi there")
    await mail_of(conversations, "Hi", sender="otto")
    await queue.take(8)
    assert await erase(conversations, "anna") == 2
    left = await wire.ask("KEYS", "*")
    assert not [key for key in left if b"anna" in key]
    for shard in range(keys.SHARDS):
        for stream in (keys.ready(shard), keys.outbox(shard)):
            assert "anna" not in str(await wire.ask("XRANGE", stream, "-", "+"))
    assert await conversations.load(ConversationId("rest:otto")) is not None
    assert await erase(conversations, "anna") == 0


async def test_that_a_grounded_reply_is_remembered(conversations: Conversations) -> None:
    assert await conversations.recall("k") is None
    await conversations.remember("k", (Utterance("Within 30 days."),))
    assert await conversations.recall("k") == (Utterance("Within 30 days."),)
