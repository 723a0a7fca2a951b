"""The scripted shopper: what it makes of an instruction, what it answers, and what it never agrees to."""

from pathlib import Path

import pytest

from bot.evaluation.conversation_phrases import hurried
from bot.evaluation.conversation_shopper import NO, Shopper
from bot.evaluation.conversation_talk import Heard, read
from bot.evaluation.conversation_tasks import NOTHING, Retail, Task, Wish
from bot.evaluation.conversation_words import opening, plain, questions, sentences

RETAIL = Retail(
    Path(),
    {
        "ada_byron_1": {
            "name": {"first_name": "Ada", "last_name": "Byron"},
            "email": "ada@mail.example",
            "address": {"zip": "10001"},
            "payment_methods": {
                "credit_card_1111": {"source": "credit_card", "brand": "visa", "last_four": "4321"},
                "gift_card_2222": {"source": "gift_card", "balance": 5},
                "paypal_3333": {"source": "paypal"},
            },
        }
    },
    {},
    {
        "p1": {
            "name": "Desk Fan",
            "variants": {
                "f1": {"options": {"colour": "white", "size": "small"}},
                "f2": {"options": {"colour": "black", "size": "small"}},
                "f3": {"options": {"colour": "black", "size": "large"}},
            },
        },
        "p2": {"name": "Rug", "variants": {"r1": {"options": {"shape": "round"}}}},
    },
)


def task(instruction: str, *calls: tuple[str, dict[str, object]]) -> Task:
    return Task("dev-0", "ada_byron_1", instruction, [{"name": n, "kwargs": k} for n, k in calls], ())


EXCHANGE = ("exchange_delivered_order_items", {"order_id": "#A1", "item_ids": ["f1"], "new_item_ids": ["f3"]})
CANCEL = ("cancel_pending_order", {"order_id": "#A2", "reason": "ordered by mistake"})


def test_that_an_instruction_becomes_what_the_shopper_says() -> None:
    told = task(
        "Your name is Ada Byron and your zip code is 10001. You are calm, polite. You want to exchange your desk fan "
        "for a bigger one. If the agent asks you to confirm, say no. You're in a hurry."
    )
    assert sentences(told) == ["I want to exchange my desk fan for a bigger one.", "I am in a hurry."]


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("Return #A1 via paypal_3333: Desk Fan; Rug; ", "I want to return Desk Fan; Rug from order #A1."),
        ("Cancel order #A2 because no longer needed. ", "I want to cancel order #A2, it was no longer needed."),
        ("For #A1, change payment to paypal_3333.", "I want to change the payment of order #A1 to my paypal."),
        (
            "For #A1, exchange Desk Fan {'colour': 'white'} to {'colour': 'black'}; via paypal_3333. ",
            "I want to exchange this from order #A1: Desk Fan white to black.",
        ),
        ("For #A1, modify Desk Fan {'colour': 'white'} to {}; ", "I want to change this in order #A1: Desk Fan white "),
    ],
)
def test_that_shorthand_is_said_in_words(note: str, said: str) -> None:
    assert sentences(task(f"Your name is Ada Byron and your zip code is 10001. {note}"))[0].startswith(said)


def test_that_each_wish_begins_with_the_sentence_about_it_or_with_plain_words() -> None:
    told = task("You are Ada Byron in 10001. You want to exchange the fan. You also want to see a film.")
    exchange, cancel = Wish("exchange", EXCHANGE[1]), Wish("cancel", CANCEL[1])
    assert opening(told, exchange, RETAIL) == "I want to exchange the fan."
    assert opening(told, cancel, RETAIL) == plain(cancel, RETAIL) == "I want to cancel order #A2."


@pytest.mark.parametrize(
    ("instruction", "asked"),
    [
        ("You want to cancel the fan and want to know how much you get back in total.", "how much I get back in total"),
        (
            "Ask the agent how many options of the rug are there. You hate blue.",
            "how many options of the rug are there",
        ),
        ("You'd like to know the tracking number of your order.", "the tracking number of my order"),
        ("If the agent asks for the total, say nothing.", None),
        ("You want to return the rug at the full price.", None),
    ],
)
def test_that_the_shopper_asks_for_the_facts_that_it_wants(instruction: str, asked: str | None) -> None:
    wanting = Task("dev-0", "ada_byron_1", instruction, [], ("12.5",))
    assert questions(wanting) == ([f"I'd like to know {asked}."] if asked else [])
    assert questions(task(instruction)) == []


