"""Shoppers say a wish in one breath, change two orders, and ask what it comes to; through the real action server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from actions.shop import demo
from actions.shop.database import empty, exclusive
from actions.shop.opening import open_shop
from actions.shop.plain import read_user
from actions.shop.rows import insert_users
from actions.shop.shop import Shop
from bot.dialogue.domain import read_domain
from bot.dialogue.mail import read_payload
from tests.action_talk import Talk
from tests.contract.test_conversations import message
from tests.journeys.test_shop_actions import AMELIA, JONAS, serving
from tests.shops import SMALL

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(folder) as (url, _):
        yield url


@pytest.fixture
def shop(url: str, folder: Path) -> Iterator[Shop]:
    """The database beside the server, as fresh as the demo is."""
    shop = open_shop({}, folder)
    with exclusive(shop.engine) as connection:
        empty(connection)
    demo.seed(shop.engine)
    yield shop
    shop.engine.dispose()


@pytest.fixture
async def talk(url: str, shop: Shop) -> AsyncIterator[Talk]:
    async with aiohttp.ClientSession() as session:
        yield Talk(session, url)


async def test_that_a_wish_said_in_one_breath_needs_no_more_than_a_yes(talk: Talk, shop: Shop) -> None:
    talk.form = "exchange_form"
    heard = await talk.say(f"I'd only like to exchange the beanie for the slate blue one, my e-mail is {AMELIA}")
    assert "LF-204823: Fleet Merino Beanie (black) becomes slate blue" in heard.text
    assert (await talk.say("Yes", "affirm")).receipt


@pytest.mark.parametrize("answer", ["yes", "that's all", "only that one", "the beanie"])
async def test_that_who_names_one_item_of_several_is_reminded_of_the_others(talk: Talk, answer: str) -> None:
    talk.form = "exchange_form"
    heard = await talk.say(f"I'd like to exchange the beanie for the slate blue one, my e-mail is {AMELIA}")
    assert "So it is about Fleet Merino Beanie (black). Is that all?" in heard.text
    assert "Women's Tor Grid Fleece (coral, M)" in heard.options
    assert "becomes slate blue" in (await talk.say(answer)).text


async def test_that_all_items_are_taken_that_are_named_then(talk: Talk) -> None:
    talk.form = "exchange_form"
    await talk.say(f"I'd like to exchange the beanie for the slate blue one, my e-mail is {AMELIA}")
    assert "name all of them at once" in (await talk.say("no", "deny")).text
    heard = await talk.say("the beanie and the fleece")
    assert "instead of Women's Tor Grid Fleece" in heard.text


async def test_that_items_of_a_second_order_are_found_by_what_they_are(talk: Talk, shop: Shop) -> None:
    talk.form = "return_form"
    await talk.say(f"I only want to return the mat from LF-204820, refund to paypal, I'm {AMELIA}")
    done = await talk.say("Yes", "affirm")
    assert "Moss Air 8" in done.text
    talk.form, talk.slots["order_number"] = "exchange_form", "LF-204820"
    heard = await talk.say("I'd also like to exchange the trousers, I want it in stone grey")
    assert "LF-204823" in heard.text
    assert [receipt.order for receipt in shop.receipts()] == ["LF-204820"]


async def test_that_another_order_is_taken_where_the_items_are_its_own(talk: Talk, shop: Shop) -> None:
    talk.form = "return_form"
    await talk.say(f"return something from LF-204820 please. {AMELIA}")
    heard = await talk.say("the fleece and the beanie")
    assert talk.slots["order"] == "LF-204823"
    assert "Where should the money go" in heard.text


async def test_that_further_items_are_taken_when_the_summary_is_read(talk: Talk, shop: Shop) -> None:
    talk.form = "return_form"
    heard = await talk.say(f"I want to return just the fleece from LF-204823, refund to my paypal. {AMELIA}")
    assert "Fleece" in heard.text
    more = await talk.say("no, also the beanie please", "deny")
    assert "Fleet Merino Beanie" in more.text + str(more.options)
    assert "changed nothing" not in more.text
    assert shop.receipts() == []


async def test_that_an_exchange_in_a_pending_order_goes_on_as_a_change(talk: Talk) -> None:
    talk.form = "exchange_form"
    text = "I'd like to exchange the tent in LF-204602 for another colour"
    heard = await talk.say(f"{text}. {JONAS}")
    assert "is pending: its items can be changed" in heard.text
    assert [event["name"] for event in heard.events if event["event"] == "followup"] == ["change_order_form"]
    talk.form = "change_order_form"
    carried = talk.slots["carried"]
    await talk.say("and what?")
    assert text in talk.slots["wish"]
    talk.slots |= {"requested_slot": None, "carried": carried}
    await talk.say(f"{text}. {JONAS}")
    again = await talk.say("that's all")
    assert "What would you like instead of Tarn 3 Tent" in again.text


async def test_that_words_for_a_form_that_never_began_are_no_others(talk: Talk) -> None:
    talk.form = "exchange_form"
    await talk.say(f"I'd like to exchange the tent in LF-204602 for another colour. {JONAS}")
    assert talk.slots["carried"]
    talk.form, talk.slots["requested_slot"] = "cancel_order_form", None
    await talk.say("cancel my order")
    assert (talk.slots["wish"], talk.slots["carried"]) == ("cancel my order", None)


async def test_that_a_pending_order_is_cancelled_where_its_money_is_wanted_back(talk: Talk, shop: Shop) -> None:
    talk.form = "return_form"
    heard = await talk.say(f"I want my money back for LF-204602. {JONAS}")
    assert "it can be cancelled as a whole" in heard.text
    talk.form = "cancel_order_form"
    why = await talk.say(f"I want my money back for LF-204602. {JONAS}")
    assert why.options == ["No longer needed", "Ordered by mistake"]
    assert shop.receipts() == []


async def test_that_refunds_of_the_conversation_are_summed_up(talk: Talk, shop: Shop) -> None:
    talk.form = "return_form"
    nothing = await talk.call("action_refund_total", "how much do I get back in total?")
    assert "Nothing was cancelled" in nothing["responses"][0]["text"]
    await talk.say(f"return everything of LF-204820 to my paypal please. {AMELIA}")
    await talk.say("Yes", "affirm")
    talk.form = "exchange_form"
    await talk.say("exchange only the beanie in LF-204823 for the slate blue one")
    await talk.say("Yes", "affirm")
    assert len(shop.receipts()) == 2
    order = shop.order("LF-204820", shop.user_by_email(AMELIA).id)  # type: ignore[union-attr]
    assert order
    told = (await talk.call("action_refund_total", "how much do I get back in total?"))["responses"][0]["text"]
    assert f"you get back {order.total / 100:,.2f} EUR in total" in told


async def test_that_receipts_of_another_conversation_are_not_summed_up(talk: Talk, url: str, shop: Shop) -> None:
    talk.form = "return_form"
    await talk.say(f"return everything of LF-204820 to my paypal please. {AMELIA}")
    await talk.say("Yes", "affirm")
    other = Talk(talk.session, url)
    other.slots["shopper"] = talk.slots["shopper"]
    # Names that begin alike are others, too: in another case, and with a sign that a pattern takes for any.
    for name in (other.name, talk.name.upper(), talk.name[:-1] + "_", talk.name.partition(":")[0]):
        other.name = name
        told = await other.call("action_refund_total", "how much do I get back in total?")
        assert "Nothing was cancelled" in told["responses"][0]["text"]


async def test_that_a_slash_in_a_conversations_name_makes_it_no_others(talk: Talk, url: str, shop: Shop) -> None:
    talk.form, other = "return_form", Talk(talk.session, url)
    talk.name = f"{other.name}/1"
    await talk.say(f"return everything of LF-204820 to my paypal please. {AMELIA}")
    await talk.say("Yes", "affirm")
    other.slots["shopper"] = talk.slots["shopper"]
    for each, nothing in ((other, True), (talk, False)):
        told = await each.call("action_refund_total", "how much do I get back in total?")
        assert ("Nothing was cancelled" in told["responses"][0]["text"]) is nothing


async def test_that_who_has_no_orders_is_told_so(talk: Talk, shop: Shop) -> None:
    with exclusive(shop.engine) as connection:
        insert_users(connection, [read_user(SMALL["users"]["ada_1"], "ada_1")])
    talk.form, talk.submitting = "order_cost_form", False
    heard = await talk.say("how much was my order? I am ada@mail.example")
    assert heard.texts == ["You have no orders with us yet."]
    assert talk.slots["requested_slot"] is None
    assert not (await talk.call("action_order_cost", "how much was my order?"))["responses"]


async def test_that_the_cost_of_an_order_is_told_to_its_shopper_alone(talk: Talk) -> None:
    talk.form, talk.submitting = "order_cost_form", False
    assert "e-mail" in (await talk.say("how much was the fleece I bought?")).text
    await talk.say(AMELIA)
    told = (await talk.call("action_order_cost", "how much was the fleece I bought?"))["responses"][0]["text"]
    assert "Order LF-204823" in told
    assert "Women's Tor Grid Fleece (coral, M) 89.95 EUR" in told
    assert "Together that is" in told
    assert "It was paid with PayPal" in told


async def test_that_the_options_of_a_product_are_counted_and_priced(talk: Talk) -> None:
    heard = await talk.call("action_product_options", "how many options of the Tarn 2 Tent are there?")
    assert "Tarn 2 Tent: " in heard["responses"][0]["text"]
    assert " options are available. From the cheapest: " in heard["responses"][0]["text"]
    which = (await talk.call("action_product_options", "which tent is the cheapest?"))["responses"][0]
    assert len(which["custom"]["options"]) > 1
    domain = read_domain(KNOWLEDGE)
    for button in which["buttons"]:
        payload = read_payload(message(button["payload"]), domain)
        assert payload, button
        assert payload.intent == "product_options"
        talk.entities = [{"entity": name, "value": value} for name, value in payload.values.items()]
        for text in ("that one", button["payload"]):
            told = await talk.call("action_product_options", text)
            assert told["responses"][0]["text"].startswith(button["title"])
    talk.entities, talk.slots["product"] = [], "Tarn 2 Tent"
    told = await talk.call("action_product_options", "how many are there?")
    assert told["responses"][0]["text"].startswith("Tarn 2 Tent")


async def test_that_name_and_postcode_do_for_the_status_too(talk: Talk) -> None:
    talk.form, talk.slots["order_number"], talk.slots["requested_slot"] = "order_status_form", "LF-204820", "email"
    told = await talk.say("Amelia Hart, S10 2TN")
    assert "LF-204820" in told.text
    assert "MP7730181190GB" in told.text
