"""Makes turns of mail: takes ready conversations, lets the assistant handle each, and commits behind the fence."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from bot.conversations.queue import Lease
from bot.conversations.store import Conversations
from bot.conversations.tenure import Tenure, reached
from bot.dialogue.mail import opened
from bot.errors import KefuError, StoreRefused, StoreUnavailable, TurnRefused
from bot.ports import Voice
from bot.records import Conversation, Floor, LogId, Message, Receipt, Trace, Turn, Utterance
from bot.settings import Settings
from bot.telemetry.metrics import TURN_RETRIES
from bot.telemetry.turns import LISTENED, SET_ASIDE, Record, ids
from bot.understanding.language import detect_language

_log = logging.getLogger(__name__)

Handle = Callable[[Conversation, Voice], Awaitable[Turn]]
"""Make a turn of a conversation's mail. What it says by the voice is not in the turn's utterances any more."""

Unfinished = Callable[[Sequence[Message]], bool]
"""Whether the mail reads like a thought whose rest is still being typed."""

TRIES = 5
"""Of one turn, over all workers. A message that nobody can answer must not stop its conversation for ever."""

MAIL_GREW = 3
"""How often a turn is made anew for newer mail; then it is committed, and the newer mail has a turn of its own."""

TURN_LIMIT = timedelta(minutes=5)
"""Every stage has its own time-out; a turn longer than this hangs."""

_REFUSALS = 10
"""Times that a conversation may move on under a turn before a pause is due: so often is no coincidence."""

_FIRST_PAUSE = timedelta(milliseconds=200)
"""Before a failed turn is tried again; doubled each time."""

_OUTAGE = timedelta(seconds=1)
"""Before a turn that Redis's outage ended is made again: all of its work may be in vain once more."""

_ENOUGH = 1000
"""Characters of mail that tell its language. Nobody knows what made its turns fail; that shall not be met again."""

SORRY: Mapping[str, str] = MappingProxyType(
    {
        "en": "Sorry, something went wrong and I could not answer that. Please ask again, or ask for a human.",
        "zh": "抱歉，系统出了点问题，刚才的消息我没能回复。请再问一次，或者输入“人工客服”。",
    }
)
"""What a shopper reads when every try of a turn failed, by language."""

UNSURE: Mapping[str, str] = MappingProxyType(
    {
        "en": "Sorry, something went wrong, and I cannot say what of it was done. A person will look at it.",
        "zh": "抱歉，系统出了点问题，我无法确认刚才的操作是否完成。人工客服会为您查看。",
    }
)
"""… and the turn had begun to act."""

NOTHING: Mapping[str, Receipt] = MappingProxyType({})
"""No receipts."""

CUT_SHORT = "the turn had begun to speak or to act: what an action did stands in the shop's own records"
"""The note on a turn that ends without the assistant, for who reads the log."""


class StoreVoice:
    """`bot.ports.Voice` of one try of a turn: each sentence goes through the store's fence."""

    def __init__(
        self, conversations: Conversations, conversation: Conversation, lease: Lease, done: dict[str, Receipt]
    ) -> None:
        self._conversations = conversations
        self._conversation = conversation
        self._lease = lease
        self.done = done
        """Receipts of this turn so far, by their ids, over all its tries in this process."""
        self.said = len(conversation.said)
        """Utterances of this turn that are out, with those of earlier tries."""
        self.first: LogId | None = None
        """What this try said first."""
        self.words: list[str] = []
        """What this try said, for a log that may hold it."""

    async def begin(self) -> None:
        """Begin to act.

        Raises:
            TurnRefused: the floor or the version changed; stop, and do nothing.
            StoreUnavailable: Redis does not answer; do nothing either.
        """
        await self._conversations.begin(self._conversation, self._lease)

    def did(self, receipt: Receipt) -> None:
        """Keep it: what is done again under the same key has the same receipt."""
        self.done[receipt.id] = receipt

    async def say(self, utterance: Utterance) -> None:
        """Say it.

        Raises:
            TurnRefused: the floor or the version changed; stop, nothing was said.
            StoreUnavailable: Redis does not answer.
        """
        place = await self._conversations.say(self._conversation, utterance, self.said, self._lease)
        self.first = self.first or place
        self.words.append(utterance.text)
        self.said += 1


