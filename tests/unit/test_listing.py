"""A list of products says what the catalogue says and nothing else."""

from bot.generation.listing import describe, list_products
from bot.records import Filter, Findings, Hit, Kind, Passage, PassageId


def product(sku: str, price: str, stock: str = "3", **attributes: str) -> Hit:
    row = {"sku": sku, "name": f"{sku} Tent", "price": price, "currency": "EUR", "stock": stock, **attributes}
    url = f"https://shop.example/{sku}"
    return Hit(
        Passage(PassageId(f"product:{sku}"), Kind.PRODUCT, row["name"], "", "p.csv", url=url, attributes=row), 1, 1, 1
    )


def found(hits: list[Hit], *skus: str, filters: tuple[Filter, ...] = (Filter("price", "<=", "300"),)) -> Findings:
    return Findings("tents", tuple(hits), 0.9, skus, filters)


HITS = [product("A", "219.95", capacity="1 person"), product("B", "289.95", "0"), product("C", "349.95")]


def test_that_the_matches_are_told_with_price_and_stock() -> None:
    utterance = list_products(found(HITS, "A", "B"))
    assert utterance.text == "These match:\n- A Tent: 219.95 EUR, in stock\n- B Tent: 289.95 EUR, sold out"
    assert [citation.passage for citation in utterance.citations] == ["product:A", "product:B"]


def test_that_widgets_get_the_rows() -> None:
    custom = list_products(found(HITS, "A")).custom
    assert custom == {
        "products": [
            {
                "sku": "A",
                "name": "A Tent",
                "price": "219.95",
                "currency": "EUR",
                "stock": "3",
                "url": "https://shop.example/A",
            }
        ],
        "lead": "This one matches:",
    }


def test_that_whoever_shows_cards_need_not_say_the_rows_too() -> None:
    hits = [product(f"P{number}", "10.00", capacity="1 person") for number in range(7)]
    wish = Filter("capacity", "=", "1 person")
    utterance = list_products(found(hits, *(f"P{number}" for number in range(7)), filters=(wish,)))
    custom = utterance.custom or {}
    assert custom["lead"] == "These match:\nAnd 2 more."
    assert [row["facts"] for row in custom["products"]] == [["capacity: 1 person"]] * 5
    nearest = list_products(found(HITS, filters=(Filter("price", "<=", "100"),)))
    assert (nearest.custom or {})["lead"] == "Nothing in the shop matches price up to 100.\nThe nearest is:"


def test_that_what_was_asked_for_is_told() -> None:
    wish = Filter("capacity", "=", "1 person")
    assert "- A Tent: 219.95 EUR, capacity: 1 person, in stock" in list_products(found(HITS, "A", filters=(wish,))).text


def test_that_weights_have_their_unit_and_lists_their_commas() -> None:
    hit = product("D", "1.00", weight_g="900", colours="red|blue")
    wishes = (Filter("weight_g", "<=", "1000"), Filter("colours", "has", "red"))
    assert "weight: 900 g, colours: red, blue" in list_products(found([hit], "D", filters=wishes)).text


def test_that_more_than_five_are_counted() -> None:
    hits = [product(f"P{number}", "10.00") for number in range(8)]
    utterance = list_products(found(hits, *(f"P{number}" for number in range(8))))
    assert utterance.text.count("\n- ") == 5
    assert utterance.text.endswith("And 3 more.")


def test_that_no_match_is_said_plainly_with_the_nearest_that_can_be_bought() -> None:
    sold_out = product("E", "105.00", "0")
    utterance = list_products(found([*HITS, sold_out], filters=(Filter("price", "<=", "100"),)))
    assert utterance.text == (
        "Nothing in the shop matches price up to 100.\nThe nearest is:\n- A Tent: 219.95 EUR, in stock"
    )
    assert utterance.custom is not None
    assert [row["sku"] for row in utterance.custom["products"]] == ["A"]


def test_that_matches_are_never_denied_even_when_the_search_brought_none_back() -> None:
    utterance = list_products(found(HITS[2:], "A", "B"))
    assert utterance.text == "2 products match price up to 300."
    assert utterance.custom is None
    assert list_products(found([], "A", "B"), "zh").text == "店里有 2 款商品符合“价格 不超过 300”。"
    assert list_products(found([], "A")).text == "1 product matches price up to 300."


def test_that_the_list_has_the_order_of_the_search() -> None:
    utterance = list_products(found(HITS, "C", "A", "B"))
    assert [row["sku"] for row in (utterance.custom or {})["products"]] == ["C", "A", "B"]


def test_that_with_nothing_near_nothing_is_named() -> None:
    utterance = list_products(found([]))
    assert utterance.text == "Nothing in the shop matches price up to 300."
    assert utterance.custom is None
    assert utterance.citations == ()


def test_that_chinese_shoppers_are_answered_in_chinese() -> None:
    assert list_products(found(HITS, "A"), "zh").text == "这一款符合条件：\n- A Tent：219.95 EUR，有货"
    assert list_products(found([]), "zh").text == "店里没有符合“价格 不超过 300”的商品。"


def test_that_a_product_without_price_or_stock_is_told_without_them() -> None:
    assert list_products(found([product("F", "", "")], "F")).text.endswith("- F Tent")


def test_that_wishes_are_put_in_words() -> None:
    assert describe(Filter("waterproof", "=", "yes")) == "waterproof"
    assert describe(Filter("freestanding", "=", "no")) == "not freestanding"
    assert describe(Filter("weight_g", ">=", "900")) == "weight at least 900"


def test_that_a_size_is_not_called_in_stock_by_the_stock_of_all_sizes() -> None:
    wish = Filter("sizes", "has", "44")
    hits = [product("A", "219.95", sizes="43|44"), product("B", "289.95", stock="0", sizes="44")]
    lines = list_products(found(hits, "A", "B", filters=(wish,))).text.splitlines()
    assert lines[1:] == ["- A Tent: 219.95 EUR, sizes: 43, 44", "- B Tent: 289.95 EUR, sizes: 44, sold out"]
