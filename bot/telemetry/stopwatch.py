"""How long each stage of one turn takes, for the log and the metrics, and as spans of its trace."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from bot.telemetry.tracing import span

_current: ContextVar["Stopwatch"] = ContextVar("stopwatch")


class Stopwatch:
    """Adds up the milliseconds that each stage of one turn took. The newest of a task is the one that `stage` reads."""

    def __init__(self) -> None:
        self._milliseconds: dict[str, float] = {}
        _current.set(self)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block to ``name``, and show it as a span of the turn's trace."""
        started = time.perf_counter()
        try:
            with span(name):
                yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            self._milliseconds[name] = self._milliseconds.get(name, 0.0) + spent

    def read(self) -> Mapping[str, float]:
        """Milliseconds by stage, rounded to the microsecond."""
        return {name: round(value, 3) for name, value in self._milliseconds.items()}


def stage(name: str) -> AbstractContextManager[None]:
    """`Stopwatch.stage` of the turn that this task makes, for those who work deep inside it; nothing outside a turn."""
    watch = _current.get(None)
    return nullcontext() if watch is None else watch.stage(name)
