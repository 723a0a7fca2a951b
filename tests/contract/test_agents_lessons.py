"""What agents answered is found in the Redis that holds the conversations, on every server that Kefu works with."""

from datetime import UTC, datetime

from bot.conversations import Conversations, codec
from bot.conversations.connection import Wire
from bot.conversations.keys import ConversationKeys
from bot.conversations.survey import all_conversations
from bot.lessons.agents import answered_in
from bot.records import ConversationId, EntryKind, Floor, Message, MessageId, Utterance
from tests.conftest import EVERY_SERVER

pytestmark = EVERY_SERVER


async def asks(conversations: Conversations, sender: str, text: str) -> ConversationId:
    conversation = ConversationId(f"web:{sender}")
    await conversations.accept(Message(MessageId(text), conversation, "web", sender, text, datetime.now(UTC)))
    return conversation


async def answers(wire: Wire, conversation: ConversationId, text: str) -> None:
    """Say ``text`` as an agent at the desk."""
    log = ConversationKeys.of(conversation).log
    await wire.ask("XADD", log, "*", "e", codec.encode_entry(EntryKind.AGENT, utterance=Utterance(text)))


async def test_that_every_conversation_is_found_once(wire: Wire, conversations: Conversations) -> None:
    names = {await asks(conversations, f"shopper {number}", "hello") for number in range(40)}
    found = [name async for name in all_conversations(wire)]
    assert sorted(found) == sorted(names)


async def test_that_an_answer_is_found_once_the_agent_has_closed_the_conversation(
    wire: Wire, conversations: Conversations
) -> None:
    ada = await asks(conversations, "ada", "how long can I return boots?")
    bob = await asks(conversations, "bob", "and tents?")
    for conversation in (ada, bob):
        await conversations.take_floor(conversation, Floor.AGENT)
        await answers(wire, conversation, "You can return it within 30 days.")
    await conversations.take_floor(ada, Floor.CLOSED)
    (found,) = [answer async for answer in answered_in(conversations)]
    assert found.conversation == ada
    assert (found.question, found.reply) == ("how long can I return boots?", "You can return it within 30 days.")
