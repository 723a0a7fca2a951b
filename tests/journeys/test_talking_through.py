"""What shoppers say besides plain answers: where they start over, say no, mean two things, ask what there is, or write
Chinese."""

import re

import pytest

from actions.shop import demo
from tests.journeys import test_getting_things_done as done
from tests.journeys.conftest import Reply, Server
from tests.journeys.test_getting_things_done import AMELIA, JONAS, LI, MILA, NOOR, Shop, asked, order

server, shop = done.server, done.shop  # One server for the module, and its database as on the first day.

GOODS = demo.read_products()
COLOURS = {value for product in GOODS for variant in product.variants for value in variant.options.values()}
NAMES = re.compile("|".join(map(re.escape, (*(product.name for product in GOODS), *COLOURS))))
"""What the shop itself calls things, whatever the language."""


async def test_that_a_wrong_postcode_is_asked_for_again_and_the_right_one_goes_on(server: Server, shop: Shop) -> None:
    amelia = server.shopper()
    await amelia.say("I'd like to return some things")
    half = await amelia.say("Amelia Hart")
    assert half.text == "Thank you. And the postcode of your address?"
    wrong = await amelia.say("S10 2TX")
    assert "nobody" in wrong.text
    assert asked(wrong)[0] == "shopper"
    assert asked(await amelia.say("Amelia Hart, S10 2TN"))[0] == "order"


