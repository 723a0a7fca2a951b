"""A yes or a no is the same for the assistant and for the shop's actions, which share no code."""

import pytest

from actions import agreeing
from bot.dialogue import turning
from tests.unit.test_shopper_words import NO_YES, YES

EMPHATIC = (
    "YES DAMMIT", "hell yes", "yesss", "好，退款",
    "yes ffs", "yes do it now", "yes cancel it now", "Yes!! Right now!", "ok already", "yes, immediately",
    "是的，改吧", "好，快点", "好的，退吧", "ja", "oui", "是的，马上取消吧",
)  # fmt: skip

OTHER = (
    "by mistake", "cancel LF-204520", "no longer needed", "don't want it", "不需要了", "不确定", "Yes, but in blue",
    "yes, but do it now with my other card", "yes now what?", "是的，改地址", "是的，但是快点",
    "ok fast delivery please",
)  # fmt: skip

NO = ("no", "No thanks, keep it", "nope", "don't", "don’t do it", "stop", "never mind", "absolutely not", "nein", "不",
      "不想取消", "不用", "别", "算了", "取消")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *((text, True) for text in (*YES, *EMPHATIC)),
        *((text, False) for text in NO),
        *((text, None) for text in OTHER),
    ],
)
def test_that_the_assistant_and_the_actions_agree_on_a_yes_and_a_no(text: str, meant: bool | None) -> None:
    assert agreeing.yes_or_no(text, "") is meant
    assert turning.says_yes_or_no(text) == {True: "affirm", False: "deny", None: None}[meant]


@pytest.mark.parametrize("text", NO_YES)
def test_that_they_agree_on_what_only_looks_like_a_yes(text: str) -> None:
    assert turning.says_yes_or_no(text) == {False: "deny", None: None}[agreeing.yes_or_no(text, "")]


@pytest.mark.parametrize("text", [*YES, *EMPHATIC])
def test_that_a_yes_stays_one_that_was_recognized_as_a_no(text: str) -> None:
    assert agreeing.yes_or_no(text, "deny") is True


@pytest.mark.parametrize(
    "text", ["by mistake", "cancel LF-204520", "Yes, but in blue", "yes you useless bot", "I told you that five times"]
)
def test_that_what_says_more_than_no_is_asked_again_whatever_it_was_recognized_as(text: str) -> None:
    assert agreeing.yes_or_no(text, "deny") is None
