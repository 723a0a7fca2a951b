"""The conversations as Rasa's API sees them: found by their sender, read as trackers, edited behind the version."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from bot.channels.engine import Dialogue
from bot.channels.rasa_access import ErrorResponse, bad_request
from bot.channels.rasa_events import utterance_of
from bot.channels.rasa_names import meant
from bot.channels.rest import MAX_ID_CHARACTERS, wire
from bot.channels.tracker import Verbosity, session_start, tracker
from bot.conversations import Conversations, codec
from bot.conversations.edits import Edit, edit
from bot.errors import FloorLost, TurnStale
from bot.records import Conversation, ConversationId, Entry, EntryKind, Floor, LogId, State, Utterance

KEY = "key"
"""Of the metadata of an action's event: what it was asked for under."""

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
            ErrorResponse: it cannot be the name of one, or is that of several.
            StoreUnavailable: Redis does not answer.
        """
        if not 0 < len(name) <= MAX_ID_CHARACTERS + len("socketio:") or not _is_unicode(name):
            raise bad_request(
                f"conversation_id: has to have 1 to {MAX_ID_CHARACTERS} characters.", "conversation_id", "path"
            )
        if len(named := meant(name)) == 1:
            return named[0]
        loaded = await asyncio.gather(*map(self._conversations.load, named))
        there = [conversation for conversation, found in zip(named, loaded, strict=True) if found is not None]
        if len(there) > 1:
            told = f"{name!r:.60} writes on several channels. Say which one is meant: {' or '.join(there)}."
            raise ErrorResponse(409, "Conflict", told, {"conversation_ids": there})
        return there[0] if there else named[0]

    async def load(self, conversation: ConversationId) -> Conversation | None:
        """The conversation as it stands; None where there is none."""
        return await self._conversations.load(conversation)

    async def ran(self, conversation: ConversationId, key: str) -> tuple[Utterance, ...] | None:
        """What the action said that the log has under ``key``; None where it has none."""
        said: list[Utterance] | None = None
        async for entry in self._log(conversation):
            event = entry.event or {}
            if said is None:
                said = [] if (event.get("metadata") or {}).get(KEY) == key else None
            elif event.get("event") == "bot":
                said.append(utterance_of(event))
            elif entry.kind is EntryKind.ASSISTANT and entry.turn is None and entry.utterance is not None:
                said.append(entry.utterance)
            elif event.get("event") != "slot" and entry.kind is not EntryKind.RECEIPT:
                break
        return None if said is None else tuple(said)

    async def read(self, name: str, conversation: ConversationId, verbosity: Verbosity) -> dict[str, Any]:
        """The tracker, under the name that it was asked for by."""
        found = await self._conversations.load(conversation)
        entries = [entry async for entry in self._log(conversation)]
        return tracker(name, found, entries, self._dialogue.domain.get("slots") or {}, verbosity)

    async def _log(self, conversation: ConversationId) -> AsyncIterator[Entry]:
        end: LogId | None = None
        while (page := await self._conversations.page(conversation, end, _PAGE)).end is not None:
            for entry in page.entries:
                yield entry
            end = page.end

    async def edit(
        self, conversation: ConversationId, change: Callable[[Conversation], Edit], token: str | None = None
    ) -> None:
        """Write what ``change`` makes of the conversation, which begins here where there is none.

        With the ``token`` of the edit that was the last one, nothing is written again.

        Raises:
            ErrorResponse: turns went on in between again and again; and whatever ``change`` raises.
        """
        for _ in range(_TRIES):
            found = await self._conversations.load(conversation)
            wanted = change(found or Conversation(conversation, 0, 0, Floor.ASSISTANT, State(), ()))
            if found is None and not (wanted.events and wanted.events[0]["event"] == "session_started"):
                begin = [{**event, "timestamp": None} for event in session_start(0.0)]
                wanted = Edit(wanted.state, (*begin, *wanted.events), wanted.receipt, wanted.utterances)
            if not (wanted.events or wanted.utterances):
                return
            try:
                version = found.version if found else 0
                await edit(self._conversations, conversation, conversation.partition(":")[2], version, wanted, token)
                return
            except (TurnStale, FloorLost):
                continue  # Read again: ``change`` says what is to be done now.
        raise ErrorResponse(409, "Conflict", "The conversation goes on too fast to be edited. Try again.")

    def messages(self, conversation: ConversationId, utterances: Iterable[Utterance]) -> list[dict[str, Any]]:
        """What was said, as Rasa collects it."""
        recipient = conversation.partition(":")[2]
        return [{"recipient_id": recipient, **row} for said in utterances for row in wire(said)]


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
