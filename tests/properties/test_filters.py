"""Whatever is wished for, no product that does not fulfil it is found."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.records import Filter, State, Understanding
from bot.retrieval.catalogue import Catalogue, Product
from bot.retrieval.query import merge, read_question
from tests.retrieval_shop import small_catalogue

CATALOGUE = small_catalogue()

NUMERIC = st.builds(
    Filter,
    st.sampled_from(["price", "weight_g", "stock", "capacity", "volume", "comfort temperature", "waterproof"]),
    st.sampled_from(["<=", ">="]),
    st.integers(-30, 25_000).map(str),
)
NAMED = st.one_of(
    st.builds(
        Filter, st.just("colours"), st.just("has"), st.sampled_from(["red", "blue", "slate blue", "black", "pink"])
    ),
    st.builds(Filter, st.just("sizes"), st.just("has"), st.sampled_from(["S", "M", "XL", "Long", "42"])),
    st.builds(
        Filter, st.just("category"), st.just("="), st.sampled_from(["tents", "rain jacket", "backpacks", "kayak"])
    ),
    st.builds(
        Filter, st.sampled_from(["fit", "waterproof"]), st.just("="), st.sampled_from(["men", "women", "yes", "no"])
    ),
)
FILTERS = st.lists(st.one_of(NUMERIC, NAMED), max_size=4)


def violates(product: Product, wish: Filter, catalogue: Catalogue) -> bool:
    """The plainest reading of a wish, in the words of the feed."""
    written = product.attributes.get(wish.attribute, "")
    if wish.operator in {"<=", ">="}:
        digits = written.split(" ")[0].replace(",", "")
        try:
            value = float(digits)
        except ValueError:
            return True
        return value > float(wish.value) if wish.operator == "<=" else value < float(wish.value)
    if wish.operator == "has":
        return not any(set(wish.value.lower().split()) <= set(piece.lower().split()) for piece in written.split("|"))
    if wish.attribute == "category":
        words = f"{product.name} {product.category}".lower()
        return not all(word.removesuffix("s") in words for word in wish.value.split())
    if wish.value in {"yes", "no"}:
        return (written in {"", "no"}) != (wish.value == "no")
    return written != wish.value


@given(FILTERS)
def test_that_a_filter_never_lets_a_product_through_that_violates_it(filters: list[Filter]) -> None:
    for sku in CATALOGUE.matching(filters):
        assert not [wish for wish in filters if violates(CATALOGUE.products[sku], wish, CATALOGUE)]


@given(FILTERS)
def test_that_the_quick_way_finds_what_looking_at_each_product_finds(filters: list[Filter]) -> None:
    slowly = [
        sku for sku, product in CATALOGUE.products.items() if all(CATALOGUE.satisfies(product, f) for f in filters)
    ]
    assert list(CATALOGUE.matching(filters)) == slowly


@given(FILTERS, FILTERS)
def test_that_a_follow_up_keeps_every_wish_that_it_does_not_replace(before: list[Filter], now: list[Filter]) -> None:
    merged = merge(before, now)
    said = {wish.attribute for wish in now}
    assert [wish for wish in merged if wish.attribute not in said] == [w for w in before if w.attribute not in said]
    assert set(now) <= set(merged)


WORDS = st.sampled_from(
    [
        "tent",
        "tents",
        "jacket",
        "tarn",
        "2",
        "3",
        "under",
        "over",
        "300",
        "euro",
        "in",
        "red",
        "size",
        "M",
        "and",
        "what",
        "about",
        "it",
        "for",
        "two",
        "people",
        "the",
        "which",
        "€",
        "-",
        "帐篷",
        "以下",
        "10",
        "°C",
        "mm",
        "kg",
        "at",
        "least",
        "between",
        "or",
        "not",
        "my",
        "shipping",
        "?",
        "!",
        "零下",
        "红色",
        "的",
        "吗",
        ",",
    ]
)


@settings(max_examples=300)
@given(st.lists(WORDS, max_size=9).map(" ".join), st.sampled_from([(), ("T-2",), ("T-1", "GONE")]), FILTERS)
def test_that_any_message_can_be_read_and_what_it_finds_fulfils_its_wishes(
    text: str, focus: tuple[str, ...], filters: list[Filter]
) -> None:
    state = State(focus=focus, filters=tuple(filters), topic="how much is shipping")
    question = read_question(Understanding(text, "en", (), 1.0), state, CATALOGUE)
    assert set(question.products) <= CATALOGUE.products.keys()
    for sku in CATALOGUE.matching(question.filters):
        assert all(CATALOGUE.satisfies(CATALOGUE.products[sku], wish) for wish in question.filters)
