"""Clauses: how a text is cut so that a number stays with the words and countries it belongs to."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bot.grounding.claims import FREE, QUANTITIES, find_claims
from bot.grounding.found import Found
from bot.grounding.polarity import Bends, read_bends
from bot.grounding.products import Titles, find_mentions
from bot.grounding.quantities import Quantity
from bot.grounding.words import concepts, is_content, tokens


@dataclass(frozen=True, slots=True)
class Clause:
    """One statement of a sentence."""

    text: str
    claims: tuple[Found, ...]
    content: tuple[str, ...]
    """Words, lower case, that state something and stand in no claim."""
    stems: frozenset[str]
    """Concepts of all its words, and of the lead that it shares with the clause before."""
    bends: Bends
    countries: frozenset[str]
    days: frozenset[int]
    own_countries: frozenset[str]
    """Named in the clause itself, and not taken over from the clause before."""

    def quantities(self) -> tuple[Found, ...]:
        """Its amounts."""
        return tuple(claim for claim in self.claims if claim.kind in QUANTITIES)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as its clauses; the whole's words and bends come from all of them."""

    text: str
    clauses: tuple[Clause, ...]
    stems: frozenset[str]
    bends: Bends

    @property
    def claims(self) -> tuple[Found, ...]:
        """Of all clauses, in order."""
        return tuple(claim for clause in self.clauses for claim in clause.claims)


