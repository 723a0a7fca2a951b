"""The pure part of the check: a sentence's claims against one turn's library, with the words only a model can weigh."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.grounding.claims import FREE, QUANTITIES, Found
from bot.grounding.clauses import Clause, Sentence, read_sentence
from bot.grounding.lexicon import CLOSED
from bot.grounding.library import Group, Library, Source
from bot.grounding.polarity import Bends, contradiction, denied, dropped, read_bends
from bot.grounding.products import find_mentions
from bot.grounding.said import Said
from bot.grounding.values import bounded_alike, same_quantity
from bot.grounding.words import concepts, is_chinese, stem, tokens
from bot.records import Claim, Kind, Passage


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence against its most fitting source."""

    claims: tuple[Claim, ...]
    passage: Passage | None = None
    window: str = ""
    """The source text that the sentence leans on."""
    open_words: tuple[str, ...] = ()
    """Words that the source lacks, for the encoder to find near ones for."""
    near: tuple[str, ...] = ()
    """The source's words, to look among."""
    verbatim: bool = False

    @property
    def supported(self) -> bool:
        """Nothing speaks against the sentence; open words are still open."""
        return self.passage is not None and all(claim.supported for claim in self.claims)


@dataclass(slots=True)
class _Try:
    """One clause against one source sentence."""

    clause: Clause
    source: Source
    failures: dict[Found | None, str] = field(default_factory=dict)
    open_words: list[str] = field(default_factory=list)

    @property
    def cost(self) -> tuple[int, int]:
        return len(self.failures), len(self.open_words)


def judge(said: Said, library: Library, question: str) -> Finding:
    """Find the source that supports the sentence; the claims say what does not stand there."""
    sentence = read_sentence(said.statement, library.titles)
    asked = _Question(question, library)
    tries = [(group, *_against(said, sentence, group, library, asked)) for group in library.groups if group.sources]
    if not tries:
        reason = "no source was fetched in this turn"
        return Finding((Claim("statement", said.statement, False, reason),))
    group, found, verbatim = min(tries, key=lambda tried: _cost(tried[1]))
    extra = (
        _word_for_word(said, sentence, found, library, asked)
        if verbatim
        else _beyond(said, sentence, group, found, library, asked)
    )
    return _finding(said, sentence, group, found, extra, verbatim)


class _Question:
    """What the shopper's words make known: they narrow a source down, and support nothing."""

    def __init__(self, text: str, library: Library) -> None:
        read = read_sentence(text, library.titles)
        self.stems = read.stems
        self.countries = frozenset(str(c.value) for c in read.claims if c.kind == "country")
        self.days = frozenset(d for c in read.claims if isinstance(c.value, frozenset) for d in c.value)
        self.products = tuple(frozenset(str(m.value).split()) for m in find_mentions(text, library.titles))
        self.hard = tuple(c for c in read.claims if c.kind in {"country", "product", "code", "name"} | QUANTITIES)
        self.content = tuple(word for clause in read.clauses for word in clause.content)


def _cost(tries: Sequence[_Try]) -> tuple[int, int]:
    return sum(t.cost[0] for t in tries), sum(t.cost[1] for t in tries)


