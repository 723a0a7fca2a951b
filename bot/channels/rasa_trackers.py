"""The conversations as Rasa's API sees them: found by their sender, read as trackers, edited behind the version."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from bot.channels import callback, rest, socketio_frames
from bot.channels.engine import Dialogue
from bot.channels.rasa_access import ErrorResponse, bad_request
from bot.channels.rest import MAX_ID_CHARACTERS, wire
from bot.channels.tracker import Verbosity, session_start, tracker
from bot.conversations import Conversations, codec
from bot.conversations.edits import Edit, edit
from bot.errors import FloorLost, TurnStale
from bot.records import Conversation, ConversationId, Entry, Floor, LogId, State, Utterance

CHANNELS = (rest.CHANNEL, socketio_frames.CHANNEL, callback.CHANNEL)
"""Rasa's, where a bare sender is looked for, in this order; a new one is made on the first."""

_TRIES = 5
"""Of an edit, while turns are committed in between."""

_PAGE = 1000


class Trackers:
    """Reads and edits conversations for programs."""

    def __init__(self, conversations: Conversations, dialogue: Dialogue) -> None:
        self._conversations = conversations
        self._dialogue = dialogue

    @property
    def fingerprint(self) -> str:
        """Names the domain that answers."""
        return hashlib.blake2b(codec.encode(dict(self._dialogue.domain)), digest_size=16).hexdigest()

    async def find(self, name: str) -> ConversationId:
        """The conversation that a program calls ``name``: ``channel:sender``, or Rasa's bare sender.

        Raises:
            ErrorResponse: it cannot be the name of one.
            StoreUnavailable: Redis does not answer.
        """
        if not 0 < len(name) <= MAX_ID_CHARACTERS + len("socketio:") or not _is_unicode(name):
            raise bad_request(
                f"conversation_id: has to have 1 to {MAX_ID_CHARACTERS} characters.", "conversation_id", "path"
            )
        if name.partition(":")[0] in (*CHANNELS, "web") and name.partition(":")[2]:
            return ConversationId(name)
        named = [ConversationId(f"{channel}:{name}") for channel in CHANNELS]
        for conversation in named:
            if await self._conversations.load(conversation) is not None:
                return conversation
        return named[0]

    async def load(self, name: str) -> Conversation | None:
        """The conversation as it stands; None where there is none."""
        return await self._conversations.load(await self.find(name))

    async def read(self, name: str, verbosity: Verbosity) -> dict[str, Any]:
        """The tracker, under the name that it was asked for by."""
        conversation = await self.find(name)
        found = await self._conversations.load(conversation)
        entries: list[Entry] = []
        end: LogId | None = None
        while (page := await self._conversations.page(conversation, end, _PAGE)).end is not None:
            entries += page.entries
            end = page.end
        return tracker(name, found, entries, self._dialogue.domain.get("slots") or {}, verbosity)

    async def edit(self, name: str, change: Callable[[Conversation], Edit]) -> ConversationId:
        """Write what ``change`` makes of the conversation, which begins here where there is none.

        Raises:
            ErrorResponse: turns went on in between again and again; and whatever ``change`` raises.
        """
        conversation = await self.find(name)
        for _ in range(_TRIES):
            found = await self._conversations.load(conversation)
            wanted = change(found or Conversation(conversation, 0, 0, Floor.ASSISTANT, State(), ()))
            if found is None and not (wanted.events and wanted.events[0]["event"] == "session_started"):
                begin = [{**event, "timestamp": None} for event in session_start(0.0)]
                wanted = Edit(wanted.state, (*begin, *wanted.events), wanted.receipt, wanted.utterances)
            if not (wanted.events or wanted.utterances):
                return conversation
            try:
                version = found.version if found else 0
                await edit(self._conversations, conversation, conversation.partition(":")[2], version, wanted)
                return conversation
            except (TurnStale, FloorLost):
                continue  # Read again: ``change`` says what is to be done now.
        raise ErrorResponse(409, "Conflict", "The conversation goes on too fast to be edited. Try again.")

    def messages(self, conversation: ConversationId, utterances: Iterable[Utterance]) -> list[dict[str, Any]]:
        """What was said, as Rasa collects it."""
        recipient = conversation.partition(":")[2]
        return [{"recipient_id": recipient, **row} for said in utterances for row in wire(said)]


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