_SENTENCE_END = re.compile(
    r"\n+|(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bapprox\.)(?<!\bincl\.)\s+(?=\S)|(?<=[。！？；])|;\s*"
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_ALWAYS = re.compile(
    r",?\s(?=(?:usually|normally|generally|typically|mostly|but|however|whereas|although|otherwise|though)\b)|\s–\s|，但|；"
)
_MAYBE = re.compile(r",\s|,(?=[\u3400-\u9fff])|、|\s\(|\)\s?|\s(?=(?:and|or|while)\s)|:\s|：")


def split_sentences(text: str) -> tuple[str, ...]:
    """Sentences of a text; an item of a list is read together with the line that leads the list in."""
    return tuple(f"{lead} {part}" if lead else part for lead, part in split_led(text))


def split_led(text: str) -> Iterator[tuple[str, str]]:
    """Sentences of a text as they stand, each behind the line that leads its list in; '' for those in no list."""
    lead = ""
    for line in text.split("\n"):
        bullet = _BULLET.match(line)
        item = line[bullet.end() :] if bullet else line
        parts = [part.strip() for part in _SENTENCE_END.split(item) if part and part.strip()]
        for at, part in enumerate(parts):
            yield (lead if bullet and not at else ""), part
        if line.strip() and not (bullet and lead and parts):
            lead = parts[-1] if parts and parts[-1].endswith((":", "：")) else ""


@lru_cache(maxsize=1024)
def read_sentence(text: str, titles: Titles) -> Sentence:
    """Cut a sentence into clauses and read the claims, words and bends of each.

    A clause that names no country (or day) takes that of the clause before it. A clause that opens with its amount
    ("… 3.95 EUR in the Netherlands, 5.95 EUR to Belgium") takes the words before the first amount too.
    """
    mentions = find_mentions(text, titles)
    masked = _mask(text, mentions)
    claims = _with_units(sorted((*mentions, *find_claims(masked)), key=lambda claim: claim.start))
    clauses: list[Clause] = []
    lead_stems: frozenset[str] = frozenset()
    lead_claims: tuple[Found, ...] = ()
    for start, end in _cuts(text, claims):
        inside = tuple(claim for claim in claims if start <= claim.start < end)
        clause = _read_clause(text[start:end], start, inside)
        first = next((c.start for c in inside if _anchors(c) and c.value != FREE), None)
        before = _content(text[start:first], start, inside) if first is not None else ()
        free_before = tuple(c for c in inside if c.value == FREE and first is not None and c.start < first)
        if first is not None and not before and clauses:
            clause = replace(clause, stems=clause.stems | lead_stems)
            if not free_before and lead_claims:
                clause = replace(clause, claims=(*lead_claims, *clause.claims))
        elif first is not None:
            lead_stems = frozenset(c for word in before for c in concepts(word))
            lead_claims = free_before
        if clauses:
            clause = replace(
                clause,
                countries=clause.countries or clauses[-1].countries,
                days=clause.days or clauses[-1].days,
            )
        clauses.append(clause)
    return Sentence(text, tuple(clauses), frozenset().union(*(c.stems for c in clauses)), read_bends(text))


def _mask(text: str, found: Sequence[Found]) -> str:
    for claim in found:
        text = text[: claim.start] + "\x00" * (claim.end - claim.start) + text[claim.end :]
    return text


def _with_units(claims: Sequence[Found]) -> list[Found]:
    """An amount without a unit or noun takes the unit of the amount before: ``1–2 working days …, 2–3 in Belgium``."""
    result: list[Found] = []
    unit: Found | None = None
    for claim in claims:
        value = claim.value
        if isinstance(value, Quantity) and claim.kind in QUANTITIES:
            if value.unit and value.unit not in {"free", "clock"}:
                unit = claim
            elif claim.kind == "number" and value.head in _NO_NOUN and unit and isinstance(unit.value, Quantity):
                claim = replace(claim, kind=unit.kind, value=Quantity(value.low, value.high, unit.value.unit))
        result.append(claim)
    return result


_NO_NOUN = frozenset({"in", "to", "from", "for", "with", "at", "on", "and", "or", "elsewher", "within", "abroad"})
"""What may follow an amount that left its unit out. Nothing at all may be a size or a house number."""


def _cuts(text: str, claims: Sequence[Found]) -> list[tuple[int, int]]:
    """Where clauses begin and end: at "but" and the like always, at a comma or "and" between two amounts or names."""
    pieces = _pieces(text, claims)
    cuts = [0]
    for at, piece in enumerate(pieces):
        if at and (piece.always or _opens_clause(pieces, at, cuts[-1])):
            cuts.append(piece.start)
    return list(zip(cuts, [*cuts[1:], len(text)], strict=True))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch between two places where a clause could begin."""

    text: str
    start: int
    always: bool
    """It begins with a word like "but"."""
    anchored: bool
    """It has an amount, or a day with words around it."""
    placed: bool
    """It names a country or weekdays."""
    named: bool
    wordy: bool
    """It has content beside its claims."""


def _pieces(text: str, claims: Sequence[Found]) -> list[_Piece]:
    places = {match.start(): False for match in _MAYBE.finditer(text)} | {
        m.start(): True for m in _ALWAYS.finditer(text)
    }
    inside = {place for place in places for claim in claims if claim.start < place < claim.end}
    starts = sorted({0, *places} - inside)
    pieces = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        mine = tuple(claim for claim in claims if start <= claim.start < end)
        content = _content(text[start:end], start, mine)
        pieces.append(
            _Piece(
                text[start:end],
                start,
                places.get(start, False),
                any(claim.kind in QUANTITIES for claim in mine) or (bool(content) and any(map(_anchors, mine))),
                any(claim.kind == "country" or isinstance(claim.value, frozenset) for claim in mine),
                any(claim.kind in {"name", "product"} for claim in mine),
                bool(content),
            )
        )
    return pieces


_PREPOSITION = re.compile(r"^\W*(?:and |or )?(?:in|to|for|from|at|on|outside|inside|within)\b", re.I)


_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_ANOTHER_DAY = re.compile(rf"^\W*(?:and|or) (?:on )?{_DAY}\b", re.I)
_ENDS_IN_DAY = re.compile(rf"\b{_DAY}\W*$", re.I)
"""``placed on Saturday or Sunday leaves on Monday``: the second day goes on with the first."""


def _opens_clause(pieces: Sequence[_Piece], at: int, since: int) -> bool:
    """Whether the piece begins a clause of its own, or goes on with the one before ("Belgium and Germany")."""
    piece = pieces[at]
    before = [other for other in pieces[:at] if other.start >= since]
    if piece.text.startswith(",") and piece.named and piece.wordy and any(p.named and p.wordy for p in before):
        return len(piece.text.split()) > 3
    if not any(other.anchored for other in before):
        return False
    if piece.anchored:
        return not (_ANOTHER_DAY.match(piece.text) and _ENDS_IN_DAY.search(pieces[at - 1].text))
    following = next((other for other in pieces[at + 1 :] if other.anchored), None)
    if following is None:
        return False
    if piece.placed:
        # "2–3 in Belgium and Germany, 3–6 in the rest": the next amount has a country of its own, so this one is ours.
        return not following.placed and (piece.wordy or _PREPOSITION.match(piece.text) is not None)
    return piece.wordy and following is pieces[at + 1]


def _anchors(claim: Found) -> bool:
    """Amounts and days: what a clause is built around."""
    return claim.kind in QUANTITIES or claim.kind == "date"


def _read_clause(text: str, offset: int, claims: tuple[Found, ...]) -> Clause:
    countries = frozenset(str(c.value) for c in claims if c.kind == "country")
    days = frozenset(day for c in claims if isinstance(c.value, frozenset) for day in c.value)
    stems = frozenset(c for token in tokens(text) if token.is_word for c in concepts(token.low))
    return Clause(text, claims, _content(text, offset, claims), stems, read_bends(text), countries, days, countries)


def _content(text: str, offset: int, claims: tuple[Found, ...]) -> tuple[str, ...]:
    spans = [(claim.start - offset, claim.end - offset) for claim in claims]
    return tuple(
        token.low
        for token in tokens(text)
        if is_content(token) and not any(start < token.end and token.start < end for start, end in spans)
    )
