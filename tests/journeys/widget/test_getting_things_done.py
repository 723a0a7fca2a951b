"""Shoppers get things done in the widget, and see what is the matter where something goes wrong."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from actions.shop.opening import open_shop
from actions.shop.records import Order
from tests.journeys.conftest import Server, serving
from tests.journeys.test_getting_things_done import AMELIA, LI, MILA, between, opened, order
from tests.journeys.widget.browser import DESKTOP, PHONE, Tab
from tests.journeys.widget.conftest import PATIENT, Welcome
from tests.journeys.widget.record import assert_as_logged

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def chatting(server: Server, visitor: Welcome, **device: object) -> Tab:
    tab = await (await visitor(server, **device)).visit()
    await tab.open()
    return tab


async def press(tab: Tab, title: str) -> None:
    """Press a reply, and wait for what comes of it."""
    before = len(await tab.said())
    await tab.part("reply").filter(has_text=title).first.click()
    await tab.until(lambda said: len(said) > before + 1 and said[-1].by != "shopper")
    await tab.quiet()


def kept(server: Server, number: str, email: str) -> Order:
    """The order as it stands in the shop's database."""
    shop = open_shop({}, server.data)
    try:
        return order(shop, number, email)
    finally:
        shop.engine.dispose()


async def test_that_two_items_of_three_are_returned_after_the_other_order_was_meant(
    demo: Server, visitor: Welcome
) -> None:
    tab = await chatting(demo, visitor, **PHONE)
    await tab.ask(f"I'd like to return some things, I am {AMELIA}")
    await press(tab, "LF-204820")
    assert "LF-204820" in await tab.last_reply()
    await tab.ask("no, the other order")
    assert "Which order" in await tab.last_reply()
    await press(tab, "LF-204823")
    assert "LF-204823" in await tab.last_reply()
    await expect(tab.part("reply")).to_have_count(4)
    await tab.ask("the trousers and the beanie")
    await press(tab, "gift card 1204")
    await tab.hear("Shall I do this?")
    assert "134.90 EUR" in await tab.last_reply()
    await press(tab, "Yes")
    await tab.hear("receipt")
    returned = kept(demo, "LF-204823", AMELIA).returned
    assert returned
    assert set(returned.items) == {"LFP-CRAGW-PLUM-M", "LFA-BEAN-BLACK"}
    await assert_as_logged(tab)


async def test_that_boots_are_exchanged_for_a_size_that_is_there_though_a_question_came_between(
    demo: Server, visitor: Welcome
) -> None:
    tab = await chatting(demo, visitor, **DESKTOP)
    await tab.ask("I want to exchange my boots for another size")
    await tab.ask(LI)
    await tab.ask("the boots")
    await tab.ask("size 44")
    assert "sold out" in await tab.last_reply()
    await expect(tab.part("reply").filter(has_text="brown, 43")).to_be_visible()
    await expect(tab.part("reply").filter(has_text="brown, 44")).to_have_count(0)
    await tab.ask("How long can I exchange something?")
    said = [line.text for line in await tab.said() if line.by != "shopper"]
    assert "30 days" in " ".join(said[-2:])
    assert "instead of" in said[-1], "the form goes on with its question"
    await press(tab, "brown, 43")
    await tab.hear("Shall I do this?")
    await press(tab, "Yes")
    await tab.hear("receipt")
    exchanged = kept(demo, "LF-204713", LI).exchanged
    assert exchanged
    assert list(exchanged.new_items) == ["LFO-CAIRM-BROWN-43"]


async def test_that_a_wrong_postcode_three_times_calls_a_person(demo: Server, visitor: Welcome) -> None:
    tab = await chatting(demo, visitor, **PHONE)
    await tab.ask("I want to return something")
    for code in ("1234 AB", "1234 AC"):
        await tab.ask(f"Mila de Vries, {code}")
        assert any("nobody" in line.text for line in (await tab.said())[-2:])
    await tab.type("Mila de Vries, 1234 AD")
    await expect(tab.part("notice")).to_be_visible()
    await tab.quiet()
    said = " ".join(line.text for line in await tab.said() if line.by != "shopper")
    assert "let a person help you" in said
    assert "LF-2045" not in said


async def test_that_orders_and_stock_are_looked_up(demo: Server, visitor: Welcome) -> None:
    tab = await chatting(demo, visitor, **PHONE)
    await tab.ask(f"it's me, {MILA}")
    assert "Mila" in await tab.last_reply()
    await press(tab, "Show me my orders")
    reply = await tab.last_reply()
    assert [number in reply for number in ("LF-204518", "LF-204519", "LF-204520")] == [True] * 3
    await tab.ask("is the Tarn 2 Tent in stock in green?")
    assert "moss green" in await tab.last_reply()
    await assert_as_logged(tab)


async def test_that_a_shop_that_is_away_is_told_and_the_next_try_does_it_once(
    made: Path, tmp_path: Path, visitor: Welcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEFU_SHOP_URL", raising=False)
    async with between(tmp_path) as (url, stand):
        with opened(tmp_path) as shop:
            async with serving(made, tmp_path / "k", actions_url=url, writer="none", **PATIENT) as server:
                tab = await chatting(server, visitor, **PHONE)
                await tab.ask(f"I want to cancel my order, I ordered it by mistake. {MILA}")
                await tab.hear("Shall I do this?")
                stand.strike("down", times=2)
                await press(tab, "Yes")
                failed = await tab.last_reply()
                assert "cancelled" not in failed
                await expect(tab.part("reply")).to_have_text(["Talk to a person"])
                assert order(shop, "LF-204520", MILA).status == "pending"
                assert shop.receipts() == []
                await tab.ask("I want to cancel my order LF-204520, it was ordered by mistake")
                await press(tab, "Yes")
                await tab.hear("is cancelled")
                assert order(shop, "LF-204520", MILA).status == "cancelled"
                assert len(shop.receipts()) == 1
                await tab.page.close()  # Before its server: a page complains of a lost connection.
