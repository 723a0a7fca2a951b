"""How much somebody may send in a minute, by arithmetic alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.limits import Allowance


def passed(rate: int, arrivals: list[float]) -> list[float]:
    """Which of some arrivals are let through."""
    allowance, due, through = Allowance(rate, None), 0.0, []
    for now in arrivals:
        if not allowance.wait(due, now):
            due = allowance.next_due(due, now)
            through.append(now)
    return through


@pytest.mark.parametrize("rate", [1, 3, 7, 30, 300])
@pytest.mark.parametrize("start", [0.0, 1234567.891])
def test_that_a_minutes_worth_may_come_at_once(rate: int, start: float) -> None:
    assert len(passed(rate, [start] * (rate + 5))) == rate


def test_that_whoever_sends_evenly_is_never_refused() -> None:
    assert len(passed(7, [n * 60 / 7 for n in range(1000)])) == 1000


@given(st.integers(1, 50), st.lists(st.floats(0, 300), max_size=200))
def test_that_no_minute_holds_more_than_two_minutes_worth_and_no_hour_much_more_than_its_own(
    rate: int, arrivals: list[float]
) -> None:
    through = passed(rate, sorted(arrivals))
    for begin in through:
        assert sum(begin <= now < begin + 60 for now in through) <= 2 * rate
    assert len(through) <= rate + 300 * rate / 60 + 1


@given(st.integers(1, 500), st.floats(0, 60))
def test_that_waiting_as_told_is_enough(rate: int, later: float) -> None:
    allowance, due = Allowance(rate, None), 0.0
    for _ in range(rate):
        due = allowance.next_due(due, 0.0)
    wait = allowance.wait(due, 0.0)
    assert wait > 0
    assert allowance.wait(due, wait + later) == 0
    assert allowance.wait(due, wait * 0.99) > 0
