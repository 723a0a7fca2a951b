"""Shoppers change their orders through the real action server: each once, with a receipt, and nobody else's."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import jwt
import pytest
from sqlalchemy import Table, update

from actions import change_items, exchanges
from actions.scene import Scene
from actions.shop import demo
from actions.shop.database import empty, exclusive
from actions.shop.opening import open_shop
from actions.shop.records import Key, Payment, Refusal, Why
from actions.shop.rows import save_order
from actions.shop.schema import ORDER_ITEMS, PAYMENTS, VARIANTS
from actions.shop.shop import Shop
from tests.action_talk import Heard, Talk

MILA = "mila.devries@mail.example"
AMELIA = "amelia.hart@mail.example"
JONAS = "jonas.keller@mail.example"
NEW_ADDRESS = "Hauptstraße 9, 10117 Berlin, Germany"
KEY = "a key of the shop's site, long enough for HS256"


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """An action server, started as in a container, with its database in ``folder``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "actions", "--port", str(port), "--data", str(folder)]
    with (folder / "actions.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "KEFU_SHOP_URL": "", "KEFU_SHOP_KEY": KEY}
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, folder / "actions.log")
        yield f"http://127.0.0.1:{port}/webhook", process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """One action server for the module."""
    folder = tmp_path_factory.mktemp("shop")
    with serving(folder) as (url, _):
        yield url, folder


