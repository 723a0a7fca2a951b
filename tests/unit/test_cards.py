"""Cards show catalogue rows of what a reply cites, and nothing that this turn's search did not bring."""

from bot.generation.cards import MOST, card, with_cards
from bot.generation.quote import cite
from bot.records import Hit, Kind, Passage, PassageId, Utterance


def product(sku: str, part: str = "", **row: str) -> Hit:
    attributes = {"sku": sku, "name": f"Tarn {sku}", "price": "219.95", "currency": "EUR", "stock": "0", **row}
    passage = PassageId(f"product:{sku}{part}")
    return Hit(Passage(passage, Kind.PRODUCT, f"Tarn {sku}", "A tent.", "p.csv", attributes=attributes), 1, 1, 1)


RETURNS = Hit(Passage(PassageId("policy:r"), Kind.POLICY, "Returns", "30 days.", "r.md"), 1, 1, 1)
TENT = product("1", image="/demo/tent.svg", url="https://shop.example/1", material="silk", colours="")


def shown(*hits: Hit, said: tuple[Utterance, ...] = (Utterance("It is a tent."),)) -> list[str]:
    cited = [cite(hit.passage) for hit in hits]
    custom = (*with_cards(said, cited, [TENT, product("1", "#price"), product("2"), RETURNS]),)[-1].custom
    return [row["sku"] for row in custom["products"]] if custom else []


def test_that_a_card_has_the_values_as_the_catalogue_writes_them_and_no_empty_ones() -> None:
    assert card(TENT.passage) == {
        "sku": "1",
        "name": "Tarn 1",
        "price": "219.95",
        "currency": "EUR",
        "stock": "0",
        "image": "/demo/tent.svg",
        "url": "https://shop.example/1",
    }


def test_that_each_product_of_a_reply_has_one_card() -> None:
    assert shown(TENT, product("1", "#price"), product("2"), TENT) == ["1", "2"]


def test_that_a_reply_about_a_policy_has_none() -> None:
    assert shown(RETURNS) == shown(TENT, RETURNS) == shown() == []


def test_that_what_this_turn_did_not_find_is_no_card() -> None:
    assert shown(product("9")) == []


def test_that_there_are_never_more_than_a_phone_shows() -> None:
    hits = [product(str(n)) for n in range(MOST + 3)]
    (reply,) = with_cards((Utterance("Tents."),), [cite(hit.passage) for hit in hits], hits)
    assert len((reply.custom or {})["products"]) == MOST


def test_that_the_last_line_carries_them_and_one_without_words_where_all_was_said() -> None:
    cited = [cite(TENT.passage)]
    first, last = with_cards((Utterance("a"), Utterance("b")), cited, [TENT])
    assert (first.custom, last.text) == (None, "b")
    (alone,) = with_cards((), cited, [TENT])
    assert alone.text == ""
    assert alone.custom == last.custom is not None


def test_that_what_a_reply_brings_itself_stays() -> None:
    own = (Utterance("a", custom={"products": [{"sku": "7"}]}),)
    assert with_cards(own, [cite(TENT.passage)], [TENT]) == own
