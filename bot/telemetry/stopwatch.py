"""How long each stage of one turn takes, for the log and the metrics, and as spans of its trace."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import TracebackType

from bot.telemetry.tracing import span

_current: ContextVar["Stopwatch"] = ContextVar("stopwatch")


class Stopwatch:
    """Adds up the milliseconds that each stage of one turn took. The newest of a task is the one that `stage` reads."""

    __slots__ = ("_milliseconds",)

    def __init__(self) -> None:
        self._milliseconds: dict[str, float] = {}
        _current.set(self)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Count the time inside the block to ``name``, and show it as a span of the turn's trace."""
        return _Stage(name, self._milliseconds)

    def read(self) -> Mapping[str, float]:
        """Milliseconds by stage, rounded to the microsecond."""
        return {name: round(value, 3) for name, value in self._milliseconds.items()}


class _Stage:
    """One block that is measured. A class: a handful stand in every turn, and a generator costs twice as much."""

    __slots__ = ("_milliseconds", "_name", "_span", "_started")

    def __init__(self, name: str, milliseconds: dict[str, float]) -> None:
        self._name = name
        self._milliseconds = milliseconds
        self._span = span(name)

    def __enter__(self) -> None:
        self._started = time.perf_counter()
        self._span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._span.__exit__(kind, exc, trace)
        finally:
            spent = (time.perf_counter() - self._started) * 1000
            self._milliseconds[self._name] = self._milliseconds.get(self._name, 0.0) + spent


def stage(name: str) -> AbstractContextManager[None]:
    """`Stopwatch.stage` of the turn that this task makes, for those who work deep inside it; nothing outside a turn."""
    watch = _current.get(None)
    return nullcontext() if watch is None else watch.stage(name)
