"""`kefu eval conversations`: tasks and stories are played on a whole server, and what differs is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import ROOT

ADDRESS = {
    "address1": "1 Elm Row",
    "address2": "",
    "city": "Springfield",
    "country": "USA",
    "state": "IL",
    "zip": "10001",
}


def item(number: str, colour: str) -> dict[str, Any]:
    return {"name": "Desk Fan", "product_id": "7", "item_id": number, "price": 20.0, "options": {"colour": colour}}


def an_order(number: str, status: str) -> dict[str, Any]:
    return {
        "order_id": number,
        "user_id": "ada_byron_1",
        "address": ADDRESS,
        "items": [item("701", "white")],
        "fulfillments": [],
        "status": status,
        "payment_history": [{"transaction_type": "payment", "amount": 20.0, "payment_method_id": "paypal_1"}],
    }


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A shop of tau-bench's shape with one shopper, and tasks: two that can be done, one whose second call
    is refused, and one whose shopper gives an address that nobody has."""
    folder = tmp_path / "sets" / "tau_retail"
    folder.mkdir(parents=True)
    variants = {
        number: {"item_id": number, "options": {"colour": colour}, "available": True, "price": 20.0}
        for number, colour in (("701", "white"), ("702", "black"))
    }
    user = {
        "name": {"first_name": "Ada", "last_name": "Byron"},
        "address": ADDRESS,
        "email": "ada@mail.example",
        "payment_methods": {"paypal_1": {"source": "paypal", "id": "paypal_1"}},
        "orders": ["#W1000001", "#W1000002"],
    }
    orders = {row["order_id"]: row for row in (an_order("#W1000001", "pending"), an_order("#W1000002", "delivered"))}
    product = {"name": "Desk Fan", "product_id": "7", "variants": variants}
    for name, rows in (("users", {"ada_byron_1": user}), ("orders", orders), ("products", {"7": product})):
        (folder / f"{name}.json").write_text(json.dumps(rows))
    cancel = {"name": "cancel_pending_order", "kwargs": {"order_id": "#W1000001", "reason": "no longer needed"}}
    swap = {"order_id": "#W1000002", "item_ids": ["701"], "new_item_ids": ["702"], "payment_method_id": "paypal_1"}
    exchange = {"name": "exchange_delivered_order_items", "kwargs": swap}
    lie = {"name": "cancel_pending_order", "kwargs": {"order_id": "#W1000001", "reason": "ordered by mistake"}}
    who = "Your name is Ada Byron and your zip code is 10001. You are calm."
    tasks = [
        (f"{who} You want to cancel your order and then exchange your desk fan for a black one.", [cancel, exchange]),
        (f"{who} You want to know how long a return may take.", []),
        ("Your name is Ada Byron and your email is nobody@mail.example. You want to cancel your order.", [cancel]),
        (f"{who} You want to cancel your order.", [lie, {**exchange, "kwargs": {**swap, "order_id": "#W1000001"}}]),
    ]
    with (folder / "dev.jsonl").open("w") as file:
        for instruction, calls in tasks:
            row = {"user_id": "ada_byron_1", "instruction": instruction, "actions": calls, "outputs": []}
            file.write(json.dumps(row) + "\n")
    return tmp_path / "sets"


def measure(made: Path, *options: str) -> tuple[int, dict[str, Any]]:
    environment = os.environ | {"KEFU_DATA": str(made), "KEFU_SHOP_URL": "sqlite:////nowhere/orders-of-today.db"}
    command = [sys.executable, "-m", "bot.cli", "eval", "conversations", *options, "--json"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_that_tasks_are_played_and_the_database_is_compared(made: Path, sets: Path, tmp_path: Path) -> None:
    status, figures = measure(made, "--data", str(sets), "--out", str(tmp_path / "out"))
    assert status == 0
    assert (figures["tasks"], figures["passed"], figures["failed"]) == (4, 3, ["dev-2"])
    assert figures["kinds"]["cancel"] == {"tasks": 1, "passed": 0, "rate": 0.0}
    assert figures["kinds"]["cancel + exchange"] == {"tasks": 2, "passed": 2, "rate": 1.0}
    rows = [json.loads(line) for line in (tmp_path / "out" / "conversations.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["cancel + exchange", "nothing", "cancel", "cancel + exchange"]
    assert "orders/#W1000001/status: 'pending' → 'cancelled'" in rows[2]["missing"]
    assert "nobody@mail.example" in (tmp_path / "out" / "conversations.html").read_text()


def test_that_the_demo_shops_stories_pass_and_a_wrong_one_is_told_with_its_line(made: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "test_wrong.yml"
    wrong.write_text(
        "stories:\n- story: wrong\n  steps:\n  - user: hello\n    intent: greet\n  - action: utter_goodbye\n"
    )
    status, figures = measure(made, "--stories", str(ROOT / "tests" / "conversations"), "--out", str(tmp_path / "out"))
    assert (status, figures["failed"]) == (0, [])
    status, figures = measure(made, "--stories", str(wrong), "--out", str(tmp_path / "out"))
    assert status == 1
    [failed] = figures["failed"]
    assert failed["differs"] == [f"{wrong}:4: actions: utter_goodbye are told, utter_greet were done"]
    assert "> hello" in (tmp_path / "out" / "stories.txt").read_text()


def test_that_wishes_are_said_once_and_counted_where_they_are_acted_on(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "wishes.yml"
    file.write_text(
        "cancel_order:\n- cancel my order please\n- do you sell tents\n"
        "return_item+order_status:\n- I want to return my jacket. Where is my other order?\n"
    )
    status, figures = measure(made, "--wishes", str(file), "--out", str(tmp_path / "out"))
    assert status == 0
    assert figures["kinds"]["cancel_order"] == {"wishes": 2, "acted_on": 1}
    assert figures["kinds"]["return_item + order_status"] == {"wishes": 1, "acted_on": 1}
    assert (tmp_path / "out" / "wishes.txt").read_text().startswith("cancel_order: do you sell tents")
