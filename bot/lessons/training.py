"""`kefu train writer`: gathers lessons, trains the adapter, judges its replies, and says whether they may be served."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import LessonError
from bot.evaluation.replies import repetition, token_f1, unsourced
from bot.generation.quote import quote
from bot.lessons.course import answering, asked, shown, split
from bot.lessons.public import read_public
from bot.lessons.rows import MOST_TOLD, Lesson, Rows, passages_of, read_lessons
from bot.lessons.shop import shop_lessons
from bot.models.adapter import CARD, NONE, find_adapter
from bot.models.causal import open_causal
from bot.models.packaged import writer_weights
from bot.records import Hit
from bot.retrieval.sources import read_knowledge
from bot.settings import Settings

WRITTEN = Path(__file__).parent / "written"
"""Lessons that Kefu's developers wrote: invented shops, no text of anybody else's."""

LEAST = 20
"""Fewer lessons teach nothing but themselves."""

JUDGED = 48
"""Held-out lessons whose replies are judged at every look."""

CURVES = "curves.png"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the lessons come from, and where the adapter goes."""

    out: Path
    data: tuple[Path, ...] = ()
    """Files of lessons."""
    shop: bool = True
    """The shop's own knowledge."""
    written: bool = False
    """Those that come with Kefu."""
    public: Path | None = None
    """Folder of public sets."""
    sets: tuple[str, ...] = ("hetpqa", "semipqa", "shop_contoso")
    most: int = 1000
    """Lessons that are taken of one public set at most."""
    model: str = "packaged"
    start: str = NONE
    """Adapter to go on from: ``packaged``, ``none``, or a folder."""
    refusals: float = 0.0
    """Share of lessons without a reply that teach the writer to say so."""


def gather(settings: Settings, plan: Plan, agents: Rows | None = None) -> Rows:
    """All lessons of a plan, without doubles; ``agents`` are those from conversations.

    Raises:
        LessonError: a file or a set cannot be read, or there are too few lessons.
        KnowledgeError: the shop's knowledge cannot be read.
    """
    rows = agents or Rows(())
    for path in plan.data:
        rows += read_lessons(path)
    if plan.written:
        for path in sorted(WRITTEN.glob("*.jsonl")):
            rows += read_lessons(path)
    if plan.shop:
        rows += Rows(shop_lessons(read_knowledge(settings.knowledge).passages))
    if plan.public:
        rows += read_public(plan.public, plan.sets, plan.most)
    rows = replace(rows, lessons=tuple(dict.fromkeys(rows.lessons)))
    answered = sum(lesson.reply is not None for lesson in rows.lessons)
    if answered < LEAST:
        raise LessonError(f"{answered} lessons with a reply, and {LEAST} are the least that teach anything.")
    return rows


def train_writer(
    settings: Settings,
    plan: Plan,
    recipe: Any,
    rows: Rows,
    tell: Callable[[Any], None],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train an adapter on ``rows`` into ``plan.out``; returns the card that stands beside it.

    Raises:
        ModelError: the model cannot be loaded or takes no adapter.
        SettingError: matplotlib is not installed, so the curves cannot be drawn.
    """
    from bot.evaluation.curves import draw_curves
    from bot.generation.finetune import LOG, finetune

    for bad in rows.bad[:MOST_TOLD]:
        say(f"left out: {bad}")
    if len(rows.bad) > MOST_TOLD:
        say(f"… and {len(rows.bad) - MOST_TOLD} more")
    parts = split(rows.lessons, JUDGED * 4, recipe.seed)
    judged = _spread(parts.held_out, JUDGED)
    weights = writer_weights(plan.model)
    model, tokenizer = open_causal(plan.model, settings.data / "models")
    start = find_adapter(plan.start, plan.model)
    outcome = finetune(
        model,
        tokenizer,
        lambda epoch: shown(parts.learn, epoch, recipe.seed, plan.refusals),
        [asked(lesson) for lesson in judged],
        recipe,
        plan.out,
        lambda replies: judge(judged, replies),
        tell,
        start=start.folder if start else None,
    )
    best = next(look for look in outcome.looks if look["step"] == outcome.best_step)
    extractive = judge(judged, [_quoted(lesson) for lesson in judged])
    card = {
        "base": {"name": weights.name, "fingerprint": weights.fingerprint()},
        "started_from": plan.start,
        "lessons": dict(Counter(lesson.origin for lesson in parts.learn)),
        "held_out": len(parts.held_out),
        "left_out": {"bad rows": len(rows.bad), "too long": outcome.left_out},
        "recipe": asdict(recipe),
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "resumed_at": outcome.resumed_at,
        "seconds": outcome.seconds,
        "figures": {"untuned or start": dict(outcome.looks[0]), "tuned": dict(best), "quoted": extractive},
        "gate": {"passed": best["score"] > extractive["score"], "tuned": best["score"], "quoted": extractive["score"]},
    }
    (plan.out / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    draw_curves(plan.out / LOG, plan.out / CURVES)
    return card


def judge(lessons: Sequence[Lesson], replies: Sequence[str]) -> dict[str, float]:
    """Means over replies: ``f1``, ``made_up`` (share with a number or link that stands in no passage), ``words``,
    ``repetition``, and ``score``, by which adapters are compared: what is made up counts against it whole."""
    pairs = [*zip(lessons, replies, strict=True)]
    sources = [[passage.text for passage in passages_of(lesson)] for lesson in lessons]
    f1 = _mean(token_f1(reply, [lesson.reply or ""]) for lesson, reply in pairs)
    made_up = _mean(
        bool(unsourced(reply, [*told, lesson.question])) for (lesson, reply), told in zip(pairs, sources, strict=True)
    )
    return {
        "score": round(f1 - made_up, 4),
        "f1": round(f1, 4),
        "made_up": round(made_up, 4),
        "words": round(_mean(len(reply.split()) for reply in replies), 2),
        "repetition": round(_mean(repetition(reply) for reply in replies), 4),
    }


def _quoted(lesson: Lesson) -> str:
    """What the next rung would say: the lesson's passage quoted."""
    return quote(lesson.question, [Hit(answering(lesson), 1.0, 1.0, 1.0)]).text


def _spread(lessons: Sequence[Lesson], most: int) -> list[Lesson]:
    """At most ``most`` lessons, evenly over all."""
    step = max(1, len(lessons) // most)
    return list(lessons[::step][:most])


def _mean(values: Any) -> float:
    found = [float(value) for value in values]
    return sum(found) / len(found) if found else 0.0
