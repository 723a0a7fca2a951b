"""How much one shopper, and one address, may send: in a minute by this process, in a day over all servers."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from bot.channels.sessions import kept_key
from bot.conversations import Conversations
from bot.conversations.budgets import Taken, Wanted, take
from bot.conversations.keys import shard_of
from bot.errors import BudgetSpent, KefuError, RateLimited, StoreUnavailable
from bot.records import ConversationId
from bot.settings import Settings

REMEMBERED = 65_536
"""Most shoppers and addresses that this process keeps an account of: some 20 MB. The one that was silent longest is
forgotten first; all that it gains is a full minute's worth, and what it had of the day's budget in hand is lost."""

_SHARES = 50
"""Into so many shares a day's budget is cut. A share is fetched from Redis and then spent here, so that a message costs
a round trip (and Redis a write to its file) only once in a while; so much is lost of a budget where a server stops."""

_LARGEST_SHARE = 20
"""A round trip for twenty messages is cheap enough; and servers that die all day must not take all of a large budget
along, or shoppers would be refused for what nobody sent."""

_CREDIT = 60.0
"""Seconds for which a share is good that was given on credit."""

_TICK = 1e-6
"""Seconds that are no wait: sums of fractions are never quite whole."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What somebody may send: ``rate`` in a minute, all at once if they like, and ``budget`` in a day."""

    rate: int
    budget: int | None
    """None: the rate is all that bounds it."""

    def wait(self, due: float, now: float) -> float:
        """Seconds until one more conforms to the rate; 0 if it does now.

        The generic cell rate algorithm (ITU-T I.371, virtual scheduling): ``due`` is when the next would be on time if
        all came evenly, and it may come up to a minute before that.
        """
        wait = max(due, now) + 60 / self.rate - 60 - now
        return wait if wait > _TICK else 0.0

    def next_due(self, due: float, now: float) -> float:
        """``due`` after one more."""
        return max(due, now) + 60 / self.rate


FILE_OF_SHOPPER = Allowance(rate=10, budget=50)
FILE_OF_ADDRESS = Allowance(rate=60, budget=1_000)
"""A picture of a broken seam from three sides, a few times a day. Files fill the disk, so they are few."""

FEEDBACK_OF_SHOPPER = Allowance(rate=60, budget=1_000)
"""A thumb costs an entry of the log and no turn; each may be pressed back and forth."""


@dataclass(slots=True)
class _Account:
    """What one has sent lately."""

    due: float = 0.0
    share: int = 0
    """Of the day's budget, fetched and not spent."""
    until: float = 0.0
    """When the share is no longer good."""


