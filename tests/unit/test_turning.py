"""Plain words that turn a talk, and several wishes in one breath."""

import pytest

from bot.dialogue.burst import parts
from bot.dialogue.turning import asks, begins_anew, leaves, requests, says_yes_or_no, wishes, wrong_slot
from tests.unit.test_shopper_words import NO_YES, YES


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("yes", "affirm"), ("Yes, please cancel it", "affirm"), ("ok do it", "affirm"), ("是的", "affirm"),
        ("好", "affirm"), ("yes but to the other card", None), ("ok, wait", None), ("sure, but first: how long?", None),
        ("no", "deny"), ("No thanks, keep it", "deny"), ("不用", "deny"), ("don't", "deny"),
        ("yesterday I ordered", None), ("nobody came", None), ("what?", None), ("", None), ("not sure", None),
    ],
)  # fmt: skip
def test_that_a_yes_is_a_whole_message_and_a_no_begins_one(text: str, meant: str | None) -> None:
    assert says_yes_or_no(text) == meant


@pytest.mark.parametrize("text", YES)
def test_that_a_message_that_is_a_yes_from_end_to_end_affirms(text: str) -> None:
    assert says_yes_or_no(text) == "affirm"


@pytest.mark.parametrize("text", NO_YES)
def test_that_a_question_an_apology_or_a_no_does_not_affirm(text: str) -> None:
    assert says_yes_or_no(text) != "affirm"


@pytest.mark.parametrize(
    "text", ["never mind", "NEVERMIND!", "forget it", "stop", "please cancel", "I've changed my mind"]
)
def test_that_leaving_is_a_whole_message(text: str) -> None:
    assert leaves(text)
    assert not leaves(f"{text} because the tent is broken and I want another one")


def test_that_a_changed_mind_answers_why_and_leaves_else() -> None:
    for text in ("i changed my mind", "I’ve changed my mind."):
        assert leaves(text, "items")
        assert not leaves(text, "reason")
    assert leaves("never mind", "reason")


@pytest.mark.parametrize("text", ["start over", "Restart", "let's start again", "从头再来"])
def test_that_starting_over_is_a_whole_message(text: str) -> None:
    assert begins_anew(text)
    assert not begins_anew(f"the engine does not {text}")


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("no, the other order", "order_number"), ("Sorry, wrong email", "email"),
        ("no, a different address", "new_address"), ("no, another colour", None),
        ("that's the wrong item", "items"), ("the wrong item was sent", None), ("no", None),
        ("I want another order", None),
        ("等一下，另一个订单", "order_number"), ("不，换一个地址", "new_address"), ("另一个", None),
    ],
)  # fmt: skip
def test_that_a_slot_is_called_wrong_by_its_name(text: str, slot: str | None) -> None:
    assert wrong_slot(text, ("order_number", "email", "new_address", "items")) == slot


def test_that_a_wish_is_told_from_a_question_about_it() -> None:
    assert requests("I want to cancel my order")
    assert requests("Hello, can you cancel order LF-1?")
    assert requests("帮我取消订单")
    assert requests("查看我的订单")
    assert requests("取消订单")
    assert not requests("取消订单以后多久退款")
    assert not requests("修改地址可以吗")
    assert not requests("can I cancel my order?")
    assert not requests("LF-204518")
    assert requests("改地址")
    assert requests("查一下我的订单")
    assert not requests("改地址要多久")
    assert wishes("我的包裹到哪里了")
    assert wishes("我的订单怎么还没发货")
    assert not wishes("我的订单在哪里查看")
    assert asks("can I cancel my order")
    assert asks("多少钱")
    assert not asks("LF-204518")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("where is my order and can I return it?", ("where is my order", "can I return it?")),
        ("Where is my parcel? How much is shipping?", ("Where is my parcel?", "How much is shipping?")),
        ("I want the tent and the mat", ("I want the tent and the mat",)),
        ("salt and pepper", ("salt and pepper",)),
        ("ok", ("ok",)),
        ("where is my parcel\nand cancel the other one", ("where is my parcel", "and cancel the other one")),
        ("我的订单在哪里？另外我想退货", ("我的订单在哪里？", "我想退货")),
        (
            "cancel the rug; exchange the lamp for a white one, then track my parcel",
            ("cancel the rug;", "exchange the lamp for a white one", "track my parcel"),
        ),
        ("it broke, please send me a new one", ("it broke, please send me a new one",)),
        (
            "change my address and the lamp should please be the white one",
            ("change my address", "the lamp should please be the white one"),
        ),
    ],
)
def test_that_wishes_are_parted_where_a_new_one_begins(text: str, found: tuple[str, ...]) -> None:
    assert parts(text) == found
