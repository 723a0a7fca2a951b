"""The way of a message: from the mail of a conversation to a turn that is ready to commit."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.dialogue.domain import Domain
from bot.dialogue.forms import asked, fill, left, submitted
from bot.dialogue.hours import DeskHours
from bot.dialogue.mail import Mail, opened, read_mail
from bot.dialogue.policy import Thresholds, decide, needs_knowledge, unanswered
from bot.errors import ActionUnavailable, KefuError
from bot.generation.suggest import suggest
from bot.grounding.shown import clean, presentable
from bot.ladder import Ladder, Reply, impersonal
from bot.ports import Actions, Recognizer, Retriever, Voice
from bot.records import (
    Act,
    Answer,
    Ask,
    Conversation,
    Decision,
    Escalate,
    Exchange,
    Findings,
    Floor,
    Rung,
    State,
    Trace,
    Turn,
    Understanding,
)
from bot.telemetry import Stopwatch
from bot.understanding.language import detect_language

REMEMBERED = 6
"""Past exchanges that a state keeps: enough for "and in red?", small enough to store with every turn."""

AT_ONCE = 2.0
"""Seconds that an answer may take beside a call for a person, who shall not wait for it."""

NOTHING = Findings("", (), 0.0)
"""What is found when nothing has to be searched."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers shoppers. It holds no conversation of its own: all of it comes in and goes out with the turn."""

    recognizer: Recognizer
    retriever: Retriever
    actions: Actions
    ladder: Ladder
    domain: Domain
    hours: DeskHours
    thresholds: Thresholds
    max_characters: int

    async def handle(self, conversation: Conversation, voice: Voice) -> Turn:
        """Make one turn of all the mail of ``conversation``.

        Sentences of the writer leave through ``voice`` while the turn is made; everything else leaves with the commit.
        Whoever calls it sees to it that no agent has the floor.

        Raises:
            TurnRefused: the conversation moved on; what was drafted is dropped.
            Unavailable: a recognizer outside this process is down; the turn is tried again.
        """
        watch = Stopwatch()
        state = opened(conversation)
        mail = read_mail(conversation.mail, self.domain)
        if mail.wants_human:
            return await self._call_a_person(mail, state, conversation, voice, watch)
        if response := self._unreadable(mail):
            reply = self._respond(response, state=state, conversation=conversation)
            return Turn(reply.utterances, state, Trace(state.language, decision=str(Answer(response))))

        with watch.stage("understand"):
            understood = await self._understand(mail, state)
        state = fill(state, understood, self.domain)
        found = NOTHING
        if needs_knowledge(state, understood, self.domain, self.thresholds, named=mail.payload is not None):
            with watch.stage("retrieve"):
                found = await self.retriever.search(understood, state)

        decision = decide(state, understood, found, conversation.floor, self.domain, self.thresholds)
        floor = None
        with watch.stage("reply"):
            match decision:
                case Ask(form, slot, response):
                    state = asked(state, form, slot)
                    reply = self._respond(response, state=state, conversation=conversation)
                case Act():
                    reply, state = await self._act(decision, state, conversation, understood)
                case Escalate(_, response):
                    state, floor = left(state), Floor.WAITING
                    reply = self._hand_over(state, conversation, response)
                case Answer(None):
                    reply, state = await self._answer(understood, found, left(state), conversation, voice)
                case Answer(str(response)):
                    state = left(state)
                    reply = self._respond(response, state=state, conversation=conversation)

        if mail.has_files and floor is None:
            unseen = self._respond("utter_file_received", state=state, conversation=conversation)
            reply = replace(reply, utterances=(*reply.utterances, *unseen.utterances))
        trace = _trace(understood, found, decision, reply, watch)
        utterances = tuple(presentable(utterance) for utterance in reply.utterances)
        return Turn(utterances, _remember(state, mail.text, reply), trace, floor, reply.receipt)

    async def _understand(self, mail: Mail, state: State) -> Understanding:
        if mail.payload is not None:
            return mail.payload.understood(state, self.domain)
        return await self.recognizer.understand(mail.text, state)

    async def _call_a_person(
        self, mail: Mail, state: State, conversation: Conversation, voice: Voice, watch: Stopwatch
    ) -> Turn:
        """Hand over because the button for it was pressed: no model is needed, and none can delay it.

        What was asked in the same breath is answered too where that takes no time; else the person reads it.
        """
        state = left(replace(state, language=detect_language(mail.text, state.language)))
        reply = Reply(Rung.RESPONSE, said=conversation.said)
        if not self._unreadable(mail):
            with suppress(KefuError, TimeoutError):
                async with asyncio.timeout(AT_ONCE):
                    with watch.stage("understand"):
                        understood = await self._understand(mail, state)
                    with watch.stage("retrieve"):
                        found = await self.retriever.search(understood, state)
                    with watch.stage("reply"):
                        reply = await replace(self.ladder, writer=None).climb(understood, found, conversation, voice)
        handed = self._hand_over(state, conversation)
        utterances = tuple(map(presentable, (*reply.utterances, *handed.utterances)))
        trace = Trace(
            state.language,
            decision=str(Escalate("the shopper pressed the button for a person")),
            rung=reply.rung,
            notes=reply.notes,
            milliseconds=watch.read(),
        )
        return Turn(
            utterances, _remember(state, mail.text, replace(reply, utterances=utterances)), trace, Floor.WAITING
        )

    def _hand_over(self, state: State, conversation: Conversation, before: str | None = None) -> Reply:
        """Say that a person is called, with what is said ``before``; once they are, it is no news any more."""
        if conversation.floor is Floor.WAITING:
            said = "utter_handoff_again"
        else:
            said = "utter_handoff" if self.hours.open_at(datetime.now(UTC)) else "utter_handoff_offline"
        return self._respond(*filter(None, (before, said)), state=state, conversation=conversation)

    def _unreadable(self, mail: Mail) -> str | None:
        """The response to mail that holds nothing to understand, or more than is read."""
        if len(mail.text) > self.max_characters:
            return "utter_too_long"
        if clean(mail.text):
            return None
        return "utter_file_received" if mail.has_files else "utter_empty"

    def _respond(self, *responses: str, state: State, conversation: Conversation) -> Reply:
        """Responses of the shop's domain."""
        said = (self.domain.respond(name, state.language, state.slots, conversation.turn) for name in responses)
        return Reply(Rung.RESPONSE, tuple(said))

    async def _answer(
        self, understood: Understanding, found: Findings, state: State, conversation: Conversation, voice: Voice
    ) -> tuple[Reply, State]:
        """Answer from the knowledge, and remember what the talk is about."""
        reply = await self.ladder.climb(understood, found, conversation, voice)
        if reply.rung is Rung.UNANSWERED:
            nearest = suggest(found.hits, understood.language)
            response = unanswered(state, understood, bool(nearest), self.thresholds)
            (utterance,) = self._respond(response, state=state, conversation=conversation).utterances
            if response == "utter_suggest":
                utterance = replace(utterance, buttons=(*nearest, *utterance.buttons))
            return replace(reply, utterances=(utterance,)), replace(state, unanswered=state.unanswered + 1)
        about = replace(
            state, focus=found.products, filters=found.filters, topic=impersonal(understood, found.query), unanswered=0
        )
        return reply, about

    async def _act(
        self, act: Act, state: State, conversation: Conversation, understood: Understanding
    ) -> tuple[Reply, State]:
        """Run an action; a failure is said and offers a person, and is never passed off as done."""
        try:
            result = await self.actions.run(act.action, replace(conversation, state=state), understood)
        except ActionUnavailable as exc:
            return replace(
                self._respond("utter_action_failed", state=state, conversation=conversation), notes=(str(exc),)
            ), left(state)
        state = submitted(state, act.form, self.domain) if act.form else left(state)
        slots = {**state.slots, **result.slots}
        state = replace(state, slots={name: value for name, value in slots.items() if value is not None})
        # An action without words must not end in silence.
        said = result.utterances or self._respond("utter_done", state=state, conversation=conversation).utterances
        return Reply(Rung.ACTION, said, receipt=result.receipt), state


def _remember(state: State, text: str, reply: Reply) -> State:
    words = " ".join(utterance.text for utterance in (*reply.said, *reply.utterances) if utterance.text)
    return replace(state, history=(*state.history, Exchange(text, words))[-REMEMBERED:])


def _trace(understood: Understanding, found: Findings, decision: Decision, reply: Reply, watch: Stopwatch) -> Trace:
    return Trace(
        language=understood.language,
        intents=understood.intents[:5],
        in_scope=understood.in_scope,
        entities=understood.entities,
        mood=understood.mood,
        decision=str(decision),
        query=found.query,
        answerable=found.answerable,
        passages=tuple((hit.passage.id, round(hit.score, 4)) for hit in found.hits[:5]),
        rung=reply.rung,
        verdicts=reply.verdicts,
        notes=(*understood.notes, *reply.notes),
        milliseconds=watch.read(),
    )
