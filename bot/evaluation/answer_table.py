"""The tables that `kefu eval answers` prints: one for each group of measures, all systems side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from bot.evaluation.answer_measures import GROUPS, MEASURES, Measure


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """All figures of a report; the best of each set is bold."""
    for group, title in GROUPS.items():
        yield _measured(report, title, [measure for measure in MEASURES if measure.group == group])
    yield _compared(report)


def best(measure: Measure, systems: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The best value of a measure among systems; None where there is nothing to choose."""
    values = [figures[measure.key] for figures in systems.values() if figures[measure.key] is not None]
    if not measure.judges or len(set(values)) < 2:
        return None
    return float(min(values) if measure.lower_is_better else max(values))


def _measured(report: Mapping[str, Any], title: str, measures: Sequence[Measure]) -> Table:
    table = _table(title, "system", *(measure.short for measure in measures))
    for name, figures in report["sets"].items():
        systems = figures["systems"]
        for at, (system, own) in enumerate(systems.items()):
            label = f"{name} ({figures['questions']})" if at == 0 else ""
            cells = [_cell(measure, own[measure.key], systems) for measure in measures]
            table.add_row(label, system, *cells, end_section=at == len(systems) - 1)
    return table


def _compared(report: Mapping[str, Any]) -> Table:
    """What is not one system's figure alone, and how long replies take."""
    table = _table("Kefu against quoting, and where its replies come from", "ΔF1", "95 %", "AUROC", "rungs")
    for name, figures in report["sets"].items():
        gain, known = figures["served_minus_quoted_f1"], figures["answerable_auroc"]
        rungs = figures["systems"].get("served", {}).get("rungs", {})
        table.add_row(
            name,
            f"{gain['mean']:+.3f}" if gain else "–",
            f"{gain['low']:+.3f} … {gain['high']:+.3f}" if gain else "–",
            "–" if known is None else f"{known:.3f}",
            ", ".join(f"{rung} {count}" for rung, count in rungs.items()),
        )
    alone = ", ".join(f"{system} {seconds:.2f}" for system, seconds in report["seconds_alone"].items())
    table.caption = f"Median seconds of a reply, asked one at a time and without the search: {alone}."
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("set")
    for column in columns:
        table.add_column(column, justify="left" if column in ("system", "rungs") else "right")
    return table


def _cell(measure: Measure, value: float | None, systems: Mapping[str, Mapping[str, Any]]) -> str:
    if value is None:
        return "–"
    told = f"{value:.3f}" if measure.share else f"{value:.1f}"
    return f"[bold]{told}[/]" if value == best(measure, systems) else told