def _against(
    said: Said, sentence: Sentence, group: Group, library: Library, asked: _Question
) -> tuple[list[_Try], bool]:
    """The best source sentence of the group for every clause, and whether one holds the sentence word for word."""
    words = _plain_words(said.whole)
    for source in group.sources:
        if words and words == _plain_words(source.sentence.text):
            about = _unnamed(group, library, asked)
            return [
                _Try(
                    sentence.clauses[0],
                    source,
                    {None: about} if about and not _names_itself(source, group, library) else {},
                )
            ], True
    about = _about(sentence, group, library, asked)
    found = []
    for clause in sentence.clauses:
        if not clause.content and not clause.claims:
            continue
        best = min((_try(clause, sentence, s, group, library, asked) for s in group.sources), key=lambda t: t.cost)
        if not best.failures and (limit := _limited(clause, sentence, best.source, group)):
            best.failures[None] = limit
        if about:
            best.failures[None] = about
        found.append(best)
    stated = tuple(c for source in {id(t.source): t.source for t in found}.values() for c in source.sentence.claims)
    for tried, claim in ((tried, claim) for tried in found for claim in sentence.claims if claim.kind in QUANTITIES):
        if _times(claim, sentence.claims) > max(1, _times(claim, stated)):
            tried.failures[claim] = f"“{claim.text}” is said more often than in the source"
    _free_alone(found, sentence)
    return found or [
        _Try(sentence.clauses[0], group.sources[0], {None: "it states nothing that a source could support"})
    ], False


def _free_alone(found: Sequence[_Try], sentence: Sentence) -> None:
    """A bare "free" beside a price is of the same thing, so both must stand in one sentence of the source."""
    priced = {id(t.source) for t in found if any(c.kind == "price" and c.value != FREE for c in t.clause.claims)}
    for tried in found:
        prices = [claim for claim in tried.clause.claims if claim.kind == "price"]
        if priced and prices and all(claim.value == FREE for claim in prices) and id(tried.source) not in priced:
            tried.failures[prices[0]] = f"“{prices[0].text}” is said of something else in the source"


def _limited(clause: Clause, whole: Sentence, chosen: Source, group: Group) -> str:
    """What another sentence of the passage that says all of this adds: a "not", an "until", an "unless"."""
    if len(clause.content) < 2 or any(claim.kind not in {"name", "product"} for claim in clause.claims):
        return ""  # An amount, a day or a place has found its own sentence.
    for source in group.sources:
        same = source.passage.id == chosen.passage.id and source is not chosen
        known = source.sentence.stems | source.context | source.before
        if same and all(concepts(word) & known for word in clause.content):
            mine = _said_bends(clause, whole)
            reason = denied(mine, source.sentence.bends) or dropped(mine, source.sentence.bends)
            if reason:
                return f"{reason}, which the source says elsewhere"
    return ""


def _plain_words(text: str) -> tuple[str, ...]:
    return tuple(token.low for token in tokens(text) if token.text not in {",", ".", "!", ";", ":", "*", '"', "(", ")"})


def _about(sentence: Sentence, group: Group, library: Library, asked: _Question) -> str:
    """Why the sentence may not be about this group's product; empty when it may."""
    said = [frozenset(str(c.value).split()) for c in sentence.claims if c.kind == "product"]
    if not group.name:
        return ""
    titles = library.titles
    # "The Glim weighs 92 g": a family's name alone must be as unmistakable as a shortened one.
    said = said or [
        frozenset({str(c.value)}) for c in sentence.claims if c.kind == "name" and c.value in titles.families
    ]
    if said:
        return "" if any(titles.naming(name, group.name) for name in said) else "it is about another product"
    return _unnamed(group, library, asked)


def _names_itself(source: Source, group: Group, library: Library) -> bool:
    mentions = [frozenset(str(c.value).split()) for c in source.sentence.claims if c.kind == "product"]
    return not group.name or any(library.titles.naming(mention, group.name) for mention in mentions)


def _unnamed(group: Group, library: Library, asked: _Question) -> str:
    """Why a sentence without a product's name may not be about this group's; empty when it can be about no other."""
    if not group.name:
        return ""
    titles = library.titles
    named = [g for g in library.groups if g.name and any(titles.naming(p, g.name) for p in asked.products)]
    if asked.products:
        return "" if group in named and len(named) == 1 else "it does not say which product it is about"
    alone = sum(1 for other in library.groups if other.name) == 1
    return "" if alone else "it does not say which product it is about"


