"""Deeds: what no amount carries: something done, something promised, a yes or a no."""

from collections.abc import Sequence

from bot.grounding.clauses import Sentence
from bot.grounding.library import Source
from bot.grounding.question import Question
from bot.grounding.said import Said
from bot.grounding.words import concepts, is_chinese, stem
from bot.records import Claim, Kind


def beyond(said: Said, sentence: Sentence, leaning: Sequence[Source], asked: Question) -> tuple[Claim, ...]:
    """Claims that no number carries: a deed, a promise, a yes or no."""
    extra = []
    stems = frozenset().union(*(source.sentence.bends.stems for source in leaning))
    receipt = all(source.passage.kind is Kind.ACTION for source in leaning)
    if said.deed and not (receipt and stem(said.deed.split()[-1]) in stems):
        extra.append(Claim("done", said.deed, False, f"no receipt of this turn says that it was “{said.deed}”"))
    if said.personal:
        extra.append(Claim("done", said.promise, False, "the assistant promises a deed of its own"))
    elif said.promise and not concepts(said.promise.lower()) & stems:
        extra.append(Claim("done", said.promise, False, f"no source says that the shop will “{said.promise}”"))
    if said.answer:
        reason = _answers(said, sentence, leaning, asked)
        if reason:
            extra.append(Claim("statement", said.answer, False, reason))
    if any(is_chinese(said.statement) != is_chinese(source.sentence.text) for source in leaning):
        extra.append(Claim("statement", said.statement, False, "it is in another language than its source"))
    return tuple(extra)


def beyond_words(said: Said, sentence: Sentence, leaning: Sequence[Source], asked: Question) -> tuple[Claim, ...]:
    """A source's own "Yes, …" is true of the question that it answers, and of no other."""
    reason = _answers(said, sentence, leaning, asked) if said.answer == "yes" else ""
    return (Claim("statement", said.answer, False, reason),) if reason else ()


def _answers(said: Said, sentence: Sentence, leaning: Sequence[Source], asked: Question) -> str:
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
