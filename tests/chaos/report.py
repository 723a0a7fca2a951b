"""Prints what came of a storm."""

from collections.abc import Sequence
from statistics import quantiles

from tests.chaos.storm import Report
from tests.chaos.verdict import Wrong

_SHOWN = 20
"""Findings that are printed; one broken promise often breaks others."""

_LONGEST = 1500


def table(report: Report) -> str:
    """The table of a run, and below it what was found."""
    sent = [sent for diary in report.diaries for sent in diary.sent.values()]
    windows = [window for diary in report.diaries for window in diary.windows]
    seconds = [s for verdict in report.verdicts.values() for s in verdict.answer_seconds]
    rows: list[tuple[str, object]] = [
        ("seed", report.storm.seed),
        ("seconds", round(report.seconds)),
        ("conversations, REST and widget", len(report.diaries)),
        ("messages", len(sent)),
        ("accepted", sum(one.accepted is not None for one in sent)),
        ("answered", sum(one.answered for one in sent)),
        ("delivered again", sum(one.deliveries - 1 for one in sent)),
        ("refused for good", sum(len(diary.refused) for diary in report.diaries)),
        ("set aside after five tries", sum(verdict.set_aside for verdict in report.verdicts.values())),
        ("of which nothing was made to fail", sum(verdict.innocent for verdict in report.verdicts.values())),
        ("errors that tell of messages set aside", report.seen_aside),
        *((f"fault: {kind}", times) for kind, times in sorted(report.kinds.items())),
        *((f"fault: {trouble}", times) for trouble, times in sorted(report.troubles.items())),
        ("windows", len(windows)),
        ("connections of windows", sum(window.connections for window in windows)),
        ("turns refused by the fence", report.fenced),
        ("time to answer, p50, p99, worst", _spread(seconds)),
        ("turns taken over from killed servers", len(report.takeovers)),
        ("time to take over, p50, p99, worst", _spread(report.takeovers)),
        ("slowest start of Redis", f"{report.slowest_start:.2f} s"),
        ("slowest graceful stop", f"{report.slowest_stop:.2f} s"),
        *((wrong.value, report.count(wrong)) for wrong in Wrong),
        ("alarms", report.alarms.total()),
    ]
    lines = [f"{name:<44}{value}" for name, value in rows]
    for conversation, finding in report.findings[:_SHOWN]:
        lines.append(f"seed {report.storm.seed}, {conversation}: {finding.wrong}: {finding.what}"[:_LONGEST])
    lines += [f"alarm, {times} times: {alarm}" for alarm, times in report.alarms.most_common(_SHOWN)]
    return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "–"
    percent = quantiles(seconds, n=100, method="inclusive")
    return f"{percent[49]:.2f}, {percent[98]:.2f}, {max(seconds):.2f} s"
