"""What shoppers wish for, read from their words, and which products that leaves."""

import pytest

from bot.records import Entity, Filter, State, Understanding
from bot.retrieval.query import Question, read_question
from bot.retrieval.wishes import read_wishes
from tests.retrieval_shop import small_catalogue

CATALOGUE = small_catalogue()


def asked(text: str, state: State | None = None, entities: tuple[Entity, ...] = ()) -> Question:
    return read_question(Understanding(text, "en", (), 1.0, entities), state or State(), CATALOGUE)


def found(text: str, state: State | None = None) -> list[str]:
    question = asked(text, state)
    return list(
        question.products or CATALOGUE.matching(question.filters) if question.filters or question.products else ()
    )


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("which tents are under 300 euro", ["T-1", "T-2"]),
        ("Tents between €250 and €350?", ["T-2", "T-3"]),
        ("a tent for two that weighs less than 2.2 kg", ["T-2"]),
        ("do you have 3-person tents", ["T-3"]),
        ("tents with at least 5,000 mm", ["T-3"]),
        ("do you have rain jackets in size S?", ["J-M", "J-W"]),
        ("women's rain jacket in black", ["J-W"]),
        ("show me jackets that are waterproof and in stock", ["J-M"]),
        ("do you have jackets in red", ["J-B"]),
        ("jackets that are not waterproof", ["J-B"]),
        ("I need a sleeping bag for minus ten degrees", ["S-8"]),
        ("backpacks over 50 litres", ["B-5"]),
        ("do you have backpacks with a rain cover", ["B-5"]),
        ("do you have backpacks without a rain cover?", ["B-2"]),
        ("do you sell backpacks", ["B-5", "B-2"]),
        ("anything below 50 euro?", ["T-F"]),
        ("有300欧元以下的帐篷吗", ["T-1", "T-2"]),
        ("想买50升以上的背包", ["B-5"]),
        ("有没有红色的夹克", ["J-B"]),
        ("有三人帐篷吗", ["T-3"]),
    ],
)
def test_that_wishes_leave_the_products_that_fulfil_them(text: str, products: list[str]) -> None:
    assert found(text) == products


@pytest.mark.parametrize(
    "text",
    [
        "is shipping free above 60 euro",
        "my order of 72 euro has not arrived",
        "may I return a tent after 30 days",
        "how do I wash my rain jacket",
        "do you ship to Germany within 2 days",
    ],
)
def test_that_a_number_or_a_kind_alone_is_no_search_for_products(text: str) -> None:
    assert asked(text).filters == ()


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("T-2", ("T-2",)),
        ("how heavy is the t2", ("T-2",)),
        ("what does the Tarn 2 Tent cost", ("T-2",)),
        ("is the tarn 2 waterproof", ("T-2",)),
        ("how heavy is the tran 3?", ("T-3",)),
        ("the bracken 850 please", ("S-8",)),
        ("colours of the Braken 400", ("S-4",)),
        ("tarn 2 or tarn 3?", ("T-2", "T-3")),
        ("the men's ghyll in black", ("J-M",)),
        ("do you have the Tarn 4", ()),
        ("it is a warm tent", ()),
    ],
)
def test_that_products_are_known_by_sku_and_by_whole_short_and_misspelt_names(
    text: str, products: tuple[str, ...]
) -> None:
    assert set(asked(text).products) == set(products)


def test_that_the_shops_own_synonyms_name_products_and_kinds() -> None:
    product = Entity("product", "Tarn 3 Tent", 0, 4, "lookup")
    kind = Entity("category", "sleeping bag", 0, 4, "lookup")
    assert asked("塔恩三号多重", entities=(product,)).products == ("T-3",)
    assert asked("有没有被窝", entities=(kind,)).filters == (Filter("category", "=", "sleeping bag"),)


def test_that_the_cheapest_and_the_warmest_are_an_order() -> None:
    question = asked("what is the warmest sleeping bag you have")
    assert question.order == ("comfort temperature", False)
    assert CATALOGUE.by("comfort temperature", ["S-4", "S-8"]) == ("S-8", "S-4")
    assert CATALOGUE.by("price", ["S-8", "S-4"], descending=True) == ("S-8", "S-4")


