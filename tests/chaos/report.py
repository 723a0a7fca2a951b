"""What came of a storm, and the table that shows it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from tests.chaos.diary import Diary
from tests.chaos.faults import Kind
from tests.chaos.network import Trouble
from tests.chaos.verdict import Finding, Verdict, Wrong

_SHOWN = 20
"""Findings that are printed; one broken promise often breaks others."""

_LONGEST = 1500


@dataclass(slots=True)
class Report:
    """What came of it."""

    seed: int
    seconds: float = 0.0
    kinds: Counter[Kind] = field(default_factory=Counter)
    troubles: Counter[Trouble] = field(default_factory=Counter)
    diaries: list[Diary] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    keys: list[Finding] = field(default_factory=list)
    """Keys that break their rule, and mail that was left behind."""
    fenced: int = 0
    """Turns that the fence refused: without any, the storm was none."""
    alarms: Counter[str] = field(default_factory=Counter)
    """What went wrong in the servers and in the run itself that no fault explains."""
    seen_aside: int = 0
    """Errors that tell the shop of messages which were set aside."""
    takeovers: list[float] = field(default_factory=list)
    """Seconds until another server went on with the turn of one that was killed."""
    slowest_stop: float = 0.0
    slowest_start: float = 0.0
    """Of Redis, with all that was said so far in its file."""

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """All broken promises, with the conversation that each was found in."""
        found = [(name, finding) for name, verdict in self.verdicts.items() for finding in verdict.findings]
        return found + [("all of Redis", finding) for finding in self.keys]

    @property
    def good(self) -> bool:
        """Whether every promise was kept, and everything was as it should be."""
        return not self.findings and not self.alarms

    def count(self, wrong: Wrong) -> int:
        """How often a promise was broken like this."""
        return sum(finding.wrong is wrong for _, finding in self.findings)


def table(report: Report) -> str:
    """The table of a run, and below it what was found."""
    sent = [sent for diary in report.diaries for sent in diary.sent.values()]
    windows = [window for diary in report.diaries for window in diary.windows]
    seconds = [s for verdict in report.verdicts.values() for s in verdict.answer_seconds]
    refusals = sum((diary.refusals for diary in report.diaries), Counter[str]())
    rows: list[tuple[str, object]] = [
        ("seed", report.seed),
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
        *((f"told: {reason}", times) for reason, times in sorted(refusals.items())),
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
        lines.append(f"seed {report.seed}, {conversation}: {finding.wrong}: {finding.what}"[:_LONGEST])
    lines += [f"alarm, {times} times: {alarm}" for alarm, times in report.alarms.most_common(_SHOWN)]
    return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "–"
    percent = quantiles(seconds, n=100, method="inclusive")
    return f"{percent[49]:.2f}, {percent[98]:.2f}, {max(seconds):.2f} s"
