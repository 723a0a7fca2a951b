"""What a shopper's words mean among the choices at hand."""

from typing import cast

import pytest

from actions.agreeing import yes_or_no
from actions.first_message import described, said_items, said_method, said_variant
from actions.lines import find_items
from actions.matching import Ambiguous, Choice, find_by_price, find_method, find_variant, place_of, titled
from actions.postal import PARTS, read_address
from actions.scene import WISH, Scene
from actions.shop.demo import item_id, read_products
from actions.shop.records import Address, Item, ItemId, MethodId, Order, OrderId, PaymentMethod, UserId, Variant
from actions.shop.shop import Shop

PRODUCTS = {product.id: product for product in read_products()}


def line(sku: str, *options: str) -> Item:
    variant = PRODUCTS[sku].variant(item_id(sku, *options))
    assert variant
    return Item(variant.id, sku, PRODUCTS[sku].name, variant.price, variant.options)


TROUSERS = line("LFP-CRAGW", "plum", "M")
FLEECE = line("LFF-TORW", "coral", "M")
BEANIE = line("LFA-BEAN", "black")
SOCKS = line("LFA-SOCKH", "stone grey", "39-41")
BOTTLES = (line("LFW-RILL750", "black"), line("LFW-RILL750", "coral"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("all of it", (TROUSERS, FLEECE, BEANIE)),
        ("everything except the beanie", (TROUSERS, FLEECE)),
        ("全部", (TROUSERS, FLEECE, BEANIE)),
        ("the trousers and the fleece", (TROUSERS, FLEECE)),
        ("Women's Tor Grid Fleece (coral, M), Fleet Merino Beanie (black)", (FLEECE, BEANIE)),
        ("just the FLEECE please", (FLEECE,)),
        ("two of the three", None),
        ("the tent", None),
    ],
)
def test_that_items_are_found_by_their_names(text: str, meant: tuple[Item, ...] | None) -> None:
    found = find_items((TROUSERS, FLEECE, BEANIE), text)
    assert found == meant if meant is None else sorted(found or ()) == sorted(item.id for item in meant)  # type: ignore[arg-type]


def test_that_what_fits_two_items_is_asked_back() -> None:
    assert isinstance(find_items((TROUSERS, FLEECE, BEANIE), "the women's one"), Ambiguous)
    assert isinstance(find_items((TROUSERS, FLEECE, BEANIE), "not the beanie"), Ambiguous)
    assert isinstance(find_items(BOTTLES, "the bottle"), Ambiguous)
    assert find_items(BOTTLES, "the coral bottle") == (BOTTLES[1].id,)


BOOTS = line("LFO-CAIRM", "brown", "42")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("the pants and the beanie", (TROUSERS, BEANIE)),
        ("trousers & flece", (TROUSERS, FLEECE)),
        ("the trousers, not the fleece", (TROUSERS,)),
        ("not the fleece but the beanie", (BEANIE,)),
        ("the beanie instead of the fleece", (BEANIE,)),
        ("the trousers and the fleece, they do not fit", (TROUSERS, FLEECE)),
        ("the trousers and the fleece, refund to paypal please", (TROUSERS, FLEECE)),
        ("the coral one", (FLEECE,)),
        ("all three", (TROUSERS, FLEECE, BEANIE)),
        ("that's all", None),
        ("is that all?", None),
        ("all right", None),
        ("both", None),
    ],
)
def test_that_other_names_slips_and_exceptions_are_understood(text: str, meant: tuple[Item, ...] | None) -> None:
    assert find_items((TROUSERS, FLEECE, BEANIE), text) == (None if meant is None else tuple(i.id for i in meant))


@pytest.mark.parametrize("text", ["shoes and socks", "靴子和袜子", "鞋子和袜子", "both", "boots, socks"])
def test_that_boots_are_shoes_where_nothing_else_is(text: str) -> None:
    assert find_items((BOOTS, SOCKS), text) == (BOOTS.id, SOCKS.id)


def test_that_a_title_is_taken_whole_whatever_it_says() -> None:
    lamp = Item(ItemId("l"), "p", "Desk Lamp 1.5 m", 100, {"stand": "without stand", "size": "0.5 l"})
    title = "Desk Lamp 1.5 m (without stand, 0.5 l)"
    assert find_items((lamp, FLEECE), title) == ("l",)
    assert find_items((lamp, FLEECE), f"{title}, Women's Tor Grid Fleece (coral, M)") == ("l", FLEECE.id)


