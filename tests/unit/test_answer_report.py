"""The report of `kefu eval answers`: one file that works offline, tells the worst, and trusts no text."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from bot.evaluation.answer_cards import story
from bot.evaluation.answer_figures import Answered, set_figures
from bot.evaluation.answer_log import line
from bot.evaluation.answer_measures import MEASURES, SET_MEANINGS, written
from bot.evaluation.answer_plot import plot_answers
from bot.evaluation.answer_report import WORST, write_report
from bot.evaluation.answer_sets import SETS, Asked
from bot.evaluation.answer_table import tables
from tests.unit.test_answer_measures import LANDED, NOWHERE, answered, judged

EVIL = '<script>alert("x")</script><img src=http://evil.example/a.png>'

PICTURE = b"\x89PNG not a real one"


def report(rows: list[Answered]) -> dict[str, object]:
    return {
        "writer": "packaged",
        "adapter": "none",
        "encoder": "packaged",
        "seconds_alone": {"quoted": 0.01, "served": 1.25},
        "sets": {name: set_figures([row for row in rows if row.set == name]) for name in {row.set for row in rows}},
    }


def page(rows: list[Answered], folder: Path) -> str:
    (folder / "answers.png").write_bytes(PICTURE)
    write_report(report(rows), rows, folder / "answers.png", folder / "answers.html")
    return (folder / "answers.html").read_text(encoding="utf-8")


def test_that_texts_are_escaped_wherever_they_come_from(tmp_path: Path) -> None:
    asked = Asked("1", EVIL, references=(EVIL,), facts=((EVIL,),))
    html = page([answered(asked, judged(f"{EVIL} 7", made_up=(EVIL,)), judged(EVIL))], tmp_path)
    assert "<script" not in html
    assert "evil.example/a.png&gt;" in html
    assert "<img src=http" not in html


def test_that_the_page_loads_nothing(tmp_path: Path) -> None:
    html = page([answered(LANDED, judged("Whenever you like."))], tmp_path)
    sources = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'> ]+)""", html)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "url(" not in html
    assert "@import" not in html
    assert "viewport" in html
    assert "prefers-color-scheme: dark" in html


def test_that_at_most_twenty_of_the_worst_are_told_worst_first(tmp_path: Path) -> None:
    rows = [answered(Asked(str(at), f"wrong {at}?", facts=(("x",),)), judged("No.")) for at in range(30)]
    rows.append(answered(NOWHERE, judged("Yes, for 5 EUR.", made_up=("5",))))
    html = page(rows, tmp_path)
    assert len(re.findall(r"id='worst-\d+'", html)) == WORST
    assert html.index("do you take Klarna?") < html.index("wrong 0?")


def test_that_the_page_begins_with_what_a_shopkeeper_wants_to_know(tmp_path: Path) -> None:
    rows = [answered(LANDED, judged("Within 30 days.")), answered(LANDED, judged("")), answered(NOWHERE, judged(""))]
    html = page(rows, tmp_path)
    assert "Of <b>2 questions</b> that your knowledge answers, Kefu replied to <b>1</b>" in html
    assert "Silent without need" in html
    assert "None is wrong." in html


def test_that_a_story_tells_who_said_what_why_and_what_was_right() -> None:
    told = story(1, answered(LANDED, judged("It takes 99 days.", made_up=("99",)), judged("30 days.", rung=None)))
    for part in ("how long for returns?", "It takes 99 days.", "30 days.", "stands in no passage found", "policies/"):
        assert part in told
    assert told.index("It takes 99 days.") < told.index("30 days.")
    assert "You can return items within 30 days." in told


def test_that_a_line_is_json_with_every_reply() -> None:
    told = json.loads(json.dumps(line(answered(LANDED, judged("30 days"), None))))
    assert told["replies"]["quoted"] is None
    assert told["replies"]["served"]["rung"] == "written"
    assert told["replies"]["served"]["f1"] > 0


def test_that_the_tables_fit_a_terminal() -> None:
    rows = [answered(LANDED, judged("30 days"), judged("30 days", rung=None)), answered(NOWHERE, judged(""))]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(*tables(report(rows)))
    told = console.export_text()
    assert "served" in told
    assert "…" not in told.replace(" … ", "")


@pytest.mark.parametrize("name", SETS)
def test_that_every_set_is_explained(name: str) -> None:
    assert SET_MEANINGS[name]


def test_that_a_figure_that_cannot_be_told_is_a_dash() -> None:
    share = next(measure for measure in MEASURES if measure.share)
    length = next(measure for measure in MEASURES if not measure.share)
    assert (written(share, None), written(share, 0.256), written(length, 12.34)) == ("–", "26 %", "12.3")


def test_that_the_plot_is_drawn_although_a_set_has_no_right_replies(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [answered(NOWHERE, judged("Yes."))]
    plot_answers(
        {"semipqa": set_figures(rows), "shop": set_figures([answered(LANDED, judged("30 days"))])}, tmp_path / "a.png"
    )
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
