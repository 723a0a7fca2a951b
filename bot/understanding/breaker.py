"""A circuit breaker: after a failure, what failed is left alone for a while, and then tried with one call."""

import time
from collections.abc import Callable

FIRST_PAUSE = 1.0
"""Seconds: a server that restarts, or one call that went wrong, is soon asked again."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries of a server that stays away; each may cost one caller its timeout."""


class Breaker:
    """Says who may call something that may be down. Of a server that is, only one caller at a time waits in vain.

    Whoever was let through tells how it ended, by one of `succeeded`, `failed` and `gave_up`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = 0.0
        """Zero while it is closed, as far as anybody knows."""
        self._until = 0.0
        self._trying = False

    @property
    def closed(self) -> bool:
        """Whether the last that is known is a success, or nothing."""
        return self._pause == 0.0

    def admits(self) -> bool:
        """Whether the caller may go on; if so, it has to tell how that ended."""
        if self.closed:
            return True
        if self._trying or self._clock() < self._until:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """It answered: everybody may call."""
        self._pause, self._trying = 0.0, False

    def failed(self) -> None:
        """It did not: nobody calls until a pause is over, which doubles with each try that fails."""
        if not self.closed and not self._trying:
            return  # One of many that were under way when the first failed; they count as one.
        self._trying = False
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._until = self._clock() + self._pause

    def gave_up(self) -> None:
        """The caller went away before there was an answer: nothing was learnt."""
        self._trying = False