def test_that_what_is_left_of_two_is_meant_by_who_keeps_the_other() -> None:
    assert find_items((BOOTS, SOCKS), "keep the socks") == (BOOTS.id,)
    assert isinstance(find_items((TROUSERS, FLEECE, BEANIE), "keep the beanie"), Ambiguous)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("the trousers and the umbrella", "the umbrella"),
        ("I'd like to return the tent please and the beanie", "the tent"),
        ("fleece + gloves", "gloves"),
    ],
)
def test_that_what_the_order_has_not_is_said_back(text: str, unknown: str) -> None:
    assert find_items((TROUSERS, FLEECE, BEANIE), text) == Ambiguous(unknown=(unknown,))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("the first one", 0),
        ("the last one please", 2),
        ("第二个", 1),
        ("the first pair was fine", None),
        ("my first", None),
    ],
)
def test_that_a_place_among_the_choices_is_understood(text: str, place: int | None) -> None:
    assert place_of(text, 3) == place
    assert place_of("the third one", 2) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("two of the three", 2),
        ("one pair", 1),
        ("2 × Fleet Hiking Socks (stone grey, 39-41)", 2),
        ("all", 3),
        ("三双", 3),
    ],
)
def test_that_several_of_one_item_are_counted(text: str, count: int) -> None:
    assert find_items((SOCKS,) * 3, text) == (SOCKS.id,) * count


def test_that_a_number_left_open_or_too_high_is_asked_back() -> None:
    assert isinstance(find_items((SOCKS,) * 3, "the socks"), Ambiguous)
    among = find_items((FLEECE, SOCKS, SOCKS), "the socks")
    assert isinstance(among, Ambiguous)
    assert "Socks" in among.among[0]
    assert isinstance(find_items((SOCKS,) * 3, "five socks"), Ambiguous)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("the blue one, size M", ("slate blue", "M")),
        ("slate blue, XL", ("slate blue", "XL")),
        ("size xl", ("black", "XL")),
        ("medium", ("black", "M")),
        ("蓝色", ("slate blue", "L")),
        ("rust orange, L", ("rust orange", "L")),
    ],
)
def test_that_a_variant_keeps_what_was_not_named(text: str, meant: tuple[str, str]) -> None:
    jacket = line("LFJ-GHYM", "black", "L")
    found = find_variant(jacket, PRODUCTS["LFJ-GHYM"].variants, text)
    assert isinstance(found, Variant)
    assert tuple(found.options.values()) == meant


def test_that_a_variant_that_there_is_not_is_none() -> None:
    jacket = line("LFJ-GHYM", "black", "L")
    assert find_variant(jacket, PRODUCTS["LFJ-GHYM"].variants, "a purple one") is None
    assert isinstance(find_variant(jacket, PRODUCTS["LFJ-GHYM"].variants, "S or M"), Ambiguous)


PRICED = tuple(
    Variant(ItemId(name), {"colour": colour, "size": size}, price, available)
    for name, colour, size, price, available in (
        ("a", "red", "S", 300, True),
        ("b", "red", "L", 200, True),
        ("c", "blue", "S", 100, False),
        ("d", "blue", "L", 250, True),
        ("e", "green", "L", 400, True),
        ("f", "green", "S", 400, True),
    )
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("the cheapest one please", "b"),
        ("whichever blue one is cheapest", "d"),
        ("the least expensive in S", "f"),
        ("the red one", None),
        ("the cheapest blue one in S", None),
    ],
)
def test_that_the_cheapest_that_there_is_is_taken(text: str, meant: str | None) -> None:
    old = Item(ItemId("a"), "p", "Cap", 300, {"colour": "red", "size": "S"})
    found = find_by_price(old, PRICED, text)
    assert (found.id if isinstance(found, Variant) else found) == meant


def test_that_of_two_that_cost_the_same_it_is_asked_which() -> None:
    old = Item(ItemId("a"), "p", "Cap", 300, {"colour": "red", "size": "S"})
    assert isinstance(find_by_price(old, PRICED, "the most expensive"), Ambiguous)


