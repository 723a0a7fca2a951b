"""The way of a message: from the mail of a conversation to a turn that is ready to commit."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.dialogue.burst import parts, told_apart
from bot.dialogue.fallback import affirmed
from bot.dialogue.forms import left
from bot.dialogue.hours import DeskHours
from bot.dialogue.mail import Mail, opened, read_mail, session
from bot.dialogue.policy import Thresholds, decide, needs_knowledge, unanswered
from bot.dialogue.project import Domain
from bot.dialogue.steps import Play
from bot.dialogue.trail import rested
from bot.errors import KefuError
from bot.generation.suggest import suggest
from bot.grounding.shown import clean, presentable
from bot.ladder import Ladder, Reply, impersonal
from bot.ports import Actions, Recognizer, Retriever, Voice
from bot.records import (
    Answer,
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
        state, is_new = session(opened(conversation), conversation, self.domain)
        mail = read_mail(conversation.mail, self.domain)
        if mail.wants_human:
            return await self._call_a_person(mail, state, conversation, voice, watch)
        if response := self._unreadable(mail):
            reply = self._respond(response, state=state, conversation=conversation)
            return Turn(reply.utterances, state, Trace(state.language, decision=str(Answer(response))))

        play = Play(self.domain, self.actions, self.thresholds, conversation, voice, state)
        if is_new:
            await play.begin()
        with watch.stage("understand"):
            wishes = await self._wishes(mail, state, conversation)
        # The writer's words leave at once, so only a wish that stands alone may have them: order is order.
        ladder = self.ladder if len(wishes) == 1 else replace(self.ladder, writer=None)
        granted = [await self._grant(wishes[0], play, ladder, voice, watch, named=mail.payload is not None)]
        while wishes := await self._postponed(wishes[1:], play):
            granted.append(await self._grant(wishes[0], play, replace(ladder, writer=None), voice, watch))

        floor = None
        if play.handover:
            play.state, floor = left(replace(play.state, pending=())), Floor.WAITING
            play.said += self._hand_over(play.state, conversation, play.handover.response).utterances
        elif mail.has_files:
            play.respond("utter_file_received")
        if not play.said and not any(grant.reply for grant in granted):
            play.respond("utter_done")  # What was done had no words, and nothing follows: that must not be silence.
        reply = _reply(granted, play)
        utterances = tuple(presentable(utterance) for utterance in reply.utterances)
        state = _remember(play.finished(), mail.text, reply, self.domain)
        trace = _trace(granted, play, reply, watch)
        return Turn(utterances, state, trace, floor, tuple(play.receipts))

    async def _wishes(self, mail: Mail, state: State, conversation: Conversation) -> tuple[Understanding, ...]:
        """What the mail means: one thing most of the time, or several to be granted one after the other."""
        whole = await self._understand(mail, state)
        # What an interrupted try of this turn said already was an answer to the whole.
        divided = parts(mail.text) if mail.payload is None and state.form is None and not conversation.said else ()
        if len(divided) < 2:
            return (whole,)
        texts = told_apart(await self._understand_all(divided, state), state, self.domain, self.thresholds)
        return await self._understand_all(texts, state) if texts else (whole,)

    async def _understand(self, mail: Mail, state: State) -> Understanding:
        if mail.payload is not None:
            return mail.payload.understood(state, self.domain)
        return await self.recognizer.understand(mail.text, state)

    async def _understand_all(self, texts: Sequence[str], state: State) -> tuple[Understanding, ...]:
        return tuple(await asyncio.gather(*(self.recognizer.understand(text, state) for text in texts)))

    async def _postponed(self, rest: tuple[Understanding, ...], play: Play) -> tuple[Understanding, ...]:
        """The wishes that can be granted now; they wait while a form is open or an action is away, over turns if need
        be."""
        waiting = (*play.state.pending, *(wish.text for wish in rest))
        if play.over or play.state.form is not None or not waiting:
            play.state = replace(play.state, pending=waiting)
            return ()
        play.state = replace(play.state, pending=waiting[1:])
        return (await self.recognizer.understand(waiting[0], play.state),)

    async def _grant(
        self, wish: Understanding, play: Play, ladder: Ladder, voice: Voice, watch: Stopwatch, *, named: bool = False
    ) -> "_Granted":
        """Grant one wish: decide what it leads to, and do that."""
        wish = affirmed(wish, play.state)
        await play.hear(wish)
        found, reply = NOTHING, None
        if needs_knowledge(play.state, wish, self.domain, self.thresholds, named=named):
            with watch.stage("retrieve"):
                found = await self.retriever.search(wish, play.state)
        play.speak_of(found)
        decision: Decision = Answer()
        with watch.stage("reply"):
            while not play.over:
                floor = play.conversation.floor
                decision = decide(play.state, wish, found, floor, self.domain, self.thresholds)
                if decision == Answer():
                    reply = await self._answer(wish, found, play, ladder, voice)
                else:
                    await play.carry_out(decision)
                if not play.refused:
                    break
        if play.acted is not None and not play.failed and found.products:
            # "And in red?" is about the product that the action spoke of too.
            play.state = replace(play.state, focus=found.products, filters=found.filters)
        return _Granted(wish, found, decision, reply)

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
        state = _remember(state, mail.text, replace(reply, utterances=utterances), self.domain)
        return Turn(utterances, state, trace, Floor.WAITING)

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
        channel, turn = conversation.mail[-1].channel, conversation.turn
        said = (self.domain.respond(name, state.language, state.slots, turn, channel) for name in responses)
        return Reply(Rung.RESPONSE, tuple(said))

    async def _answer(self, wish: Understanding, found: Findings, play: Play, ladder: Ladder, voice: Voice) -> Reply:
        """Answer from the knowledge, remember what the talk is about, and go back to what was asked before."""
        reply = await ladder.climb(wish, found, play.conversation, voice)
        if reply.rung is Rung.UNANSWERED:
            # In a form its question follows, and nobody could press these.
            nearest = () if play.state.form else suggest(found.hits, wish.language)
            response = unanswered(play.state, wish, bool(nearest), self.thresholds)
            (utterance,) = self._respond(response, state=play.state, conversation=play.conversation).utterances
            if response == "utter_suggest":
                utterance = replace(utterance, buttons=(*nearest, *utterance.buttons))
            reply = replace(reply, utterances=(utterance,))
            play.state = replace(play.state, unanswered=play.state.unanswered + 1)
        else:
            topic = impersonal(wish, found.query)
            play.state = replace(play.state, focus=found.products, filters=found.filters, topic=topic, unanswered=0)
        await play.answered(reply.utterances)
        return reply


@dataclass(frozen=True, slots=True)
class _Granted:
    """A wish and what became of it."""

    wish: Understanding
    found: Findings
    decision: Decision
    reply: Reply | None
    """From the knowledge, if it was asked."""


def _reply(granted: Sequence[_Granted], play: Play) -> Reply:
    """All that was said in a turn, under the rung of what it did or found last."""
    answers = [grant.reply for grant in granted if grant.reply is not None]
    reply = answers[-1] if answers else Reply(Rung.RESPONSE)
    verdicts = tuple(verdict for answer in answers for verdict in answer.verdicts)
    notes = (*(note for answer in answers for note in answer.notes), *play.notes)
    rung = reply.rung if play.acted is None else Rung.RESPONSE if play.failed else Rung.ACTION
    return replace(reply, rung=rung, utterances=tuple(play.said), verdicts=verdicts, notes=notes)


def _remember(state: State, text: str, reply: Reply, domain: Domain) -> State:
    words = " ".join(utterance.text for utterance in (*reply.said, *reply.utterances) if utterance.text)
    return rested(replace(state, history=(*state.history, Exchange(text, words))[-REMEMBERED:]), domain)


def _trace(granted: Sequence[_Granted], play: Play, reply: Reply, watch: Stopwatch) -> Trace:
    """Why a turn said what it said; of several wishes, the first is told of."""
    first = granted[0]
    done = play.handover or play.acted
    return Trace(
        language=first.wish.language,
        intents=first.wish.intents[:5],
        in_scope=first.wish.in_scope,
        entities=first.wish.entities,
        mood=first.wish.mood,
        decision="; ".join(map(str, [done] if done else [grant.decision for grant in granted])),
        query=first.found.query,
        answerable=first.found.answerable,
        passages=tuple((hit.passage.id, round(hit.score, 4)) for hit in first.found.hits[:5]),
        rung=reply.rung,
        verdicts=reply.verdicts,
        notes=(*(note for grant in granted for note in grant.wish.notes), *reply.notes),
        milliseconds=watch.read(),
    )
