"""The pure part of the check: a sentence's claims against one turn's library, with the words only a model can weigh."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.grounding.binding import aligned_parts, incomplete, stolen
from bot.grounding.claims import FREE, QUANTITIES
from bot.grounding.clauses import Clause, Sentence, read_sentence
from bot.grounding.deeds import beyond, beyond_words
from bot.grounding.found import Found
from bot.grounding.lexicon import CLOSED, SIDES
from bot.grounding.library import Group, Library, Source, word_for_word
from bot.grounding.polarity import Bends, contradiction, denied, dropped, read_bends
from bot.grounding.question import Question
from bot.grounding.said import Said
from bot.grounding.standing import stands
from bot.grounding.values import same_quantity
from bot.grounding.words import concepts, stem
from bot.records import Claim, Passage


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
    asked = Question(question, library)
    tries = [_against(said, sentence, group, library, asked) for group in library.groups if group.sources]
    if not tries:
        reason = "no source was fetched in this turn"
        return Finding((Claim("statement", said.statement, False, reason),))
    found, verbatim = min(tries, key=lambda tried: _cost(tried[0]))
    leaning = [tried.source for tried in found]
    extra = (beyond_words if verbatim else beyond)(said, sentence, leaning, asked)
    return _finding(said, sentence, found, extra, verbatim)


def _cost(tries: Sequence[_Try]) -> tuple[int, int]:
    return sum(t.cost[0] for t in tries), sum(t.cost[1] for t in tries)


def _against(
    said: Said, sentence: Sentence, group: Group, library: Library, asked: Question
) -> tuple[list[_Try], bool]:
    """The best source sentence of the group for every clause, and whether they are the sentence word for word."""
    if run := word_for_word(said.whole, group):
        about = _unnamed(group, library, asked)
        named = not about or any(_names_itself(source, group, library) for source in run)
        return [_Try(sentence.clauses[0], source, {} if named else {None: about}) for source in run], True
    about = _about(sentence, group, library, asked)
    found = []
    content: tuple[str, ...] = ()
    for part in sentence.clauses:
        if not part.content and not part.claims:
            continue
        # "…, usually within 5 working days": an amount without words of its own speaks of what came before it.
        content = part.content or content
        clause = replace(part, content=content)
        best = min((_try(clause, sentence, s, group, library, asked) for s in group.sources), key=lambda t: t.cost)
        if not best.failures and (limit := _limited(clause, sentence, best.source, group)):
            best.failures[None] = limit
        if about:
            best.failures[None] = about
        found.append(best)
    telling = len(sentence.bends.scopes) + sum(len(c.content) + len(c.claims) for c in sentence.clauses)
    if found and (telling < 2 or not content):
        found[0].failures[None] = "it does not say what it is about"
    _repeated(found, sentence)
    _free_alone(found)
    return found or [
        _Try(sentence.clauses[0], group.sources[0], {None: "it states nothing that a source could support"})
    ], False


def _repeated(found: Sequence[_Try], sentence: Sentence) -> None:
    """An amount that is said twice must stand there twice: "sizes 37, 37 and 38" is a changed list."""
    stated = tuple(c for source in {id(t.source): t.source for t in found}.values() for c in source.sentence.claims)
    for claim in (claim for claim in sentence.claims if claim.kind in QUANTITIES):
        if _times(claim, sentence.claims) > max(1, _times(claim, stated)):
            found[0].failures[claim] = f"“{claim.text}” is said more often than in the source"


def _free_alone(found: Sequence[_Try]) -> None:
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


def _about(sentence: Sentence, group: Group, library: Library, asked: Question) -> str:
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


def _unnamed(group: Group, library: Library, asked: Question) -> str:
    """Why a sentence without a product's name may not be about this group's; empty when it can be about no other."""
    if not group.name:
        return ""
    titles = library.titles
    named = [g for g in library.groups if g.name and any(titles.naming(p, g.name) for p in asked.products)]
    if asked.products:
        return "" if group in named and len(named) == 1 else "it does not say which product it is about"
    alone = sum(1 for other in library.groups if other.name) == 1
    return "" if alone else "it does not say which product it is about"


def _try(clause: Clause, whole: Sentence, source: Source, group: Group, library: Library, asked: Question) -> _Try:
    tried = _Try(clause, source)
    holding, touched = aligned_parts(clause, source)
    aligned = (*holding, *touched)
    for claim in clause.claims:
        reason = stands(claim, clause, source, group, library)
        if reason:
            tried.failures[claim] = reason
    known = source.sentence.stems | source.context | source.before
    tried.open_words = [word for word in clause.content if not _known(word, known, source)]
    if tried.failures:
        return tried
    reason = (
        _elsewhere(tried, group) or stolen(clause, holding, source) or incomplete(clause, whole, aligned, source, asked)
    )
    reason = reason or contradiction(_said_bends(clause, whole), _source_bends(aligned, source))
    if reason:
        tried.failures[None] = reason
    return tried


def _known(word: str, known: frozenset[str], source: Source) -> bool:
    """Whether the source has the word or one of its group. What has an opposite must stand in the sentence itself."""
    if not any(word in side for side in SIDES):
        return bool(concepts(word) & known)
    bends = source.sentence.bends
    return stem(word) in bends.stems or any(word in side and side & bends.words for side in SIDES)


def _elsewhere(tried: _Try, group: Group) -> str:
    """Why the sentence is about another line of the passage: most of its words, or a missing one, stand only there."""
    own = tried.source.sentence.stems | tried.source.before
    inside = sum(bool(concepts(word) & own) for word in tried.clause.content)
    if inside * 2 < len(tried.clause.content):
        return "the source says this of nothing in the sentence"
    for word in tried.open_words:
        for other in group.sources:
            if other is not tried.source and concepts(word) & other.sentence.stems:
                return f"“{word}” stands elsewhere in the source"
    return ""


def _times(claim: Found, among: Sequence[Found]) -> int:
    return sum(same_quantity(claim, other) for other in among)


def _said_bends(clause: Clause, whole: Sentence) -> Bends:
    """A clause is bent by its own words; its conditions may stand anywhere in the sentence."""
    return replace(clause.bends, stems=whole.bends.stems, conditions=whole.bends.conditions)


def _source_bends(aligned: Sequence[Clause], source: Source) -> Bends:
    read = read_bends(" ".join(part.text for part in aligned))
    return replace(read, conditions=source.sentence.bends.conditions)


def _finding(
    said: Said, sentence: Sentence, found: Sequence[_Try], extra: tuple[Claim, ...], verbatim: bool
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
