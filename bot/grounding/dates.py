"""Dates: calendar dates, weekdays and relative days as claims, English and Chinese."""

import re
from collections.abc import Iterator

from bot.grounding.found import Found, Value

_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ],
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    (re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b"), "ymd"),
    (re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]"), "ymd"),
    (re.compile(r"(\d{1,2})月(\d{1,2})[日号]"), "md"),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b\.?(?:,? (\d{{4}}))?", re.I), "dMy"),
    (re.compile(rf"\b({_MONTH})\b\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.I), "Mdy"),
    (re.compile(rf"\b({_MONTH}) (\d{{4}})\b", re.I), "My"),
    (re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b"), "dmy"),
    (
        re.compile(
            r"\b(January|February|March|April|(?<=in )May|June|July|August|September|October|November|December)\b"
        ),
        "M",
    ),
)
_DAYS = {
    name: number
    for number, names in enumerate(
        [
            "monday mon mondays",
            "tuesday tue tues tuesdays",
            "wednesday wed wednesdays",
            "thursday thu thurs thursdays",
            "friday fri fridays",
            "saturday sat saturdays",
            "sunday sun sundays",
        ]
    )
    for name in names.split()
}
_ZH_DAYS = {char: number for number, char in enumerate("一二三四五六日")} | {"天": 6}
_FULL = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_ABBREVIATED = r"(?:Mon|Tue|Tues|Wed|Thu|Thurs|Fri|Sat|Sun)"
_DAY = rf"(?:{_FULL}|{_FULL.title()}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|{_ABBREVIATED}\b)"
_DAY_RANGE = re.compile(rf"\b({_DAY})\.? ?(?:–|-|to|through|until|till) ?({_DAY})(?![a-z])")
_ONE_DAY = re.compile(
    r"\b((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)\b"
    rf"|\b({_ABBREVIATED})\b(?=\.?,? ?(?:\d|–|-|and\b|$|[,;.)]))"
)
_ZH_RANGE = re.compile(r"(?:周|星期|礼拜)([一二三四五六日天])(?:至|到|–|-|~)(?:周|星期|礼拜)?([一二三四五六日天])")
_ZH_DAY = re.compile(r"(?:周|星期|礼拜)([一二三四五六日天])")
_WEEK_WORDS = {"weekend": frozenset({5, 6}), "weekends": frozenset({5, 6}), "weekday": frozenset(range(5)),
               "weekdays": frozenset(range(5)), "周末": frozenset({5, 6})}  # fmt: skip
_WEEK = re.compile(r"\b(weekends?|weekdays?)\b|周末", re.I)
_RELATIVE = re.compile(
    r"\b(today|tomorrow|yesterday|tonight|overnight|midnight|noon|same[ -]day|next[ -](?:working )?day|"
    r"next (?:week|month|year)|this (?:week|month|year|weekend)|last (?:week|month|year)|christmas|easter|new year)\b"
    r"|今天|明天|后天|昨天|当天|次日|第二天|当日|下周|下个月|今晚",
    re.I,
)
_ZH_RELATIVE = {"今天": "today", "明天": "tomorrow", "昨天": "yesterday", "当天": "same day", "当日": "same day",
                "次日": "next day", "第二天": "next day", "下周": "next week", "下个月": "next month",
                "今晚": "tonight"}  # fmt: skip


def find_dates(text: str) -> Iterator[Found]:
    """Calendar dates as ``year-month-day``; ``?`` is a year, and ``00`` a day, that is not said."""
    taken: list[tuple[int, int]] = []
    for pattern, order in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < b and a < match.end() for a, b in taken):
                continue
            parts = dict(zip(order, match.groups(), strict=True))
            month = parts.get("m") or str(_MONTHS.get((parts.get("M") or "").lower(), ""))
            value = f"{parts.get('y') or '?'}-{int(month):02d}-{int(parts['d']) if parts.get('d') else 0:02d}"
            taken.append((match.start(), match.end()))
            yield Found("date", match.group(), value, match.start(), match.end())


def find_days(text: str) -> Iterator[Found]:
    """Weekdays as sets of 0 (Monday) to 6, and relative days ("tomorrow") by name."""
    taken: list[tuple[int, int]] = []

    def take(match: re.Match[str], value: Value) -> Iterator[Found]:
        if not any(match.start() < b and a < match.end() for a, b in taken):
            taken.append((match.start(), match.end()))
            yield Found("date", match.group(), value, match.start(), match.end())

    for match in _DAY_RANGE.finditer(text):
        yield from take(match, _span(_DAYS[match.group(1).lower()], _DAYS[match.group(2).lower()]))
    for match in _ZH_RANGE.finditer(text):
        yield from take(match, _span(_ZH_DAYS[match.group(1)], _ZH_DAYS[match.group(2)]))
    for match in _ONE_DAY.finditer(text):
        yield from take(match, frozenset({_DAYS[(match.group(1) or match.group(2)).lower()]}))
    for match in _ZH_DAY.finditer(text):
        yield from take(match, frozenset({_ZH_DAYS[match.group(1)]}))
    for match in _WEEK.finditer(text):
        yield from take(match, _WEEK_WORDS[match.group().lower()])
    for match in _RELATIVE.finditer(text):
        spelled = match.group().lower().replace("-", " ")
        yield from take(match, _ZH_RELATIVE.get(spelled, spelled))


def _span(first: int, last: int) -> frozenset[int]:
    """Days from ``first`` to ``last``, over the weekend where it must."""
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
