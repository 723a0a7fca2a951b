"""What is kept of pure work: the latest, a bounded number, and nothing personal."""

import pytest

from bot.recent import LONGEST, Recent, is_anybodys


def test_that_the_least_recently_asked_for_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.get("a") == 1
    assert recent.keep("c", 3) == 3
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("How much is shipping to Belgium?", True),
        ("under 300 euro", True),
        ("运费多少？", True),
        ("my order is LF-204518", False),
        ("write to mila@mail.example", False),
        ("+31 30 555 0142", False),
        ("a" * (LONGEST + 1), False),
    ],
)
def test_that_nothing_personal_is_kept(text: str, kept: bool) -> None:
    assert is_anybodys(text) is kept