async def test_that_starting_over_in_a_form_forgets_what_was_said(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say(f"I want to cancel my order, I am {MILA}")
    over = await mila.say("start over")
    assert "start over" in over.text
    assert asked(over)[0] is None
    assert "changed" not in (await mila.say("yes")).text
    assert asked(await mila.say("I want to cancel my order"))[0] == "shopper"
    assert shop.receipts() == []


async def test_that_a_no_to_the_summary_changes_nothing_and_the_next_wish_is_heard(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say(f"I want to cancel my order, I ordered it by mistake. {MILA}")
    assert "changed nothing" in (await mila.say("No")).text
    assert order(shop, "LF-204520", MILA).status == "pending"
    assert "LF-204519" in (await mila.say("I want to return the backpack")).text
    assert shop.receipts() == []


NEAR = (
    "switch the size for my order",
    "I need a different size of an item I ordered",
    "sorry, another size of an item I ordered",
    "my order needs another size for my order",
    "can you swap the size for my order",
    "get me a different size in my order",
)
"""Each could be a change or an exchange; which of them is near enough to be asked about, training decides."""


@pytest.mark.parametrize(("title", "asks"), [("Change an order", "change"), ("Exchange something", "variant_1")])
async def test_that_a_wish_with_two_meanings_is_asked_about_with_buttons_that_do_what_they_say(
    server: Server, shop: Shop, title: str, asks: str
) -> None:
    for wish in NEAR:
        mila = server.shopper()
        await mila.say(f"it's me, {MILA}")
        which = await mila.say(wish)
        if title in which.buttons:
            break
    assert {*which.buttons} == {"Change an order", "Exchange something", "Talk to a person"}
    payloads = {button["title"]: button["payload"] for row in which.rows for button in row.get("buttons", ())}
    # Pressed, or typed as it stands there.
    for choice in (payloads[title], title):
        assert asked(await mila.say(choice))[0] == asks
        await mila.say("start over")
        await mila.say(f"it's me, {MILA}")


async def test_that_wishes_of_one_burst_are_granted_one_after_the_other(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say("Show me my orders. Also cancel my order LF-204520, I ordered it by mistake.")
    both = await mila.say(MILA)
    assert "LF-204518" in both.text
    assert asked(both)[0] == "confirmed"
    done = await mila.say("Yes")
    assert "LF-204520 is cancelled" in done.text
    noor = server.shopper()
    await noor.say("I want to cancel my order and return the poles")
    await noor.say(NOOR)
    await noor.say("Ordered by mistake")
    after = await noor.say("Yes")
    assert "is cancelled" in after.text
    assert "None of your orders can be returned" in after.text
    assert len(shop.receipts()) == 2


async def test_that_orders_are_listed_for_who_they_belong_to(server: Server, shop: Shop) -> None:
    jonas = server.shopper()
    assert asked(await jonas.say("what did I order?"))[0] == "shopper"
    listed = await jonas.say(JONAS)
    assert re.findall(r"LF-\d+", listed.text) == ["LF-204603", "LF-204602"]
    assert (await jonas.say("show me my orders")).text == listed.text
    amelia = server.shopper()
    greeted = await amelia.say(f"it's me, {AMELIA}")
    assert "Amelia" in greeted.text
    assert "LF-204823" in (await amelia.say(greeted.buttons[0])).text


async def test_that_live_stock_comes_from_the_database_and_what_things_are_from_the_knowledge(
    server: Server, shop: Shop
) -> None:
    ann = server.shopper()
    assert (await ann.say("is the Tarn 2 Tent in stock in green?")).text.startswith(
        "Yes, we have the Tarn 2 Tent in moss green in stock"
    )
    # "It" is what the action spoke of.
    red = await ann.say("and in red?")
    assert red.text.startswith("There is no Tarn 2 Tent in red. In stock, 289.95 EUR: moss green / stone grey")
    assert (
        "brown (44)" in (await ann.say("are the men's Cairn Mid boots available in 44?")).text.partition("Sold out")[2]
    )
    tents = (await ann.say("can you recommend a tent for two?")).text
    assert [name in tents for name in ("Tarn 2 Tent", "Fellside 2", "Tarn 1", "Footprint")] == [
        True,
        True,
        False,
        False,
    ]
    listed = await ann.say("which tents do you have under 300 euros?")
    assert listed.products
    weight = await server.shopper().say("how heavy is the Tarn 2 Tent?")
    assert weight.sources
    assert "2,150 g" in weight.text


async def test_that_a_chinese_shopper_gets_everything_done_in_chinese(server: Server, shop: Shop) -> None:
    def chinese(reply: Reply) -> Reply:
        for words in (reply.text, *reply.buttons):
            rest = re.sub("Visa|Mastercard|PayPal|Bancontact", "", NAMES.sub("", words))
            assert not re.search(r"[a-z]{3,}", rest), words
        return reply

    wei = server.shopper()
    listed = chinese(await wei.say("查看我的订单"))
    assert asked(listed)[0] == "shopper"
    assert "LF-204713" in chinese(await wei.say(LI)).text
    chinese(await wei.say("我想换货，鞋子太小了"))
    chinese(await wei.say("登山鞋"))
    assert "缺货" in chinese(await wei.say("44码")).text
    assert asked(chinese(await wei.say("43码")))[0] == "confirmed"
    assert "换货已登记" in chinese(await wei.say("是的")).text

    noor = server.shopper()
    chinese(await noor.say("我想取消订单"))
    chinese(await noor.say(NOOR))
    assert asked(chinese(await noor.say("下错单了")))[0] == "confirmed"
    assert "已取消" in chinese(await noor.say("是的")).text
    assert order(shop, "LF-204905", NOOR).status == "cancelled"

    amelia = server.shopper()
    chinese(await amelia.say("我要退货，我叫Amelia Hart，邮编S10 2TN"))
    which = chinese(await amelia.say("LF-204823"))
    assert asked(which)[0] == "items"
    assert asked(chinese(await amelia.say(asked(which)[1][2])))[0] == "method"
    question = chinese(await amelia.say("退款多久到账？"))
    assert asked(question)[0] == "method"
    assert asked(await amelia.say("礼品卡"))[0] == "confirmed"
    assert "退货已登记" in (await amelia.say("是的")).text
    returned = order(shop, "LF-204823", AMELIA).returned
    assert returned
    assert list(returned.items) == ["LFA-BEAN-BLACK"]


async def test_that_what_was_asked_about_is_offered_in_chinese_too(server: Server, shop: Shop) -> None:
    wei = server.shopper()
    offered = await wei.say("订单可以取消吗？")
    assert "取消订单" in offered.buttons
    assert asked(await wei.say("/cancel_order"))[0] == "shopper"


async def test_that_a_wish_and_who_has_it_may_come_in_two_sentences(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    assert "LF-204520" in (await mila.say(f"Show me my orders. My email is {MILA}")).text
    stranger = server.shopper()
    denied = await stranger.say(f"Where is my order LF-204518? My email is {JONAS}")
    assert "no order" in denied.text
    owner = server.shopper()
    assert "MP7730184420NL" in (await owner.say(f"Where is my order LF-204518? My email is {MILA}")).text
    wishful = server.shopper()
    assert asked(await wishful.say(f"I want to cancel my order. I am {MILA}"))[0] == "reason"


async def test_that_a_no_to_who_it_is_leaves_and_a_question_is_no_name(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say("cancel my order")
    left = await mila.say("no")
    assert asked(left)[0] is None
    assert "postcode of your address" not in left.text
    await mila.say("cancel my order")
    for said in ("i dont want to say", "what?"):
        assert "And the postcode" not in (await mila.say(said)).text


async def test_that_a_changed_mind_is_a_reason_and_an_emphatic_yes_a_yes(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say(f"I want to cancel order LF-204520, {MILA}")
    summary = await mila.say("i changed my mind")
    assert asked(summary)[0] == "confirmed"
    assert "no longer needed" in summary.text
    assert asked(await mila.say("cancel LF-204520"))[0] == "confirmed"
    assert asked(await mila.say("Yes, but not the headlamp"))[0] == "confirmed"
    assert "is cancelled" in (await mila.say("YES DAMMIT")).text
    assert order(shop, "LF-204520", MILA).status == "cancelled"


async def test_that_an_order_is_sent_where_the_first_words_say_and_talk_is_no_street(
    server: Server, shop: Shop
) -> None:
    jonas = server.shopper()
    await jonas.say("ship my order LF-204602 to Hauptstr. 5, 10115 Berlin, Germany")
    summary = await jonas.say(JONAS)
    assert asked(summary)[0] == "confirmed"
    assert "LF-204602" in summary.text
    assert "Hauptstr. 5, Berlin, 10115, Germany" in summary.text
    again = await jonas.say("no I meant Hauptstr. 7, 10115 Berlin, Germany")
    assert "to: Hauptstr. 7, Berlin, 10115, Germany" in again.text
    assert "receipt" in (await jonas.say("yes do it now")).text
    assert order(shop, "LF-204602", JONAS).address.address1 == "Hauptstr. 7"
