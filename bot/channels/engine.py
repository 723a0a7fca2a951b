"""What Rasa's HTTP API asks of the dialogue, and the assistant's answers to it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from bot.assistant import Assistant
from bot.dialogue.mail import read_payload
from bot.dialogue.slots import CONFIRMED, extract
from bot.dialogue.trail import known
from bot.records import ActionResult, Conversation, ConversationId, Message, MessageId, State, Understanding


class Dialogue(Protocol):
    """An assistant, from outside of any turn."""

    @property
    def domain(self) -> Mapping[str, Any]:
        """The domain as Rasa writes it."""
        ...

    @property
    def intents(self) -> Collection[str]:
        """Names that can be triggered."""
        ...

    @property
    def actions(self) -> Collection[str]:
        """Names of actions and responses that can be executed."""
        ...

    async def understand(self, text: str, state: State) -> Understanding:
        """What ``text`` means, as the next message or as the payload of a button.

        Raises:
            Unavailable: a recognizer outside this process does not answer.
        """
        ...

    def fill(self, state: State, understanding: Understanding) -> State:
        """The state with the slots that an understanding fills."""
        ...

    async def execute(self, action: str, conversation: Conversation) -> ActionResult:
        """Run an action, or word a response. The conversation's turn is the key by which it happens once.

        Raises:
            ActionUnavailable: no answer, or nonsense; whether it happened is not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class AssistantDialogue:
    """`Dialogue` over the assistant that makes the turns."""

    assistant: Assistant

    @property
    def domain(self) -> Mapping[str, Any]:
        """`domain.yml`, as the shop wrote it."""
        return self.assistant.domain.source

    @property
    def intents(self) -> Collection[str]:
        """Those of the domain and of the rules."""
        return self.assistant.domain.intents

    @property
    def actions(self) -> Collection[str]:
        """The domain's actions and its responses."""
        return self.assistant.domain.actions | self.assistant.domain.responses.keys()

    async def understand(self, text: str, state: State) -> Understanding:
        """What ``text`` means.

        Raises:
            Unavailable: a recognizer outside this process does not answer.
        """
        said = Message(MessageId(""), ConversationId(""), "", "", text, datetime.now(UTC))
        payload = read_payload(said, self.assistant.domain)
        if payload is not None:
            return payload.understood(state, self.assistant.domain)
        return await self.assistant.recognizer.understand(text, state)

    def fill(self, state: State, understanding: Understanding) -> State:
        """The state with the slots that an understanding fills."""
        intent = understanding.intents[0].name if understanding.intents else ""
        found = extract(state, understanding, intent, self.assistant.domain)
        # A yes is given to a summary that was just said, and nobody says one here.
        return known(state, {slot: value for slot, value in found.items() if slot != CONFIRMED})

    async def execute(self, action: str, conversation: Conversation) -> ActionResult:
        """Run an action, or word a response.

        Raises:
            ActionUnavailable: no answer, or nonsense; whether it happened is not known.
        """
        state = conversation.state
        if action in self.assistant.domain.responses:
            channel = conversation.mail[-1].channel
            said = self.assistant.domain.respond(action, state.language, state.slots, conversation.turn, channel)
            return ActionResult((said,))
        nothing = Understanding("", state.language, (), 0.0)
        return await self.assistant.actions.run(action, conversation, nothing)
