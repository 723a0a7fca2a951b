"""The circuit breaker: one caller at a time tries what is down, and later the longer it stays so."""

from bot.understanding.breaker import FIRST_PAUSE, LONGEST_PAUSE, Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_that_a_failure_keeps_everybody_out_until_its_pause_is_over() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    assert breaker.admits()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()
    clock.now += FIRST_PAUSE
    assert breaker.admits()
    assert not breaker.admits(), "only one tries"


def test_that_a_success_lets_everybody_in() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.now += FIRST_PAUSE
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.closed
    assert breaker.admits()
    assert breaker.admits()


def test_that_many_failures_at_once_count_as_one() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(50):
        breaker.failed()
    clock.now += FIRST_PAUSE
    assert breaker.admits()


def test_that_the_pause_doubles_up_to_a_bound() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    waited = []
    for _ in range(8):
        started = clock.now
        while not breaker.admits():
            clock.now += 0.5
        waited.append(clock.now - started)
        breaker.failed()
    assert waited == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_that_a_try_whose_caller_left_is_free_for_the_next() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.now += FIRST_PAUSE
    assert breaker.admits()
    breaker.gave_up()
    assert not breaker.closed
    assert breaker.admits()
