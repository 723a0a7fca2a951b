"""Mailbox, turns and floor against a model that fits on a page."""

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.conversations import Conversations, keys
from bot.conversations.connection import Wire
from bot.errors import FloorLost, MailGrew, TurnRefused, TurnStale
from bot.records import Conversation, ConversationId, EntryKind, Floor, LogId, State, Trace, Turn, Utterance
from tests.conftest import RETENTION
from tests.contract.test_conversations import message

_examples = itertools.count()


@dataclass
class Model:
    """What a conversation is, in a few variables."""

    accepted: list[str] = field(default_factory=list)
    covered: int = 0
    said: list[str] = field(default_factory=list)
    begun: int = 0
    """How many messages the turn is for that has begun to speak or to act; 0 while none has."""
    log: list[str] = field(default_factory=list)
    version: int = 0
    epoch: int = 0
    floor: Floor = Floor.ASSISTANT

    @property
    def mail(self) -> list[str]:
        """What a turn is to be made of now: a turn that was begun takes nothing more in."""
        waiting = self.accepted[self.covered :]
        return waiting[: self.begun] if self.begun else waiting

    def refusal(self, taken: Conversation, said: int, speaks: bool) -> type[Exception] | None:
        """Why a turn of ``taken`` may not go on, after it said ``said`` utterances in all."""
        if taken.version != self.version:
            return TurnStale
        if taken.epoch != self.epoch or (speaks and self.floor is Floor.AGENT):
            return FloorLost
        if self.begun not in (0, len(taken.mail)):
            return TurnStale
        return TurnStale if said != len(self.said) else None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.integers(0, 5)),
        st.tuples(st.just("load"), st.integers(0, 1)),
        st.tuples(st.just("begin"), st.integers(0, 1)),
        st.tuples(st.just("say"), st.integers(0, 1)),
        st.tuples(st.just("commit"), st.integers(0, 1), st.booleans(), st.booleans()),
        st.tuples(st.just("floor"), st.sampled_from(Floor)),
    ),
    max_size=25,
)


async def refusal(try_it: Coroutine[None, None, LogId | None]) -> type[Exception] | None:
    """How the store refused, or None."""
    try:
        await try_it
    except TurnRefused as exc:
        return type(exc)
    return None


async def play(conversations: Conversations, name: str, played: list[tuple]) -> None:  # type: ignore[type-arg]
    conversation_id, model = ConversationId(f"rest:{name}"), Model()
    taken: dict[int, Conversation] = {}
    said: dict[int, int] = {}
    for step in played:
        match step:
            case ("accept", number):
                text = f"m{number}"
                accepted = await conversations.accept(message(text, sender=name))
                assert accepted.duplicate == (text in model.accepted)
                if not accepted.duplicate:
                    model.accepted.append(text)
                    model.log.append(text)
            case ("load", worker):
                loaded = await conversations.load(conversation_id)
                assert (loaded is None) == (not model.accepted)
                if loaded is not None:
                    assert [mail.text for mail in loaded.mail] == model.mail
                    assert [utterance.text for utterance in loaded.said] == model.said
                    assert loaded.begun == (model.begun > 0)
                    assert (loaded.version, loaded.epoch, loaded.floor) == (model.version, model.epoch, model.floor)
                    if loaded.mail:
                        taken[worker], said[worker] = loaded, len(loaded.said)
            case ("begin", worker) if worker in taken:
                refused = model.refusal(taken[worker], len(model.said), speaks=True)
                assert await refusal(conversations.begin(taken[worker])) is refused
                if refused is None:
                    model.begun = len(taken[worker].mail)
            case ("say", worker) if worker in taken:
                text = f"w{worker}s{said[worker]}v{model.version}"
                refused = model.refusal(taken[worker], said[worker], speaks=True)
                assert await refusal(conversations.say(taken[worker], Utterance(text), said[worker])) is refused
                if refused is None:
                    model.begun = len(taken[worker].mail)
                    model.said.append(text)
                    model.log.append(text)
                    said[worker] += 1
            case ("commit", worker, speaks, unless_mail_grew) if worker in taken:
                words = [f"w{worker}c{model.version}"] if speaks else []
                refused = model.refusal(taken[worker], said[worker], speaks)
                mail = len(taken[worker].mail)
                if refused is None and unless_mail_grew and not model.begun:
                    refused = MailGrew if len(model.accepted) - model.covered > mail else None
                turn = Turn(tuple(Utterance(word) for word in words), State(), Trace())
                commit = conversations.commit(taken[worker], turn, said[worker], unless_mail_grew=unless_mail_grew)
                assert await refusal(commit) is refused
                if refused is None:
                    model.log += [*words, f"turn {model.covered + mail}"]
                    model.covered += mail
                    model.version += 1
                    model.said, model.begun = [], 0
            case ("floor", floor):
                epoch = await conversations.take_floor(conversation_id, floor)
                if model.accepted:
                    model.epoch, model.floor = model.epoch + 1, floor
                    model.log.append(f"floor {floor}")
                assert epoch == (model.epoch if model.accepted else None)
    await same(conversations, conversation_id, model)


async def same(conversations: Conversations, conversation_id: ConversationId, model: Model) -> None:
    """The log is the model's; the conversation is queued just when it has mail."""
    log, covered = [], 0
    for entry in await conversations.read(conversation_id):
        match entry.kind:
            case EntryKind.SHOPPER:
                assert entry.message
                log.append(entry.message.text)
            case EntryKind.ASSISTANT:
                assert entry.utterance
                log.append(entry.utterance.text)
            case EntryKind.FLOOR:
                log.append(f"floor {entry.floor}")
            case EntryKind.TURN:
                assert list(entry.covers) == model.accepted[covered : covered + len(entry.covers)]
                covered += len(entry.covers)
                log.append(f"turn {covered}")
    assert log == model.log
    ready = await conversations.wire.ask("XRANGE", keys.ready(keys.shard_of(conversation_id)), "-", "+")
    queued = [entry for entry, (_, ready_id) in ready if ready_id.decode() == conversation_id]
    assert len(queued) == (1 if model.covered < len(model.accepted) else 0)


INTERRUPTED = [("accept", 0), ("load", 0), ("say", 0), ("accept", 1), ("load", 1), ("commit", 1, False, True)]
"""A try says something and dies; mail comes before the next try takes over."""


@given(steps)
@example(INTERRUPTED)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_that_every_history_is_one_of_the_models(redis_url: str, played: list[tuple]) -> None:  # type: ignore[type-arg]
    async def history() -> None:
        wire = Wire(redis_url)
        conversations = Conversations(wire, retention=RETENTION)
        try:
            await play(conversations, f"shopper{next(_examples)}", played)
        finally:
            await wire.aclose()

    asyncio.run(history())