METHODS = (
    PaymentMethod(MethodId("gift_card_7730"), "gift_card", balance=10),
    PaymentMethod(MethodId("paypal_1"), "paypal"),
    PaymentMethod(MethodId("credit_card_1"), "credit_card", "visa", "4071"),
    PaymentMethod(MethodId("credit_card_2"), "credit_card", "mastercard", "9212"),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("gift card 7730", 0),
        ("my giftcard please", 0),
        ("礼品卡", 0),
        ("PayPal", 1),
        ("the visa", 2),
        ("the one ending 9212", 3),
        ("credit_card_2", 3),
        ("the original one", 1),
    ],
)
def test_that_a_payment_method_is_found(text: str, meant: int) -> None:
    assert find_method(METHODS, text, original="paypal_1") == METHODS[meant]


def test_that_two_cards_are_asked_back_and_an_unknown_method_is_none() -> None:
    assert isinstance(find_method(METHODS, "my credit card"), Ambiguous)
    assert find_method(METHODS, "bitcoin") is None


NO_YES = (
    "Absolutely not", "Okay, don't cancel it", "sure, no", "yeah no", "do it? no", "confirm what?",
    "Right, and how much do I get back?", "ok what happens to my voucher?", "yes? how long does the refund take",
    "Correct the address please", "Sure, cancel this request please, I want to keep the order",
    "对不起，我不想取消", "好像不对", "行不行", "可以不取消吗", "可以取消吗", "是不是",
    "确认什么", "yes?", "ok, forget it",
    "ok stop", "yes, but not the tent", "right away?", "Okay, what is this?",
    "yes, change it to blue", "ok cancel the request",
    "not right", "that's not right", "", "?", "thanks", "please", "cancel it", "取消",
)  # fmt: skip
"""Messages that begin like a yes, or look like one, and are none."""

YES = (
    "yes", "Yes", "YES!", "yes please", "Yes please, go ahead", "yep", "sure", "ok do it",
    "okay, do it", "go ahead.", "confirm",
    "yes, cancel it", "Yes, please cancel it", "yes please cancel my order LF-204520", "that's right", "That’s right",
    "Yes, that is correct. Thank you!", "yes, I want to return it", "Sure, thanks", "y", "ok", "correct", "please do",
    "“Yes”", "yes\nplease", "是的", "好的", "确认", "好", "好的，谢谢", "可以", "没问题", "是的，请取消", "对对对",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "intent", "meant"),
    [
        *((text, "", False) for text in ("no", "No, stop", "不", "don't", "never mind")),
        *((text, "affirm", None) for text in ("yes but in blue", "是的，但是换成蓝色")),
        ("not sure what you mean", "", None),
        ("what does it cost?", "", None),
        ("jawohl", "affirm", True),
        ("jawohl doch", "affirm", None),
        ("nein doch", "affirm", False),
        ("stop", "affirm", False),
        ("wait", "affirm", None),
        ("lieber nicht", "deny", False),
    ],
)
def test_that_a_yes_is_plain_or_none(text: str, intent: str, meant: bool | None) -> None:
    assert yes_or_no(text, intent) is meant


@pytest.mark.parametrize("text", YES)
@pytest.mark.parametrize("intent", ["", "affirm", "cancel_order"])
def test_that_a_message_that_is_a_yes_from_end_to_end_is_one(text: str, intent: str) -> None:
    assert yes_or_no(text, intent) is True


@pytest.mark.parametrize("text", NO_YES)
@pytest.mark.parametrize("intent", ["", "deny", "affirm"])
def test_that_a_question_an_apology_or_a_no_is_never_a_yes(text: str, intent: str) -> None:
    assert yes_or_no(text, intent) is not True


