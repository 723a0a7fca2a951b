"""Standing: whether a claim of a sentence stands in one sentence of a source, in the right place."""

from dataclasses import replace

from bot.grounding.claims import QUANTITIES
from bot.grounding.clauses import Clause
from bot.grounding.found import Found
from bot.grounding.library import Group, Library, Source
from bot.grounding.values import bounded_alike, same_quantity
from bot.grounding.words import stem, tokens


def stands(claim: Found, clause: Clause, source: Source, group: Group, library: Library) -> str:
    """Why a claim does not stand in a source sentence; empty when it does."""
    if claim.kind in QUANTITIES:
        return _quantity(claim, clause, source)
    spelled = f"“{claim.text}” stands in no source of this turn"
    match claim.kind:
        case "product":
            return "" if _product(claim, clause, source, group, library) else spelled
        case "country":
            stated = {str(c.value) for c in source.sentence.claims if c.kind == "country"} | title_countries(source)
            return "" if claim.value in stated else spelled
        case "date":
            return _date(claim, clause, source)
        case "name":
            return _name(claim, source, spelled)
        case _:
            stated = {str(c.value) for c in source.sentence.claims if c.kind == claim.kind} | group.exact
            if claim.kind == "code":
                stated |= {token.low for token in tokens(source.sentence.text)}
                stated |= set(source.sentence.text.lower().split())
            if claim.kind == "link":
                stated |= {link.removeprefix("https://").removeprefix("http://").rstrip("/") for link in group.exact}
            return "" if claim.value in stated else spelled


def _product(claim: Found, clause: Clause, source: Source, group: Group, library: Library) -> bool:
    """The sentence's product is the one that the source's sentence opens with; a second one may stand behind it."""
    said = frozenset(str(claim.value).split())
    inside = [c for c in source.sentence.claims if c.kind == "product"]
    if not inside:
        return bool(group.name) and library.titles.naming(said, group.name)
    if _same_product(said, frozenset(str(inside[0].value).split()), group, library):
        return True
    several = sum(other.kind == "product" for other in clause.claims) > 1
    return several and any(other.value == claim.value for other in inside[1:])


def _same_product(said: frozenset[str], other: frozenset[str], group: Group, library: Library) -> bool:
    """Both name one product: in the same words, or both the group's."""
    naming = library.titles.naming
    return said == other or bool(group.name and naming(said, group.name) and naming(other, group.name))


def title_countries(source: Source) -> frozenset[str]:
    """Countries of the heading above a sentence: what stands there holds for the text below, unless that has its own.

    Below "Customs in Switzerland" stands "Inside the EU there are no customs duties", which is not said of Switzerland.
    """
    if source.answers_no or any(claim.kind == "country" for claim in source.sentence.claims):
        return frozenset()
    return frozenset(str(c.value) for c in source.title.claims if c.kind == "country")


def _quantity(claim: Found, clause: Clause, source: Source) -> str:
    parts = [p for p in source.sentence.clauses if holds(p, claim)]
    if not parts:
        return f"“{claim.text}” stands in no source of this turn"
    reasons = [_place(claim, clause, part, source) for part in parts]
    return min(reasons, key=len)


def _place(claim: Found, clause: Clause, part: Clause, source: Source) -> str:
    """Why the amount in ``part`` is not the one that ``clause`` speaks of."""
    held = [other for other in part.claims if same_quantity(claim, other)]
    if not any(bounded_alike(claim, other) for other in held):
        return f"“{claim.text}” is bounded differently in the source"
    countries = part.countries or title_countries(source)
    if clause.countries and not clause.countries <= countries:
        return f"“{claim.text}” is not said of {', '.join(sorted(clause.countries - countries))}"
    if clause.days and part.days and not clause.days <= part.days:
        return f"“{claim.text}” is not said of this day"
    return ""


def _date(claim: Found, clause: Clause, source: Source) -> str:
    spelled = f"“{claim.text}” stands in no source of this turn"
    if isinstance(claim.value, frozenset):
        # All days of a clause stand in one part: "open to Saturday, closed on Sunday" closes no Saturday.
        said = frozenset[int]().union(*(c.value for c in clause.claims if isinstance(c.value, frozenset)))
        return "" if any(holds(part, replace(claim, value=said)) for part in source.sentence.clauses) else spelled
    stated = {str(c.value) for c in source.sentence.claims if c.kind == "date"}
    value = str(claim.value)
    without_year = {date[date.index("-") :] for date in stated if date[:1].isdigit() or date[:1] == "?"}
    return "" if value in stated or (value.startswith("?") and value[1:] in without_year) else spelled


def _name(claim: Found, source: Source, spelled: str) -> str:
    words = [token.low for token in tokens(claim.text) if token.is_word]
    known = {stem(t.low) for t in (*tokens(source.sentence.text), *tokens(source.title.text)) if t.is_word}
    return "" if all(stem(word) in known for word in words) else spelled


def holds(part: Clause, claim: Found) -> bool:
    """Whether a part of a source sentence has this amount, date, or all of these weekdays."""
    if isinstance(claim.value, frozenset):
        own = frozenset[int]().union(*(c.value for c in part.claims if isinstance(c.value, frozenset)))
        return bool(own) and claim.value <= own
    return any(same_quantity(claim, other) or _same_date(claim, other) for other in part.claims)


def _same_date(claim: Found, other: Found) -> bool:
    return claim.kind == other.kind == "date" and claim.value == other.value