def _try(clause: Clause, whole: Sentence, source: Source, group: Group, library: Library, asked: _Question) -> _Try:
    tried = _Try(clause, source)
    holding, touched = _aligned(clause, source)
    aligned = (*holding, *touched)
    for claim in clause.claims:
        reason = _stands(claim, clause, source, group, library)
        if reason:
            tried.failures[claim] = reason
    known = source.sentence.stems | source.context | source.before
    tried.open_words = [word for word in clause.content if not concepts(word) & known]
    if tried.failures:
        return tried
    reason = _stolen(clause, holding, source) or _incomplete(clause, whole, aligned, source, group, asked)
    reason = reason or contradiction(_said_bends(clause, whole), _source_bends(aligned, source))
    if reason:
        tried.failures[None] = reason
    return tried


def _times(claim: Found, among: Sequence[Found]) -> int:
    return sum(same_quantity(claim, other) for other in among)


def _said_bends(clause: Clause, whole: Sentence) -> Bends:
    """A clause is bent by its own words; its conditions may stand anywhere in the sentence."""
    return replace(clause.bends, stems=whole.bends.stems, conditions=whole.bends.conditions)


def _source_bends(aligned: Sequence[Clause], source: Source) -> Bends:
    read = read_bends(" ".join(part.text for part in aligned))
    return replace(read, conditions=source.sentence.bends.conditions)


def _aligned(clause: Clause, source: Source) -> tuple[tuple[Clause, ...], tuple[Clause, ...]]:
    """The parts of a source sentence that hold a clause's amounts, and the other parts that hold words of it.

    A clause without amounts is held by the parts with most of its words.
    """
    parts = source.sentence.clauses
    holding = [p for p in parts if any(_holds(p, c) for c in clause.claims if c.kind in QUANTITIES or c.kind == "date")]
    wanted = [concepts(word) for word in clause.content]
    if holding:
        # Words that stand elsewhere in the sentence bring what bends them there.
        missing = [mine for mine in wanted if not any(mine & part.stems for part in holding)]
        return tuple(holding), tuple(p for p in parts if p not in holding and any(mine & p.stems for mine in missing))
    overlaps = [sum(bool(mine & part.stems) for mine in wanted) for part in parts]
    best = tuple(p for p, n in zip(parts, overlaps, strict=True) if n and n * 2 >= max(overlaps))
    return best or parts, ()


def _holds(part: Clause, claim: Found) -> bool:
    if isinstance(claim.value, frozenset):
        own = frozenset().union(*(c.value for c in part.claims if isinstance(c.value, frozenset)))
        return bool(own) and claim.value <= own
    return any(same_quantity(claim, other) or _same_date(claim, other) for other in part.claims)


def _same_date(claim: Found, other: Found) -> bool:
    return claim.kind == other.kind == "date" and claim.value == other.value


def _stands(claim: Found, clause: Clause, source: Source, group: Group, library: Library) -> str:
    """Why a claim does not stand in a source sentence; empty when it does."""
    if claim.kind in QUANTITIES:
        return _quantity(claim, clause, source)
    spelled = f"“{claim.text}” stands in no source of this turn"
    match claim.kind:
        case "product":
            said = frozenset(str(claim.value).split())
            inside = [c for c in source.sentence.claims if c.kind == "product"]
            if inside:
                return "" if _same_product(said, frozenset(str(inside[0].value).split()), group, library) or any(
                    c.value == claim.value for c in inside[1:] if len([x for x in clause.claims if x.kind == "product"]) > 1
                ) else spelled  # fmt: skip
            return "" if group.name and library.titles.naming(said, group.name) else spelled
        case "country":
            stated = {str(c.value) for c in source.sentence.claims if c.kind == "country"} | _title_countries(source)
            return "" if claim.value in stated else spelled
        case "date":
            return _date(claim, source)
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


def _same_product(said: frozenset[str], other: frozenset[str], group: Group, library: Library) -> bool:
    """Both name one product: in the same words, or both the group's."""
    naming = library.titles.naming
    return said == other or bool(group.name and naming(said, group.name) and naming(other, group.name))