def _wait(health: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def shop(served: tuple[str, Path]) -> Iterator[Shop]:
    """The same database beside the server, as fresh as the demo is."""
    shop = open_shop({}, served[1])
    with exclusive(shop.engine) as connection:
        empty(connection)
    demo.seed(shop.engine)
    yield shop
    shop.engine.dispose()


@pytest.fixture
def url(served: tuple[str, Path], shop: Shop) -> str:
    return served[0]


async def test_that_an_order_is_cancelled_after_a_yes_and_once(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    assert "e-mail" in (await talk.say("I want to cancel my order")).text
    # Of her three orders one is pending: which one is not asked.
    why = await talk.say(f"it is {MILA}")
    assert why.options == ["No longer needed", "Ordered by mistake"]
    assert "two reasons" in (await talk.say("it is too expensive")).text
    summary = await talk.say("Ordered by mistake")
    assert "LF-204520" in summary.text
    assert "279.90 EUR goes back to iDEAL within 5 to 7 business days" in summary.text
    assert summary.options == ["Yes", "No"]
    assert summary.receipt is None
    done = await talk.say("Yes", "affirm")
    assert done.receipt
    assert "LF-204520 is cancelled" in done.text
    assert [receipt.number for receipt in shop.receipts()] == [done.receipt]
    assert shop.order("LF-204520", shop.user_by_email(MILA).id).status == "cancelled"  # type: ignore[union-attr]
    assert talk.slots["order"] is None


async def test_that_a_no_changes_nothing(session: aiohttp.ClientSession, url: str, shop: Shop) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
    heard = await talk.say("no", "deny")
    assert "changed nothing" in heard.text
    assert heard.receipt is None
    assert shop.receipts() == []


async def test_that_a_yes_counts_for_the_summary_that_was_said_and_for_no_other(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
    talk.slots["reason"] = "ordered by mistake"
    again = await talk.say("yes", "affirm")
    assert "ordered by mistake" in again.text
    assert again.receipt is None
    assert (await talk.say("yes but wait", "affirm")).receipt is None
    assert (await talk.say("yes", "affirm")).receipt
    assert len(shop.receipts()) == 1


def reprice(shop: Shop, more: int) -> None:
    """Have everything cost ``more`` cents more, and what was ordered twice that."""
    with shop.engine.begin() as connection:
        for table, times in ((VARIANTS, 1), (ORDER_ITEMS, 2)):
            connection.execute(update(table).values(price=table.c.price + times * more))


@pytest.mark.parametrize(
    ("form", "said", "dearer"),
    [
        ("exchange_form", ["exchange my boots", "li.wei@mail.example", "the boots", "43"], (VARIANTS,)),
        ("change_order_form", [f"another colour for my order please, {JONAS}", "the tent", "moss green"], (VARIANTS,)),
        ("return_form", [f"return LF-204519 please, {MILA}", "iDEAL"], (ORDER_ITEMS,)),
        ("cancel_order_form", [f"cancel LF-204520, I no longer need it. {MILA}"], (PAYMENTS,)),
        ("change_order_form", [f"pay my order another way, {JONAS}"], (PAYMENTS,)),
    ],
)
async def test_that_a_yes_counts_for_the_amount_that_was_told_and_for_no_other(
    session: aiohttp.ClientSession, url: str, shop: Shop, form: str, said: list[str], dearer: tuple[Table, ...]
) -> None:
    talk = Talk(session, url, form)
    for text in said:
        heard = await talk.say(text)
    assert talk.slots["requested_slot"] == "confirmed"
    with shop.engine.begin() as connection:
        for table in dearer:
            column = table.c.amount if table is PAYMENTS else table.c.price
            connection.execute(update(table).values({column.name: column + 1234}))
    again = await talk.say("yes", "affirm")
    assert again.receipt is None
    assert again.options == ["Yes", "No"]
    assert again.text != heard.text
    if dearer == (VARIANTS,):
        assert "12.34 EUR is charged" in again.text
    assert shop.receipts() == []
    assert (await talk.say("yes", "affirm")).receipt


async def test_that_a_price_that_changes_behind_the_yes_is_not_charged(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "exchange_form")
    for text in ("exchange my boots", "li.wei@mail.example", "the boots", "43"):
        await talk.say(text)
    talk.submitting = False
    await talk.say("yes", "affirm")
    with shop.engine.begin() as connection:
        connection.execute(update(VARIANTS).values(price=VARIANTS.c.price + 1))
    refused = await talk.call("action_exchange_items", "yes", "affirm")
    assert "changed nothing" in refused["responses"][0]["text"]
    assert shop.receipts() == []


def test_that_the_shop_itself_is_told_which_difference_was_agreed(shop: Shop) -> None:
    jonas = shop.user_by_email(JONAS)
    assert jonas
    slots = {"shopper": jonas.id, "order": "LF-204602", "method": jonas.methods[0].id, "offer": '{"difference": 1}'}
    order = shop.order("LF-204602", jonas.id)
    assert order
    tent = next(item for item in order.items if "Tent" in item.name)
    other = next(v for v in shop.product(tent.product).variants if v.id != tent.id)  # type: ignore[union-attr]
    slots |= {"items": tent.id, "variant_1": other.id}
    scene = Scene(shop, "yes", "affirm", "en", None, {}, "web:jonas", "1", slots)
    # Whatever the actions have read before, the price counts that the transaction finds.
    assert change_items.do(scene, Key("k")) == Refusal(Why.PRICE, str(other.price - tent.price))


async def test_that_an_exchange_tells_the_shop_which_difference_was_agreed(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "exchange_form")
    for text in ("exchange my boots", "li.wei@mail.example", "the boots", "43"):
        await talk.say(text)
    slots = talk.slots | {"offer": '{"difference": 1}'}
    scene = Scene(shop, "yes", "affirm", "en", None, {}, "web:wei", "1", slots)
    assert exchanges.do(scene, Key("k")) == Refusal(Why.PRICE, "0")


async def test_that_a_yes_to_one_summary_does_nothing_to_another_order(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    for text in ("cancel LF-205011", "freya.lund@mail.example", "no longer needed"):
        await talk.say(text)
    talk.slots |= {"order": "LF-205010", "confirmed": True}
    answer = await talk.call("action_cancel_order", "yes", "affirm")
    assert "changed nothing" in answer["responses"][0]["text"]
    assert shop.receipts() == []


async def test_that_all_methods_that_get_money_back_are_told(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    jonas = shop.user_by_email(JONAS)
    assert jonas
    order = shop.order("LF-204602", jonas.id)
    assert order
    one, other = (method.id for method in jonas.methods[:2])
    payments = (Payment("payment", 1_000, one), Payment("payment", order.total - 1_000, other))
    with exclusive(shop.engine) as connection:
        save_order(connection, replace(order, payments=payments))
    talk = Talk(session, url, "cancel_order_form")
    summary = await talk.say(f"cancel LF-204602, I no longer need it. {JONAS}")
    done = await talk.say("yes", "affirm")
    assert done.receipt
    for amount in (1_000, order.total - 1_000):
        told = f"{amount / 100:,.2f} EUR goes back to "
        assert told in summary.text
        assert told in done.text


async def test_that_what_was_done_is_told_although_the_token_has_ended_since(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    def token(user: str) -> dict[str, str]:
        return {"identity": jwt.encode({"sub": user, "exp": time.time() + 60}, KEY, "HS256")}

    talk = Talk(session, url, "cancel_order_form")
    talk.metadata = token("mila-de-vries")
    await talk.say("cancel LF-204520, I no longer need it.")
    before = dict(talk.slots)
    first = await talk.say("yes", "affirm")
    assert first.receipt
    for metadata, shopper, theirs in (
        ({}, None, True),
        (token("jonas-keller"), "jonas-keller", False),
        (token("somebody the shop does not have"), None, False),
    ):
        talk.metadata, talk.slots, talk.turn = metadata, dict(before), talk.turn - 1
        again = await talk.say("yes", "affirm")
        assert talk.slots["shopper"] == shopper
        # Somebody else is not told of it.
        assert (again.receipt, again.texts) == (first.receipt, first.texts) if theirs else again.receipt is None
        assert ("LF-204520" in again.text) is theirs
    assert len(shop.receipts()) == 1


async def test_that_another_form_of_the_same_turn_is_none_that_was_done(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
    assert (await talk.say("yes", "affirm")).receipt
    talk.turn -= 1
    heard = await talk.say("cancel another one too")
    assert "None of your orders" in heard.text
    assert heard.receipt is None


@pytest.mark.parametrize(
    "action",
    [
        "action_product_stock",
        "action_recommend",
        "action_product_options",
        "action_refund_total",
        "action_order_cost",
        "action_cancel_order",
        "action_order_status",
        "action_list_orders",
        "action_identify",
        "action_ask_order_status_form_order_number",
        "action_ask_cancel_order_form_order",
        "action_ask_cancel_order_form_shopper",
        "validate_cancel_order_form",
        "validate_order_status_form",
    ],
)
async def test_that_every_action_forgets_who_proves_nothing_any_more(
    session: aiohttp.ClientSession, url: str, shop: Shop, action: str
) -> None:
    talk = Talk(session, url, action.removeprefix("validate_") if action.startswith("validate_") else "")
    talk.slots |= {"shopper": "mila-de-vries", "vouched": "mila-de-vries", "order": "LF-204520", "category": "tent"}
    talk.take(await talk.call(action, "the Tarn 2 Tent"), Heard())
    assert (talk.slots["shopper"], talk.slots["vouched"], talk.slots["order"]) == (None, None, None)
    talk.metadata["identity"] = jwt.encode({"sub": "jonas-keller", "exp": time.time() + 60}, KEY, "HS256")
    talk.take(await talk.call(action, "the Tarn 2 Tent"), Heard())
    assert (talk.slots["shopper"], talk.slots["vouched"]) == ("jonas-keller", "jonas-keller")


async def test_that_two_items_of_three_are_returned_to_a_gift_card(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "return_form")
    await talk.say("I want to send something back", "return_item")
    which = await talk.say("Amelia Hart, S10 2TN")
    # Not the order that was delivered 44 days ago, nor the cancelled one.
    assert [option.split(":")[0] for option in which.options] == ["LF-204823", "LF-204820"]
    late = await talk.say("LF-204822")
    assert "30 days" in late.text
    items = await talk.say(which.options[0])
    assert items.options[-1] == "All of them"
    unclear = await talk.say("the women's one")
    assert "not sure" in unclear.text
    where = await talk.say("the trousers and the beanie")
    assert where.options == ["PayPal", "gift card 1204"]
    summary = await talk.say("on my gift card please")
    assert "134.90 EUR" in summary.text
    done = await talk.say("yes please", "affirm")
    assert done.receipt
    amelia = shop.user_by_email(AMELIA)
    assert amelia
    order = shop.order("LF-204823", amelia.id)
    assert order
    assert order.returned
    assert order.status == "return requested"
    assert set(order.returned.items) == {"LFP-CRAGW-PLUM-M", "LFA-BEAN-BLACK"}
    assert order.returned.method == "gift_card_1204"


async def test_that_a_sold_out_variant_is_told_and_another_one_taken(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "exchange_form")
    await talk.say("exchange my boots")
    await talk.say("li.wei@mail.example")
    variants = await talk.say("the boots")
    assert "brown, 43" in variants.options
    assert "brown, 44" not in variants.options
    assert "sold out" in (await talk.say("size 44")).text
    # The same again is offered too, for boots that are faulty.
    assert "brown, 42" in variants.options
    summary = await talk.say("43")
    assert "brown, 43" in summary.text
    assert "price stays the same" in summary.text
    # A correction at the summary is no yes.
    done = await talk.say("yes", "affirm")
    assert done.receipt
    [receipt] = shop.receipts()
    assert receipt.result["new_items"] == ["LFO-CAIRM-BROWN-43"]


async def test_that_items_are_put_right_at_the_summary(session: aiohttp.ClientSession, url: str, shop: Shop) -> None:
    talk = Talk(session, url, "return_form")
    for text in (f"return two things from LF-204823, {AMELIA}", "the trousers and the fleece", "paypal"):
        await talk.say(text)
    assert "Beanie" in (await talk.say("wait, the beanie instead of the fleece", "deny")).text
    assert talk.slots["items"] == "LFP-CRAGW-PLUM-M,LFA-BEAN-BLACK"
    assert "Beanie" in (await talk.say("paypal")).text
    await talk.say("that's fine but keep the trousers")
    await talk.say("paypal")
    assert talk.slots["items"] == "LFA-BEAN-BLACK"
    await talk.say("no, the pants")
    assert "99.95 EUR" in (await talk.say("paypal")).text
    assert "do not find the umbrella" in (await talk.say("no, the pants and the umbrella")).text
    assert (await talk.say("yes", "affirm")).receipt
    assert shop.receipts()[0].result["amount"] == 9995


async def test_that_in_chinese_too_one_of_two_items_is_meant_alone(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "return_form", "zh")
    await talk.say("我要退货 LF-204713 li.wei@mail.example")
    await talk.say("靴子和袜子")
    assert talk.slots["items"] == "LFO-CAIRM-BROWN-42,LFA-SOCKH-MOSS-GREEN-42-44"
    summary = await talk.say("不对，只退靴子", "deny")
    assert "Socks" not in summary.text
    assert talk.slots["requested_slot"] == "confirmed"


async def test_that_an_order_that_cannot_be_taken_in_place_of_another_is_told(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204602 by mistake, {JONAS}")
    assert talk.slots["requested_slot"] == "confirmed"
    assert "LF-204603 is packed" in (await talk.say("actually no, i meant LF-204603", "deny")).text
    assert "no order LF-204520" in (await talk.say("I mean LF-204520")).text
    assert talk.slots["requested_slot"] == "confirmed"
    assert shop.receipts() == []


async def test_that_another_order_has_nothing_of_the_first(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "return_form")
    for text in (f"return something from LF-204823, {AMELIA}", "the beanie", "paypal"):
        await talk.say(text)
    assert "LF-204820" in (await talk.say("no, not LF-204823, LF-204820", "deny")).text
    assert (talk.slots["items"], talk.slots["method"], talk.slots["requested_slot"]) == (None, None, "items")
    # As Kefu takes an order back at "no, the other order".
    talk.slots |= {"items": "LFS-BRAC400-SLATE-BLUE-REGULAR", "order": None, "requested_slot": "method"}
    await talk.say("LF-204823")
    assert (talk.slots["order"], talk.slots["items"], talk.slots["requested_slot"]) == ("LF-204823", None, "items")


async def test_that_the_second_of_the_listed_orders_is_meant(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "return_form")
    which = await talk.say(f"I want to return something, {AMELIA}")
    await talk.say("the second one please")
    assert talk.slots["order"] == which.options[1].split(":")[0]
    await talk.say("the first one")
    assert talk.slots["items"] == "LFS-BRAC400-SLATE-BLUE-REGULAR"


async def test_that_what_items_become_is_forgotten_with_them(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "exchange_form")
    for text in ("exchange something from LF-204713, li.wei@mail.example", "boots", "43"):
        await talk.say(text)
    talk.slots |= {"items": None, "requested_slot": "confirmed"}
    await talk.say("the socks")
    assert (talk.slots["variant_1"], talk.slots["requested_slot"]) == (None, "variant_1")


async def test_that_it_is_shown_why_the_order_that_it_points_to_cannot_be_taken(
    session: aiohttp.ClientSession, url: str
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    talk.slots |= {"shopper": "mila-de-vries", "order_number": "LF-204518"}
    heard = await talk.say("cancel it")
    assert "LF-204518 is shipped" in heard.text
    assert (talk.slots["order"], talk.slots["requested_slot"]) == (None, "order")
    talk.slots["requested_slot"] = None
    await talk.say("cancel the rain jacket, I don't need it")
    assert talk.slots["order"] == "LF-204520"


async def test_that_variants_are_said_in_two_steps_and_put_right(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "exchange_form")
    await talk.say("exchange things from LF-204713, li.wei@mail.example")
    await talk.say("boots and socks")
    assert "stone grey, 42 is sold out" in (await talk.say("stone grey")).text
    await talk.say("in 44")
    assert talk.slots["variant_1"] == "LFO-CAIRM-STONE-GREY-44"
    await talk.say("39-41")
    assert "stone grey, 43" in (await talk.say("then 43")).text
    assert "sold out" in (await talk.say("stone grey in 42")).text
    assert "For which of the items" in (await talk.say("in stone grey")).text
    assert "moss green, 36-38" in (await talk.say("make the socks 36-38")).text
    assert "stone grey, 43" in (await talk.say("that's wrong, I'm sure")).text
    assert (await talk.say("yes", "affirm")).receipt


async def test_that_equal_items_get_one_answer_or_are_counted(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "change_order_form")
    await talk.say("change my items, noor.bakker@mail.example")
    assert "(1 of 3)" in (await talk.say("all")).text
    assert "(2 of 3)" in (await talk.say("36-38")).text
    talk.slots |= {"variant_1": None, "requested_slot": "variant_1"}
    assert (await talk.say("all in 36-38")).text.count("becomes stone grey, 36-38") == 3
    assert (await talk.say("then 42-44")).text.count("becomes stone grey, 42-44") == 3


async def test_that_items_payment_and_address_of_a_pending_order_change(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    jonas = shop.user_by_email("jonas.keller@mail.example")
    assert jonas
    talk = Talk(session, url, "change_order_form")
    await talk.say("pay my order another way", "change_order")
    summary = await talk.say("Jonas Keller 50674")
    assert "Visa ending 4071" in summary.text
    assert (await talk.say("yes", "affirm")).receipt
    await talk.say("I need my order sent to another address")
    summary = await talk.say("Hauptstraße 9, 10117 Berlin, Germany")
    assert "Hauptstraße 9, Berlin, 10117, Germany" in summary.text
    assert (await talk.say("jawohl"), talk.slots["requested_slot"])[1] == "confirmed"
    assert (await talk.say("Yes")).receipt
    await talk.say("another colour please")
    await talk.say("the tent")
    assert "LF-204602" in (await talk.say("moss green")).text
    assert (await talk.say("Yes")).receipt
    order = shop.order("LF-204602", jonas.id)
    assert order
    assert order.status == "pending (item modified)"
    assert order.address.city == "Berlin"
    assert order.items[0].options == {"colour": "moss green"}
    # Items can be changed once; after that nothing of the order.
    assert "None of your orders" in (await talk.say("another colour please")).text


BERLIN = "Hauptstr. 5, 10115 Berlin, Germany"


@pytest.mark.parametrize("form", ["change_address_form", "change_order_form"])
@pytest.mark.parametrize(
    "wish",
    [
        f"send LF-204602 somewhere else: {BERLIN}",
        f"ship my order LF-204602 to {BERLIN}",
        f"deliver it to {BERLIN} please",
    ],
)
async def test_that_an_address_in_the_first_words_is_not_asked_for_again(
    session: aiohttp.ClientSession, url: str, shop: Shop, form: str, wish: str
) -> None:
    talk = Talk(session, url, form)
    await talk.say(wish)
    assert "Hauptstr. 5, Berlin, 10115, Germany" in (await talk.say("Jonas Keller 50674")).text
    assert talk.slots["order"] == "LF-204602"
    assert (await talk.say("YES DAMMIT", "deny")).receipt
    jonas = shop.user_by_email(JONAS)
    assert jonas
    order = shop.order("LF-204602", jonas.id)
    assert order
    assert order.address.line() == "Hauptstr. 5, Berlin, 10115, Germany"
    assert jonas.address.city == "Köln"


@pytest.mark.parametrize(
    "wish",
    [
        "change the address of LF-204602",
        f"change it from {BERLIN} to my new place",
        "send LF-204602 to Hauptstr. 5, Berlin",
    ],
)
async def test_that_an_address_that_is_not_plain_is_asked_for(
    session: aiohttp.ClientSession, url: str, wish: str
) -> None:
    talk = Talk(session, url, "change_address_form")
    await talk.say(f"{wish} {JONAS}")
    assert talk.slots["address_of"] in ("order", None)
    assert talk.slots["new_address"] is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        *(
            (said, "no longer needed")
            for said in ("dont need it anymore", "found it cheaper elsewhere", "don't want it")
        ),
        *((said, "no longer needed") for said in ("too late", "i changed my mind", "I didnt want that", "不要了")),
        ("by mistake", "ordered by mistake"),
        ("is it too late to cancel?", None),
        ("I don't want to cancel", None),
    ],
)
async def test_that_a_reason_is_known_in_plain_words(
    session: aiohttp.ClientSession, url: str, said: str, reason: str | None
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204520, {MILA}")
    await talk.say(said, "deny")
    assert talk.slots["reason"] == reason


async def test_that_a_gift_card_with_too_little_on_it_is_told_as_that(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "change_order_form")
    told = await talk.say("change payment of LF-204905 to my gift card. noor.bakker@mail.example")
    assert "not enough left" in told.text
    assert "20.00 EUR" in told.text


async def test_that_a_reason_at_a_summary_is_no_no(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
    for said in ("cancel LF-204520", "by mistake", "Yes, but not now"):
        again = await talk.say(said, "deny")
        assert talk.slots["requested_slot"] == "confirmed"
        assert "Shall I do this?" in again.text
    assert "mistake" in again.text


async def test_that_a_gift_card_that_was_bought_is_no_wish_to_pay_with_one(
    session: aiohttp.ClientSession, url: str
) -> None:
    talk = Talk(session, url, "change_order_form")
    await talk.say("I want to change my order", "change_order")
    await talk.say("jonas.keller@mail.example, LF-204602: Tarn 3 Tent, Larkfell Gift Card (pending)")
    assert talk.slots["order"] == "LF-204602"
    assert talk.slots["requested_slot"] == "change"


async def test_that_a_shoppers_own_address_changes(session: aiohttp.ClientSession, url: str, shop: Shop) -> None:
    talk = Talk(session, url, "change_address_form")
    await talk.say(f"change the address of my account, {MILA}")
    assert "miss" in (await talk.say("Nieuwegracht 5, Utrecht")).text
    await talk.say("Nieuwegracht 5, 3512 LC Utrecht")
    assert (await talk.say("yes")).receipt
    assert shop.user_by_email(MILA).address.zip == "3512 LC"  # type: ignore[union-attr]


async def test_that_another_shoppers_order_looks_like_none(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    answers = []
    for number in ("LF-204602", "LF-999999"):
        talk = Talk(session, url, "cancel_order_form")
        await talk.say(f"cancel order {number}")
        heard = await talk.say(f"I am {MILA}")
        # Her own pending order is offered, but not taken for the one that she named.
        assert heard.options == ["LF-204520: Women's Ghyll 3L Rain Jacket, Glim 200 Headlamp (pending)"]
        answers.append(heard.text.replace(number, "…"))
        answers.append((await talk.say(f"no, {number}")).text.replace(number, "…"))
        assert talk.slots["order"] is None
    assert answers[:2] == answers[2:]
    # Even slots that somebody forged give nobody else's order away.
    forged = Talk(session, url, "cancel_order_form")
    forged.slots |= {"shopper": "mila-de-vries", "order": "LF-204602", "reason": "no longer needed", "confirmed": True}
    forged.slots["offer"] = json.dumps({name: forged.slots[name] for name in ("shopper", "order", "reason")})
    answer = await forged.call("action_cancel_order", "yes")
    assert answer["responses"][0]["text"] == "I find no such order of yours."
    assert shop.receipts() == []


async def test_that_three_wrong_answers_call_a_person(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "return_form")
    await talk.say("I want to return something")
    for _ in range(2):
        heard = await talk.say("Mila de Vries, 1234 AB")
        assert "nobody" in heard.text
    heard = await talk.say("Mila de Vries, 4321 AB")
    assert talk.slots["identify_failed"] is True
    assert talk.slots["requested_slot"] is None
    assert heard.events[-1]["name"] == "action_handoff"
    assert talk.slots["shopper"] is None


async def test_that_who_guessed_three_times_is_found_by_a_token_alone(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "return_form")
    # The first guess stands in the wish itself; an order's number is none.
    await talk.say("I want to return LF-204519 please")
    assert not talk.slots["identify_tries"]
    talk.slots["requested_slot"] = None
    await talk.say("I want to return something, I am Mila de Vries, 1234 AB")
    assert talk.slots["identify_tries"] == 1
    await talk.say("nobody@mail.example")
    await talk.say("mila.devries@other.example")
    assert talk.slots["identify_failed"] is True
    for form in ("return_form", "cancel_order_form"):
        talk.form = form
        heard = await talk.say(f"I want something else, {MILA}")
        assert "a person" in heard.text
        assert heard.events[-1]["name"] == "action_handoff"
        assert talk.slots["shopper"] is None
        assert talk.slots["requested_slot"] is None
    talk.metadata["identity"] = jwt.encode({"sub": "mila-de-vries", "exp": time.time() + 60}, KEY, "HS256")
    await talk.say("cancel it")
    assert talk.slots["shopper"] == "mila-de-vries"
    assert talk.slots["identify_failed"] is None


async def test_that_wrong_pairs_of_number_and_address_are_guesses(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "order_status_form")
    for number in ("LF-1", "LF-2", "LF-3", "LF-204518"):
        talk.slots |= {"order_number": number, "email": MILA}
        heard = Heard()
        talk.take(await talk.call("action_order_status", "where is it"), heard)
        assert talk.slots["email"] is None
        failed = number in ("LF-3", "LF-204518")
        assert bool(talk.slots["identify_failed"]) is failed
        assert ("a person" in heard.text) is failed
        assert any(event.get("name") == "action_handoff" for event in heard.events) is failed


async def test_that_a_name_waits_for_its_postcode(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "cancel_order_form", "zh")
    await talk.say("我想取消订单")
    assert "邮政编码" in (await talk.say("李伟")).text
    heard = await talk.say("9000")
    assert talk.slots["shopper"] == "li-wei"
    assert "没有可以取消的订单" in heard.text


async def test_that_a_token_of_the_shops_site_identifies(session: aiohttp.ClientSession, url: str) -> None:
    for claims, key, known in (
        ({"sub": "mila-de-vries", "exp": time.time() + 60}, KEY, "mila-de-vries"),
        ({"email": MILA, "exp": time.time() + 60}, KEY, "mila-de-vries"),
        ({"sub": "mila-de-vries", "exp": time.time() - 60}, KEY, None),
        ({"sub": "mila-de-vries"}, KEY, None),
        ({"sub": "mila-de-vries", "exp": time.time() + 60}, "somebody else's key, just as long", None),
    ):
        talk = Talk(session, url, "cancel_order_form")
        talk.metadata["identity"] = jwt.encode(claims, key, "HS256")
        await talk.say("cancel it")
        assert talk.slots["shopper"] == known


async def test_that_a_token_of_somebody_else_ends_what_the_shopper_before_had_begun(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    summary = await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
    assert "LF-204520" in summary.text
    talk.metadata["identity"] = jwt.encode({"sub": "jonas-keller", "exp": time.time() + 60}, KEY, "HS256")
    heard = await talk.say("yes", "affirm")
    assert talk.slots["shopper"] == "jonas-keller"
    assert talk.slots["reason"] is None
    assert talk.slots["confirmed"] is None
    assert "LF-204520" not in heard.text
    assert heard.receipt is None
    listed = await talk.call("action_list_orders", "my orders")
    assert "LF-204602" in listed["responses"][0]["text"]
    assert "LF-204520" not in listed["responses"][0]["text"]
    assert shop.receipts() == []


async def test_that_the_same_turn_twice_at_once_and_after_a_crash_does_it_once(
    session: aiohttp.ClientSession, url: str, shop: Shop
) -> None:
    talk = Talk(session, url, "cancel_order_form")
    await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
    talk.submitting = False
    await talk.say("yes", "affirm")
    answers = await asyncio.gather(*(talk.call("action_cancel_order", "yes", "affirm") for _ in range(8)))
    # As after a crash between the shop's commit and ours: the whole turn again, from the state before it.
    answers.append(await talk.call("action_cancel_order", "yes", "affirm"))
    numbers = {answer["responses"][0]["custom"]["receipt"]["id"] for answer in answers}
    assert len(numbers) == 1
    assert len(shop.receipts()) == 1
    mila = shop.user_by_email(MILA)
    assert mila
    order = shop.order("LF-204520", mila.id)
    assert order
    assert [payment.kind for payment in order.payments] == ["payment", "refund"]
    # Another turn is another wish, and refused.
    talk.turn += 1
    refused = await talk.call("action_cancel_order", "yes", "affirm")
    assert "not possible any more" in refused["responses"][0]["text"]
    assert "receipt" not in (refused["responses"][0]["custom"] or {})


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("cancel_order_form", [f"cancel LF-204520, I no longer need it. {MILA}"]),
        ("return_form", [f"return LF-204519 please, {MILA}", "iDEAL"]),
        ("exchange_form", ["exchange my boots", "li.wei@mail.example", "the boots", "43"]),
        ("change_order_form", [f"another colour for my order please, {JONAS}", "the tent", "moss green"]),
        ("change_order_form", [f"pay my order another way, {JONAS}"]),
        ("change_order_form", [f"send my order to another address, {JONAS}", NEW_ADDRESS]),
        ("change_address_form", [f"change the address of my account, {MILA}", "Nieuwegracht 5, 3512 LC Utrecht"]),
    ],
)
async def test_that_a_whole_turn_that_is_played_again_gives_the_same_receipt(
    session: aiohttp.ClientSession, url: str, shop: Shop, form: str, said: list[str]
) -> None:
    talk = Talk(session, url, form)
    for text in said:
        await talk.say(text)
    assert talk.slots["requested_slot"] == "confirmed"
    before = dict(talk.slots)
    first = await talk.say("yes", "affirm")
    reprice(shop, 100)
    talk.slots, talk.turn = dict(before), talk.turn - 1
    again = await talk.say("yes", "affirm")
    assert first.receipt
    assert (first.receipt, first.texts) == (again.receipt, again.texts)
    assert len(shop.receipts()) == 1
    # Another turn with the same yes is another wish; it is refused, in words, not with an error.
    if form == "change_order_form" and "moss green" in said:
        talk.slots = before
        late = await talk.say("yes", "affirm")
        assert (late.receipt, "not possible any more" in late.text) == (None, True)


async def test_that_a_server_killed_after_it_did_something_does_it_once(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with serving(tmp_path) as (url, process):
        shop = open_shop({}, tmp_path)
        talk = Talk(session, url, "cancel_order_form")
        await talk.say(f"cancel LF-204520, I no longer need it. {MILA}")
        talk.submitting = False
        await talk.say("yes", "affirm")
        unheard = asyncio.create_task(talk.call("action_cancel_order", "yes", "affirm"))
        async with asyncio.timeout(60):
            # Nothing but the table tells of a commit that nobody was told of.
            while not await asyncio.to_thread(shop.receipts):  # noqa: ASYNC110
                await asyncio.sleep(0)
        process.kill()
        await asyncio.gather(unheard, return_exceptions=True)
    with serving(tmp_path) as (url, _):
        talk.url = url
        again = await talk.call("action_cancel_order", "yes", "affirm")
        [receipt] = shop.receipts()
        assert again["responses"][0]["custom"]["receipt"]["id"] == receipt.number
        assert "None of your orders" in (await Talk(session, url, "cancel_order_form").say(f"cancel {MILA}")).text
    shop.engine.dispose()


async def test_that_stock_is_looked_up_and_products_are_recommended(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url)

    async def told(action: str, text: str, **entities: str) -> str:
        talk.entities = [{"entity": name, "value": value} for name, value in entities.items()]
        said = (await talk.call(action, text))["responses"][0]
        return "\n".join([said["text"], *(button["payload"] for button in said["buttons"] or ())])

    stock = "action_product_stock"
    assert "Sold out: brown (44) / stone grey (42)" in await told(
        stock, "are the men's cairn mid hiking boots in stock?"
    )
    assert "Sold out at the moment" in await told(stock, "do you have the Rill 3 x 3 Tarp")
    assert (
        await told(stock, "is the Tarn 2 Tent in stock in green?", product="Tarn 2 Tent", colour="green")
    ).startswith("Yes, we have the Tarn 2 Tent in moss green")
    # A name that holds a colour's word is no wish for that colour.
    assert "moss green (Regular, Wide)" in await told(stock, "is the Moss Air 8 sleeping mat in stock?")
    assert "There is no Corrie 38 Backpack in pink" in await told(
        stock, "the Corrie 38 Backpack in pink?", colour="pink"
    )
    which = await told(stock, "do you have the Ghyll 3L in XL", size="XL")
    assert "Is the Women's Ghyll 3L Rain Jacket in stock in XL?" in which
    assert await told(stock, "do you sell the Flying Carpet") == "I find no such product in our shop."

    tip = "action_recommend"
    assert "- Tarn 1 Tent, 219.95 EUR" in await told(tip, "can you recommend a tent?")
    for two in ("can you recommend a tent for two?", "recommend a 2-person tent"):
        assert [line[2:8] for line in (await told(tip, two)).splitlines()[1:]] == ["Tarn 2", "Tarn 2", "Fellsi"]
    cheap = await told(tip, "recommend a jacket under 100 euros")
    assert "Scree" in cheap
    assert "Ghyll" not in cheap
    # The only boots in brown have all sizes but 44.
    assert "Nothing that is in stock fits" in await told(
        tip, "u got boots in 44 brown?", category="boots", colour="brown"
    )
    assert "- Men's Cairn Mid" in await told(tip, "got boots in brown 43?", category="boots", colour="brown")
    assert "Nothing" not in await told(tip, "any boots under 250", category="boots")
    nearest = (await told(tip, "a tent for nine people")).splitlines()
    assert nearest[0].startswith("Nothing that is in stock fits")
    assert nearest[1].startswith("- Meadow 4")
    talk.slots["language"] = "zh"
    assert "Fellside 2" in await told(tip, "能推荐一款双人帐篷吗", category="tent")


async def test_that_orders_are_listed_and_a_shopper_greeted_once_it_is_known_who_it_is(
    session: aiohttp.ClientSession, url: str
) -> None:
    orders = Talk(session, url, "list_orders_form")
    assert "e-mail" in (await orders.say("what did I order?")).text
    assert "postcode" in (await orders.say("Mila de Vries")).text
    assert "LF-204520" in (await orders.say("3511 AV")).text
    assert "LF-204520" in (await orders.say("my orders")).text
    who = Talk(session, url, "identify_form")
    assert "nobody" in (await who.say("it's me, nobody@mail.example")).text
    assert "Thank you, Mila" in (await who.say(MILA)).text
    assert "Thank you, Mila" in (await who.say("it's me")).text
    # Who is somebody else says so, and a wrong guess counts although somebody is known.
    assert "Thank you, Jonas" in (await who.say(f"it's me, {JONAS}")).text
    for guess in ("a@mail.example", "b@mail.example"):
        assert "nobody" in (await who.say(f"it's me, {guess}")).text
    assert (await who.say("it's me, c@mail.example")).events[-1]["name"] == "action_handoff"


async def test_that_chinese_words_name_things_of_the_shops_database(session: aiohttp.ClientSession, url: str) -> None:
    talk = Talk(session, url, "return_form", "zh")
    await talk.say("我要退货，li.wei@mail.example")
    talk.entities = [{"entity": "category", "value": "socks"}]
    await talk.say("袜子")
    assert talk.slots["items"] == "LFA-SOCKH-MOSS-GREEN-42-44"


async def test_that_the_status_is_told_to_a_known_shopper_without_an_e_mail_address(
    session: aiohttp.ClientSession, url: str
) -> None:
    talk = Talk(session, url, "order_status_form")
    talk.slots["shopper"] = "mila-de-vries"
    which = await talk.say("where is my parcel")
    assert len(which.options) == 3
    assert "MP7730184420NL" in (await talk.say("LF-204518")).text
    listed = await talk.call("action_list_orders", "my orders")
    assert "LF-204520" in listed["responses"][0]["text"]