@dataclass(frozen=True, slots=True)
class _Payer:
    """Who pays for what is let through."""

    name: str
    account: _Account
    allowance: Allowance
    shard: int | None
    """Of the conversation that its budget lies beside: while that is away, nothing can be accepted anyway. None for an
    address, whose budget lies anywhere: while that is away, its messages are let through on credit."""

    @property
    def share(self) -> int:
        """What to fetch of the day's budget at once."""
        return min(max(1, (self.allowance.budget or 0) // _SHARES), _LARGEST_SHARE)


class Limits:
    """Refuses whoever sends too much, before anything is kept."""

    def __init__(
        self, settings: Settings, conversations: Conversations, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the limits from the settings, and the key of the names from that of the sessions.

        Raises:
            SettingError: no key can be read or made.
        """
        self._shopper = Allowance(settings.shopper_rate, settings.shopper_budget)
        self._address = Allowance(settings.address_rate, settings.address_budget)
        self._session = Allowance(settings.address_rate, None)
        secret = settings.session_key
        key = secret.get_secret_value() if secret else kept_key(settings.data / "session.key")
        # The sessions' own signing key is used nowhere else.
        self._key = blake2b(key.encode(), digest_size=32, person=b"kefu limits").digest()
        self._wire = conversations.wire
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    async def admit(self, conversation: ConversationId, address: str | None) -> None:
        """Let one message through. ``address`` is None where it is not known, and then not counted.

        Raises:
            RateLimited: too many in a minute; nothing of the day's budget was spent.
            BudgetSpent: too many in a day.
            StoreUnavailable: the conversation's server of Redis does not answer.
        """
        await self._spend(
            self._shopper_pays("message", conversation, self._shopper),
            *self._address_pays("message", address, self._address),
        )

    async def admit_session(self, address: str | None) -> None:
        """Let an address open one more session; they are kept nowhere, so only the rate is bounded.

        Raises:
            RateLimited: too many in a minute.
        """
        await self._spend(*self._address_pays("session", address, self._session))

    async def admit_file(self, conversation: ConversationId, address: str | None) -> None:
        """Let one file through.

        Raises:
            RateLimited, BudgetSpent, StoreUnavailable: as `admit`.
        """
        await self._spend(
            self._shopper_pays("file", conversation, FILE_OF_SHOPPER),
            *self._address_pays("file", address, FILE_OF_ADDRESS),
        )

    async def admit_feedback(self, conversation: ConversationId, address: str | None) -> None:
        """Let one thumb through.

        Raises:
            RateLimited, BudgetSpent, StoreUnavailable: as `admit`.
        """
        await self._spend(
            self._shopper_pays("feedback", conversation, FEEDBACK_OF_SHOPPER),
            *self._address_pays("feedback", address, self._address),
        )

    def _shopper_pays(self, what: str, conversation: ConversationId, allowance: Allowance) -> _Payer:
        name = self._name(what, "shopper", conversation)
        return _Payer(name, self._account(name), allowance, shard_of(conversation))

    def _address_pays(self, what: str, address: str | None, allowance: Allowance) -> Iterable[_Payer]:
        if address is not None:
            name = self._name(what, "address", address)
            yield _Payer(name, self._account(name), allowance, None)

    async def _spend(self, *payers: _Payer) -> None:
        now = self._clock()
        if wait := max((payer.allowance.wait(payer.account.due, now) for payer in payers), default=0.0):
            raise RateLimited("You are sending faster than can be answered. Wait a moment.", wait)
        for payer in payers:
            payer.account.due = payer.allowance.next_due(payer.account.due, now)
        await self._spend_of_day(payers, now)

    async def _spend_of_day(self, payers: Iterable[_Payer], now: float) -> None:
        """Spend one of each share; fetch those that are used up, all in one round trip."""
        empty: list[_Payer] = []
        paid: list[_Account] = []
        for payer in payers:
            if payer.allowance.budget is None:
                continue
            if payer.account.share and now < payer.account.until:
                # Before anything is awaited: two messages at once must not spend the same one.
                payer.account.share -= 1
                paid.append(payer.account)
            else:
                empty.append(payer)
        refused: list[KefuError] = []
        for payer, taken in zip(empty, await self._fetch(empty), strict=True):
            _keep(payer, taken, now)
            if payer.account.share:
                payer.account.share -= 1
                paid.append(payer.account)
            elif isinstance(taken, Taken):
                left = taken.left.total_seconds()
                refused.append(BudgetSpent("That is all that can be sent in a day. Write to us again later.", left))
            else:
                refused.append(taken)
        if refused:
            for account in paid:
                account.share += 1
            raise max(refused, key=_waiting_time)

    async def _fetch(self, payers: Iterable[_Payer]) -> list[Taken | StoreUnavailable]:
        wanted = [Wanted(payer.name, payer.shard, payer.share, payer.allowance.budget or 0) for payer in payers]
        return await take(self._wire, wanted) if wanted else []

    def _account(self, name: str) -> _Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = _Account()
            if len(self._accounts) > REMEMBERED:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(name)
        return account

    def _name(self, what: str, place: str, sender: str) -> str:
        """Whom an account is of, as a keyed hash: who reads Redis or a dump of it learns no address."""
        told = f"{what}\0{place}\0{sender}".encode()
        return blake2b(told, key=self._key, digest_size=16).hexdigest()


def _keep(payer: _Payer, taken: Taken | StoreUnavailable, now: float) -> None:
    """Put what was fetched of a day's budget into the account."""
    account = payer.account
    # Another message may have fetched a share meanwhile.
    kept = account.share if now < account.until else 0
    if isinstance(taken, Taken):
        account.share, account.until = kept + taken.share, now + taken.left.total_seconds()
    elif payer.shard is None:
        account.share, account.until = max(kept, payer.share), now + _CREDIT
    else:
        account.share = kept


def _waiting_time(error: KefuError) -> float:
    """Which refusal to tell of: that which holds longest; a server that is away is the last word."""
    return error.retry_after if isinstance(error, BudgetSpent) else float("inf")
