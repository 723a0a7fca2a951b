"""The one interface between the actions and the shop: look-ups for one shopper, and actions that happen once."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Engine, false, func, insert, select, true
from sqlalchemy.exc import DBAPIError, IntegrityError

from actions.shop import rules
from actions.shop.database import ShopError
from actions.shop.records import (
    Address,
    Change,
    Key,
    Order,
    OrderId,
    Product,
    Receipt,
    Refusal,
    User,
    UserId,
    Why,
)
from actions.shop.rows import fold, read_orders, read_products, read_users, save_order, save_user
from actions.shop.rules import Policy
from actions.shop.schema import ORDERS, PRODUCTS, RECEIPTS, USERS, VARIANTS

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Shop:
    """A shop over a database that `migrate` has prepared.

    Every action takes a key: called again with it, by whichever process, it does nothing and gives the same receipt.
    It locks its user's row, then its order's, so two at once on one shopper's things take turns.
    """

    def __init__(self, engine: Engine, policy: Policy | None = None, clock: Clock = _now) -> None:
        self.engine = engine
        self.policy = policy or Policy()
        self._clock = clock

    @property
    def today(self) -> date:
        """The shop's day, in UTC."""
        return self._clock().date()

    def user(self, user: str) -> User | None:
        """The user of this id."""
        with self._reading() as connection:
            return next(iter(read_users(connection, USERS.c.id == user)), None)

    def user_by_email(self, email: str) -> User | None:
        """The user with this e-mail address, whatever its case; an empty one is nobody's."""
        key = email.strip().casefold()
        if not key:
            return None
        with self._reading() as connection:
            return next(iter(read_users(connection, USERS.c.email_key == key)), None)

    def users_at(self, postcodes: Sequence[str]) -> list[User]:
        """Users whose default address has one of these postcodes, spaces and case aside."""
        with self._reading() as connection:
            return read_users(connection, USERS.c.postcode_key.in_([fold(code) for code in postcodes]))

    def orders(self, shopper: UserId) -> list[Order]:
        """All orders of a shopper, the oldest first."""
        with self._reading() as connection:
            return read_orders(connection, ORDERS.c.user_id == shopper, self.today)

    def order(self, order: str, shopper: UserId) -> Order | None:
        """An order, if it exists *and* is this shopper's: a caller cannot tell which of the two failed."""
        with self._reading() as connection:
            own = (ORDERS.c.id.in_(_spellings(order))) & (ORDERS.c.user_id == shopper)
            return next(iter(read_orders(connection, own, self.today)), None)

    def owner(self, order: str) -> UserId | None:
        """Whose order it is; for tools that act for the shop, never for an answer to a shopper."""
        with self._reading() as connection:
            return connection.execute(select(ORDERS.c.user_id).where(ORDERS.c.id == order)).scalar_one_or_none()

    def product(self, product: str) -> Product | None:
        """The product of this id."""
        with self._reading() as connection:
            return next(iter(read_products(connection, PRODUCTS.c.id == product)), None)

    def products(self) -> list[Product]:
        """All products."""
        with self._reading() as connection:
            return read_products(connection, true())

    def product_of(self, item: str) -> Product | None:
        """The product that a variant belongs to."""
        with self._reading() as connection:
            mother = select(VARIANTS.c.product_id).where(VARIANTS.c.id == item).scalar_subquery()
            return next(iter(read_products(connection, PRODUCTS.c.id == mother)), None)

    def cancel(self, key: Key, shopper: UserId, order: str, reason: str) -> Receipt | Refusal:
        """Cancel a pending order, for one of `CANCEL_REASONS`."""
        return self._act(key, "cancel", shopper, order, lambda o, user, _: rules.cancel(o, user, reason))

    def change_address(self, key: Key, shopper: UserId, order: str, address: Address) -> Receipt | Refusal:
        """Send a pending order to another address."""
        return self._act(key, "change_address", shopper, order, lambda o, *_: rules.change_address(o, address))

    def change_items(
        self,
        key: Key,
        shopper: UserId,
        order: str,
        items: Sequence[str],
        new: Sequence[str],
        method: str,
        agreed: int | None = None,
    ) -> Receipt | Refusal:
        """Swap items of a pending order for other variants, once; for the ``agreed`` difference, where one is told."""
        return self._act(
            *(key, "change_items", shopper, order),
            lambda o, user, products: rules.change_items(o, user, products, items, new, method, agreed),
        )

    def change_payment(self, key: Key, shopper: UserId, order: str, method: str) -> Receipt | Refusal:
        """Pay a pending order with another of the shopper's methods."""
        return self._act(
            key, "change_payment", shopper, order, lambda o, user, _: rules.change_payment(o, user, method)
        )

    def return_items(
        self, key: Key, shopper: UserId, order: str, items: Sequence[str], method: str
    ) -> Receipt | Refusal:
        """Ask for items of a delivered order to be taken back, their money going to ``method``."""
        return self._act(
            *(key, "return_items", shopper, order),
            lambda o, user, products: rules.return_items(o, user, products, items, method, self.policy, self.today),
        )

    def exchange_items(
        self,
        key: Key,
        shopper: UserId,
        order: str,
        items: Sequence[str],
        new: Sequence[str],
        method: str,
        agreed: int | None = None,
    ) -> Receipt | Refusal:
        """Ask for items of a delivered order to be exchanged; for the ``agreed`` difference, where one is told."""
        return self._act(
            *(key, "exchange_items", shopper, order),
            lambda o, user, products: rules.exchange_items(
                o, user, products, items, new, method, self.policy, self.today, agreed
            ),
        )

    def change_default_address(self, key: Key, shopper: UserId, address: Address) -> Receipt | Refusal:
        """Change the address that the shopper's next orders go to."""
        return self._act(
            *(key, "change_default_address", shopper, None),
            lambda _, user, __: rules.change_default_address(user, address),
        )

    def receipt(self, key: Key) -> Receipt | None:
        """The receipt of the action that was done with this key."""
        with self._reading() as connection:
            return _receipt(connection, key)

    def receipts(self) -> list[Receipt]:
        """Every receipt, the oldest first."""
        with self._reading() as connection:
            keys = connection.execute(select(RECEIPTS.c.key).order_by(RECEIPTS.c.at, RECEIPTS.c.key)).scalars().all()
            return [found for key in keys if (found := _receipt(connection, key))]

    def receipts_of(self, shopper: UserId, began: str) -> list[Receipt]:
        """A shopper's receipts whose keys begin with ``began``, the oldest first."""
        with self._reading() as connection:
            # No LIKE: to SQLite's, "A" and "a" are one letter.
            own = (RECEIPTS.c.user_id == shopper) & (func.substr(RECEIPTS.c.key, 1, len(began)) == began)
            keys = connection.execute(select(RECEIPTS.c.key).where(own).order_by(RECEIPTS.c.at)).scalars().all()
            return [found for key in keys if (found := _receipt(connection, key))]

    def _act(
        self,
        key: Key,
        action: str,
        shopper: UserId,
        order: str | None,
        rule: Callable[[Order, User, Mapping[str, Product]], Change | Refusal],
    ) -> Receipt | Refusal:
        """Do ``rule`` in one transaction together with its receipt, or find that it was done."""
        try:
            with self.engine.begin() as connection:
                return self._locked(connection, key, action, shopper, order, rule)
        except IntegrityError:
            # Another shopper's action took this key between our look and our receipt; nothing of ours was kept.
            return Refusal(Why.KEY_TAKEN)
        except DBAPIError as exc:
            raise ShopError(f"The shop's database does not answer: {exc.orig}") from exc

    def _locked(
        self,
        connection: Connection,
        key: Key,
        action: str,
        shopper: UserId,
        order: str | None,
        rule: Callable[[Order, User, Mapping[str, Product]], Change | Refusal],
    ) -> Receipt | Refusal:
        users = read_users(connection, USERS.c.id == shopper, lock=True)
        if not users:
            return Refusal(Why.NO_SUCH_USER)
        # Only now: whoever did it with this key held the same lock, so its receipt is to be seen.
        if done := _receipt(connection, key):
            ours = (done.action, done.user) == (action, shopper)
            return done if ours else Refusal(Why.KEY_TAKEN)
        target = None
        if order is not None:
            own = (ORDERS.c.id.in_(_spellings(order))) & (ORDERS.c.user_id == shopper)
            target = next(iter(read_orders(connection, own, self.today, lock=True)), None)
            if target is None:
                return Refusal(Why.NO_SUCH_ORDER)
        names = {item.product for item in target.items} if target else set()
        products = read_products(connection, PRODUCTS.c.id.in_(names) if names else false())
        change = rule(target or _NO_ORDER, users[0], {product.id: product for product in products})
        if isinstance(change, Refusal):
            return change
        if change.order:
            save_order(connection, change.order)
        if change.user:
            save_user(connection, change.user)
        receipt = Receipt(
            *(key, action, shopper, target.id if target else None),
            {"receipt": _number(key), **change.facts},
            self._clock(),
        )
        connection.execute(
            insert(RECEIPTS).values(
                key=key, action=action, user_id=shopper, order_id=receipt.order, result=receipt.result, at=receipt.at
            )
        )
        return receipt

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            ShopError: the database does not answer.
        """
        try:
            with self.engine.connect().execution_options(reads=True) as connection, connection.begin():
                yield connection
        except DBAPIError as exc:
            raise ShopError(f"The shop's database does not answer: {exc.orig}") from exc


_NO_ORDER = Order(OrderId(""), UserId(""), "", Address("", "", "", "", "", ""), (), ())
"""What a rule about the user alone is given in place of an order."""


def _spellings(order: str) -> tuple[str, str]:
    """An order's number as it was written, and in capitals, as numbers mostly are."""
    return order.strip(), order.strip().upper()


def _number(key: Key) -> str:
    """A short name for the receipt, the same whenever the action is asked for again."""
    return "R-" + hashlib.blake2b(key.encode(), digest_size=5).hexdigest().upper()


def _receipt(connection: Connection, key: Key) -> Receipt | None:
    row = connection.execute(select(RECEIPTS).where(RECEIPTS.c.key == key)).mappings().one_or_none()
    if row is None:
        return None
    # SQLite keeps no time zone; what is written is UTC.
    at = row["at"] if row["at"].tzinfo else row["at"].replace(tzinfo=UTC)
    return Receipt(row["key"], row["action"], row["user_id"], row["order_id"], row["result"], at)
