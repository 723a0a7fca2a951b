"""What the shop allows, as pure functions: the order and its user as they are → as they will be, or a refusal.

The policy is that of tau-bench's retail shop (https://github.com/sierra-research/tau-bench, envs/retail), with two
additions of ours that a shop without the data for them never meets: a return period, and products that stay sold.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from actions.shop.records import (
    CANCEL_REASONS,
    CANCELLED,
    DELIVERED,
    EXCHANGE_REQUESTED,
    GIFT_CARD,
    PENDING,
    PENDING_MODIFIED,
    RETURN_REQUESTED,
    Address,
    Change,
    ExchangeRequest,
    Item,
    ItemId,
    MethodId,
    Order,
    Payment,
    Product,
    Refusal,
    ReturnRequest,
    User,
    Variant,
    Why,
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a shop may decide for itself."""

    return_days: int = 30
    """Days after delivery within which an order can be returned or exchanged, where the shop knows that day."""
    currency: str = "EUR"
    """What its amounts are in."""


def cancel(order: Order, user: User, reason: str) -> Change | Refusal:
    """Cancel a pending order; a gift card has its money back at once, all else in days."""
    if order.status != PENDING:
        return Refusal(Why.NOT_PENDING, order.status)
    if reason not in CANCEL_REASONS:
        return Refusal(Why.REASON, reason)
    refunds = tuple(Payment("refund", amount, method) for method, amount in paid_with(order).items())
    for refund in refunds:
        user = _credit(user, refund.method, refund.amount)
    changed = replace(order, status=CANCELLED, cancel_reason=reason, payments=order.payments + refunds)
    facts = {
        "refund": sum(refund.amount for refund in refunds),
        "refunds": {refund.method: refund.amount for refund in refunds},
        "reason": reason,
    }
    return Change(changed, user, facts)


def change_address(order: Order, address: Address) -> Change | Refusal:
    """Send a pending order elsewhere."""
    if order.status != PENDING:
        return Refusal(Why.NOT_PENDING, order.status)
    return Change(replace(order, address=address), facts={"address": address.line()})


def change_default_address(user: User, address: Address) -> Change:
    """Move house."""
    return Change(user=replace(user, address=address), facts={"address": address.line()})


def change_payment(order: Order, user: User, method: str) -> Change | Refusal:
    """Pay a pending order otherwise; a gift card must hold the whole amount."""
    if order.status != PENDING:
        return Refusal(Why.NOT_PENDING, order.status)
    new = user.method(method)
    if new is None:
        return Refusal(Why.NO_SUCH_METHOD, method)
    if len(order.payments) != 1 or order.payments[0].kind != "payment":
        return Refusal(Why.NOT_ONE_PAYMENT)
    paid = order.payments[0]
    if paid.method == new.id:
        return Refusal(Why.SAME_METHOD, method)
    if new.source == GIFT_CARD and (new.balance or 0) < paid.amount:
        return Refusal(Why.BALANCE, method)
    user = _credit(_credit(user, new.id, -paid.amount), paid.method, paid.amount)
    moved = (Payment("payment", paid.amount, new.id), Payment("refund", paid.amount, paid.method))
    return Change(replace(order, payments=order.payments + moved), user, {"amount": paid.amount, "method": new.id})


def change_items(
    order: Order,
    user: User,
    products: Mapping[str, Product],
    items: Sequence[str],
    new: Sequence[str],
    method: str,
    agreed: int | None = None,
) -> Change | Refusal:
    """Swap items of a pending order for other variants of the same products; only once, so all together.

    Where ``agreed`` is given, the shopper was told this difference and pays no other.
    """
    if order.status != PENDING:
        return Refusal(Why.NOT_PENDING, order.status)
    swap = _swap(order, user, products, items, new, method, agreed)
    if isinstance(swap, Refusal):
        return swap
    payment = Payment("payment" if swap.difference > 0 else "refund", abs(swap.difference), swap.method)
    changed = replace(
        order, status=PENDING_MODIFIED, items=_swapped(order, items, swap.variants), payments=(*order.payments, payment)
    )
    facts = {"items": list(items), "new_items": list(new), "difference": swap.difference, "method": swap.method}
    return Change(changed, _credit(user, swap.method, -swap.difference), facts)


def return_items(
    order: Order,
    user: User,
    products: Mapping[str, Product],
    items: Sequence[str],
    method: str,
    policy: Policy,
    today: date,
) -> Change | Refusal:
    """Take items of a delivered order back; the money goes where it came from, or on a gift card, once they are here.

    Only one request an order, so all items together.
    """
    if order.status != DELIVERED:
        return Refusal(Why.NOT_DELIVERED, order.status)
    own = user.method(method)
    if own is None:
        return Refusal(Why.NO_SUCH_METHOD, method)
    if own.source != GIFT_CARD and own.id not in paid_with(order):
        return Refusal(Why.REFUND_METHOD, method)
    refusal = _foreign(order, items) or _too_late(order, policy, today) or _kept(order, products, items)
    if refusal:
        return refusal
    request = ReturnRequest(tuple(sorted(map(ItemId, items))), own.id)
    amount = sum(_item(order, item).price for item in items)
    facts = {"items": list(items), "method": own.id, "amount": amount}
    return Change(replace(order, status=RETURN_REQUESTED, returned=request), facts=facts)


