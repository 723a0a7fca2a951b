"""Desk hours, as a shop writes them."""

from datetime import datetime

import pytest

from bot.dialogue.hours import read_hours
from bot.errors import SettingError

HOURS = read_hours("Mon-Fri 09:00-18:00, Sat 10:00-16:00", "Europe/Amsterdam")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T09:00+01:00", True),
        ("2026-11-23T08:59+01:00", False),
        ("2026-11-23T18:00+01:00", False),
        ("2026-11-28T15:59+01:00", True),
        ("2026-11-29T12:00+01:00", False),
        ("2026-11-23T08:30+00:00", True),
        ("2026-07-06T07:30+00:00", True),
    ],
)
def test_that_people_are_there_in_the_hours_of_the_shops_own_clock(moment: str, is_open: bool) -> None:
    assert HOURS.open_at(datetime.fromisoformat(moment)) is is_open


def test_that_a_shop_may_always_or_never_have_people() -> None:
    moment = datetime.fromisoformat("2026-11-29T23:59+01:00")
    assert read_hours("always", "UTC").open_at(moment)
    assert not read_hours("never", "UTC").open_at(moment)


@pytest.mark.parametrize("hours", ["Mon-Fri", "Foo 09:00-18:00", "Mon 9-18", "Mon 09:00-25:00", ""])
def test_that_hours_that_cannot_be_read_are_named(hours: str) -> None:
    with pytest.raises(SettingError, match="desk_hours"):
        read_hours(hours, "UTC")


def test_that_a_time_zone_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingError, match="Europe/Amsterdan"):
        read_hours("always", "Europe/Amsterdan")
