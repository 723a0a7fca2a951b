"""Personal data is taken out of what leaves; prices, sizes and dates stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.masking import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("I am mila.devries@mail.example", "I am [email]"),
        ("mila.devries [at] mail.example", "[email]"),
        ("mila (at) mail (dot) example, please", "[email], please"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [number] exp 12/27"),
        ("pay to NL91 ABNA 0417 1643 00", "pay to [account]"),
        ("NL91ABNA0417164300", "[account]"),
        ("call +31 6 1234 5678", "call [number]"),
        ("call (030) 555-0142 now", "call [number] now"),
        ("order number 204518", "order number [number]"),
        ("order LF-204518", "order LF-[number]"),
        ("我的电话是13800138000", "我的电话是[number]"),
        ("tracking MP7730184420NL", "tracking [account]"),
    ],
)
def test_that_what_is_personal_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "a tent under 300 euro for 2 persons",
        "is the Tarn 2 1,299.00 EUR or 1299.95",
        "ordered on 2026-11-22, or 22.11.2026",
        "size 39-42 or 43",
        "waterproof 20000 mm, 60 x 90 x 10 cm",
        "look at larkfell.example",
        "Does the LFT-TARN2 weigh 2150 g?",
    ],
)
def test_that_what_a_question_needs_stays(text: str) -> None:
    assert mask(text) == text


@given(st.text(max_size=200))
def test_that_masking_twice_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)
