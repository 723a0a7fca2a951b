"""When a reply that was not taken is posted again."""

from datetime import timedelta

from bot.channels.delivery import GIVE_UP, pause


def test_that_tries_come_less_and_less_often_and_end() -> None:
    age, pauses = timedelta(0), []
    while age <= GIVE_UP:
        pauses.append(pause(age))
        age += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=1)
    assert pauses[-1] == timedelta(minutes=15)
    assert 90 < len(pauses) < 120


def test_that_a_restarted_server_goes_on_where_the_one_before_was() -> None:
    assert pause(timedelta(minutes=2)) == timedelta(minutes=2)
