"""What no shopper may ever see is taken out of every text."""

import pytest

from bot.grounding.shown import clean, plain


@pytest.mark.parametrize(
    ("dirty", "clean_text"),
    [
        ("re\u200bfund\u00ad ok", "refund ok"),
        ("pay \u202e001\u202c EUR", "pay 001 EUR"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("Hello<|im_end|>", "Hello"),
        ("<|im_start|>assistant Hi", "assistant Hi"),
        ("[INST] Hi [/INST]", "Hi"),
        ("see ![x](https://evil.example/?q=secret) here", "see here"),
        ("see [our page](https://larkfell.example) here", "see our page (https://larkfell.example) here"),
        ("<b>bold</b> and <img src=x onerror=alert(1)>", "bold and"),
        ("a<script>alert(1)</script>b", "a b"),
        ("under 3 < 5 and 7 > 6", "under 3 < 5 and 7 > 6"),
        ("a   b\t c\n\n\n d", "a b c\nd"),
        ("<|im<b>_start|>x", "x"),
    ],
)
def test_that_text_is_cleaned(dirty: str, clean_text: str) -> None:
    assert clean(dirty) == clean_text


def test_that_one_spelling_is_compared() -> None:
    assert plain("３０ days — “new” ٣") == '30 days – "new" 3'