def exchange_items(
    order: Order,
    user: User,
    products: Mapping[str, Product],
    items: Sequence[str],
    new: Sequence[str],
    method: str,
    policy: Policy,
    today: date,
    agreed: int | None = None,
) -> Change | Refusal:
    """Exchange items of a delivered order for other variants of the same products; settled once they are here.

    Only one request an order, so all items together. Where ``agreed`` is given, the shopper was told this difference
    and pays no other.
    """
    if order.status != DELIVERED:
        return Refusal(Why.NOT_DELIVERED, order.status)
    swap = _swap(order, user, products, items, new, method, agreed)
    if isinstance(swap, Refusal):
        return swap
    refusal = _too_late(order, policy, today) or _kept(order, products, items)
    if refusal:
        return refusal
    request = ExchangeRequest(
        tuple(sorted(map(ItemId, items))), tuple(sorted(map(ItemId, new))), swap.method, swap.difference
    )
    facts = {"items": list(items), "new_items": list(new), "difference": swap.difference, "method": swap.method}
    return Change(replace(order, status=EXCHANGE_REQUESTED, exchanged=request), facts=facts)


def paid_with(order: Order) -> Mapping[MethodId, int]:
    """What each payment method has paid for ``order``, less what went back to it; methods that paid nothing are left
    out.

    tau-bench's own tool refunds every entry of the history when an order is cancelled, refunds included; so it gives
    back twice what moved from one method to another. None of its tasks gets there.
    """
    net = Counter[MethodId]()
    for payment in order.payments:
        net[payment.method] += payment.amount if payment.kind == "payment" else -payment.amount
    return {method: amount for method, amount in net.items() if amount > 0}


@dataclass(frozen=True, slots=True)
class _Swap:
    variants: tuple[Variant, ...]
    method: MethodId
    difference: int


def _swap(
    order: Order,
    user: User,
    products: Mapping[str, Product],
    items: Sequence[str],
    new: Sequence[str],
    method: str,
    agreed: int | None,
) -> _Swap | Refusal:
    """Check a swap of items, and price it."""
    if refusal := _foreign(order, items):
        return refusal
    if len(items) != len(new):
        return Refusal(Why.COUNT)
    variants = []
    for old, wanted in zip(items, new, strict=True):
        product = products.get(_item(order, old).product)
        variant = product.variant(wanted) if product else None
        if variant is None or not variant.available:
            return Refusal(Why.UNAVAILABLE, wanted)
        variants.append(variant)
    difference = sum(v.price - _item(order, old).price for v, old in zip(variants, items, strict=True))
    if agreed not in (None, difference):
        return Refusal(Why.PRICE, str(difference))
    own = user.method(method)
    if own is None:
        return Refusal(Why.NO_SUCH_METHOD, method)
    if own.source == GIFT_CARD and (own.balance or 0) < difference:
        return Refusal(Why.BALANCE, method)
    return _Swap(tuple(variants), own.id, difference)


def _swapped(order: Order, items: Sequence[str], variants: Sequence[Variant]) -> tuple[Item, ...]:
    """The items of ``order`` after each of ``items``, the first that is still there, became its variant."""
    lines = list(order.items)
    for old, variant in zip(items, variants, strict=True):
        at = next(place for place, line in enumerate(lines) if line.id == old)
        lines[at] = replace(lines[at], id=variant.id, price=variant.price, options=variant.options)
    return tuple(lines)


def _item(order: Order, item: str) -> Item:
    return next(line for line in order.items if line.id == item)


def _foreign(order: Order, items: Sequence[str]) -> Refusal | None:
    """An item that is not in the order, or more of one than it has."""
    missing = Counter(items) - Counter(str(line.id) for line in order.items)
    return Refusal(Why.NO_SUCH_ITEM, next(iter(missing))) if missing else None


def return_period_over(order: Order, policy: Policy, today: date) -> bool:
    """Whether it is too late to send anything back; never where the shop does not know the day of the delivery."""
    return order.delivered is not None and today > order.delivered + timedelta(days=policy.return_days)


def _too_late(order: Order, policy: Policy, today: date) -> Refusal | None:
    return Refusal(Why.TOO_LATE, str(policy.return_days)) if return_period_over(order, policy, today) else None


def _kept(order: Order, products: Mapping[str, Product], items: Sequence[str]) -> Refusal | None:
    """A product that cannot come back, such as a gift card."""
    for line in (_item(order, item) for item in items):
        product = products.get(line.product)
        if product is not None and not product.returnable:
            return Refusal(Why.NOT_RETURNABLE, line.name)
    return None


def _credit(user: User, method: MethodId, amount: int) -> User:
    """The user after ``amount`` went onto ``method``; only a gift card holds a balance here."""
    methods = tuple(
        replace(own, balance=(own.balance or 0) + amount) if own.id == method and own.source == GIFT_CARD else own
        for own in user.methods
    )
    return replace(user, methods=methods)