def test_that_of_titles_the_longest_is_taken_once() -> None:
    choices = [Choice("black", "1"), Choice("black, S", "2")]
    assert titled(choices, "black, S") == [choices[1]]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (
            "986 Sunset Drive, Suite 259, Denver, CO 80279, USA",
            ("986 Sunset Drive", "Suite 259", "Denver", "CO", "USA", "80279"),
        ),
        ("1234 Elm St, Ely, IL 62701, USA", ("1234 Elm St", "", "Ely", "IL", "USA", "62701")),
        ("3511 AB Utrecht, Oudegracht 12, NL", ("Oudegracht 12", "", "Utrecht", "", "Netherlands", "3511 AB")),
        ("10 Main St, Austin TX 78701", ("10 Main St", "", "Austin", "TX", "USA", "78701")),
        ("Oudegracht 12, 3511 AB Utrecht, Netherlands", ("Oudegracht 12", "", "Utrecht", "", "Netherlands", "3511 AB")),
        ("Lindenweg 4\nKöln 50674\nGermany", ("Lindenweg 4", "", "Köln", "", "Germany", "50674")),
        (
            "please send it to 12 High Street, Flat 3, Sheffield S10 2TN, UK",
            ("12 High Street", "Flat 3", "Sheffield", "", "United Kingdom", "S10 2TN"),
        ),
        (
            "address1: 1 A St, address2: , city: Austin, state: TX, country: usa, zip: 78701",
            ("1 A St", "", "Austin", "TX", "USA", "78701"),
        ),
    ],
)
def test_that_addresses_are_read(text: str, meant: tuple[str, ...]) -> None:
    assert read_address(text) == Address(*meant)


BERLIN = ("Hauptstr. 7", "", "Berlin", "", "Germany", "10115")
UTRECHT = ("Kerkstraat 7", "", "Utrecht", "", "Netherlands", "3511 AB")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("no I meant Hauptstr. 7, 10115 Berlin, Germany", BERLIN),
        ("No. Hauptstr. 7, 10115 Berlin, Germany. Thanks!", BERLIN),
        ("send LF-204602 somewhere else: Hauptstr. 7, 10115 Berlin, Germany", BERLIN),
        ("ship my order LF-204602 to Hauptstr. 7, 10115 Berlin, Germany please", BERLIN),
        ("I want order #W5500123 sent to Hauptstr. 7, 10115 Berlin, Germany", BERLIN),
        ("My new address is Hauptstr. 7\n10115 Berlin\nGermany", BERLIN),
        ("address: Hauptstr. 7, 10115 Berlin, Germany. We moved there in May.", BERLIN),
        ("hi we moved last week, we live at Kerkstraat 7, 3511 AB Utrecht now, thanks", UTRECHT),
        ("No, Kerkstraat 7, 3511 AB Utrecht", UTRECHT),
        ("My name is Mila, can it go to Kerkstraat 7, 3511 AB Utrecht?", UTRECHT),
        ("ok so Kerkstraat 7, 3511 AB Utrecht", UTRECHT),
        ("地址是 Kerkstraat 7，3511 AB Utrecht，荷兰，谢谢", UTRECHT),
        ("the street is Kerkstraat 7, the postcode 3511 AB, city Utrecht", UTRECHT),
        ("Hauptstr. 7, 10115 Berlin, Germany is where I live", BERLIN),
        ("no i meant kerkstraat 7, 3511 AB Utrecht", ("kerkstraat 7", *UTRECHT[1:])),
        ("Carrer de Can Llull 5, 07013 Palma, Spain", ("Carrer de Can Llull 5", "", "Palma", "", "Spain", "07013")),
        ("9 Elm St, Tulsa OK 74103", ("9 Elm St", "", "Tulsa", "OK", "USA", "74103")),
        ("9 Elm St, Columbus, OH 43004", ("9 Elm St", "", "Columbus", "OH", "USA", "43004")),
        ("we live at kerkstraat 7, 3511 AB Utrecht", ("kerkstraat 7", *UTRECHT[1:])),
        (
            "it's 17 Quarry Lane now, Sheffield S10 2TN, UK",
            ("17 Quarry Lane", "", "Sheffield", "", "United Kingdom", "S10 2TN"),
        ),
        ("1200 I Street NW, Washington, DC 20001", ("1200 I Street NW", "", "Washington", "DC", "USA", "20001")),
        ("101 Highway, Suite 5, New York, NY 10001", ("101 Highway", "Suite 5", "New York", "NY", "USA", "10001")),
        (
            "12 Live Oak Drive, Apt #1204, Honolulu, HI 96815",
            ("12 Live Oak Drive", "Apt #1204", "Honolulu", "HI", "USA", "96815"),
        ),
        ("5 Elm St, Apt: 12, Austin, TX 78701", ("5 Elm St", "Apt: 12", "Austin", "TX", "USA", "78701")),
        ("No 7 High Street, Leeds LS1 4AP, UK", ("No 7 High Street", "", "Leeds", "", "United Kingdom", "LS1 4AP")),
        (
            "the address should be Straße des 17. Juni 135, 10623 Berlin, Germany",
            ("Straße des 17. Juni 135", "", "Berlin", "", "Germany", "10623"),
        ),
    ],
)
def test_that_what_is_said_around_an_address_is_no_part_of_it(text: str, meant: tuple[str, ...]) -> None:
    assert read_address(text, "Netherlands") == Address(*meant)


