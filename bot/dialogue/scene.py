"""What a turn has done so far, how it speaks, and how it calls the shop's actions and takes over what they did."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.dialogue.forms import begun_anew, left
from bot.dialogue.policy import Thresholds
from bot.dialogue.project import REQUESTED, Domain
from bot.dialogue.trail import known, looped
from bot.errors import ActionUnavailable
from bot.ports import Actions, Voice
from bot.records import (
    Act,
    ActionResult,
    Conversation,
    Escalate,
    Receipt,
    State,
    Understanding,
    Utterance,
)

_CALLS = 2
"""Of one action. Whether a call without an answer did anything is not known; called again with the same key, it tells
what was done, or does it now, and does nothing twice."""


@dataclass(slots=True)
class Scene:
    """One turn, as far as it got. It changes as it goes on, and is gone with the turn."""

    domain: Domain
    actions: Actions
    thresholds: Thresholds
    conversation: Conversation
    voice: Voice
    state: State
    understanding: Understanding = field(default_factory=lambda: Understanding("", "", (), 0.0))
    """The message, or the part of it, that is answered now."""
    said: list[Utterance] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    handover: Escalate | None = None
    """A person is to be called, and nothing more is to be done."""
    acted: Act | None = None
    """The last action on the shop's systems that a rule or story had, or that failed."""
    failed: bool = False
    """Whether an action could not be run."""
    following: str | None = None
    """The action that comes next, because one has named it."""
    told: set[str] = field(default_factory=set)
    """Slots that actions set, which know best how long to remember them."""
    _calls: Counter[str] = field(default_factory=Counter)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done in this turn."""
        return self.failed or self.handover is not None

    @property
    def seed(self) -> str:
        """What picks wordings: the same in every try of the turn."""
        return self.conversation.turn

    def respond(self, *responses: str) -> None:
        """Say responses of the shop's domain."""
        self.said += map(self.worded, responses)

    def named(self, response: str) -> str | None:
        """The response itself; of a retrieval intent's, as ``utter_faq``, the one for what was asked:
        ``utter_faq/returns``."""
        if response in self.domain.responses:
            return response
        base, _, which_one = (self.understanding.intents[0].name if self.understanding.intents else "").partition("/")
        full = f"utter_{base}/{which_one}"
        if response == f"utter_{base}" and full in self.domain.responses:
            return full
        return next((name for name in self.domain.responses if name.startswith(f"{response}/")), None)

    def worded(self, response: str) -> Utterance:
        """A response in the shop's words."""
        channel = self.conversation.mail[-1].channel
        return self.domain.respond(response, self.state.language, self.words(), self.seed, channel)

    def words(self) -> dict[str, Any]:
        """What fills the names in responses: slots, and as in Rasa entities of this message."""
        entities = {entity.name: entity.value for entity in self.understanding.entities}
        return {**self.domain.initial, **entities, **self.state.slots}

    async def act(self, action: str, candidates: Mapping[str, Any]) -> None:
        """Run an action, and take over what it did."""
        if (result := await self.call(action, candidates)) is not None:
            self.take(result)

    async def call(self, action: str, candidates: Mapping[str, Any]) -> ActionResult | None:
        """Call the action server; a failure is said, offers a person, and is never passed off as done.

        Raises:
            TurnRefused: the floor or the version changed; nothing was called.
        """
        await self.voice.begin()
        ordinal = self._calls[action]
        self._calls[action] += 1
        for _ in range(_CALLS):
            try:
                return await self.actions.run(
                    *(action, replace(self.conversation, state=self.state), self.understanding),
                    candidates=candidates,
                    ordinal=ordinal,
                )
            except ActionUnavailable as exc:
                self.notes.append(str(exc))
        self.failed, self.acted = True, Act(action)
        self.respond("utter_action_failed")
        return None

    def take(self, result: ActionResult, *, told: bool = True) -> None:
        """Take over what an action said and set."""
        self.said += result.utterances
        self.notes += result.notes
        if result.receipt is not None:
            self.receipts.append(result.receipt)
            self.voice.did(result.receipt)
        if result.restarts:
            self.state = begun_anew(self.state, self.domain)
        if result.forgets:
            self.state = known(self.state, {**dict.fromkeys(self.state.slots), **self.domain.initial})
        slots = {name: value for name, value in result.slots.items() if name != REQUESTED}
        self.state = known(self.state, slots)
        if told:
            self.told |= slots.keys()
            if result.loop == "" and self.state.form is not None:
                self.state = left(self.state)
            elif result.loop:
                self.state = looped(self.state, result.loop)
        if result.followup is not None and result.followup.startswith("utter_") and not self.named(result.followup):
            self.notes.append(f"{result.followup} is to follow, which is no response")
        else:
            self.following = result.followup or self.following
        if result.pauses:
            self.handover = Escalate("an action paused the conversation")
