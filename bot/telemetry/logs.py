"""Log lines that a program can read: JSON, with ids, and without what was said unless a test machine asks for it."""

import json
import logging
import sys
import traceback
from typing import Any

from bot.errors import KnowledgeError, ModelError, SettingError, StoreUnavailable

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}

_QUOTABLE = (SettingError, KnowledgeError, ModelError, StoreUnavailable, OSError, ImportError)
"""Errors whose words are ours or the system's. Any other may quote what it could not digest: the shopper's text."""

_DUMPING = frozenset({"asyncio"})
"""Loggers whose further lines show whole tasks and futures, and so the errors in them."""

TEXT_FIELD = "said"
"""The one field of a log line that may hold what was said; see `configure_logging`."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a call passes as ``extra`` becomes fields of its own."""

    def __init__(self, *, text: bool = False) -> None:
        """With ``text``, lines may quote what was said."""
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """Format ``record``."""
        event = record.getMessage()
        if record.name in _DUMPING and not self._text:
            event = event.partition("\n")[0]
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event,
        }
        line |= {
            name: value
            for name, value in vars(record).items()
            if name not in _PLAIN and (self._text or name != TEXT_FIELD)
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self.formatException(record.exc_info) if self._text else outline(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def outline(failure: BaseException) -> str:
    """A traceback without the words of those errors that may quote what was said."""
    told = traceback.TracebackException.from_exception(failure)
    lines: list[str] = []
    _outline(failure, told, lines, set())
    return "".join(lines)


def _outline(
    failure: BaseException, told: traceback.TracebackException, lines: list[str], seen: set[BaseException]
) -> None:
    seen.add(failure)
    cause = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    link = told.__cause__ or told.__context__
    if cause is not None and link is not None and cause not in seen:
        _outline(cause, link, lines, seen)
        lines.append("\nwhich led to:\n\n")
    lines.extend(told.stack.format())
    words = f": {failure}" if isinstance(failure, _QUOTABLE) else ""
    lines.append(f"{type(failure).__module__}.{type(failure).__qualname__}{words}\n")
    if isinstance(failure, BaseExceptionGroup):
        for part, part_told in zip(failure.exceptions, told.exceptions or (), strict=False):
            _outline(part, part_told, lines, seen)


def configure_logging(level: str, *, text: bool = False) -> None:
    """Send every log line to standard error as JSON, from ``level`` (``info``, …) upwards.

    With ``text``, lines also say what was said, and errors may quote it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(text=text))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