@pytest.mark.parametrize(
    "text",
    [
        "I ordered LF-204602 last week, please send it",
        "no, we moved 2 weeks ago, thanks",
        "we want it at the new house, 3511 AB Utrecht",
        "street: I told you already, city: Utrecht, zip: 3511 AB",
    ],
)
def test_that_talk_is_no_street(text: str) -> None:
    found = read_address(text, "Netherlands")
    assert not isinstance(found, Address)
    assert "address1" in found


def test_that_what_an_address_lacks_is_named() -> None:
    assert read_address("Nieuwegracht 5, Utrecht", "Netherlands") == ("zip",)
    assert read_address("hello there") == PARTS


def order_of(number: str, *lines: Item) -> Order:
    return Order(OrderId(number), UserId("u"), "delivered", Address("", "", "", "", "", ""), lines, ())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("the order with the trousers", 0),
        ("where the beanie is in it, and the fleece", 0),
        ("the one with the hiking socks", None),
        ("the one with the socks and the bottle", 1),
        ("the lamp", None),
    ],
)
def test_that_an_order_is_known_by_what_is_in_it(text: str, meant: int | None) -> None:
    orders = [order_of("A", TROUSERS, FLEECE, BEANIE), order_of("B", SOCKS, BOTTLES[0]), order_of("C", SOCKS)]
    assert described(orders, text) == (None if meant is None else orders[meant])


def wishing(text: str) -> Scene:
    shop = cast("Shop", None)  # What is read here is words alone.
    return Scene(shop, text, "", "en", None, {}, "c", "m", {WISH: text})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("I want to return the fleece and the beanie", (FLEECE, BEANIE)),
        ("return everything please", (TROUSERS, FLEECE, BEANIE)),
        ("The trousers arrived. I'd like to send the fleece back", (FLEECE,)),
        ("I want to return the fleece but keep the beanie", None),
        ("return the fleece if you have no other one", None),
        ("I want to return something", None),
        ("return the tent", None),
    ],
)
def test_that_items_in_the_first_words_are_taken_where_plain(text: str, meant: tuple[Item, ...] | None) -> None:
    found = said_items(wishing(text), (TROUSERS, FLEECE, BEANIE))
    assert found == (None if meant is None else tuple(item.id for item in meant))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("change the beanie to slate blue", ("slate blue",)),
        ("I want the beanie in rust orange instead of black", ("rust orange",)),
        ("change the beanie from black to slate blue", ("slate blue",)),
        ("the beanie should be another colour", None),
        ("change the beanie to purple", None),
        ("change the beanie to either slate blue or rust orange", None),
        ("change the fleece to black and the beanie to slate blue", ("slate blue",)),
    ],
)
def test_that_a_variant_in_the_first_words_is_taken_where_it_is_plain(
    text: str, options: tuple[str, ...] | None
) -> None:
    found = said_variant(wishing(text), BEANIE, PRODUCTS["LFA-BEAN"].variants, (FLEECE,))
    assert (tuple(found.options.values()) if found else None) == options


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("return the fleece, refund to paypal", 1),
        ("return the fleece and put the money on the card ending in 9212", 3),
        ("return the fleece from LF-204823, refund to paypal", 1),
        ("return the fleece from my last order to my gift card", 0),
        ("return the fleece to my credit card", None),
        ("I paid for the fleece and return it", None),
    ],
)
def test_that_a_payment_method_in_the_first_words_is_taken_where_it_is_plain(text: str, meant: int | None) -> None:
    assert said_method(wishing(text), METHODS, "paypal_1") == (None if meant is None else METHODS[meant])
