"""Measures of one reply: how much of the right answer it says, and what it says that no source does. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[\u3400-\u9fff]")
_HAN = re.compile(r"([\u3400-\u9fff])")
_ARTICLES = frozenset({"a", "an", "the"})
_FACT = re.compile(
    r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[A-Z]{2,}[-‑][A-Z0-9-]{2,}\b|\d+(?:[.,:]\d+)*"
)
"""Links, addresses, codes, and every number: of a price, a date, a time, a measure."""

_UNKNOWN = re.compile(
    r"(?:\bnot|n['’]t) (?:know|say|tell|mention|state|specify|sure|certain|known|mentioned|specified|stated|provided)\b"
    r"|\bcannot (?:know|say|tell|answer)\b|\bunable to (?:say|tell|answer)\b"
    r"|(?:\bnot|n['’]t) (?:have|contain|give) (?:any |enough |that |this |the )?(?:information|details?|answer)\b"
    r"|\bno (?:information|details?|mention)\b"
    r"|不知道|不清楚|不确定|无法(?:回答|确定|得知)|没有(?:相关|足够|提供|提到)",
    re.IGNORECASE,
)
"""Ways to say that one does not know. "We do not have gift wrapping" is an answer."""


def words(text: str) -> list[str]:
    """The words of ``text`` as they are compared: lower case, no articles, Chinese by the character."""
    spaced = _HAN.sub(r" \1 ", text.casefold())
    return [word for word in _WORD.findall(spaced) if word not in _ARTICLES]


def token_f1(reply: str, references: Iterable[str]) -> float:
    """The harmonic mean of precision and recall of words, against the nearest reference (Rajpurkar et al. 2016)."""
    return max((_f1(words(reply), words(reference)) for reference in references), default=0.0)


def token_recall(reply: str, references: Iterable[str]) -> float:
    """The share of a reference's words that the reply has, for the reference that it has most of."""
    return max((_shared(words(reply), words(ref)) / max(1, len(words(ref))) for ref in references), default=0.0)


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    shared = _shared(said, wanted)
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0


def _shared(said: Sequence[str], wanted: Sequence[str]) -> int:
    return sum((Counter(said) & Counter(wanted)).values())


def contains(reply: str, fact: str) -> bool:
    """Whether the words of a short fact stand in the reply, in their order."""
    said, wanted = words(reply), words(fact)
    return bool(wanted) and any(said[at : at + len(wanted)] == wanted for at in range(len(said)))


def unsourced(reply: str, sources: Iterable[str]) -> tuple[str, ...]:
    """Numbers, codes, addresses and links of ``reply`` that stand in no source, digit by digit.

    It knows nothing of the check that replies go through before they are shown, and so can judge it.
    """
    known = {_bare(found) for source in sources for found in _FACT.findall(source)}
    return tuple(found for found in _FACT.findall(reply) if _bare(found) not in known)


def _bare(found: str) -> str:
    return found.casefold().rstrip(".,:;!?)").replace(",", "")


def repetition(reply: str) -> float:
    """The share of the reply's word triples that it has said before: 0 for a reply that repeats nothing."""
    said = words(reply)
    triples = [tuple(said[at : at + 3]) for at in range(len(said) - 2)]
    return 1 - len(set(triples)) / len(triples) if triples else 0.0


def holds(reply: str, facts: Iterable[Iterable[str]]) -> bool:
    """Whether the reply has every fact, in any of its wordings."""
    return all(any(contains(reply, wording) for wording in fact) for fact in facts)


def declines(reply: str) -> bool:
    """Whether the reply says that it does not know, or says nothing at all."""
    return not words(reply) or bool(_UNKNOWN.search(reply))