def test_that_a_colour_of_something_else_is_no_wish() -> None:
    assert read_wishes("which backpacks have a red light", (), CATALOGUE).filters == (
        Filter("category", "=", "backpacks"),
    )


SEARCHED = State(
    focus=("T-1", "T-2"),
    filters=(Filter("category", "=", "tents"), Filter("price", "<=", "300")),
    topic="which tents are under 300 euro",
)
ONE = State(focus=("J-M",), topic="tell me about the men's ghyll")
SHIPPING = State(topic="how much is shipping to Belgium")


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("and in red?", ["T-2"]),
        ("and in stock?", ["T-1", "T-2"]),
        ("under 250", ["T-1"]),
        ("what about 2 person ones?", ["T-2"]),
        ("有红色的吗", ["T-2"]),
    ],
)
def test_that_a_follow_up_adds_to_the_search_before_it(text: str, products: list[str]) -> None:
    question = asked(text, SEARCHED)
    assert question.filters[0] == Filter("category", "=", "tents")
    assert list(CATALOGUE.matching(question.filters)) == products


def test_that_what_is_said_now_takes_the_place_of_what_was_said() -> None:
    assert [f.value for f in asked("under 250", SEARCHED).filters] == ["tents", "250"]


@pytest.mark.parametrize(
    "text", ["how heavy is it?", "is it waterproof", "and in red?", "do you have it in size M", "它多重"]
)
def test_that_it_means_the_product_last_spoken_of(text: str) -> None:
    question = asked(text, ONE)
    assert (question.products, question.filters) == (("J-M",), ())
    assert question.text == f"{text} ({CATALOGUE.products['J-M'].name})"
    assert question.rewritten


def test_that_another_one_means_another_product_of_its_kind() -> None:
    question = asked("what about the 3 person one?", State(focus=("T-2",)))
    assert CATALOGUE.matching(question.filters) == ("T-3",)


@pytest.mark.parametrize("text", ["and to Germany?", "to France?", "what about express"])
def test_that_a_fragment_is_searched_with_the_question_before_it(text: str) -> None:
    question = asked(text, SHIPPING)
    assert (question.text, question.rewritten) == (f"how much is shipping to Belgium {text}", True)


@pytest.mark.parametrize(
    "text", ["thanks!", "ok thank you", "what is your return policy", "talk to a human", "do you sell backpacks"]
)
def test_that_a_question_of_its_own_takes_nothing_from_the_turn_before(text: str) -> None:
    question = asked(text, State(focus=("J-M",), topic="how much is shipping"))
    assert (question.text, question.products, question.rewritten) == (text, (), False)


def test_that_a_product_that_left_the_catalogue_is_no_longer_meant() -> None:
    assert asked("how heavy is it?", State(focus=("GONE",))).products == ()


TENTS = Filter("category", "=", "tent")


@pytest.mark.parametrize(
    ("filters", "nearest"),
    [
        ((TENTS, Filter("price", "<=", "20")), "T-1"),
        # The Tarn 3 has the right size, but is sold out, and the others are no such tents.
        ((TENTS, Filter("capacity", "=", "3"), Filter("price", "<=", "100")), "T-3"),
        ((TENTS, Filter("weight_g", "<=", "1000")), "T-1"),
        ((TENTS, Filter("price", ">=", "900")), "T-2"),
        ((TENTS, Filter("price", ">=", "300"), Filter("price", "<=", "320")), "T-2"),
        ((TENTS, Filter("colours", "has", "pink"), Filter("price", "<=", "210")), "T-1"),
        # Nothing says which tent is nearly pink.
        ((TENTS, Filter("colours", "has", "pink")), None),
        ((Filter("category", "=", "kayak"), Filter("price", "<=", "20")), None),
        ((TENTS, Filter("volume", ">=", "20")), None),
    ],
)
def test_that_the_nearest_misses_the_bounds_by_the_least(filters: tuple[Filter, ...], nearest: str | None) -> None:
    assert CATALOGUE.matching(filters) == ()
    assert CATALOGUE.nearest(filters) == nearest
