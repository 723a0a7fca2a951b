"""Several wishes in one breath: what is told apart, and in which order it is granted. Pure."""

import re
from collections.abc import Mapping, Sequence

from bot.dialogue.policy import SOCIAL, Thresholds, is_sure, step
from bot.dialogue.project import Domain
from bot.dialogue.trail import heard, looped, next_action
from bot.dialogue.turning import asks, requests, wishes
from bot.records import Act, Ask, Decision, State, Understanding

MOST = 4
"""Wishes of one turn; the rest of a longer message is read with the last of them."""

_SHORTEST = 3
"""Words of a part that may be a wish of its own; Chinese is counted by characters."""

_VERB = r"""(?:cancel|return|exchange|change|track|send|ship|deliver|refund|switch|swap|replace|modify|update|upgrade
    |amend|adjust|make|take|put|tell|check|use|pay|get|give|set|call|stop)"""
_SEAMS = re.compile(
    rf"""(?:\n+ | (?<=[.?!;])\s+ | (?<=[。？！；])
      | \s*[,:]?\s+(?:and|also|plus|then|but|oh)\s+
          (?:(?:also|then|please|finally|secondly|after\sthat|at\sthe\ssame\stime|while\s\w+(?:'\w+)?\sat\sit)\s+)?
          (?=(?:can|could|how|what|when|where|which|who|why|do|does|is|are|will|would|i|i'd|i'm|please|{_VERB})\b)
      | \s*,?\s+and\s+(?=(?:the|my|for)\s[^,.;?!]{{3,80}}\b(?:want|need|like|please|{_VERB}|cancel+ed|refunded)\b)
      | \s*,\s+(?=(?:please\s+)?{_VERB}\s)
      | [，,]?(?:还有|另外|以及|然后|顺便))""",
    re.IGNORECASE | re.VERBOSE,
)
_TELLS = re.compile(
    r"""^\W*(?:(?:my(?!\s(?:e-?mail|name)\b)|the|it|its|this|that|these|those|they|one\sof)\b
      | (?:i|we)(?:'ve|\shave)?\s(?:just\s)?(?:got|received|bought|ordered|placed|made|chose|picked|moved)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
"""How a sentence begins that tells how things stand; one that tells who writes is an answer to a form."""


def parts(text: str) -> tuple[str, ...]:
    """The parts of a text that may each be a wish; one where it is not to be divided.

    ``text`` is `mail.one_blank`: the seams look for blanks in several places, and take minutes for a thousand in a row.
    """
    found = [part.strip(" ,，") for part in _SEAMS.split(text) if part and part.strip(" ,，")]
    if len(found) < 2 or sum(_size(part) >= _SHORTEST for part in found) < 2:
        return (text,)
    return (*found[: MOST - 1], " ".join(found[MOST - 1 :])) if len(found) > MOST else tuple(found)


def _size(part: str) -> int:
    return max(len(part.split()), len(re.findall(r"[\u4e00-\u9fff]", part)))


def told_apart(
    readings: Sequence[Understanding], state: State, domain: Domain, thresholds: Thresholds
) -> tuple[str, ...] | None:
    """The texts to grant one after the other, each wish once; None where the whole is one wish, or holds nothing but
    questions, which the knowledge answers as a whole.

    A part that is no wish of its own ("it's LF-204518", "hi") is read with the one before it, or after it. What opens
    a form comes last, so that its question is the last thing said.
    """
    groups: list[tuple[str, list[str]]] = []
    loose: list[str] = []
    for reading in readings:
        intent = reading.intents[0].name if reading.intents else ""
        own = (
            _is_meant(reading, state, domain, thresholds) and intent not in SOCIAL and _size(reading.text) >= _SHORTEST
        )
        known = next((group for group in groups if group[0] == intent), None)
        if own and known is None:
            groups.append((intent, [*loose, reading.text]))
            loose = []
        elif groups:
            (known or groups[-1])[1].append(reading.text)
        else:
            loose.append(reading.text)
    leads = {intent: _leads(intent, state, domain) for intent, _ in groups}
    groups = _with_answers(groups, leads, state, domain)
    if len(groups) < 2 or not any(isinstance(decision, Ask | Act) for decision in leads.values()):
        return None
    groups.sort(key=lambda group: isinstance(leads[group[0]], Ask))
    return tuple(" ".join(texts) for _, texts in groups)


def _with_answers(
    groups: list[tuple[str, list[str]]], leads: Mapping[str, Decision | None], state: State, domain: Domain
) -> list[tuple[str, list[str]]]:
    """Put what is no wish while another's form is open ("my e-mail is …") with that wish: it answers the form."""
    forms = {intent: decision.form for intent, decision in leads.items() if isinstance(decision, Ask)}
    for intent, form in forms.items():
        asked = looped(state, form)
        answers = [name for name, _ in groups if name != intent and leads[name] and not _leads(name, asked, domain)]
        if answers:
            texts = [text for name, said in groups if name == intent or name in answers for text in said]
            return [(name, texts if name == intent else said) for name, said in groups if name not in answers]
    return groups


def _is_meant(reading: Understanding, state: State, domain: Domain, thresholds: Thresholds) -> bool:
    """Whether a part is sure enough to stand alone; what only opens a form, which asks, may be less so. What only tells
    how things stand ("my order is not sent yet, …") belongs to what is wished."""
    if not is_sure(reading, thresholds) or (_TELLS.match(reading.text) and not _wants_something(reading.text)):
        return False
    sure = reading.intents[0].confidence >= thresholds.personal
    return sure or (wishes(reading.text) and isinstance(_leads(reading.intents[0].name, state, domain), Ask))


def _wants_something(text: str) -> bool:
    return wishes(text) or requests(text) or asks(text)


def _leads(intent: str, state: State, domain: Domain) -> Decision | None:
    meant = heard(state, Understanding("", state.language, (), 0.0), intent)
    return step(next_action(meant, domain), meant, domain)
