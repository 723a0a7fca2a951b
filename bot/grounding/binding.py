"""Binding: whether words and amounts belong together as in the source, and nothing they depend on is left out."""

from collections.abc import Sequence

from bot.grounding.claims import FREE, QUANTITIES
from bot.grounding.clauses import Clause, Sentence
from bot.grounding.found import Found
from bot.grounding.lexicon import CLOSED
from bot.grounding.library import Source
from bot.grounding.question import Question
from bot.grounding.standing import holds, title_countries
from bot.grounding.values import same_quantity
from bot.grounding.words import concepts, stem


def aligned_parts(clause: Clause, source: Source) -> tuple[tuple[Clause, ...], tuple[Clause, ...]]:
    """The parts of a source sentence that hold a clause's amounts, and the other parts that hold words of it.

    A clause without amounts is held by the parts with most of its words.
    """
    parts = source.sentence.clauses
    holding = [p for p in parts if any(holds(p, c) for c in clause.claims if c.kind in QUANTITIES or c.kind == "date")]
    wanted = [concepts(word) for word in clause.content]
    # What is said of a country bends what the sentence says of it.
    placed = [p for p in parts if p.own_countries & clause.countries]
    if holding:
        # Words that stand elsewhere in the sentence bring what bends them there.
        missing = [mine for mine in wanted if not any(mine & part.stems for part in holding)]
        more = [p for p in parts if p in placed or any(mine & p.stems for mine in missing)]
        return tuple(holding), tuple(p for p in more if p not in holding)
    overlaps = [sum(bool(mine & part.stems) for mine in wanted) for part in parts]
    best = tuple(p for p, n in zip(parts, overlaps, strict=True) if n and n * 2 >= max(overlaps))
    return best or parts, tuple(p for p in placed if p not in best)


def stolen(clause: Clause, holding: Sequence[Clause], source: Source) -> str:
    """A word of the clause that belongs to a rival: another part of the sentence with another amount of the kind."""
    held = [c for c in clause.claims if (c.kind in QUANTITIES or c.kind == "date") and c.value != FREE]
    mine = frozenset().union(*(part.stems for part in holding))
    for claim in held:
        for part in source.sentence.clauses:
            # A limit ("above 60 EUR") is no rival of an amount ("costs 9.95 EUR").
            rivals = [c for c in part.claims if c.kind == claim.kind and c.value != FREE and _alike(c, claim)]
            if part in holding or not rivals:
                continue
            own = frozenset(s for word in part.content for s in concepts(word))
            for word in clause.content:
                shared = mine if word in CLOSED else mine | source.context
                if concepts(word) & own and not concepts(word) & shared:
                    return f"the source says “{rivals[0].text}” of “{word}”, not “{claim.text}”"
    return _stolen_from_name(clause, source)


def _stolen_from_name(clause: Clause, source: Source) -> str:
    """A word that the source says of another name: who carries express parcels does not carry standard ones."""
    for claim in (claim for claim in clause.claims if claim.kind == "name"):
        homes = [
            p for p in source.sentence.clauses if any(c.kind == "name" and c.value == claim.value for c in p.claims)
        ]
        others = [p for p in source.sentence.clauses if p not in homes and any(c.kind == "name" for c in p.claims)]
        home = frozenset().union(*(p.stems for p in homes)) if homes else source.sentence.stems
        for word in clause.content:
            if not concepts(word) & home and any(stem(word) in part.bends.stems for part in others):
                return f"the source does not say “{word}” of “{claim.text}”"
    return ""


def _alike(one: Found, other: Found) -> bool:
    limits = {"min", "over", "max", "under"}
    return (one.bound in limits) == (other.bound in limits)


def incomplete(clause: Clause, whole: Sentence, aligned: Sequence[Clause], source: Source, asked: Question) -> str:
    """What the source makes its statement depend on, and the sentence leaves out."""
    said = [c for c in whole.claims if c.kind in QUANTITIES]
    for part in aligned:
        free = any(c.value == FREE for c in part.claims) and not any(c.value == FREE for c in said)
        limits = [c for c in part.quantities() if c.kind == "price" and c.bound]
        if free and any(same_quantity(mine, limit) for limit in limits for mine in clause.claims):
            return "it leaves out that this is free"
        for claim in part.quantities():
            binding = claim.bound in {"min", "over", "max", "under", "until", "before"} or (
                claim.bound == "within" and not clause.quantities() and part.bends.words & {"can", "may"}
            )
            if binding and not any(same_quantity(mine, claim) for mine in said):
                return f"it leaves out “{claim.bound} {claim.text}”"
        own = part.own_countries
        if own and not clause.countries and not own & asked.countries and clause.content:
            return f"it leaves out that this is about {', '.join(sorted(own))}"
        stated = frozenset().union(*(c.value for c in part.claims if isinstance(c.value, frozenset)))
        if stated and not clause.days and not stated & asked.days:
            return "it leaves out the days"
    title = title_countries(source)
    if title and not _countries(whole) and not title & asked.countries and not any(p.countries for p in aligned):
        return f"it leaves out that this is about {', '.join(sorted(title))}"
    return ""


def _countries(sentence: Sentence) -> frozenset[str]:
    """Countries that a sentence names anywhere."""
    return frozenset(str(c.value) for c in sentence.claims if c.kind == "country")
