"""Whatever happens while shoppers get things done, each action is done once, and what was done is told of.

The dialogue is the demo shop's, its actions run on the real action server over a real database, and real workers make
the turns over a real Redis. Only what a message means is told by a list of words, so that nothing is left to a model.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from actions.shop import demo
from actions.shop.database import empty, exclusive
from actions.shop.opening import open_shop
from actions.shop.records import Receipt
from actions.shop.shop import Shop
from bot.assistant import Assistant
from bot.conversations import Conversations
from bot.conversations.connection import Wire
from bot.dialogue.action_process import serve_actions, wait_until_up
from bot.dialogue.action_server import ActionServer
from bot.dialogue.domain import read_domain
from bot.dialogue.hours import read_hours
from bot.dialogue.policy import Thresholds
from bot.errors import ActionUnavailable, StoreUnavailable
from bot.ladder import Ladder
from bot.records import (
    ActionResult,
    Conversation,
    ConversationId,
    Entity,
    Entry,
    EntryKind,
    Findings,
    Floor,
    Intent,
    MessageId,
    State,
    Understanding,
)
from bot.settings import read_settings
from bot.worker import CUT_SHORT, Worker
from tests.conftest import RETENTION
from tests.contract.test_conversations import message
from tests.unit.test_ladder import Memory, TrueIfKnown

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""For an example; a busy machine is slow, and no shopper may be left without an answer."""

MEANINGS = {
    "cancel": "cancel_order",
    "send back": "return_item",
    "move": "change_address",
    "yes": "affirm",
    "no": "deny",
    "hello": "greet",
}

SHOPPERS = {
    "mila": ["I want to cancel my order", "mila.devries@mail.example", "No longer needed", "yes"],
    "jonas": ["cancel order LF-204602", "jonas.keller@mail.example", "Ordered by mistake", "yes"],
    "amelia": ["send back something of LF-204823", "amelia.hart@mail.example", "the beanie", "PayPal", "yes"],
    "noor": ["move my order", "noor.bakker@mail.example", "Nieuwegracht 5, 3512 LC Utrecht", "yes"],
}
"""What each says to get one thing done, if nothing comes in between."""

UNHEARD = re.compile("whether that was done")
DONE = re.compile(r"receipt: (\S+?)\.")


class Words:
    """Knows the words of these talks; the shop's knowledge has an answer to none of them."""

    async def understand(self, text: str, state: State) -> Understanding:
        intent = next((name for word, name in MEANINGS.items() if re.search(rf"\b{word}\b", text)), "")
        numbers = [Entity("order_number", hit[0], *hit.span(), "regex") for hit in re.finditer(r"LF-\d+", text)]
        ranking = (Intent(intent, 0.95),) if intent else (Intent("greet", 0.2),)
        return Understanding(text, "en", ranking, 0.95 if intent else 0.2, tuple(numbers))

    async def answers(self) -> bool:
        return True

    async def search(self, understanding: Understanding, state: State) -> Findings:
        return Findings(understanding.text, (), 0.0)


class Failed(Exception):
    """A turn of which nobody knows why."""


@dataclass
class Trouble:
    """What happens at which call to the world: each is counted before it is made, and when it is over."""

    happenings: dict[int, str]
    calls: int = 0
    world: "World" = field(init=False)

    async def strike(self, conversation: ConversationId) -> str | None:
        """Let happen what is due now; gives it where the caller has to fail of it."""
        due = self.happenings.get(self.calls)
        self.calls += 1
        name = conversation.partition(":")[2]
        match due:
            case "more mail":
                await self.world.write(name, "yes")
            case "doubt":
                await self.world.write(name, "no, wait")
            case "again":
                await self.world.repeat(name)
            case "agent":
                await self.world.conversations.take_floor(conversation, Floor.AGENT)
            case "death":
                await self.world.die()
            case "fails":
                raise Failed
        return due


@dataclass
class Shaky:
    """The real action server, and what happens on the way to it and back."""

    server: ActionServer
    trouble: Trouble

    async def run(self, action: str, conversation: Conversation, understanding: Understanding, **more: Any) -> Any:
        if await self.trouble.strike(conversation.id) == "lost":
            raise ActionUnavailable("the call was lost")
        result: ActionResult = await self.server.run(action, conversation, understanding, **more)
        if await self.trouble.strike(conversation.id) == "lost":
            raise ActionUnavailable("the answer was lost")
        return result

    async def answers(self) -> bool:
        return True


class ShakyConversations(Conversations):
    """The real store, and what happens around the end of a turn."""

    trouble: Trouble

    async def commit(self, conversation: Conversation, *told: Any, **more: Any) -> Any:
        if await self.trouble.strike(conversation.id) == "lost":
            raise StoreUnavailable("the commit was lost")
        end = await super().commit(conversation, *told, **more)
        if await self.trouble.strike(conversation.id) == "lost":
            raise StoreUnavailable("the answer to the commit was lost")
        return end


