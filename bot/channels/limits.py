"""How much one shopper, and one address, may send: in a minute by this process, in a day over all servers."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from bot.channels.sessions import kept_key
from bot.conversations import Conversations
from bot.conversations.budgets import take
from bot.errors import BudgetSpent, RateLimited
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

    async def admit(self, shopper: str, address: str | None) -> None:
        """Let one message through. ``address`` is None where it is not known, and then not counted.

        Raises:
            RateLimited: too many in a minute; nothing of the day's budget was spent.
            BudgetSpent: too many in a day.
            StoreUnavailable: the day's budget cannot be read.
        """
        await self._spend("message", (shopper, self._shopper), (address, self._address))

    async def admit_session(self, address: str | None) -> None:
        """Let an address open one more session; they are kept nowhere, so only the rate is bounded.

        Raises:
            RateLimited: too many in a minute.
        """
        await self._spend("session", (None, self._session), (address, self._session))

    async def admit_file(self, shopper: str, address: str | None) -> None:
        """Let one file through.

        Raises:
            RateLimited, BudgetSpent, StoreUnavailable: as `admit`.
        """
        await self._spend("file", (shopper, FILE_OF_SHOPPER), (address, FILE_OF_ADDRESS))

    async def admit_feedback(self, shopper: str, address: str | None) -> None:
        """Let one thumb through.

        Raises:
            RateLimited, BudgetSpent, StoreUnavailable: as `admit`.
        """
        await self._spend("feedback", (shopper, FEEDBACK_OF_SHOPPER), (address, self._address))

    async def _spend(self, what: str, *senders: tuple[str | None, Allowance]) -> None:
        now = self._clock()
        counted = [
            (self._name(what, place, sender), allowance)
            for place, (sender, allowance) in zip(("shopper", "address"), senders, strict=True)
            if sender is not None
        ]
        accounts = [(name, self._account(name), allowance) for name, allowance in counted]
        if wait := max((allowance.wait(account.due, now) for _, account, allowance in accounts), default=0.0):
            raise RateLimited("You are sending faster than can be answered. Wait a moment.", wait)
        for _, account, allowance in accounts:
            account.due = allowance.next_due(account.due, now)
        await self._spend_of_day(accounts, now)

    async def _spend_of_day(self, accounts: list[tuple[str, _Account, Allowance]], now: float) -> None:
        """Spend one of each share; fetch those that are used up, all in one round trip."""
        empty: list[tuple[str, _Account, int]] = []
        paid: list[_Account] = []
        for name, account, allowance in accounts:
            if allowance.budget is None:
                continue
            if account.share and now < account.until:
                # Before anything is awaited: two messages at once must not spend the same one.
                account.share -= 1
                paid.append(account)
            else:
                empty.append((name, account, allowance.budget))
        if not empty:
            return
        fetched = await take(self._wire, [(name, _share_of(budget), budget) for name, _, budget in empty])
        refused: list[float] = []
        for (_, account, _), taken in zip(empty, fetched, strict=True):
            # Another message may have fetched a share meanwhile.
            account.share = taken.share + (account.share if now < account.until else 0)
            account.until = now + taken.left.total_seconds()
            if account.share:
                account.share -= 1
                paid.append(account)
            else:
                refused.append(taken.left.total_seconds())
        if refused:
            for account in paid:
                account.share += 1
            raise BudgetSpent("That is all that can be sent in a day. Write to us again later.", max(refused))

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


def _share_of(budget: int) -> int:
    return min(max(1, budget // _SHARES), _LARGEST_SHARE)
