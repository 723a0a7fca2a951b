"""What Kefu tells its operators: log lines that a program can read, and how long each stage took.

Log lines carry conversation and message ids and never what was said.
"""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a call passes as ``extra`` becomes fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Format ``record``."""
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: str) -> None:
    """Send every log line to standard error as JSON, from ``level`` (``info``, …) upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class Stopwatch:
    """Adds up the milliseconds that each stage of one turn took."""

    def __init__(self) -> None:
        self._milliseconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block to ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            self._milliseconds[name] = self._milliseconds.get(name, 0.0) + spent

    def read(self) -> Mapping[str, float]:
        """Milliseconds by stage, rounded to the microsecond."""
        return {name: round(value, 3) for name, value in self._milliseconds.items()}
