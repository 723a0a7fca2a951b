"""Measures search on public sets and on the shop's own questions, through the very search that shoppers get."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from bot.errors import KnowledgeError, SettingError
from bot.evaluation.ranking import auroc
from bot.evaluation.retrieval_plot import plot_decisions
from bot.evaluation.retrieval_sets import Bench, Figures, afqmc, by_paraphrase, epqa, faq, semipqa, stackfaq
from bot.models.encoder import Encoders, open_encoders
from bot.models.lanes import EncoderLane
from bot.records import Findings, Kind, State, Understanding
from bot.retrieval.build import build_index, is_stale
from bot.retrieval.retriever import HybridRetriever
from bot.retrieval.sources import read_knowledge
from bot.settings import Settings

SETS = ("stackfaq", "afqmc_faq", "epqa", "semipqa", "shop")

TARGETS: Mapping[str, tuple[float, float | None]] = {
    "stackfaq own FAQ by paraphrase recall@1": (0.955, 0.98),
    "stackfaq one phrasing an entry nDCG@10": (0.858, None),
    "epqa within product nDCG@10": (0.858, 0.88),
}
"""Must and aim. 0.858 on StackFAQ is the best published result of a model that has not seen its queries."""

CLEAR = 0.8
"""`Hit.question` from which a hit is taken for the approved answer, to measure how often it is the right one."""


def evaluate_retrieval(
    settings: Settings, data: Path, out: Path, console: Console, *, sets: Sequence[str] | None = None
) -> dict[str, Any]:
    """Measure ``sets`` (all of ``SETS`` if None): figures by name, also in ``out/retrieval.json``, and a plot there.

    Raises:
        SettingError: a set is unknown, or its data is not in ``data``.
        KnowledgeError: the shop's knowledge or its ``questions.yml`` cannot be read.
    """
    measures: Mapping[str, Callable[[Bench], Figures]] = {
        "stackfaq": stackfaq,
        "afqmc_faq": afqmc,
        "epqa": epqa,
        "semipqa": semipqa,
        "shop": lambda bench: shop(bench, settings),
    }
    chosen = tuple(sets or SETS)
    if unknown := set(chosen) - measures.keys():
        raise SettingError(f"{', '.join(sorted(unknown))}: no such set; sets are {', '.join(SETS)}.")
    bench = Bench(open_encoders(settings), data)
    figures: Figures = {}
    for name in chosen:
        with console.status(f"{name} …"):
            figures |= measures[name](bench)
    console.print(_table(figures))
    out.mkdir(parents=True, exist_ok=True)
    (out / "retrieval.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if bench.decisions:
        plot_decisions(bench.decisions, out / "retrieval.png")
    return dict(figures)


def _table(figures: Figures) -> Table:
    table = Table(title="Retrieval", title_justify="left")
    for column in ("figure", "value", "must", "aim"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in figures.items():
        must, aim = TARGETS.get(name, (None, None))
        shown = f"{value:.3f}"
        if must is not None:
            shown = f"[{'green' if value >= must else 'red'}]{shown}[/]"
        table.add_row(name, shown, "" if must is None else f"{must:.3f}", "" if aim is None else f"{aim:.3f}")
    return table


def shop(bench: Bench, settings: Settings) -> Figures:
    """The shop's own FAQ by its own phrasings, and its test questions where it has any."""
    figures: Figures = {}
    entries = [passage for passage in read_knowledge(settings.knowledge).passages if passage.kind is Kind.FAQ]
    for locale in dict.fromkeys(passage.locale for passage in entries):
        own = {str(passage.id): passage for passage in entries if passage.locale == locale}
        bare = {id_: faq(id_, (), passage.text, locale) for id_, passage in own.items()}
        told = {id_: passage.questions for id_, passage in own.items()}
        figures |= by_paraphrase(bench, f"shop's own FAQ by paraphrase, {locale}", bare, told)
    questions = settings.knowledge / "questions.yml"
    if questions.exists():
        figures |= asyncio.run(_own_questions(bench, settings, _read_questions(questions)))
    return figures


def _read_questions(path: Path) -> list[dict[str, Any]]:
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))["questions"]
        return [row for row in rows if row["question"] and row["expect"]]
    except (yaml.YAMLError, KeyError, TypeError) as exc:
        raise KnowledgeError(f"{path}: must be a list of `questions:` with `question` and `expect` ({exc}).") from exc


async def _own_questions(bench: Bench, settings: Settings, rows: Sequence[Mapping[str, Any]]) -> Figures:
    """Ask the test questions one by one; entities come from the text alone, as before any intents are learnt."""
    encoders: Encoders = bench.encoders
    if is_stale(settings):
        build_index(settings, encoders)
    lane = EncoderLane(encoders)
    retriever = HybridRetriever(settings, lane)
    found = [
        await retriever.search(Understanding(row["question"], row.get("locale", "en"), (), 1.0), State())
        for row in rows
    ]
    await lane.close()
    asked = [(row["expect"], findings) for row, findings in zip(rows, found, strict=True)]
    sources = [(expect, findings) for expect, findings in asked if "faq" in expect or "policy" in expect]
    listed = [(expect, findings) for expect, findings in asked if "products" in expect]
    known = [findings.answerable for expect, findings in asked if not expect.get("none")]
    unknown = [findings.answerable for expect, findings in asked if expect.get("none")]
    clear = [
        hit.passage.id.rpartition("#")[2] == expect.get("faq")
        for expect, findings in asked
        for hit in findings.hits
        if hit.question >= CLEAR
    ]
    bench.decisions |= {"shop: answered": known, "shop: not answered": unknown}
    figures = {
        "shop questions, right source first": _share(_place(*pair) < 1 for pair in sources),
        "shop questions, right source in five": _share(_place(*pair) < 5 for pair in sources),
        "shop questions, right products": _share(
            set(findings.products[: len(expect["products"])]) == set(expect["products"]) for expect, findings in listed
        ),
        f"shop questions, approved answers (question ≥ {CLEAR:g})": float(len(clear)),
        "shop questions, approved answers that are right": _share(clear),
    }
    if known and unknown:
        figures["shop questions, answerability AUROC"] = auroc(known, unknown)
    return figures


def _place(expect: Mapping[str, Any], findings: Findings) -> float:
    """The rank of the first hit that is a right source."""
    for at, hit in enumerate(findings.hits):
        if hit.passage.source == expect.get("policy") or hit.passage.id.rpartition("#")[2] == expect.get("faq"):
            return at
    return float("inf")


def _share(right: Any) -> float:
    judged = [bool(one) for one in right]
    return sum(judged) / len(judged) if judged else 1.0
