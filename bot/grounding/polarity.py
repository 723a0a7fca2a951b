"""Contradiction: what bends a statement (not, only, all, usually, must, if, unless), and when two bends disagree."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.grounding.lexicon import (
    ABOUT,
    ALL,
    ANTONYMS,
    AUXILIARIES,
    DETERMINERS,
    HEDGES,
    MUST,
    NEGATIONS,
    ONLY,
    OTHER,
    SHOP_ACTORS,
    SHOPPER_ACTORS,
    STOP,
    ZH_ALL,
    ZH_CONDITIONS,
    ZH_NEGATIONS,
    ZH_ONLY,
    ZH_PAIRS,
)
from bot.grounding.words import concepts, is_chinese, stem, tokens


@dataclass(frozen=True, slots=True)
class Condition:
    """``kind`` is ``if``, ``unless``, ``before`` or ``after``; ``stems`` say on what; ``strict`` may not be dropped."""

    kind: str
    stems: tuple[str, ...]
    strict: bool
    text: str


@dataclass(frozen=True, slots=True)
class Bends:
    """What bends a text, read once."""

    words: frozenset[str]
    """All its words, lower case."""
    stems: frozenset[str]
    scopes: tuple[frozenset[str], ...]
    """For every negation, the concepts in its reach."""
    negations: frozenset[str]
    only: tuple[tuple[str, ...], ...]
    """After each "only", the stems it restricts to."""
    conditions: tuple[Condition, ...]
    actors: tuple[tuple[str, str], ...]
    """Who does what: (``shop`` or ``shopper``, stem of the verb)."""
    chinese: str = ""
    """The text itself, where Chinese carries it."""


_SCOPE_ENDS = frozenset({";", ".", "but", "unless", "however", "(", ")", "while", "because", "if", "until", ":"})
_SUBJECTS = frozenset(
    """
    you we it they he she there the a this that these your our please so then i
    """.split()  # noqa: SIM905 - a list of words is read more easily as words
)
_KINDS = {
    "if": "if", "when": "if", "whenever": "if", "provided": "if", "where": "", "unless": "unless", "except": "unless",
    "excluding": "unless", "until": "before", "till": "before", "before": "before", "after": "after", "once": "after",
}  # fmt: skip
_LOOSE = frozenset({"before", "after"})
"""They often date a thing and condition nothing: their kind must agree, but they may be left out."""


@lru_cache(maxsize=1024)
def read_bends(text: str) -> Bends:
    """Read what bends a text in the spelling of ``plain`` and ``join_phrases``."""
    words = [token.low for token in tokens(text)]
    scopes, negations = _negated(words)
    return Bends(
        frozenset(word for at, word in enumerate(words) if word != "most" or words[max(0, at - 1)] != "at"),
        frozenset(c for word in words if word[0].isalnum() for c in concepts(word)),
        scopes,
        negations,
        tuple(_following(words, at + 1, 4) for at, word in enumerate(words) if word in ONLY),
        tuple(_conditions(words)),
        tuple(_actors(words)),
        text if is_chinese(text) else "",
    )


_IDIOMS = frozenset(
    {("no", "more", "than"), ("not", "more", "than"), ("no", "less", "than"), ("not", "less", "than"), ("no", "later"),
     ("not", "only"), ("no", "problem"), ("no", "matter"), ("no", "fewer", "than"), ("if", "not", "sooner")}
)  # fmt: skip


def _negated(words: Sequence[str]) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """The reach of every negation (the words after it, to the clause's end or the next negation), and the negations."""
    scopes: list[set[str]] = []
    found: set[str] = set()
    active = False
    for at, word in enumerate(words):
        opens = word in NEGATIONS or (word.startswith("non-") and len(word) > 4)
        if opens and not any(tuple(words[at : at + len(idiom)]) == idiom for idiom in _IDIOMS):
            active = True
            found.add(word)
            scopes.append(set(concepts(word.removeprefix("non-"))) if word.startswith("non-") else set())
        elif word in _SCOPE_ENDS or (word == "," and _new_subject(words[at + 1 : at + 3])):
            active = False
        elif active and word[0].isalnum() and word not in STOP:
            scopes[-1] |= concepts(word)
    return tuple(frozenset(scope) for scope in scopes), frozenset(found)


def _new_subject(words: Sequence[str]) -> bool:
    """Whether these words begin a statement of their own: "we …", "and it …"."""
    return bool(words) and (words[0] in _SUBJECTS or (words[0] in {"and", "or"} and words[-1] in _SUBJECTS))


def _following(words: Sequence[str], at: int, count: int) -> tuple[str, ...]:
    following: list[str] = []
    for word in words[at:]:
        if word in {".", ";", ",", ":"} or len(following) == count:
            break
        if word[0].isalnum() and word not in STOP:
            following.append(stem(word))
    return tuple(following)


def _conditions(words: Sequence[str]) -> list[Condition]:
    found = []
    for at, word in enumerate(words):
        kind = _KINDS.get(word, "")
        if kind:
            end = next((n for n in range(at + 1, len(words)) if words[n] in {",", ";", ".", ")", ":"}), len(words))
            stems = tuple(stem(w) for w in words[at + 1 : end] if w[0].isalpha() and w not in STOP)
            if stems:
                found.append(Condition(kind, stems, word not in _LOOSE, " ".join(words[at:end])))
    return found


def _actors(words: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    actor, distance = "", 0
    for at, word in enumerate(words):
        if word in SHOP_ACTORS or word in SHOPPER_ACTORS:
            actor, distance = ("shop" if word in SHOP_ACTORS else "shopper"), 0
            if at >= 2 and "by" in words[at - 2 : at]:
                verb = next((w for w in reversed(words[: at - 1]) if w[0].isalpha() and w not in STOP), "")
                found.append((actor, stem(verb)))
                actor = ""
        elif actor and word[0].isalpha() and word not in AUXILIARIES:
            found.append((actor, stem(word)))
            actor = ""
        elif actor:
            distance += 1
            if distance > 5:
                actor = ""
    return found


def contradiction(said: Bends, source: Bends) -> str:
    """Why ``said`` cannot be taken from ``source``, in words; empty when nothing speaks against it.

    It is one-sided: a sentence may be weaker than its source ("usually" added), never stronger.
    """
    if said.chinese or source.chinese:
        return _chinese(said.chinese, source.chinese)
    return (
        _negation(said, source)
        or _quantifier(said, source)
        or _antonym(said, source)
        or dropped(said, source)
        or _actor(said, source)
    )


def _negation(said: Bends, source: Bends) -> str:
    """Every "not" must stand in the source too, and reach for the same thing."""
    if len(said.scopes) > len(source.scopes):
        return f"it says “{min(said.negations)}” where the source does not"
    for scope in said.scopes:
        if scope and not any(_reach(scope) & other for other in source.scopes):
            return f"it says “{min(said.negations)}” of something else than the source"
    return denied(said, source)


def denied(said: Bends, source: Bends) -> str:
    """What ``source`` says "not" of and ``said`` does not; empty when there is nothing."""
    for scope in source.scopes:
        touched = _reach(scope) & said.stems
        if touched and not any(_reach(scope) & other for other in said.scopes):
            return f"the source denies “{min(touched)}”"
    return ""


def _reach(scope: frozenset[str]) -> frozenset[str]:
    """The words themselves: near words ("pay", "fee") are not denied together."""
    return frozenset(word for word in scope if not word.startswith("~"))


_FIRM_HEDGES = (HEDGES - {"may", "might", "some"}) | {"most"}
_MAY = frozenset({"may", "might"})
_CAN = frozenset({"may", "might", "can", "could", "possibly", "sometimes", "perhaps"})


def _quantifier(said: Bends, source: Bends) -> str:
    added = _first(said.words & ONLY) if not source.words & ONLY else ""
    if added:
        return f"it adds “{added}”"
    alls = (said.words & ALL) - source.words
    if source.words & DETERMINERS:
        alls -= DETERMINERS
    if alls:
        return f"it adds “{_first(alls)}”"
    if said.words & MUST and not source.words & (MUST | {"need", "needs", "have", "has", "should", "only"}):
        return f"it adds “{_first(said.words & MUST)}”"
    if source.words & MUST and "can" in said.words and not said.words & MUST and "can" not in source.words:
        return "it says “can” where the source says “must”"
    hedges = source.words & _FIRM_HEDGES
    if hedges and not said.words & (_FIRM_HEDGES | ABOUT):
        return f"it drops “{_first(hedges)}”"
    if source.words & ABOUT & {"approximately", "roughly", "circa", "nearly", "almost", "around"} and not (
        said.words & (ABOUT | _FIRM_HEDGES)
    ):
        return f"it drops “{_first(source.words & ABOUT)}”"
    if source.words & _MAY and not said.words & _CAN:
        return "it drops “may”"
    others = source.words & OTHER
    if others and not said.words & (OTHER | NEGATIONS):
        return f"it drops “{_first(others)}”"
    return ""


def _first(words: frozenset[str]) -> str:
    return min(words, default="")


def _antonym(said: Bends, source: Bends) -> str:
    for left, right in ANTONYMS:
        for one, other in ((left, right), (right, left)):
            spoken = said.words & one
            if spoken and not source.words & one and source.words & other and not said.words & other:
                return f"it says “{_first(spoken)}” where the source says “{_first(source.words & other)}”"
    return ""


def dropped(said: Bends, source: Bends) -> str:
    """The condition of ``source`` that ``said`` leaves out or turns round; empty when it keeps them all."""
    for condition in source.conditions:
        shared = sum(part in said.stems for part in condition.stems)
        if condition.strict and shared * 2 < len(condition.stems):
            return f"it drops “{condition.text}”"
        rivals = [other for other in said.conditions if set(condition.stems) & set(other.stems)]
        if rivals and not any(_same_kind(condition, other) for other in rivals):
            return f"it says “{rivals[0].text}” where the source says “{condition.text}”"
    for restricted in source.only:
        if not said.words & ONLY and sum(part in said.stems for part in restricted) * 2 < len(restricted):
            return f"it drops “only {' '.join(restricted)}”"
    return ""


def _same_kind(one: Condition, other: Condition) -> bool:
    return one.kind == other.kind or {one.kind, other.kind} == {"if", "after"}


def _actor(said: Bends, source: Bends) -> str:
    for who, verb in said.actors:
        others = {actor for actor, other in source.actors if other == verb}
        if verb and others and who not in others:
            return f"it says the {who} will “{verb}”, the source says the {others.pop()}"
    return ""


def _chinese(said: str, source: str) -> str:
    """Chinese has no blanks to find a reach by: what bends the sentence must bend its source, and the other way."""
    for marks, name in ((ZH_NEGATIONS, "不"), (ZH_ONLY, "只"), (ZH_ALL, "所有")):
        added = [mark for mark in marks if mark in said]
        if added and not any(mark in source for mark in marks):
            return f"it adds “{added[0]}”"
        if name == "不" and not added and any(mark in source for mark in marks):
            return "it drops a negation"
    for mark in ZH_CONDITIONS:
        if mark in source and not any(other in said for other in ZH_CONDITIONS):
            return f"it drops “{mark}”"
    for left, right in ZH_PAIRS:
        for one, other in ((left, right), (right, left)):
            if one in said and one not in source and other in source and other not in said:
                return f"it says “{one}” where the source says “{other}”"
    return ""
