"""Reads what a Rasa server answers to `/model/parse`, and refuses what is outside of that format.

Format: https://rasa.com/docs/rasa/pages/http-api#operation/parseModelMessage, of Rasa 3.x. It has grown with
components, so unknown fields are left aside, and only what is read here is checked.
"""

import math
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.records import Entity, Intent
from bot.understanding.head import is_out_of_scope

FALLBACK = "nlu_fallback"
"""What Rasa's FallbackClassifier puts first when it rejects a text; it stands for no intent of the shop."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What Rasa understood."""

    intents: tuple[Intent, ...]
    """Ranked, without `FALLBACK`; empty only where Rasa named none."""
    in_scope: float
    entities: tuple[Entity, ...]


class _Ranked(msgspec.Struct):
    name: str | None = None
    confidence: float = 0.0


class _Found(msgspec.Struct):
    entity: str
    start: int
    end: int
    value: Any = None
    extractor: str | None = None
    role: str | None = None
    group: str | None = None


class _RankedResponse(msgspec.Struct):
    """A retrieval intent (``faq/returns``) in the ranking of its response selector."""

    intent_response_key: str
    confidence: float


class _Selected(msgspec.Struct):
    ranking: list[_RankedResponse] = []


class _Parse(msgspec.Struct):
    intent: _Ranked
    entities: list[_Found] = []
    intent_ranking: list[_Ranked] = []
    response_selector: dict[str, _Selected | list[str]] = {}
    """By retrieval intent or ``default``; beside them stands ``all_retrieval_intents``, a list of names."""


def read_parse(body: bytes, text: str, left_out: int = 0) -> Reading:
    """Read ``body``, the answer for ``text`` without its first ``left_out`` characters.

    Raises:
        ValueError: it is no such answer.
    """
    parse = msgspec.json.decode(body, type=_Parse)
    _probability(parse.intent.confidence)  # It stands in the ranking too, which is read; but it shall be one.
    ranking = parse.intent_ranking or [parse.intent]
    if parse.intent.name is not None and all(ranked.name != parse.intent.name for ranked in ranking):
        ranking = [parse.intent, *ranking]  # A classifier that ranks nothing behind one that does, as Rasa's fallback.
    # Rasa's own order, which it takes to be from the surest down, is not to be relied on beyond the first.
    ranking.sort(key=lambda ranked: (ranked.name != parse.intent.name, -_probability(ranked.confidence)))
    named = [(ranked.name, _probability(ranked.confidence)) for ranked in ranking if ranked.name]
    intents = [Intent(name, confidence) for name, confidence in named if name != FALLBACK]
    return Reading(
        intents=_in_full(intents, parse),
        in_scope=_in_scope(intents, rejected=not named or named[0][0] == FALLBACK),
        entities=tuple(dict.fromkeys(_entity(found, text, left_out) for found in parse.entities)),
    )


def _in_scope(intents: list[Intent], *, rejected: bool) -> float:
    """From 0.5 up exactly where Rasa takes the text for one of the shop's intents, and the surer the higher.

    Rasa decides between intents and rejection and knows no probability of being in scope; this is its decision with
    its confidence in it, not a calibrated figure.
    """
    inside = max((intent.confidence for intent in intents if not is_out_of_scope(intent.name)), default=0.0)
    if rejected or not intents or is_out_of_scope(intents[0].name):
        return min(inside / 2, 0.499)
    return 0.5 + inside / 2


def _in_full(intents: list[Intent], parse: _Parse) -> tuple[Intent, ...]:
    """Retrieval intents by their full names: where ``faq`` has 0.8 and its ``faq/returns`` 0.5 of that, 0.4."""
    whole: list[Intent] = []
    for intent in intents:
        selected = parse.response_selector.get(intent.name, parse.response_selector.get("default"))
        keys = selected.ranking if isinstance(selected, _Selected) else []
        own = [key for key in keys if key.intent_response_key.partition("/")[0] == intent.name]
        whole += [Intent(key.intent_response_key, intent.confidence * _probability(key.confidence)) for key in own] or [
            intent
        ]
    return (*whole[:1], *sorted(whole[1:], key=lambda intent: -intent.confidence))


def _entity(found: _Found, text: str, left_out: int) -> Entity:
    start, end = found.start + left_out, found.end + left_out
    if not left_out <= start < end <= len(text):
        raise ValueError(f"the entity {found.entity!r} stands at {found.start}:{found.end}, outside of the text")
    return Entity(
        name=found.entity,
        value=_value(found.value, text[start:end]),
        start=start,
        end=end,
        extractor=found.extractor or "rasa",
        role=found.role,
        group=found.group,
    )


def _value(value: Any, surface: str) -> str:
    """As text: some extractors give numbers, Duckling whole objects."""
    if value is None:
        return surface
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _probability(confidence: float) -> float:
    if not math.isfinite(confidence) or not -1e-3 <= confidence <= 1 + 1e-3:
        raise ValueError(f"a confidence of {confidence} is none")
    return min(max(confidence, 0.0), 1.0)