@dataclass(frozen=True, slots=True)
class _Retry:
    """A turn has to be tried again."""

    pause: timedelta
    counts: bool = True
    """As one of its `TRIES`: an outage of Redis is no fault of the turn, and must set no message aside."""


class Worker:
    """Makes up to ``settings.turns`` turns at once; any number of workers share one Redis.

    A conversation is leased to one worker at a time, and what a stale owner still tries is refused by the store. So
    every message is answered once and in order, whatever happens to the worker.
    """

    def __init__(
        self,
        conversations: Conversations,
        handle: Handle,
        settings: Settings,
        unfinished: Unfinished = lambda mail: False,
    ) -> None:
        """Prepare; nothing is taken before `run`."""
        self._conversations = conversations
        self._handle = handle
        self._unfinished = unfinished
        self._turns = settings.turns
        self._quiet = settings.burst_quiet
        self._grace = settings.stop_timeout
        self._tenure = Tenure(conversations.wire, settings)
        self._making = asyncio.Semaphore(settings.turns)
        self._busy = 0
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._run: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it works: it was entered and has not ended, neither by `stop` nor by an error."""
        return self._run is not None and not self._run.done()

    async def __aenter__(self) -> "Worker":
        self._run = asyncio.create_task(self.run(), name="kefu-worker")
        return self

    async def __aexit__(self, *failure: object) -> None:
        assert self._run is not None, "entered before"
        self.stop()
        await self._run

    async def run(self) -> None:
        """Work until `stop`, through any outage of Redis.

        Then take nothing more, finish the turns under way for up to ``settings.stop_timeout``, and let other workers
        have the rest at once.
        """
        self._tenure.begin()
        while not self._stopping.is_set() and not await reached(self._tenure.queue.open):
            pass
        try:
            async with asyncio.TaskGroup() as group:
                taker = group.create_task(self._take_for_ever(), name="kefu-taker")
                keeper = group.create_task(self._tenure.keep(), name="kefu-leases")
                inherit = self._tenure.inherit(self._turns, self._begin, self._room.is_set)
                heir = group.create_task(inherit, name="kefu-heir")
                await self._stopping.wait()
                taker.cancel()
                heir.cancel()
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=self._grace.total_seconds())
                keeper.cancel()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tenure.end()

    def stop(self) -> None:
        """Tell `run` to end."""
        self._stopping.set()

    async def _take_for_ever(self) -> None:
        while not self._stopping.is_set():
            await self._room.wait()
            await reached(self._take)

    async def _take(self) -> None:
        # At least one: a claim may have used up the room since it was seen.
        for lease in await self._tenure.queue.take(max(1, self._turns - self._busy)):
            self._begin(lease)

    def _begin(self, lease: Lease) -> None:
        if lease in self._tenure.held:
            return  # Renewed too late and claimed by ourselves; its turn is under way.
        self._tenure.held.add(lease)
        self._occupy(1)
        task = asyncio.create_task(self._work(lease), name=f"kefu-turn-{lease.entry}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _occupy(self, turns: int) -> None:
        self._busy += turns
        if self._busy < self._turns:
            self._room.set()
        else:
            self._room.clear()

    async def _work(self, lease: Lease) -> None:
        try:
            retry = await self._answer(lease)
        finally:
            self._tenure.held.discard(lease)
            self._occupy(-1)
        if retry is None or self._stopping.is_set():
            return
        try:
            again = await self._tenure.queue.retry_after(lease, retry.pause, counts=retry.counts)
        except StoreUnavailable:
            return  # Claimed by whoever is there when Redis is back.
        if again is not None:
            TURN_RETRIES.inc()
            self._begin(again)

    async def _answer(self, lease: Lease) -> _Retry | None:
        """Cover the mail under ``lease``; None when there is nothing to try again."""
        tries = 0
        done: dict[str, Receipt] = {}
        about = {"conversation": str(lease.conversation)}
        try:
            for refused in range(_REFUSALS):
                conversation = await self._settled(lease)
                if conversation is None:
                    return None
                tries = conversation.tries
                about = ids(conversation)
                try:
                    async with self._making:
                        await self._make_turn(conversation, lease, done, unless_mail_grew=refused < MAIL_GREW)
                    return None
                except TurnRefused as exc:
                    _log.debug("a turn of %s is dropped: %s", lease.conversation, exc)
        except StoreUnavailable as exc:  # No fault of the turn, and every turn under way says so: no traceback each.
            _log.warning("a try of a turn ended: %s", exc, extra=about | {"try": str(tries + 1)})
            if not isinstance(exc, StoreRefused):  # That may well be for something in the turn.
                return _Retry(_OUTAGE, counts=False)
        except Exception:  # The edge: whatever one turn does, the others go on.
            _log.exception("a try of a turn failed", extra=about | {"try": str(tries + 1)})
        return _Retry(_FIRST_PAUSE * (1 << min(tries, TRIES)))  # Without a bound, no timedelta could hold it one day.

    async def _settled(self, lease: Lease) -> Conversation | None:
        """Load the conversation; where its mail is an unfinished thought, once it is finished or the shopper pauses.

        Waiting makes room for another turn: it costs nothing but this task.
        """
        conversation = await self._conversations.load(lease.conversation, lease)
        if conversation is None or not self._is_unfinished(conversation):
            return conversation
        self._occupy(-1)
        try:
            async with self._conversations.follow(lease.conversation) as grown:
                while conversation is not None and self._is_unfinished(conversation):
                    quiet = self._quiet - (datetime.now(UTC) - conversation.mail[-1].received_at)
                    if not await grown(min(quiet, self._quiet)):
                        break
                    conversation = await self._conversations.load(lease.conversation, lease)
        finally:
            self._occupy(1)
        return conversation

    def _is_unfinished(self, conversation: Conversation) -> bool:
        fresh = (
            conversation.readable
            and not conversation.begun
            and conversation.tries == 0
            and conversation.floor is not Floor.AGENT
        )
        return fresh and self._unfinished(conversation.mail)

    async def _make_turn(
        self, conversation: Conversation, lease: Lease, done: dict[str, Receipt], *, unless_mail_grew: bool
    ) -> None:
        voice = StoreVoice(self._conversations, conversation, lease, done)
        with Record(conversation) as record:
            turn = await self._turn(conversation, voice)
            # What was done stays done, also where the words for it were refused because an agent took the floor.
            turn = replace(turn, receipts=tuple({**done, **{kept.id: kept for kept in turn.receipts}}.values()))
            with record.watch.stage("commit"):
                end = await self._conversations.commit(
                    conversation, turn, voice.said, lease=lease, unless_mail_grew=unless_mail_grew
                )
            record.ended(turn, end, voice.first, voice.words)

    async def _turn(self, conversation: Conversation, voice: StoreVoice) -> Turn:
        if conversation.floor is Floor.AGENT:
            # An agent reads along in the log; the assistant only takes note.
            return Turn((), conversation.state, Trace(decision=LISTENED, notes=_cut_short(conversation, voice.done)))
        if conversation.tries >= TRIES:
            return set_aside(conversation)
        if not conversation.readable:
            # In an upgrade under way a newer process may be able to; the last try sets it aside.
            raise KefuError(f"what is stored of {conversation.id} cannot be read")
        async with asyncio.timeout(TURN_LIMIT.total_seconds()):
            return await self._handle(conversation, voice)


def set_aside(conversation: Conversation) -> Turn:
    """The turn for mail that could not be answered: an apology in its language, and a note for who reads the log.

    Who pressed the button for a person gets one all the same, and so does who had begun to get something done.
    """
    acted = conversation.begun and not conversation.said  # What speaks while it is made answers, and does nothing.
    wanted = acted or any(message.wants_human for message in conversation.mail)
    sorry = UNSURE if acted else SORRY
    state = opened(conversation)
    words = " ".join(message.text if message.shown is None else message.shown for message in conversation.mail)
    state = replace(state, language=detect_language(words[:_ENOUGH], state.language))
    notes = (f"failed {TRIES} times", *_cut_short(conversation))
    trace = Trace(language=state.language, decision=SET_ASIDE, notes=notes)
    return Turn((Utterance(sorry.get(state.language, sorry["en"])),), state, trace, Floor.WAITING if wanted else None)


def _cut_short(conversation: Conversation, done: Mapping[str, Receipt] = NOTHING) -> tuple[str, ...]:
    return (CUT_SHORT,) if conversation.begun and not done else ()