@dataclass
class World:
    """Shoppers, and the one worker that lives; when it dies, the next one begins."""

    conversations: Conversations
    assistant: Assistant
    data: Path
    written: dict[str, list[tuple[MessageId, str]]] = field(default_factory=dict)
    _died: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, name: str, text: str) -> MessageId:
        """Write as a shopper."""
        written = self.written.setdefault(name, [])
        written.append((MessageId(str(len(written))), text))
        await self.repeat(name)
        return written[-1][0]

    async def repeat(self, name: str) -> None:
        """Deliver the last message, maybe for the second time."""
        id_, text = self.written[name][-1]
        await self.conversations.accept(message(text, id_, name))

    async def die(self) -> None:
        """The process of the worker ends here and now."""
        self._died.set()
        await asyncio.Event().wait()

    async def work(self) -> None:
        """Workers, one after the other; a dead one says goodbye to nobody, and its leases end by themselves."""
        options = read_settings({"data": self.data, "lease": 1, "turns": 8, "burst_quiet": 0})
        while True:
            self._died.clear()
            running = asyncio.create_task(Worker(self.conversations, self.assistant.handle, options).run())
            try:
                await self._died.wait()
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    async def talk(self, name: str) -> list[Entry]:
        """One shopper's talk, a line when the one before was answered; an agent who came goes again. Gives the log."""
        conversation = ConversationId(f"rest:{name}")
        for line in SHOPPERS[name]:
            await self.answered(conversation, await self.write(name, line))
            if await self.conversations.floor(conversation) is Floor.AGENT:
                await self.conversations.take_floor(conversation, Floor.ASSISTANT)
        for id_, _ in self.written[name]:
            await self.answered(conversation, id_)
        return await self.conversations.read(conversation)

    async def answered(self, conversation: ConversationId, message: MessageId) -> None:
        async with self.conversations.follow(conversation) as grown:
            while not any(message in entry.covers for entry in await self.conversations.read(conversation)):
                await grown(timedelta(seconds=1))


def check(name: str, written: list[tuple[MessageId, str]], log: list[Entry], receipts: list[Receipt]) -> None:
    """What holds of one conversation, whatever happened to it."""
    assert [id_ for entry in log for id_ in entry.covers] == [id_ for id_, _ in written], "each once, and in order"
    told = [entry.receipt.id for entry in log if entry.receipt is not None]
    assert len(told) == len(set(told))
    happened = {receipt.number for receipt in receipts if receipt.key.startswith(f"rest:{name}/")}
    assert set(told) <= happened
    if set(told) != happened:
        notes = [note for entry in log if entry.trace is not None for note in entry.trace.notes]
        words = " ".join(entry.utterance.text for entry in log if entry.utterance is not None)
        # It is done and nobody heard of it: the shopper was told that, or who reads the log.
        assert CUT_SHORT in notes or UNHEARD.search(words), (happened, told)
    ends = {entry.turn: entry for entry in log if entry.kind is EntryKind.TURN}
    receipted = {(entry.turn, entry.receipt.id) for entry in log if entry.receipt is not None}
    for entry in log:
        if entry.kind is EntryKind.ASSISTANT and entry.utterance is not None:
            assert entry.turn in ends
            for number in DONE.findall(entry.utterance.text):
                assert (entry.turn, number) in receipted, "nothing is said to be done without a receipt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
async def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ActionServer]:
    monkeypatch.setenv("KEFU_SHOP_URL", "")
    async with serve_actions(folder / "actions.log") as url, aiohttp.ClientSession() as session:
        await wait_until_up(session, url)
        yield ActionServer(session, url, read_domain(ROOT / "knowledge"), timeout=60)


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    shop = open_shop({}, folder)
    yield shop
    shop.engine.dispose()


happenings = st.dictionaries(
    st.integers(0, 60),
    st.sampled_from(["more mail", "doubt", "again", "agent", "death", "fails", "lost"]),
    max_size=8,
)


# What fails by time cannot be made smaller in any time; the failure names what happened all the same.
@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(happenings, st.sets(st.sampled_from(sorted(SHOPPERS)), min_size=1))
@example({}, set(SHOPPERS))
# Of Mila's calls, the 20th is before the cancelling, the 21st behind it, and the 22nd before its commit.
@example({21: "doubt", 22: "death"}, {"mila"})
@example({21: "agent"}, {"mila"})
@example({21: "agent", 22: "death"}, {"mila"})
@example({20: "agent"}, {"mila"})
@example({21: "lost", 23: "more mail", 24: "fails"}, {"mila"})
@example({23: "lost"}, {"mila"})
async def test_that_an_action_happens_once_whatever_happens(
    wire: Wire, server: ActionServer, shop: Shop, folder: Path, due: dict[int, str], names: set[str]
) -> None:
    await wire.ask_each("FLUSHALL")
    with exclusive(shop.engine) as connection:
        empty(connection)
    demo.seed(shop.engine)
    domain, words = read_domain(ROOT / "knowledge"), Words()
    trouble = Trouble(due)
    conversations = ShakyConversations(wire, retention=RETENTION)
    conversations.trouble = trouble
    ladder = Ladder(None, TrueIfKnown(), Memory(), 0.9, 0.5, patience=1)
    hours = read_hours("always", "UTC")
    assistant = Assistant(words, words, Shaky(server, trouble), ladder, domain, hours, Thresholds(), 500)
    trouble.world = world = World(conversations, assistant, folder)
    working = asyncio.create_task(world.work())
    try:
        async with asyncio.timeout(SECONDS):
            logs = dict(zip(names, await asyncio.gather(*map(world.talk, names)), strict=True))
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        await conversations.aclose()
    receipts = shop.receipts()
    for name, log in logs.items():
        check(name, world.written[name], log, receipts)
    for order, count in Counter(receipt.order for receipt in receipts).items():
        assert count == 1, f"{order} was changed {count} times"
    if not due:
        assert len(receipts) == len(names)
