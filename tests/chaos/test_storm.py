"""The first promise, by killing things: nothing is lost, nothing is said twice, all in order (see README.md)."""

import pytest

from tests.chaos.faults import Kind
from tests.chaos.naive import Naive
from tests.chaos.report import table
from tests.chaos.storm import Storm, run
from tests.chaos.verdict import Wrong


async def test_that_a_storm_loses_nothing_doubles_nothing_and_keeps_the_order() -> None:
    report = await run(Storm(messages=2000, faults=25, conversations=60, cuts=200))
    assert report.good, table(report)
    assert report.fenced, "without a turn that the fence refused, it was no storm"


@pytest.mark.parametrize(
    ("naive", "wrong"),
    [(Naive.FENCE, {Wrong.DOUBLED, Wrong.REORDERED}), (Naive.MEMORY, {Wrong.DOUBLED})],
    ids=["no fence", "no memory"],
)
async def test_that_the_same_storm_finds_naive_conversations_out(naive: Naive, wrong: set[Wrong]) -> None:
    frozen = Storm(
        messages=240,
        faults=4,
        conversations=40,
        cuts=0,
        servers=2,
        lanes=1,
        patience=4,
        minutes=1,
        shares={Kind.FREEZE: 1},
        naive=naive,
    )
    report = await run(frozen)
    assert wrong & {finding.wrong for _, finding in report.findings}, table(report)
