"""When people are at the desk: a shop's opening hours, as it writes them. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.errors import SettingError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+(?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class DeskHours:
    """The spans of a week in which an agent can be reached."""

    spans: tuple[tuple[int, time, time], ...]
    """Weekday (Monday is 0), opening, closing."""
    timezone: ZoneInfo

    def open_at(self, moment: datetime) -> bool:
        """Whether people are at the desk at an aware ``moment``."""
        local = moment.astimezone(self.timezone)
        return any(day == local.weekday() and opens <= local.time() < closes for day, opens, closes in self.spans)


def read_hours(text: str, timezone: str) -> DeskHours:
    """Read hours such as ``Mon-Fri 09:00-18:00, Sat 10:00-16:00``; ``always`` and ``never`` are words too.

    Raises:
        SettingError: names the span that cannot be read.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise SettingError(
            f"desk_timezone = {timezone!r}: no such time zone; write one as 'Europe/Amsterdam'."
        ) from exc
    if text.strip().lower() in ("always", "never"):
        spans = tuple((day, time.min, time.max) for day in range(7)) if text.strip().lower() == "always" else ()
        return DeskHours(spans, zone)
    return DeskHours(tuple(span for part in text.split(",") for span in _read_span(part)), zone)


def _read_span(part: str) -> list[tuple[int, time, time]]:
    match = _SPAN.fullmatch(part.strip().lower())
    if not match or match["first"] not in _DAYS or (match["last"] or "mon") not in _DAYS:
        raise SettingError(
            f"desk_hours: cannot read {part.strip()!r}; write spans as 'Mon-Fri 09:00-18:00, Sat 10:00-16:00'."
        )
    try:
        opens, closes = time.fromisoformat(match["opens"]), time.fromisoformat(match["closes"])
    except ValueError as exc:
        raise SettingError(f"desk_hours: {part.strip()!r} names a time that does not exist.") from exc
    first = _DAYS.index(match["first"])
    last = _DAYS.index(match["last"] or match["first"])
    return [(day, opens, closes) for day in range(first, last + 1)]
