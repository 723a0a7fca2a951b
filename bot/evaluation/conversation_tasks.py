"""Reads tau-bench retail: a split's tasks with the calls that do them right, and the shop's data they are about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import SettingError
from bot.evaluation.jsonl import read_lines

KINDS = {
    "cancel_pending_order": "cancel",
    "return_delivered_order_items": "return",
    "exchange_delivered_order_items": "exchange",
    "modify_pending_order_items": "items",
    "modify_pending_order_payment": "payment",
    "modify_pending_order_address": "address",
    "modify_user_address": "account",
}
"""The calls that change something, and what is wished by each; all the others only look."""

NOTHING = "nothing"
"""The kind of a task that changes nothing: a wish that is refused, taken back, or only a question."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a shopper wants done: one call that changes the shop."""

    kind: str
    facts: Mapping[str, Any]
    """The call's arguments."""

    @property
    def order(self) -> str:
        """The order that it is about; empty where it is about none."""
        return str(self.facts.get("order_id") or "")


@dataclass(frozen=True, slots=True)
class Task:
    """A shopper with wishes."""

    name: str
    user: str
    instruction: str
    """In words, told to "you"."""
    calls: Sequence[Mapping[str, Any]]
    """``{"name": …, "kwargs": {…}}``: what a right agent does, the looking included."""
    outputs: tuple[str, ...]
    """What the shopper wants to be told."""

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """What is to be done, in this order."""
        return tuple(Wish(KINDS[call["name"]], call["kwargs"]) for call in self.calls if call["name"] in KINDS)

    @property
    def kind(self) -> str:
        """The kinds of its wishes: ``cancel``, ``address + items``."""
        return " + ".join(sorted({wish.kind for wish in self.wishes})) or NOTHING


@dataclass(frozen=True, slots=True)
class Retail:
    """The data that tasks are about, as published, each by its id."""

    folder: Path
    users: Mapping[str, Any]
    orders: Mapping[str, Any]
    products: Mapping[str, Any]

    def variant(self, item: str) -> Mapping[str, Any]:
        """An item as the catalogue has it: ``name`` and ``options``; empty where there is none."""
        for product in self.products.values():
            if item in product["variants"]:
                return {"name": product["name"], "options": product["variants"][item]["options"]}
        return {}


def read_retail(data: Path) -> Retail:
    """The shop in the folder `tau_retail` of the public sets.

    Raises:
        SettingError: a file is missing or is not JSON.
    """
    folder = data / "tau_retail"
    rows = {}
    for name in ("users", "orders", "products"):
        path = folder / f"{name}.json"
        try:
            rows[name] = json.loads(path.read_text("utf-8"))
        except OSError as exc:
            raise SettingError(f"{path}: cannot be read; `--data` names the folder that holds tau_retail.") from exc
        except ValueError as exc:
            raise SettingError(f"{path}: not JSON ({exc}).") from exc
    return Retail(folder, rows["users"], rows["orders"], rows["products"])


def read_tasks(data: Path, split: str, most: int | None = None) -> list[Task]:
    """The tasks of a split, all or ``most`` of them taken evenly.

    Raises:
        SettingError: there is no such file.
    """
    rows = read_lines(data / "tau_retail" / f"{split}.jsonl")
    tasks = [
        Task(f"{split}-{number}", row["user_id"], row["instruction"], row["actions"], tuple(row["outputs"]))
        for number, row in enumerate(rows)
    ]
    if most is None or most >= len(tasks):
        return tasks
    return [tasks[at * len(tasks) // most] for at in range(most)]
