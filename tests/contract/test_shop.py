"""The shop on a real database: one suite on SQLite and on PostgreSQL, with several processes on it."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from actions.shop import demo
from actions.shop.__main__ import play
from actions.shop.database import ShopError, connect, migrate
from actions.shop.opening import open_shop
from actions.shop.plain import differences, dump
from actions.shop.records import Address, Key, Receipt, Refusal, UserId, Why
from actions.shop.schema import METADATA
from actions.shop.shop import Shop
from actions.shop.tau import Tools
from tests.shops import ADDRESS, SMALL, demo_shop, small_shop

ROOT = Path(__file__).parents[2]
ADA, BOB = UserId("ada_1"), UserId("bob_2")


def _programs() -> Path | None:
    """Where PostgreSQL's server programs lie; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for this run, on a loopback port."""
    programs = _programs()
    assert programs, "PostgreSQL is missing: apt-get install postgresql"
    folder = tmp_path_factory.mktemp("postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # It refuses to run as root.
    as_other: list[str] = []
    if os.getuid() == 0:
        as_other = ["runuser", "-u", "postgres", "--"]
        for path in (folder, *folder.parents):
            if path.owner() == "root" and path != Path("/") and "pytest" in str(path):
                path.chmod(path.stat().st_mode | 0o711)
        shutil.chown(folder, "postgres")
    data = folder / "data"
    make = [*as_other, str(programs / "initdb"), "-D", str(data), "-U", "kefu", "-A", "trust", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, cwd="/")
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    server = subprocess.Popen(
        [*as_other, str(programs / "postgres"), "-D", str(data), *options],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"postgresql://kefu@127.0.0.1:{port}/postgres"
    try:
        _wait(url, server)
        yield url
    finally:
        # The child of `runuser`, if there is one, ends with it.
        server.terminate()
        server.wait()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert server.poll() is None, "PostgreSQL did not start"
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PostgreSQL did not answer within a minute")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shop.db'}"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    shop = small_shop(database)
    yield shop
    shop.engine.dispose()


def test_that_what_was_loaded_is_dumped_as_it_was(shop: Shop) -> None:
    assert dump(shop) == SMALL


def test_that_the_migrations_make_the_tables_of_the_schema(shop: Shop) -> None:
    with shop.engine.begin() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
        indexes = {index["name"] for table in METADATA.tables for index in inspect(connection).get_indexes(table)}
    assert indexes == {index.name for table in METADATA.tables.values() for index in table.indexes}


def test_that_processes_that_start_together_migrate_and_seed_once(database: str) -> None:
    engine = connect(database)
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    start = "from actions.shop.opening import open_shop; open_shop()"
    environ = {**os.environ, "KEFU_SHOP_URL": database}
    processes = [
        subprocess.Popen([sys.executable, "-c", start], env=environ, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)
    ]
    for process in processes:
        _, trouble = process.communicate()
        assert process.returncode == 0, trouble.decode()
    shop = open_shop({"KEFU_SHOP_URL": database})
    assert len(dump(shop)["users"]) == 6
    shop.engine.dispose()
    engine.dispose()


def test_that_the_same_key_at_once_does_it_once(shop: Shop, database: str) -> None:
    other = Shop(connect(database))

    def cancel(at: int) -> Receipt | Refusal:
        return (shop, other)[at % 2].cancel(Key("turn-1"), ADA, "#W1000002", "no longer needed")

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(cancel, range(16)))
    assert len({receipt.number for receipt in done if isinstance(receipt, Receipt)}) == 1
    assert all(isinstance(receipt, Receipt) for receipt in done)
    assert len(shop.receipts()) == 1
    ada = shop.user(ADA)
    assert ada
    # Back on the gift card once: 30.00 + 10.10.
    assert ada.methods[0].balance == 4010
    other.engine.dispose()


def test_that_two_wishes_at_once_for_one_order_do_one(shop: Shop, database: str) -> None:
    other = Shop(connect(database))
    with ThreadPoolExecutor(2) as threads:
        cancelled = threads.submit(shop.cancel, Key("a"), ADA, "#W1000001", "ordered by mistake")
        swapped = threads.submit(other.change_items, Key("b"), ADA, "#W1000001", ["101"], ["102"], "paypal_1")
    done = [result for result in (cancelled.result(), swapped.result()) if isinstance(result, Receipt)]
    assert len(done) == 1
    assert len(shop.receipts()) == 1
    other.engine.dispose()


def test_that_one_gift_card_is_not_spent_twice_at_once(shop: Shop, database: str) -> None:
    """Two orders, one card of 30.00: each change alone could be paid with it."""
    other = Shop(connect(database))
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(shop.change_payment, Key("a"), ADA, "#W1000001", "gift_card_1")
        two = threads.submit(other.change_items, Key("b"), ADA, "#W1000002", ["101"], ["102"], "gift_card_1")
    assert one.result() == Refusal(Why.BALANCE, "gift_card_1")
    assert isinstance(two.result(), Receipt)
    ada = shop.user(ADA)
    assert ada
    assert ada.methods[0].balance == 3000 - 225
    other.engine.dispose()


def test_that_a_key_is_one_action_of_one_shopper(shop: Shop) -> None:
    done = shop.cancel(Key("k"), ADA, "#W1000001", "no longer needed")
    assert isinstance(done, Receipt)
    assert shop.cancel(Key("k"), ADA, "#W1000001", "no longer needed") == done
    assert shop.cancel(Key("k"), BOB, "#W1000009", "no longer needed") == Refusal(Why.KEY_TAKEN)
    assert shop.change_payment(Key("k"), ADA, "#W1000002", "paypal_1") == Refusal(Why.KEY_TAKEN)
    assert shop.receipt(Key("k")) == done


def test_that_a_swap_at_another_price_than_was_agreed_leaves_no_trace(shop: Shop) -> None:
    for swap, order in ((shop.change_items, "#W1000001"), (shop.exchange_items, "#W1000003")):
        refused = swap(Key(order), ADA, order, ["101"], ["102"], "paypal_1", agreed=0)
        assert refused == Refusal(Why.PRICE, "225")
        assert dump(shop) == SMALL
    for swap, order in ((shop.change_items, "#W1000001"), (shop.exchange_items, "#W1000003")):
        assert isinstance(swap(Key(order), ADA, order, ["101"], ["102"], "paypal_1", agreed=225), Receipt)


def test_that_receipts_of_keys_that_begin_alike_are_told_apart(shop: Shop) -> None:
    for number, began in enumerate(("web:ada/", "web:ADA/", "web:ad_/", "web:ada%2F1/")):
        key = Key(f"{began}1-0/action")
        assert isinstance(shop.change_default_address(key, ADA, Address(**{**ADDRESS, "zip": str(number)})), Receipt)
        assert [receipt.key for receipt in shop.receipts_of(ADA, began)] == [key]
    assert shop.receipts_of(BOB, "web:ada/") == []


def test_that_another_shoppers_order_and_none_are_refused_alike(shop: Shop) -> None:
    for order in ("#W1000009", "#W7777777"):
        assert shop.cancel(Key(order), ADA, order, "no longer needed") == Refusal(Why.NO_SUCH_ORDER)
        assert shop.order(order, ADA) is None
    assert dump(shop) == SMALL


def test_that_what_was_refused_leaves_no_trace(shop: Shop) -> None:
    assert isinstance(shop.cancel(Key("k"), ADA, "#W1000003", "no longer needed"), Refusal)
    assert shop.receipts() == []
    assert dump(shop) == SMALL


def test_that_an_address_and_its_postcode_change(shop: Shop) -> None:
    new = Address("2 Oak Way", "Flat 1", "Ely", "", "United Kingdom", "cb6 1aa")
    assert isinstance(shop.change_default_address(Key("a"), ADA, new), Receipt)
    assert [user.id for user in shop.users_at(["CB61AA"])] == [ADA]
    assert isinstance(shop.change_address(Key("b"), ADA, "#W1000001", new), Receipt)
    found = shop.order("#W1000001", ADA)
    assert found
    assert found.address == new


def test_that_taus_calls_do_what_taus_tools_do(shop: Shop) -> None:
    """Each answer and figure is worked out by hand from tau-bench's tools."""
    tools = Tools(shop, "test")
    assert tools.call("find_user_id_by_email", {"email": "ADA@mail.example"}) == "ada_1"
    assert tools.call("find_user_id_by_name_zip", {"first_name": "bob", "last_name": "BIRCH", "zip": "CB8"}) == "bob_2"
    assert tools.call("find_user_id_by_name_zip", {"first_name": "Bob", "last_name": "Birch", "zip": "CB7"}) == (
        "Error: user not found"
    )
    assert json.loads(tools.call("get_user_details", {"user_id": "ada_1"})) == SMALL["users"]["ada_1"]
    assert json.loads(tools.call("get_product_details", {"product_id": "10"})) == SMALL["products"]["10"]
    assert json.loads(tools.call("list_all_product_types", {})) == {"Kettle": "20", "Mug": "10"}
    assert tools.call("calculate", {"expression": "(50.10 - 9.05) * 2"}) == "82.1"
    assert tools.call("calculate", {"expression": "__import__('os')"}).startswith("Error")
    swap = {"item_ids": ["101", "201"], "new_item_ids": ["104", "201"], "payment_method_id": "gift_card_1"}
    swapped = json.loads(tools.call("modify_pending_order_items", {"order_id": "#W1000001", **swap}))
    assert swapped["status"] == "pending (item modified)"
    assert swapped["payment_history"][1:] == [
        {"transaction_type": "refund", "amount": 2.05, "payment_method_id": "gift_card_1"}
    ]
    cancel = {"order_id": "#W1000001", "reason": "no longer needed"}
    assert tools.call("cancel_pending_order", cancel).startswith("Error")
    dear = {"order_id": "#W1000003", "item_ids": ["201"], "new_item_ids": ["202"], "payment_method_id": "gift_card_1"}
    assert tools.call("exchange_delivered_order_items", dear).startswith("Error: gift card balance too low")
    wrong = {"order_id": "#W1000003", "item_ids": ["101"], "payment_method_id": "credit_card_1"}
    assert tools.call("return_delivered_order_items", wrong).startswith("Error: neither the original method")
    back = {"order_id": "#W1000003", "item_ids": ["201", "101", "101"], "payment_method_id": "gift_card_1"}
    returned = json.loads(tools.call("return_delivered_order_items", back))
    assert returned["return_items"] == ["101", "101", "201"]
    assert returned["status"] == "return requested"
    assert "refund" not in json.dumps(returned["payment_history"])
    moved = json.loads(tools.call("modify_user_address", {"user_id": "ada_1", **ADDRESS, "city": "Bath"}))
    assert moved["address"]["city"] == "Bath"
    assert tools.call("transfer_to_human_agents", {"summary": "x"}) == "Transfer successful"
    assert tools.call("drop_table", {}) == "Error: unknown tool 'drop_table'"
    balance = dump(shop)["users"]["ada_1"]["payment_methods"]["gift_card_1"]["balance"]
    assert balance == 32.05


def test_that_a_played_task_says_what_it_changed_and_leaves_nothing_to_the_next() -> None:
    call = {"name": "cancel_pending_order", "kwargs": {"order_id": "#W1000002", "reason": "ordered by mistake"}}
    first, second, third = play(SMALL, [[call], [], [call]])
    assert first["changes"] == third["changes"]
    assert "orders/#W1000002/status: 'pending' → 'cancelled'" in first["changes"]
    assert "users/ada_1/payment_methods/gift_card_1/balance: 30.0 → 40.1" in first["changes"]
    assert second == {"results": [], "changes": []}


def test_that_the_demos_orders_stay_as_old_as_they_are(tmp_path: Path) -> None:
    shop = demo_shop(f"sqlite:///{tmp_path / 'shop.db'}")
    later = Shop(shop.engine, clock=lambda: datetime.now(UTC) + timedelta(days=90))
    mila = UserId("mila-de-vries")
    for each in (shop, later):
        [order] = [order for order in each.orders(mila) if order.id == "LF-204519"]
        assert order.delivered == each.today - timedelta(days=19)
        assert not isinstance(each.return_items(Key("k"), mila, order.id, [], "ideal_2041"), Refusal)
    assert demo.seed(shop.engine) is False
    shop.engine.dispose()


def test_that_the_demos_products_are_those_of_the_knowledge() -> None:
    with (ROOT / "knowledge" / "products.csv").open(encoding="utf-8", newline="") as file:
        known = {row["sku"]: row for row in csv.DictReader(file)}
    products = {product.id: product for product in demo.read_products()}
    assert products.keys() == known.keys()
    for sku, row in known.items():
        product = products[sku]
        assert (product.name, product.category) == (row["name"], row["category"])
        assert {variant.price for variant in product.variants} == {round(float(row["price"]) * 100)}
        colours, sizes = (set(filter(None, row[name].split("|"))) for name in ("colours", "sizes"))
        assert {variant.options["colour"] for variant in product.variants if "colour" in variant.options} == colours
        assert {variant.options["size"] for variant in product.variants if "size" in variant.options} == sizes
        assert any(variant.available for variant in product.variants) == (row["stock"] != "0")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"KEFU_SHOP_URL": "shop.db"}, "KEFU_SHOP_URL = 'shop.db'"),
        ({"KEFU_SHOP_URL": "mysql://shop"}, "'mysql' is not supported"),
        ({"KEFU_SHOP_RETURN_DAYS": "a month"}, "KEFU_SHOP_RETURN_DAYS = 'a month'"),
        ({"KEFU_SHOP_DEMO": "maybe"}, "KEFU_SHOP_DEMO = 'maybe'"),
    ],
)
def test_that_a_wrong_setting_is_named(environ: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(ShopError, match=named.replace("(", r"\(")):
        open_shop({"KEFU_SHOP_URL": f"sqlite:///{tmp_path / 'x.db'}", **environ})


def test_that_a_database_that_is_away_is_an_error_of_the_shop() -> None:
    shop = Shop(connect("postgresql://kefu@127.0.0.1:1/none"))
    with pytest.raises(ShopError, match="does not answer"):
        shop.orders(ADA)
    with pytest.raises(ShopError, match="does not answer"):
        shop.cancel(Key("k"), ADA, "#W1000001", "no longer needed")


def test_that_an_empty_database_may_stay_empty(tmp_path: Path) -> None:
    shop = open_shop({"KEFU_SHOP_URL": f"sqlite:///{tmp_path / 'x.db'}", "KEFU_SHOP_DEMO": "false"})
    assert dump(shop) == {"users": {}, "products": {}, "orders": {}}
    assert list(differences({"a": 1}, {"b": 1})) == ["a: 1 → nothing", "b: nothing → 1"]
    migrate(shop.engine)
    shop.engine.dispose()
