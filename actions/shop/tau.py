"""tau-bench retail on this shop: its database from a folder, and its tools' calls as calls of the shop.

The tools, their arguments and their answers are those of https://github.com/sierra-research/tau-bench,
`tau_bench/envs/retail/tools`: JSON of what was looked up or changed, or a text that begins with "Error: ".
"""

import ast
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actions.shop.database import ShopError
from actions.shop.plain import Plain, plain_order, plain_product, plain_user
from actions.shop.records import Address, Key, OrderId, Receipt, Refusal, UserId, Why
from actions.shop.rows import fold
from actions.shop.shop import Shop

_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")

_ARITHMETIC: Mapping[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def read_folder(folder: Path) -> Plain:
    """The database as published: `users.json`, `products.json` and `orders.json`.

    Raises:
        ShopError: a file is missing or is not JSON.
    """
    data = {}
    for name in ("users", "products", "orders"):
        path = folder / f"{name}.json"
        try:
            data[name] = json.loads(path.read_text("utf-8"))
        except OSError as exc:
            raise ShopError(f"{path}: cannot be read ({exc.strerror}).") from exc
        except ValueError as exc:
            raise ShopError(f"{path}: not JSON ({exc}).") from exc
    return data


class Tools:
    """tau-bench's tools on a shop; each call that changes something has a key of its own, made from ``run``."""

    def __init__(self, shop: Shop, run: str) -> None:
        self._shop = shop
        self._run = run
        self._calls = 0

    def call(self, name: str, kwargs: Mapping[str, Any]) -> str:
        """The tool's answer."""
        tool = getattr(self, f"_{name}", None) if name in TOOLS else None
        if tool is None:
            return f"Error: unknown tool {name!r}"
        try:
            return str(tool(**kwargs))
        except (TypeError, ValueError, ArithmeticError) as exc:
            return f"Error: {exc}"

    def _find_user_id_by_email(self, email: str) -> str:
        user = self._shop.user_by_email(email)
        return user.id if user else "Error: user not found"

    def _find_user_id_by_name_zip(self, first_name: str, last_name: str, zip: str) -> str:  # noqa: A002
        wanted = fold(first_name), fold(last_name)
        users = self._shop.users_at([zip])
        return next((u.id for u in users if (fold(u.first_name), fold(u.last_name)) == wanted), "Error: user not found")

    def _get_user_details(self, user_id: str) -> str:
        user = self._shop.user(user_id)
        if user is None:
            return "Error: user not found"
        return json.dumps(plain_user(user, [str(order.id) for order in self._shop.orders(user.id)]))

    def _get_order_details(self, order_id: str) -> str:
        owner = self._shop.owner(order_id)
        return self._order(owner, order_id) if owner else "Error: order not found"

    def _get_product_details(self, product_id: str) -> str:
        product = self._shop.product(product_id)
        return json.dumps(plain_product(product)) if product else "Error: product not found"

    def _list_all_product_types(self) -> str:
        return json.dumps(dict(sorted((product.name, product.id) for product in self._shop.products())))

    def _cancel_pending_order(self, order_id: str, reason: str) -> str:
        return self._act(order_id, lambda key, owner: self._shop.cancel(key, owner, order_id, reason))

    def _modify_pending_order_address(self, order_id: str, **address: str) -> str:
        new = _address(address)
        return self._act(order_id, lambda key, owner: self._shop.change_address(key, owner, order_id, new))

    def _modify_pending_order_items(
        self, order_id: str, item_ids: Sequence[str], new_item_ids: Sequence[str], payment_method_id: str
    ) -> str:
        return self._act(
            order_id,
            lambda key, owner: self._shop.change_items(key, owner, order_id, item_ids, new_item_ids, payment_method_id),
        )

    def _modify_pending_order_payment(self, order_id: str, payment_method_id: str) -> str:
        return self._act(
            order_id, lambda key, owner: self._shop.change_payment(key, owner, order_id, payment_method_id)
        )

    def _return_delivered_order_items(self, order_id: str, item_ids: Sequence[str], payment_method_id: str) -> str:
        return self._act(
            order_id, lambda key, owner: self._shop.return_items(key, owner, order_id, item_ids, payment_method_id)
        )

    def _exchange_delivered_order_items(
        self, order_id: str, item_ids: Sequence[str], new_item_ids: Sequence[str], payment_method_id: str
    ) -> str:
        return self._act(
            order_id,
            lambda key, owner: self._shop.exchange_items(
                key, owner, order_id, item_ids, new_item_ids, payment_method_id
            ),
        )

    def _modify_user_address(self, user_id: str, **address: str) -> str:
        done = self._shop.change_default_address(self._key(), UserId(user_id), _address(address))
        return self._get_user_details(user_id) if isinstance(done, Receipt) else _error(done)

    def _transfer_to_human_agents(self, summary: str) -> str:
        return "Transfer successful"

    def _think(self, thought: str) -> str:
        return ""

    def _calculate(self, expression: str) -> str:
        return str(round(_value(ast.parse(expression, mode="eval").body), 2))

    def _act(self, order: str, action: Callable[[Key, UserId], Receipt | Refusal]) -> str:
        owner = self._shop.owner(order)
        if owner is None:
            return "Error: order not found"
        done = action(self._key(), owner)
        return self._order(owner, order) if isinstance(done, Receipt) else _error(done)

    def _key(self) -> Key:
        self._calls += 1
        return Key(f"tau/{self._run}/{self._calls}")

    def _order(self, owner: UserId, order: str) -> str:
        found = self._shop.order(OrderId(order), owner)
        return json.dumps(plain_order(found)) if found else "Error: order not found"


TOOLS = frozenset(
    name.removeprefix("_")
    for name in vars(Tools)
    if name.startswith("_") and not name.startswith("__") and name not in ("_act", "_key", "_order")
)
"""The names that tau-bench calls its tools by."""


def _address(fields: Mapping[str, str]) -> Address:
    if set(fields) != set(_ADDRESS):
        raise ValueError(f"an address has {', '.join(_ADDRESS)}")
    return Address(**fields)


def _error(refusal: Refusal) -> str:
    if refusal.why is Why.NO_SUCH_USER:
        return "Error: user not found"
    return f"Error: {refusal.why}" + (f" ({refusal.about})" if refusal.about else "")


def _value(node: ast.expr) -> float:
    """The value of a sum written in numbers and ``+ - * / ( )``; nothing else is evaluated."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left, sign, right) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_value(left), _value(right))
        case ast.UnaryOp(sign, operand) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_value(operand))
    raise ValueError("invalid characters in expression")
