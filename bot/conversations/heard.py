"""How far the clients of a conversation have heard it, where their protocol gives them no cursor of their own."""

from bot.conversations.connection import Script, Wire
from bot.conversations.keys import ConversationKeys
from bot.records import ConversationId, LogId

_heard = Script("heard")


async def heard(wire: Wire, conversation: ConversationId) -> LogId | None:
    """The last entry of the log that a client of ``conversation`` is known to have; None where none is.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    place = await wire.ask("HGET", ConversationKeys.of(conversation).hash, "heard")
    return None if place is None else LogId(place.decode())


async def note_heard(wire: Wire, conversation: ConversationId, place: LogId) -> None:
    """A client has all up to ``place``. Any server may say so, in any order: the furthest counts.

    Raises:
        StoreUnavailable: Redis does not answer; it may have been noted.
    """
    await _heard(wire, [ConversationKeys.of(conversation).hash], [place])
