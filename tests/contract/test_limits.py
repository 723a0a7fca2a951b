"""What one shopper and one address may send, counted in a real Redis over several servers."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels import limits as limits_module
from bot.channels.limits import Limits
from bot.conversations import Conversations, keys
from bot.conversations import budgets as budgets_module
from bot.conversations.connection import Wire
from bot.errors import BudgetSpent, RateLimited, StoreUnavailable
from bot.records import ConversationId
from bot.settings import Settings

ANNA = ConversationId("web:anna")
KEY = "a-key-of-thirty-two-characters-or-more"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(conversations: Conversations, tmp_path: Path, clock: Clock | None = None, **more: Any) -> Limits:
    plenty = {"shopper_rate": 10_000, "shopper_budget": 10_000, "address_rate": 10_000, "address_budget": 100_000}
    return Limits(Settings(data=tmp_path, session_key=KEY, **{**plenty, **more}), conversations, clock or Clock())


async def admitted(limits: Limits, times: int, shopper: str = "anna", address: str | None = None) -> int:
    """How many of so many messages, sent at once, are let through."""
    sent = await asyncio.gather(
        *(limits.admit(ConversationId(shopper), address) for _ in range(times)), return_exceptions=True
    )
    assert all(isinstance(answer, RateLimited | None) for answer in sent), sent
    return sum(answer is None for answer in sent)


async def test_that_a_shopper_who_sends_too_fast_is_told_when_to_go_on(
    conversations: Conversations, tmp_path: Path
) -> None:
    clock = Clock()
    own = limits(conversations, tmp_path, clock, shopper_rate=3)
    assert await admitted(own, 10) == 3
    with pytest.raises(RateLimited) as refused:
        await own.admit(ConversationId("anna"), None)
    assert refused.value.retry_after == pytest.approx(20)
    await own.admit(ConversationId("bert"), None)
    clock.now += refused.value.retry_after
    await own.admit(ConversationId("anna"), None)


async def test_that_many_shoppers_of_one_address_share_its_limit(conversations: Conversations, tmp_path: Path) -> None:
    own = limits(conversations, tmp_path, address_rate=5)
    for n in range(5):
        await own.admit(ConversationId(f"visitor-{n}"), "203.0.113.9")
    with pytest.raises(RateLimited):
        await own.admit(ConversationId("visitor-6"), "203.0.113.9")
    await own.admit(ConversationId("visitor-6"), "203.0.113.10")
    await own.admit(ConversationId("visitor-6"), None)


async def test_that_a_refused_message_is_counted_for_nobody(conversations: Conversations, tmp_path: Path) -> None:
    own = limits(conversations, tmp_path, shopper_rate=2, address_rate=5)
    assert await admitted(own, 50, "anna", "203.0.113.9") == 2
    assert await admitted(own, 50, "bert", "203.0.113.9") == 2
    assert await admitted(own, 50, "carl", "203.0.113.9") == 1, "anna's refused ones have not used the address up"


@pytest.mark.parametrize("budget", [1, 7, 120])
async def test_that_a_days_budget_holds_over_all_servers_and_at_the_same_moment(
    conversations: Conversations, tmp_path: Path, budget: int
) -> None:
    servers = [limits(conversations, tmp_path, shopper_budget=budget) for _ in range(3)]
    passed = sum(await asyncio.gather(*(admitted(server, budget * 2) for server in servers)))
    share = max(1, budget // 50)
    assert passed <= budget, "never more, wherever it is sent"
    assert passed == budget, f"and no share of {share} is lost while the servers live"


async def test_that_servers_which_die_all_day_take_little_of_a_budget_with_them(
    conversations: Conversations, tmp_path: Path
) -> None:
    for _ in range(200):
        await limits(conversations, tmp_path, shopper_budget=10_000).admit(ConversationId("anna"), None)


async def test_that_who_spent_the_day_is_told_when_it_is_over(
    conversations: Conversations, tmp_path: Path, wire: Wire
) -> None:
    clock = Clock()
    own = limits(conversations, tmp_path, clock, shopper_budget=3)
    assert await admitted(own, 5) == 3
    with pytest.raises(BudgetSpent) as refused:
        await own.admit(ConversationId("anna"), None)
    assert 0 < refused.value.retry_after <= keys.DAY.total_seconds()
    assert refused.value.retry_after > keys.DAY.total_seconds() - 60
    # Another day: Redis forgets the count, and this process its share.
    await wire.ask("FLUSHALL")
    clock.now += keys.DAY.total_seconds()
    assert await admitted(own, 5) == 3


async def test_that_a_spent_address_does_not_cost_the_shopper(conversations: Conversations, tmp_path: Path) -> None:
    own = limits(conversations, tmp_path, shopper_budget=4, address_budget=2)
    assert await admitted(own, 10, "anna", "203.0.113.9") == 2
    assert await admitted(own, 10, "anna", "203.0.113.10") == 2


async def test_that_redis_learns_neither_shopper_nor_address(
    conversations: Conversations, tmp_path: Path, wire: Wire
) -> None:
    own = limits(conversations, tmp_path)
    await own.admit(ConversationId("anna"), "203.0.113.9")
    names = await wire.ask("KEYS", "*")
    assert len(names) == 2
    for name in names:
        assert b"anna" not in name
        assert b"203.0" not in name
        assert not (await wire.ask("GET", name)).strip(b"0123456789")
    other = Limits(Settings(data=tmp_path, session_key=KEY[::-1]), conversations)
    await other.admit(ConversationId("anna"), "203.0.113.9")
    assert len(await wire.ask("KEYS", "*")) == 4, "without the key nobody can try all addresses"


async def test_that_a_message_asks_redis_only_once_in_a_while(
    conversations: Conversations, tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    real = limits_module.take

    async def counted(*wanted: Any) -> Any:
        nonlocal asked
        asked += 1
        return await real(*wanted)

    monkeypatch.setattr(limits_module, "take", counted)
    own = limits(conversations, tmp_path, shopper_budget=500, address_budget=20_000)
    for _ in range(100):
        await own.admit(ConversationId("anna"), "203.0.113.9")
    assert asked == 10


async def test_that_nobody_is_let_through_uncounted_when_redis_is_away(tmp_path: Path) -> None:
    wire = Wire(f"unix://{tmp_path}/nobody")
    conversations = Conversations(wire, retention=keys.DAY)
    try:
        with pytest.raises(StoreUnavailable):
            await limits(conversations, tmp_path).admit(ANNA, "203.0.113.9")
    finally:
        await conversations.aclose()
        await wire.aclose()


async def test_that_an_address_has_credit_and_no_more_while_its_server_is_away(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, clock = budgets_module._take, Clock()

    async def anna_only(wire: Wire, places: list[str], arguments: Any) -> Any:
        if not places[0].startswith(keys.tag(keys.shard_of(ANNA))):
            await asyncio.sleep(60)
        return await real(wire, places, arguments)

    monkeypatch.setattr(budgets_module, "_take", anna_only)
    monkeypatch.setattr(budgets_module, "ELSEWHERE", timedelta(milliseconds=1))
    own = limits(conversations, tmp_path, clock, shopper_budget=1000, address_budget=500)
    assert await admitted(own, 30, ANNA, "203.0.113.9") == 30
    assert own._accounts[own._name("message", "address", "203.0.113.9")].share <= 10  # A fiftieth of the budget.


async def test_that_accounts_do_not_grow_without_end(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "REMEMBERED", 100)
    own = limits(conversations, tmp_path, shopper_rate=1)
    for n in range(300):
        await own.admit_session(f"203.0.113.{n}")
    assert len(own._accounts) == 100


async def test_that_thumbs_files_sessions_and_messages_are_counted_apart(
    conversations: Conversations, tmp_path: Path
) -> None:
    own = limits(conversations, tmp_path, shopper_rate=1, address_rate=2)
    await own.admit(ConversationId("anna"), "203.0.113.9")
    await own.admit_file(ConversationId("anna"), "203.0.113.9")
    await own.admit_feedback(ConversationId("anna"), "203.0.113.9")
    await own.admit_session("203.0.113.9")
    await own.admit_session(None)
    with pytest.raises(RateLimited):
        await own.admit(ConversationId("anna"), "203.0.113.9")
    for _ in range(9):
        await own.admit_file(ConversationId("anna"), None)
    with pytest.raises(RateLimited):
        await own.admit_file(ConversationId("anna"), None)