def _title_countries(source: Source) -> frozenset[str]:
    if source.answers_no:
        return frozenset()
    return frozenset(str(c.value) for c in source.title.claims if c.kind == "country")


def _quantity(claim: Found, clause: Clause, source: Source) -> str:
    parts = [p for p in source.sentence.clauses if _holds(p, claim)]
    if not parts:
        return f"“{claim.text}” stands in no source of this turn"
    reasons = [_place(claim, clause, part, source) for part in parts]
    return min(reasons, key=len)


def _place(claim: Found, clause: Clause, part: Clause, source: Source) -> str:
    """Why the amount in ``part`` is not the one that ``clause`` speaks of."""
    held = [other for other in part.claims if same_quantity(claim, other)]
    if not any(bounded_alike(claim, other) for other in held):
        return f"“{claim.text}” is bounded differently in the source"
    countries = part.countries or _title_countries(source)
    if clause.countries and not clause.countries <= countries:
        return f"“{claim.text}” is not said of {', '.join(sorted(clause.countries - countries))}"
    if clause.days and part.days and not clause.days <= part.days:
        return f"“{claim.text}” is not said of this day"
    return ""


def _date(claim: Found, source: Source) -> str:
    spelled = f"“{claim.text}” stands in no source of this turn"
    if isinstance(claim.value, frozenset):
        return "" if any(_holds(part, claim) for part in source.sentence.clauses) else spelled
    stated = {str(c.value) for c in source.sentence.claims if c.kind == "date"}
    value = str(claim.value)
    without_year = {date[date.index("-") :] for date in stated if date[:1].isdigit() or date[:1] == "?"}
    return "" if value in stated or (value.startswith("?") and value[1:] in without_year) else spelled


def _name(claim: Found, source: Source, spelled: str) -> str:
    words = [token.low for token in tokens(claim.text) if token.is_word]
    known = {stem(t.low) for t in (*tokens(source.sentence.text), *tokens(source.title.text)) if t.is_word}
    return "" if all(stem(word) in known for word in words) else spelled


def _stolen(clause: Clause, holding: Sequence[Clause], source: Source) -> str:
    """A word of the clause that belongs to a rival: another part of the sentence with another amount of the kind."""
    held = [c for c in clause.claims if (c.kind in QUANTITIES or c.kind == "date") and c.value != FREE]
    names = [c for c in clause.claims if c.kind == "name"]
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
    for claim in names:
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


def _incomplete(
    clause: Clause, whole: Sentence, aligned: Sequence[Clause], source: Source, group: Group, asked: _Question
) -> str:
    """What the source makes its statement depend on, and the sentence leaves out."""
    said = [c for c in whole.claims if c.kind in QUANTITIES]
    for part in aligned:
        if any(c.value == FREE for c in part.claims) and any(c.kind == "price" for c in clause.claims):
            if not any(c.value == FREE for c in said) and any(
                c.bound and same_quantity(mine, c) for c in part.quantities() for mine in clause.claims
            ):
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
    title = _title_countries(source)
    if title and not whole_countries(whole) and not title & asked.countries and not any(p.countries for p in aligned):
        return f"it leaves out that this is about {', '.join(sorted(title))}"
    return ""


def whole_countries(sentence: Sentence) -> frozenset[str]:
    """Countries that a sentence names anywhere."""
    return frozenset(str(c.value) for c in sentence.claims if c.kind == "country")


