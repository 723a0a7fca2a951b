"""Tells one question of `kefu eval answers` with all that was said to it, as a line for programs."""

from typing import Any

from bot.evaluation.answer_figures import Answered, f1
from bot.evaluation.answer_systems import Judged
from bot.records import Verdict


def line(row: Answered) -> dict[str, Any]:
    """The question, what was found, and of each system its words, figures and the check's reasons."""
    asked, found = row.asked, row.searched.found
    return {
        "set": row.set,
        "id": asked.id,
        "question": asked.question,
        "language": asked.language,
        "answerable": asked.answerable,
        "references": asked.references,
        "facts": asked.facts,
        "gold": sorted(asked.gold),
        "found": {
            "answerable": round(found.answerable, 4),
            "hits": [{"id": hit.passage.id, "score": round(hit.score, 4)} for hit in found.hits],
        },
        "replies": {
            system: None if judged is None else _reply(judged, f1(asked, judged) if asked.references else None)
            for system, judged in row.replies.items()
        },
    }


def _reply(judged: Judged, alike: float | None) -> dict[str, Any]:
    said = judged.said
    return {
        "text": said.text,
        "rung": said.rung,
        "abstained": said.abstained,
        "seconds": round(said.seconds, 4),
        "f1": None if alike is None else round(alike, 4),
        "cited": judged.cited,
        "made_up": judged.made_up,
        "checked": [_verdict(verdict) for verdict in judged.verdicts],
        "drafted": [_verdict(verdict) for verdict in said.drafted],
        "notes": said.notes,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"sentence": verdict.sentence, "supported": verdict.supported, "reasons": reasons(verdict)}


def reasons(verdict: Verdict) -> list[str]:
    """Why a sentence was refused; nothing where it was not."""
    return [claim.reason for claim in verdict.claims if not claim.supported and claim.reason]
