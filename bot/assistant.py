"""The way of a message: from the mail of a conversation to a turn that is ready to commit."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.dialogue.domain import Domain
from bot.dialogue.forms import asked, fill, left, submitted
from bot.dialogue.hours import DeskHours
from bot.dialogue.policy import Thresholds, decide, is_social, unanswered
from bot.errors import ActionUnavailable
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

REMEMBERED = 6
"""Past exchanges that a state keeps: enough for "and in red?", small enough to store with every turn."""

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

        Raises:
            TurnRefused: the conversation moved on; what was drafted is dropped.
            Unavailable: a recognizer outside this process is down; the turn is tried again.
        """
        if conversation.floor is Floor.AGENT:
            return Turn((), conversation.state, Trace(decision="an agent has the floor"))

        watch = Stopwatch()
        text = "\n".join(message.text for message in conversation.mail).strip()
        if unreadable := self._unreadable(text):
            reply = self._respond(unreadable, state=conversation.state, conversation=conversation)
            return Turn(reply.utterances, conversation.state, Trace(decision=unreadable))

        with watch.stage("understand"):
            understood = await self.recognizer.understand(text, conversation.state)
        state = fill(conversation.state, understood, self.domain)
        found = NOTHING
        if not is_social(state, understood, self.domain, self.thresholds):
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
                    handoff = "utter_handoff" if self.hours.open_at(datetime.now(UTC)) else "utter_handoff_offline"
                    reply = self._respond(*filter(None, (response, handoff)), state=state, conversation=conversation)
                case Answer(None):
                    reply, state = await self._answer(understood, found, left(state), conversation, voice)
                case Answer(str(response)):
                    state = left(state)
                    reply = self._respond(response, state=state, conversation=conversation)

        trace = _trace(understood, found, decision, reply, watch)
        utterances = tuple(presentable(utterance) for utterance in reply.utterances)
        return Turn(utterances, _remember(state, text, reply), trace, floor, reply.receipt)

    def _unreadable(self, text: str) -> str | None:
        """The response to mail that holds nothing to understand, or more than is read."""
        if len(text) > self.max_characters:
            return "utter_too_long"
        return None if clean(text) else "utter_empty"

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
    words = " ".join(utterance.text for utterance in (*reply.said, *reply.utterances))
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
        notes=reply.notes,
        milliseconds=watch.read(),
    )
