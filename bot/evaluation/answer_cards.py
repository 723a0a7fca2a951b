"""One question of `answers.html` told in full: what was asked, who said what, what would have been right, and why."""

from collections.abc import Iterator
from html import escape

from bot.evaluation.answer_figures import MADE_UP, Answered, harm
from bot.evaluation.answer_log import reasons
from bot.evaluation.answer_measures import SYSTEM_NAMES
from bot.evaluation.answer_systems import SERVED, Judged
from bot.records import Hit, Verdict

SOURCES = 4
"""Passages that are shown; the writer sees three."""

LONGEST = 700
"""Characters of a passage, enough to see whether it answers."""


def story(number: int, row: Answered) -> str:
    """A card about a question and all replies to it, Kefu's first."""
    order = sorted(row.replies, key=lambda system: system != SERVED)
    replies = "".join(_said(system, judged) for system in order if (judged := row.replies[system]))
    return (
        f"<article class='card' id='worst-{number}'><span class='soft small'>{number} · {escape(row.set)}</span> "
        f"{_verdict(row)}<p class='asked'>{escape(row.asked.question)}</p>{replies}{_right(row)}{_sources(row)}"
        "</article>"
    )


def silence(row: Answered) -> str:
    """A line about a question to which nothing was said although something answers it."""
    right = (
        f"<br><span class='soft small'>Right: {escape(row.asked.references[0])}</span>" if row.asked.references else ""
    )
    sure = f"sure of an answer to {100 * row.searched.found.answerable:.0f} %"
    return f"<li>{escape(row.asked.question)} <span class='tag'>{sure}</span>{right}{_sources(row)}</li>"


def _verdict(row: Answered) -> str:
    if harm(row) >= MADE_UP:
        told = "says what no source says"
    elif not row.asked.answerable:
        told = "nothing answers this"
    else:
        told = "not the right answer"
    return f"<span class='tag bad'>{told}</span>"


def _said(system: str, judged: Judged) -> str:
    said = judged.said
    how = f" · {escape(said.rung)}" if said.rung else ""
    who = f"<span class='who'>{escape(SYSTEM_NAMES[system])}{how}</span>"
    if not said.text:
        return f"<div class='said none'>{who}<p>(said that it does not know)</p></div>"
    own = " served" if system == SERVED else ""
    why = "".join(f"<li>{escape(reason)}</li>" for reason in _why(judged))
    reasons_told = f"<ul class='why'>{why}</ul>" if why else ""
    return f"<div class='said{own}'>{who}<p>{escape(said.text)}</p>{reasons_told}</div>"


def _why(judged: Judged) -> Iterator[str]:
    """What speaks against a reply, and what the ladder dropped before it was shown."""
    for found in judged.made_up:
        yield f"“{found}” stands in no passage found."
    for verdict in judged.verdicts:
        if not verdict.supported:
            yield f"The check would refuse “{verdict.sentence}”: {_reasons(verdict)}."
    for verdict in judged.said.drafted:
        if not verdict.supported:
            yield f"Drafted but not shown: “{verdict.sentence}”: {_reasons(verdict)}."
    yield from judged.said.notes


def _reasons(verdict: Verdict) -> str:
    return "; ".join(reasons(verdict)) or "no reason given"


def _right(row: Answered) -> str:
    if not row.asked.answerable:
        told = "That the shop’s knowledge has no answer to this."
    elif row.asked.references:
        told = row.asked.references[0]
    else:
        return ""
    return f"<div class='said right'><span class='who'>Right would have been</span><p>{escape(told)}</p></div>"


def _sources(row: Answered) -> str:
    found = row.searched.found
    shown = "".join(_passage(hit, gold=hit.passage.id in row.asked.gold) for hit in found.hits[:SOURCES])
    missing = ""
    if row.asked.gold and not any(hit.passage.id in row.asked.gold for hit in found.hits):
        missing = "<p class='soft'>The right source is not among what was found.</p>"
    return f"<details><summary>What was found ({len(found.hits)})</summary>{missing}{shown}</details>"


def _passage(hit: Hit, *, gold: bool) -> str:
    passage = hit.passage
    text = passage.text if len(passage.text) <= LONGEST else passage.text[:LONGEST] + " …"
    look, tag = (" class='gold'", " <span class='tag good'>answers it</span>") if gold else ("", "")
    return (
        f"<blockquote{look}><span class='who'>{escape(passage.title or passage.id)}</span>{tag}"
        f"<br><span class='soft small'>{escape(passage.source)} · score {hit.score:.2f}</span>"
        f"<br>{escape(text)}</blockquote>"
    )
