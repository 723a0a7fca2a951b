"""Writes `answers.html`: what a shop's assistant says and how good it is, for people who keep the shop."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bot.evaluation.answer_cards import silence, story
from bot.evaluation.answer_figures import Answered, tally, worst, wrongly_silent
from bot.evaluation.answer_measures import MEASURES, SET_MEANINGS, SYSTEM_MEANINGS, SYSTEM_NAMES, Measure, written
from bot.evaluation.answer_sets import SHOP
from bot.evaluation.answer_style import STYLE
from bot.evaluation.answer_table import best

WORST = 20

SILENCES = 100
"""Wrong silences that are told: a longer list nobody reads, and all are in ``answers.jsonl``."""


def write_report(report: Mapping[str, Any], rows: Sequence[Answered], plot: Path, path: Path) -> None:
    """Write one HTML file that needs nothing else; every text that it tells is escaped.

    Stories are told of the shop's own questions where they were asked, else of all.
    """
    own = [row for row in rows if row.set == SHOP] or rows
    bad, silent = worst(own, WORST), wrongly_silent(own)
    parts = (
        _head(report, own),
        "<h2>Side by side</h2><p class='soft'>Four ways to answer the very same questions from the very same passages. "
        "The best of each line is green.</p>",
        f"<div class='sets'>{''.join(_set(name, figures) for name, figures in report['sets'].items())}</div>",
        _drawn(plot),
        _glossary(),
        _stories(bad),
        _silences(silent),
        _foot(report),
    )
    title = "How good the answers are – Kefu"
    path.write_text(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n",
        encoding="utf-8",
    )


def _head(report: Mapping[str, Any], own: Sequence[Answered]) -> str:
    told = tally(own)
    whose = "your knowledge answers" if SHOP in report["sets"] else "have an answer"
    lead = (
        f"Of <b>{_many(told.answerable, 'question')}</b> that {whose}, Kefu replied to <b>{told.answered}</b>, "
        f"and <b>{told.right}</b> of these replies are right."
    )
    if told.unanswerable:
        lead += f" Of <b>{told.unanswerable}</b> others it said to <b>{told.silent}</b> that it does not know."
    lead += (
        f" In <b>{_many(told.made_up, 'reply', 'replies')}</b> stands something that no source says."
        if told.made_up
        else " In <b>no reply</b> stands anything that no source says."
    )
    tiles = [
        (_share(told.answered, told.answerable), "of the questions that can be answered get a reply", False),
        (_share(told.right, told.answered), "of these replies are right", False),
        (_share(told.silent, told.unanswerable), "of the others are told that Kefu does not know", False),
        (str(told.made_up), "replies with something that no source says", bool(told.made_up)),
    ]
    cards = "".join(
        f"<div class='card tile{' bad' if bad else ''}'><strong>{value}</strong><span>{text}</span></div>"
        for value, text, bad in tiles
    )
    return (
        f"<header><h1>How good the answers are</h1><p class='lead'>{lead}</p></header><div class='tiles'>{cards}</div>"
    )


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def _set(name: str, figures: Mapping[str, Any]) -> str:
    systems = figures["systems"]
    known = [measure for measure in MEASURES if any(own[measure.key] is not None for own in systems.values())]
    head = "".join(f"<th scope='col'>{escape(SYSTEM_NAMES[system])}</th>" for system in systems)
    body = "".join(_line(measure, systems) for measure in known)
    counted = f"{_many(figures['questions'], 'question')}, {figures['answerable']} of them with an answer"
    return (
        f"<section class='card'><h3>{escape(name)} <span class='tag'>{counted}</span></h3>"
        f"<p class='soft small'>{escape(SET_MEANINGS[name])}</p>"
        f"<div class='scroll'><table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<p class='small soft'>{_gain(figures)}</p></section>"
    )


def _line(measure: Measure, systems: Mapping[str, Mapping[str, Any]]) -> str:
    top = best(measure, systems)
    values = [own[measure.key] for own in systems.values()]
    looks = [" class='best'" if value is not None and value == top else "" for value in values]
    cells = "".join(f"<td{look}>{written(measure, value)}</td>" for look, value in zip(looks, values, strict=True))
    return f"<tr><th scope='row'>{escape(measure.name)}</th>{cells}</tr>"


def _gain(figures: Mapping[str, Any]) -> str:
    told = []
    if gain := figures["served_minus_quoted_f1"]:
        low, high = 100 * gain["low"], 100 * gain["high"]
        sure = "better than" if low > 0 else "worse than" if high < 0 else "as good as"
        told.append(
            f"By its words Kefu is {sure} quoting: {100 * gain['mean']:+.1f} points (95 % sure between {low:+.1f} and "
            f"{high:+.1f})."
        )
    rungs = figures["systems"].get("served", {}).get("rungs", {})
    if rungs:
        told.append(f"Kefu’s replies: {', '.join(f'{count} {escape(rung)}' for rung, count in rungs.items())}.")
    return " ".join(told)


def _drawn(plot: Path) -> str:
    data = base64.b64encode(plot.read_bytes()).decode("ascii")
    text = "Bars: for each set, words like the right reply and sentences with a source, by system."
    return (
        f"<section class='card'><div class='scroll'><img class='plot' alt='{text}' src='data:image/png;base64,{data}'>"
        "</div></section>"
    )


def _glossary() -> str:
    measures = _defined((measure.name, measure.meaning) for measure in MEASURES)
    systems = _defined((SYSTEM_NAMES[system], meaning) for system, meaning in SYSTEM_MEANINGS.items())
    return (
        f"<h2>What the words mean</h2><section class='card'><h3>The four</h3><dl>{systems}</dl></section>"
        f"<section class='card'><h3>The measures</h3><dl>{measures}</dl></section>"
    )


def _defined(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(meaning)}</dd>" for name, meaning in pairs)


def _stories(bad: Sequence[Answered]) -> str:
    if not bad:
        return "<h2>The worst answers</h2><p class='soft'>None is wrong.</p>"
    told = "".join(story(number, row) for number, row in enumerate(bad, 1))
    return (
        f"<h2>The {len(bad)} worst answers</h2><p class='soft'>What Kefu said, worst first: what it made up, then what "
        f"is wrong.</p>{told}"
    )


def _silences(silent: Sequence[Answered]) -> str:
    if not silent:
        return "<h2>Silent without need</h2><p class='soft'>Never.</p>"
    told = "".join(silence(row) for row in silent[:SILENCES])
    more = f"<p class='soft small'>… and {len(silent) - SILENCES} more.</p>" if len(silent) > SILENCES else ""
    return (
        f"<h2>Silent without need</h2><p class='soft'>{_many(len(silent), 'question')} to which Kefu said that it does "
        "not know, although there is an answer. A phrasing of each in the FAQ would help.</p>"
        f"<section class='card'><ul class='list'>{told}</ul>{more}</section>"
    )


def _foot(report: Mapping[str, Any]) -> str:
    alone = ", ".join(f"{escape(SYSTEM_NAMES[name])} {spent:.2f} s" for name, spent in report["seconds_alone"].items())
    told = " · ".join(f"{name}: {escape(report[name])}" for name in ("writer", "adapter", "encoder"))
    return (
        f"<footer><p>{told}</p><p>Median time of one reply, asked one at a time and without the search: {alone}.</p>"
        "<p>Made by <code>kefu eval answers</code>; every reply, with the check’s reasons, is in "
        "<code>answers.jsonl</code>.</p></footer>"
    )
