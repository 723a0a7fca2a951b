"""What was measured of conversations: figures by kind of task, a table, and files to read the failures in."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rich.table import Table

from bot.evaluation.answer_style import STYLE
from bot.evaluation.conversation_tasks import Task

PUBLISHED = "Not comparable with published figures (gpt-4o 0.604, claude-3.5-sonnet 0.692): this shopper is easier."
"""Of tau-bench's own README, pass^1 on retail with a shopper that a language model plays."""


@dataclass(frozen=True, slots=True)
class Played:
    """A task, and what became of it."""

    task: Task
    said: Sequence[tuple[str, str]]
    why: Sequence[str]
    """The assistant's reason for each of its turns."""
    missing: tuple[str, ...]
    """Changes that the right calls make and the conversation did not."""
    wrong: tuple[str, ...]
    """Changes that only the conversation made."""
    untold: tuple[str, ...]
    """What the shopper wanted to be told and was not."""
    again: int = 0
    """How often a wish had to be said again, in other words or with a button."""
    broken: str = ""
    """Why the conversation ended early, if it did."""

    @property
    def passed(self) -> bool:
        """Whether the database is as it should be."""
        return not (self.missing or self.wrong or self.broken)


def figures_of(
    rows: Sequence[Played], split: str, *, own_words: bool = False, hurriedly: bool = False, trusting: bool = False
) -> dict[str, Any]:
    """The pass rate of all, by the kinds of wishes in a task, and by each kind of wish."""
    kinds: dict[str, list[Played]] = {}
    wishes: dict[str, list[Played]] = {}
    for row in rows:
        kinds.setdefault(row.task.kind, []).append(row)
        for wish in sorted({wish.kind for wish in row.task.wishes}) or [row.task.kind]:
            wishes.setdefault(wish, []).append(row)
    telling = [row for row in rows if row.task.outputs]
    return {
        "split": split,
        "own_words": own_words,
        "hurriedly": hurriedly,
        "trusting": trusting,
        **_counted(rows),
        "kinds": {kind: _counted(kinds[kind]) for kind in sorted(kinds)},
        "tasks_with_wish": {kind: _counted(wishes[kind]) for kind in sorted(wishes)},
        "facts": {"asked": len(telling), "told": sum(not row.untold for row in telling)},
        "passed_and_told": sum(row.passed and not row.untold for row in rows),
        "messages": round(sum(len(row.said) / 2 for row in rows) / max(len(rows), 1), 1),
        "wishes": sum(len(row.task.wishes) for row in rows),
        "said_again": sum(row.again for row in rows),
        "failed": [row.task.name for row in rows if not row.passed],
        "note": PUBLISHED,
    }


def _counted(rows: Sequence[Played]) -> dict[str, Any]:
    passed = sum(row.passed for row in rows)
    return {"tasks": len(rows), "passed": passed, "rate": round(passed / len(rows), 3) if rows else None}


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """The figures for a terminal."""
    table = Table(
        title=f"tau-bench retail, {figures['split']}{', in own words' if figures['own_words'] else ''}"
        f"{', hurriedly' if figures['hurriedly'] else ''}{', trusting' if figures['trusting'] else ''}",
        caption=figures["note"],
    )
    for column in ("kind of task", "tasks", "passed", "rate"):
        table.add_column(column, justify="left" if column == "kind of task" else "right")
    for kind, row in figures["kinds"].items():
        table.add_row(kind, str(row["tasks"]), str(row["passed"]), f"{row['rate']:.3f}")
    table.add_section()
    table.add_row("all", str(figures["tasks"]), str(figures["passed"]), f"{figures['rate'] or 0:.3f}")
    facts = figures["facts"]
    notes = Table(show_header=False, box=None)
    notes.add_row("wishes that had to be said again", f"{figures['said_again']} of {figures['wishes']}")
    notes.add_row("tasks whose facts were told", f"{facts['told']} of {facts['asked']}")
    notes.add_row("tasks passed, with their facts told", f"{figures['passed_and_told']} of {figures['tasks']}")
    notes.add_row("messages of a task", str(figures["messages"]))
    return [table, notes]


def write_report(figures: Mapping[str, Any], rows: Sequence[Played], out: Path) -> None:
    """Write the figures, every task, and a page with the transcripts of those that failed."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "conversations.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    with (out / "conversations.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")
    (out / "conversations.html").write_text(_page(figures, rows), "utf-8")


def _plain(row: Played) -> dict[str, Any]:
    return {
        "task": row.task.name,
        "kind": row.task.kind,
        "passed": row.passed,
        "missing": row.missing,
        "wrong": row.wrong,
        "untold": row.untold,
        "again": row.again,
        "broken": row.broken,
        "instruction": row.task.instruction,
        "said": row.said,
        "why": row.why,
    }


def _page(figures: Mapping[str, Any], rows: Sequence[Played]) -> str:
    failed = [row for row in rows if not row.passed]
    lines = "".join(
        f"<tr><th scope='row'>{escape(kind)}</th><td>{row['tasks']}</td><td>{row['passed']}</td>"
        f"<td>{row['rate']:.3f}</td></tr>"
        for kind, row in (*figures["kinds"].items(), ("all", figures))
        if row["rate"] is not None
    )
    kinds = Counter(row.task.kind for row in failed)
    told = "".join(_story(row) for row in failed) or "<p class='soft'>None.</p>"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Conversations – Kefu</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>Conversations that get things done</h1><p class='lead'>Of <b>{figures['tasks']}</b> tasks of "
        f"tau-bench retail ({escape(figures['split'])}), <b>{figures['passed']}</b> left the database as it should be."
        f"</p><p class='soft'>{escape(figures['note'])}</p></header>"
        "<section class='card'><div class='scroll'><table><thead><tr><th></th><th scope='col'>tasks</th>"
        "<th scope='col'>passed</th><th scope='col'>rate</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></div></section>"
        f"<h2>What failed</h2><p class='soft'>{escape(', '.join(f'{k}: {n}' for k, n in kinds.most_common()))}</p>"
        f"{told}</main></body></html>\n"
    )


def _story(row: Played) -> str:
    said = "".join(f"<dt>{who}</dt><dd>{escape(text)}</dd>" for who, text in row.said)
    changes = [("missing", change) for change in row.missing] + [("wrong", change) for change in row.wrong]
    differs = "".join(f"<li>{what}: <code>{escape(change)}</code></li>" for what, change in changes)
    broken = f"<p>{escape(row.broken)}</p>" if row.broken else ""
    return (
        f"<section class='card'><h3>{escape(row.task.name)} <span class='tag'>{escape(row.task.kind)}</span></h3>"
        f"<p class='soft small'>{escape(row.task.instruction)}</p><dl>{said}</dl>{broken}"
        f"<ul class='list'>{differs}</ul></section>"
    )
