"""Makes messages of what the widget's clients send, and words why one was not taken."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot.channels.edge import Edge
from bot.channels.frames import Human, Refused, Said
from bot.channels.sessions import CHANNEL, Session
from bot.conversations import Conversations
from bot.errors import BadRequest, BudgetSpent, KefuError, MailboxFull, NotAllowed, Overloaded, RateLimited
from bot.records import Attachment, ConversationId, LogId, Message, MessageId

AWAY = 2.0
"""Seconds after which Redis may be back; a small one needs that long to start."""

_FULL = 5.0
"""Seconds after which a mailbox may have room again: a turn covers all of it."""

ASKS_FOR_A_PERSON = "I would like to talk to a person."
"""The shopper's line where the client gave none in their language."""


class BadFile(BadRequest):
    """A message names a file that its shopper did not send."""


Find = Callable[[ConversationId, str], Awaitable[Attachment | None]]
"""The file of a conversation by its id."""


async def no_file(conversation: ConversationId, file_id: str) -> Attachment | None:
    """For a server that keeps no files."""
    return None


async def accept(conversations: Conversations, edge: Edge, message: Message, address: str | None) -> LogId:
    """Let a message pass and make it durable. What was accepted once is never refused, whatever the limits say now.

    Raises:
        BadRequest, MailboxFull, Overloaded, RateLimited, StoreUnavailable: nothing was accepted.
    """
    try:
        edge.load.check()
        await edge.limits.admit(message.conversation, address)
    except (Overloaded, RateLimited):
        if (place := await conversations.accepted(message.conversation, message.id)) is None:
            raise
        return place
    return (await conversations.accept(message)).log_id


async def read_message(frame: Said | Human, session: Session, find: Find, longest: int) -> Message:
    """The message of a frame, with the files that it names; no text of it has more than ``longest`` characters.

    Raises:
        BadRequest: it is empty, too long, or names a file that is not there.
    """
    files: list[Attachment] = []
    for file_id in frame.files if isinstance(frame, Said) else ():
        if (file := await find(session.conversation, file_id)) is None:
            raise BadFile(f"files: there is no {file_id!r} of this shopper.")
        files.append(file)
    return _message(frame, session, tuple(files), longest)


def _message(frame: Said | Human, session: Session, files: tuple[Attachment, ...], longest: int) -> Message:
    match frame:
        case Said():
            text, shown = frame.text, frame.shown
        case Human():
            text, shown = frame.text or ASKS_FOR_A_PERSON, None
    for name, value in (("text", text), ("shown", shown or "")):
        if len(value) > longest:
            raise BadRequest(f"{name}: has to have {longest} characters or fewer.")
    if not text.strip() and not files:
        raise BadRequest("text: must not be empty where there are no files.")
    return Message(
        id=MessageId(frame.id),
        conversation=session.conversation,
        channel=CHANNEL,
        sender=session.shopper,
        text=text,
        received_at=datetime.now(UTC),
        metadata=session.profile,
        vouched=session.vouched,
        shown=shown,
        files=files,
        wants_human=isinstance(frame, Human),
    )


def refusal(message_id: str, error: KefuError) -> Refused:
    """How a client is told that its message was not taken."""
    match error:
        case BudgetSpent():
            return Refused(message_id, "budget", str(error))
        case RateLimited():
            return Refused(message_id, "rate", str(error), error.retry_after)
        case Overloaded():
            return Refused(message_id, "overloaded", str(error), error.retry_after)
        case MailboxFull():
            return Refused(message_id, "mailbox", "Too many messages wait for an answer already.", _FULL)
        case BadFile():
            return Refused(message_id, "bad_file", str(error))
        case BadRequest() | NotAllowed():
            return Refused(message_id, "bad_message", str(error))
        case _:
            return Refused(message_id, "unavailable", "This cannot be kept now.", AWAY)