def test_that_a_wish_in_a_hurry_holds_what_its_call_wants_and_nothing_else() -> None:
    said = {hurried(Wish("exchange", {**EXCHANGE[1], "order_id": f"#A{number}"}), RETAIL) for number in range(30)}
    assert len(said) > 5
    assert all("fan" in text for text in said)
    assert any("#A1" in text for text in said)
    assert not any("{" in text for text in said)
    cancel = hurried(Wish("cancel", CANCEL[1]), RETAIL)
    assert any(word in cancel for word in ("mistake", "accident"))
    assert cancel == hurried(Wish("cancel", CANCEL[1]), RETAIL)


def test_that_the_kinds_of_a_task_are_those_of_its_wishes() -> None:
    assert task("", ("get_order_details", {"order_id": "#A1"}), EXCHANGE, CANCEL).kind == "cancel + exchange"
    assert task("", ("get_order_details", {"order_id": "#A1"})).kind == NOTHING


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (Heard(ask="shopper"), "Ada Byron, 10001"),
        (Heard(ask="order", options=("#A2: Rug (pending)", "#A1: Desk Fan (delivered)")), "#A1: Desk Fan (delivered)"),
        (Heard(ask="items", options=("Rug (round)", "Desk Fan (small, white)")), "Desk Fan (small, white)"),
        (
            Heard(ask="variant_1", options=("black, small", "large, black (9.00 EUR)"), about={"item": "f1"}),
            "large, black (9.00 EUR)",
        ),
        (Heard(ask="method", options=("PayPal", "Visa ending 4321")), "Visa ending 4321"),
    ],
)
def test_that_a_question_gets_its_answer(heard: Heard, said: str) -> None:
    shopper = Shopper(task("You are Ada Byron in 10001.", EXCHANGE), RETAIL)
    wish = Wish("exchange", {**EXCHANGE[1], "payment_method_id": "credit_card_1111"})
    assert shopper.answer(wish, heard, 0) == said


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (Heard(ask="order", options=("#A1: Desk Fan (delivered)",)), "The one with the desk fan"),
        (Heard(ask="items", options=("Desk Fan (small, white)",)), "the desk fan"),
        (Heard(ask="variant_1", options=("large, black",), about={"item": "f1"}), "black and large"),
        (Heard(ask="method", options=("Visa ending 4321",)), "Please use my credit card"),
    ],
)
def test_that_it_can_answer_in_its_own_words_once(heard: Heard, said: str) -> None:
    shopper = Shopper(task("You are Ada Byron in 10001.", EXCHANGE), RETAIL, own_words=True)
    wish = Wish("exchange", {**EXCHANGE[1], "payment_method_id": "credit_card_1111"})
    assert shopper.answer(wish, heard, 0) == said
    assert shopper.answer(wish, heard, 1) == heard.options[0]


def test_that_it_agrees_only_to_what_it_wants() -> None:
    shopper = Shopper(task("You are Ada Byron in 10001.", EXCHANGE), RETAIL)
    wish = Wish("exchange", EXCHANGE[1])
    right = (
        "I will register this exchange for order #A1: Desk Fan (white, small) becomes black, large. Shall I do this?"
    )
    assert shopper.answer(wish, Heard(right, "confirmed"), 0) == "Yes"
    for wrong in (right.replace("#A1", "#A9"), right.replace("large", "small"), right.replace("exchange", "return")):
        assert shopper.answer(wish, Heard(wrong, "confirmed"), 0) == NO


def test_that_the_last_question_of_a_reply_counts() -> None:
    heard = read(
        [
            {"text": "Sold out."},
            {"text": "Which?", "buttons": [{"title": "Red", "payload": "/red"}]},
            {"custom": {"ask": "variant_1", "options": ["Red"], "item": "f1"}},
            {"custom": {"sources": []}},
        ]
    )
    assert heard == Heard("Sold out.\nWhich?", "variant_1", ("Red",), {"item": "f1"}, (("Red", "/red"),))
