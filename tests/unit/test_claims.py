"""Claims compare by value: each table says which spellings are the same claim, and which never are."""

import pytest

from bot.grounding.claims import Found, find_claims
from bot.grounding.library import spell


def claim(text: str, kind: str) -> Found:
    """The only claim of that kind."""
    found = [found for found in find_claims(spell(text)) if found.kind == kind]
    assert len(found) == 1, (text, found)
    return found[0]


SAME = [
    ("price", "It costs EUR 3,95.", "It costs 3.95 EUR."),
    ("price", "It costs €3.95.", "It costs 3.95 euro."),
    ("price", "It costs € 3.95.", "It costs 3,95 €."),
    ("price", "It costs 1,250 EUR.", "It costs 1250 euros."),
    ("price", "It costs twenty euros.", "It costs 20 EUR."),
    ("price", "运费为3.95欧元。", "It costs 3.95 EUR."),
    ("price", "It is free.", "It is free of charge."),
    ("price", "You pay 95 cents.", "You pay 0.95 EUR."),
    ("percentage", "10 % off", "10% off"),
    ("percentage", "ten percent off", "10 per cent off"),
    ("percentage", "百分之十", "10 %"),
    ("duration", "within thirty days", "within 30 days"),
    ("duration", "a week", "7 days"),
    ("duration", "two weeks", "14 days"),
    ("duration", "24 months", "2 years"),
    ("duration", "a five-year warranty", "a warranty of 5 years"),
    ("duration", "三十天", "30 days"),
    ("duration", "两天", "2 days"),
    ("duration", "2个工作日", "2 working days"),
    ("duration", "1–2 working days", "1 to 2 business days"),
    ("duration", "an hour", "60 minutes"),
    ("measure", "2.1 kg", "2100 g"),
    ("measure", "2.1kg", "2100 grams"),
    ("measure", "30 °C", "30 degrees"),
    ("measure", "0.75 l", "750 ml"),
    ("time", "before 16:00", "before 4 pm"),
    ("time", "before 4pm", "before 4 p.m."),
    ("time", "from 10:00 to 18:00", "10 am to 6 pm"),
    ("time", "下午4点", "16:00"),
    ("date", "on 12 March 2026", "on March 12, 2026"),
    ("date", "on 2026-03-12", "on 12th of March 2026"),
    ("date", "2026年3月12日", "12 March 2026"),
    ("date", "Mon–Fri 9:00", "Monday to Friday"),
    ("date", "周一至周五", "Monday to Friday"),
    ("date", "on Mondays", "on Monday"),
    ("date", "明天", "tomorrow"),
    ("number", "a dozen pegs", "twelve pegs"),
    ("number", "two pockets", "2 pockets"),
    ("code", "order LF-204518", "order lf-204518"),
    ("link", "see https://www.larkfell.example/help/", "see larkfell.example/help"),
    ("email", "Help@Larkfell.example", "help@larkfell.example"),
    ("phone", "+31 30 555 0142", "+31 (0)30 5550142"),
    ("country", "to the Netherlands", "to NL"),
    ("country", "to the United Kingdom", "to Britain"),
    ("country", "寄到德国", "to Germany"),
]

DIFFERENT = [
    ("price", "3.95 EUR", "3.95 USD"),
    ("price", "3.95 EUR", "£3.95"),
    ("price", "3.95 EUR", "39.5 EUR"),
    ("price", "1 EUR", "free"),
    ("percentage", "10 %", "12 %"),
    ("duration", "30 days", "30 working days"),
    ("duration", "30 days", "30 weeks"),
    ("duration", "2 years", "2 months"),
    ("duration", "fourteen days", "forty days"),
    ("measure", "2.1 kg", "2.1 g"),
    ("measure", "30 °C", "30 °F"),
    ("time", "4 pm", "4 am"),
    ("time", "16:00", "16:30"),
    ("date", "12 March 2026", "13 March 2026"),
    ("date", "12 March 2026", "12 May 2026"),
    ("date", "Monday to Friday", "Monday to Saturday"),
    ("date", "today", "tomorrow"),
    ("code", "LF-204518", "LF-204519"),
    ("link", "larkfell.example/help", "larkfell-deals.com/help"),
    ("email", "help@larkfell.example", "help@larkfe11.example"),
    ("phone", "+31 30 555 0142", "+31 30 555 0143"),
    ("country", "Belgium", "Germany"),
]


@pytest.mark.parametrize(("kind", "one", "other"), SAME)
def test_that_spellings_of_one_value_are_the_same_claim(kind: str, one: str, other: str) -> None:
    assert claim(one, kind).value == claim(other, kind).value


@pytest.mark.parametrize(("kind", "one", "other"), DIFFERENT)
def test_that_different_values_are_different_claims(kind: str, one: str, other: str) -> None:
    assert claim(one, kind).value != claim(other, kind).value


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("free from 60 EUR", "min"),
        ("orders over 60 EUR", "over"),
        ("at least 60 EUR", "min"),
        ("60 EUR or more", "min"),
        ("up to 60 EUR", "max"),
        ("under 60 EUR", "under"),
        ("costs 60 EUR", ""),
        ("between 10 and 60 EUR", ""),
        ("满60欧元", "min"),
    ],
)
def test_that_a_limit_is_read_with_its_amount(text: str, bound: str) -> None:
    assert [found.bound for found in find_claims(spell(text)) if found.value != "free" and "6" in found.text] == [bound]


def test_that_no_digit_escapes() -> None:
    for text in ("at 28:00", "v2beta", "x9", "190 g/m2", "3XL9", "1.2.3.4", "007", "№5", "5️⃣", "٣٠ days", "Ⅻ3"):
        spelled = spell(text)
        claimed = {at for found in find_claims(spelled) for at in range(found.start, found.end)}
        assert all(at in claimed for at, char in enumerate(spelled) if char.isdigit()), text


def test_that_names_are_read_inside_a_sentence_and_not_from_its_first_word() -> None:
    found = [c.text for c in find_claims("Parcels by Merel Post arrive from Utrecht.") if c.kind == "name"]
    assert found == ["Merel Post", "Utrecht"]


def test_that_feeling_free_and_pfas_free_cost_nothing_to_say() -> None:
    assert not [c for c in find_claims(spell("Feel free to ask about PFAS-free jackets.")) if c.kind == "price"]
