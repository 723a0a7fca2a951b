"""The metrics, the dashboard and the documentation name the same things, and nothing of a shopper becomes a label."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import BadRequest, BudgetSpent, KefuError, MailboxFull, Overloaded, RateLimited, StoreUnavailable
from bot.records import Act, Answer, Ask, Escalate, Rung, Trace
from bot.telemetry.metrics import REFUSED, REGISTRY, count_refusal, render
from bot.telemetry.turns import kind_of

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"\b(?:kefu|process)_[a-z_]+")


def series() -> set[str]:
    """Every name that a query may ask for."""
    names = set()
    for family in REGISTRY.collect():
        match family.type:
            case "counter":
                names.add(f"{family.name}_total")
            case "histogram":
                names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
            case "info":
                names.add(f"{family.name}_info")
            case _:
                names.add(family.name)
    return names


def queries() -> list[str]:
    board = json.loads((DOCS / "grafana.json").read_text("utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]


def test_that_the_dashboard_asks_only_for_what_is_measured() -> None:
    asked = {name for query in queries() for name in NAME.findall(query)}
    assert asked <= series(), asked - series()


def test_that_the_dashboard_shows_everything_that_kefu_measures() -> None:
    asked = {name for query in queries() for name in NAME.findall(query)}
    own = {name for name in series() if name.startswith("kefu_")}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in own} == {n for n in shown if n.startswith("kefu_")}


def test_that_the_panels_stand_beside_each_other_and_not_on_one_another() -> None:
    board = json.loads((DOCS / "grafana.json").read_text("utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_that_the_documentation_has_every_metric() -> None:
    text = (DOCS / "operations.md").read_text("utf-8")
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series() if name.startswith("kefu_")}
    rows = set(re.findall(r"^\| `(kefu_[a-z_]+)", text, flags=re.MULTILINE))
    assert rows == own
    known = own | series()
    assert {name for name in NAME.findall(text) if name.startswith("kefu_")} <= known


def test_that_what_is_scraped_can_be_read() -> None:
    families = {family.name for family in text_string_to_metric_families(render().decode())}
    assert {"kefu_turns", "kefu_stage_seconds", "kefu_build_info", "process_resident_memory_bytes"} <= families


@pytest.mark.parametrize(
    ("decision", "kind"),
    [
        (str(Ask("return_form")), "ask"),
        (str(Act("action_order_status")), "act"),
        (str(Answer()), "answer"),
        (str(Escalate("the shopper is angry")), "escalate"),
        ("set aside", "set_aside"),
        ("an agent has the floor", "listened"),
        ("utter_too_long", "other"),
        ("my card is 4111", "other"),
    ],
)
def test_that_a_decision_becomes_one_of_a_few_words(decision: str, kind: str) -> None:
    assert kind_of(Trace(decision=decision, rung=Rung.RESPONSE)) == kind


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (BadRequest("my card is 4111"), "bad_message"),
        (MailboxFull("full"), "mailbox"),
        (RateLimited("slow down", 1.0), "rate"),
        (BudgetSpent("that is all for today", 1.0), "budget"),
        (Overloaded("busy", 1.0), "overloaded"),
        (StoreUnavailable("away"), "unavailable"),
        (KefuError("?"), "other"),
    ],
)
def test_that_a_refusal_is_counted_by_its_reason(why: KefuError, reason: str) -> None:
    counted = REFUSED.labels("rest", reason)
    before = counted._value.get()
    count_refusal("rest", why)
    assert counted._value.get() == before + 1
