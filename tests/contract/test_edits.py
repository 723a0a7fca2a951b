"""What writing into a conversation from outside of a turn promises, on every server that Kefu works with."""

from dataclasses import replace

import pytest

from bot.conversations import Conversations, keys
from bot.conversations.edits import Edit, edit
from bot.conversations.heard import heard, note_heard
from bot.conversations.keys import ConversationKeys
from bot.conversations.outbox import Outbox
from bot.conversations.queue import OUTBOX_GROUP, Queue
from bot.errors import BadRequest, FloorLost, TurnStale
from bot.records import ConversationId, EntryKind, Floor, LogId, Receipt, State, Utterance
from tests.conftest import EVERY_SERVER
from tests.contract.test_conversations import ANNA, LEASE, mail_of, turn

pytestmark = EVERY_SERVER

SLOT = {"event": "slot", "name": "order_number", "value": "LF-1"}
FILLED = State(slots={"order_number": "LF-1"})


async def test_that_an_edit_is_in_the_log_and_in_the_state(conversations: Conversations) -> None:
    receipt = Receipt("r1", "action_order", "looked up")
    place = await edit(conversations, ANNA, "anna", 0, Edit(FILLED, [SLOT], receipt, [Utterance("Found.")]))
    found = await conversations.load(ANNA)
    assert found is not None
    assert (found.state, found.version, found.mail) == (FILLED, 1, ())
    entries = await conversations.read(ANNA)
    assert [entry.kind for entry in entries] == [EntryKind.EVENT, EntryKind.RECEIPT, EntryKind.ASSISTANT]
    assert (entries[0].event, entries[1].receipt, entries[2].utterance) == (SLOT, receipt, Utterance("Found."))
    assert entries[-1].id == place


async def test_that_an_edit_of_what_went_on_is_refused_and_leaves_nothing(conversations: Conversations) -> None:
    await conversations.commit(await mail_of(conversations, "Hi"), turn("Hello."))
    before = await conversations.read(ANNA)
    with pytest.raises(TurnStale):
        await edit(conversations, ANNA, "anna", 0, Edit(FILLED, [SLOT]))
    assert await conversations.read(ANNA) == before


async def test_that_a_turn_under_way_is_refused_after_an_edit(conversations: Conversations) -> None:
    conversation = await mail_of(conversations, "Hi")
    await edit(conversations, ANNA, "anna", 0, Edit(FILLED, [SLOT]))
    with pytest.raises(TurnStale):
        await conversations.commit(conversation, turn("Hello."))
    again = await conversations.load(ANNA)
    assert again is not None
    assert (again.state, len(again.mail)) == (FILLED, 1)
    await conversations.commit(again, replace(turn("Hello."), state=again.state))


async def test_that_nothing_is_said_over_a_person(conversations: Conversations) -> None:
    await conversations.commit(await mail_of(conversations, "Hi"), turn("Hello."))
    await conversations.take_floor(ANNA, Floor.AGENT)
    with pytest.raises(FloorLost):
        await edit(conversations, ANNA, "anna", 1, Edit(FILLED, utterances=[Utterance("Found.")]))
    await edit(conversations, ANNA, "anna", 1, Edit(FILLED, [SLOT]))


async def test_that_what_an_edit_says_on_a_push_channel_is_delivered(conversations: Conversations) -> None:
    conversation = ConversationId("whatsapp:anna")
    said = [Utterance("One."), Utterance("Two.")]
    await edit(conversations, conversation, "anna", 0, Edit(FILLED, [SLOT], utterances=said))
    queue = Queue(conversations.wire, keys.outbox, OUTBOX_GROUP, "courier", LEASE)
    await queue.open()
    [lease] = await queue.take(8)
    outbox = Outbox(conversations.wire)
    owed = await outbox.load(lease.conversation)
    assert [delivery.utterance for delivery in owed] == said
    assert len({delivery.key for delivery in owed}) == 2
    for delivery in owed:
        await outbox.delivered(delivery)
    assert await conversations.wire.ask("XLEN", ConversationKeys.of(conversation).outbox) == 0


async def test_that_an_outbox_that_owes_nothing_is_settled(conversations: Conversations) -> None:
    conversation = ConversationId("whatsapp:anna")
    await edit(conversations, conversation, "anna", 0, Edit(FILLED, utterances=[Utterance("One.")]))
    queue = Queue(conversations.wire, keys.outbox, OUTBOX_GROUP, "courier", LEASE)
    await queue.open()
    assert await queue.take(8)
    await conversations.wire.ask("DEL", ConversationKeys.of(conversation).post)  # Past its retention.
    await Outbox(conversations.wire).settle(conversation)
    assert await conversations.wire.ask("XLEN", ConversationKeys.of(conversation).outbox) == 0


async def test_that_an_event_that_is_no_json_is_refused(conversations: Conversations) -> None:
    with pytest.raises(BadRequest):
        await edit(conversations, ANNA, "anna", 0, Edit(FILLED, [{"event": "slot", "value": object()}]))
    assert await conversations.load(ANNA) is None


async def test_that_what_was_heard_only_goes_forward(conversations: Conversations) -> None:
    await note_heard(conversations.wire, ANNA, LogId("5-1"))
    assert await heard(conversations.wire, ANNA) is None, "there is no such conversation"
    await conversations.commit(await mail_of(conversations, "Hi"), turn("Hello."))
    for place in ("5-9", "5-10", "5-2", "4-99", "10-0", "9-5"):
        await note_heard(conversations.wire, ANNA, LogId(place))
    assert await heard(conversations.wire, ANNA) == "10-0"