def _beyond(
    said: Said, sentence: Sentence, group: Group, found: Sequence[_Try], library: Library, asked: _Question
) -> tuple[Claim, ...]:
    """Claims that no number carries: a deed, a promise, a yes or no."""
    extra = []
    leaning = [tried.source for tried in found]
    stems = frozenset().union(*(source.sentence.bends.stems for source in leaning))
    receipt = all(source.passage.kind is Kind.ACTION for source in leaning)
    if said.deed and not (receipt and stem(said.deed.split()[-1]) in stems):
        extra.append(Claim("done", said.deed, False, f"no receipt of this turn says that it was “{said.deed}”"))
    if said.personal:
        extra.append(Claim("done", said.promise, False, "the assistant promises a deed of its own"))
    elif said.promise and not concepts(said.promise.lower()) & stems:
        extra.append(Claim("done", said.promise, False, f"no source says that the shop will “{said.promise}”"))
    if said.answer:
        reason = _answers(said, sentence, leaning, library, asked)
        if reason:
            extra.append(Claim("statement", said.answer, False, reason))
    if any(is_chinese(said.statement) != is_chinese(source.sentence.text) for source in leaning):
        extra.append(Claim("statement", said.statement, False, "it is in another language than its source"))
    return tuple(extra)


def _word_for_word(
    said: Said, sentence: Sentence, found: Sequence[_Try], library: Library, asked: _Question
) -> tuple[Claim, ...]:
    """A source's own "Yes, …" is true of the question that it answers, and of no other."""
    reason = _answers(said, sentence, [tried.source for tried in found], library, asked) if said.answer == "yes" else ""
    return (Claim("statement", said.answer, False, reason),) if reason else ()


def _answers(said: Said, sentence: Sentence, leaning: Sequence[Source], library: Library, asked: _Question) -> str:
    """Why "yes" or "no" does not follow: the rest must say the same, of what was asked."""
    denies = bool(sentence.bends.negations) or "only" in sentence.bends.words
    if said.answer == "yes" and bool(sentence.bends.negations):
        return "it says yes and denies"
    if said.answer == "no" and not denies:
        return "it says no and denies nothing"
    around = sentence.stems.union(*(source.sentence.stems | source.context for source in leaning))
    values = {str(c.value) for c in sentence.claims}.union(
        *({str(c.value) for c in source.sentence.claims} for source in leaning)
    )
    for claim in asked.hard:
        if claim.kind == "country" and str(claim.value) not in values and not (said.answer == "no" and denies):
            return f"it says {said.answer} about “{claim.text}”, of which its source says nothing"
        if claim.kind in {"code", "name"} and not concepts(claim.text.lower()) & around and claim.kind != "product":
            return f"it says {said.answer} about “{claim.text}”, of which its source says nothing"
    covered = sum(bool(concepts(word) & around) for word in asked.content)
    return "" if covered * 2 >= len(asked.content) else "it answers another question"


def _finding(
    said: Said, sentence: Sentence, group: Group, found: Sequence[_Try], extra: tuple[Claim, ...], verbatim: bool
) -> Finding:
    failures: dict[Found | None, str] = {}
    for tried in found:
        failures |= tried.failures
    words = tuple(dict.fromkeys(word for tried in found for word in tried.open_words))
    claims = [
        Claim(claim.kind, claim.text, claim not in failures, failures.get(claim, "")) for claim in sentence.claims
    ]
    reason = failures.get(None, "")
    sealed = [word for word in words if not _softens(word)]
    if not reason and sealed:
        reason = f"“{sealed[0]}” stands in no source of this turn"
    content = sum(len(clause.content) for clause in sentence.clauses)
    if not reason and len(words) > content // 4:
        reason = f"{', '.join(f'“{word}”' for word in words[:4])} stand in no source of this turn"
    claims.append(Claim("statement", said.statement, not reason, reason))
    window = " ".join(dict.fromkeys(tried.source.sentence.text for tried in found))
    near = tuple(dict.fromkeys(w for tried in found for c in tried.source.sentence.clauses for w in c.content))
    return Finding((*claims, *extra), found[0].source.passage, window, words, near, verbatim)


def _softens(word: str) -> bool:
    """Whether a near word of the source may stand in for this one."""
    return word.isascii() and len(word) > 2 and word not in CLOSED and stem(word) not in CLOSED
