"""Whatever is changed in a true sentence, or thrown at the checker, nothing made up passes."""

import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.grounding.claims import find_claims
from bot.grounding.clauses import split_sentences
from bot.grounding.judge import Finding, judge
from bot.grounding.library import read_sources, spell
from bot.grounding.said import says_nothing, take_apart
from bot.grounding.shown import clean, plain
from bot.grounding.verdict import GroundingChecker
from bot.records import Kind, Passage
from tests.grounding_cases import SpellingEncoder, passages

PASSAGES = list(passages().values())
SENTENCES = [(passage, sentence) for passage in PASSAGES for sentence in split_sentences(spell(passage.text))]
NUMBER = re.compile(r"\d+")


def judged(sentence: str, *sources: Passage) -> Finding:
    titles = tuple(passage.title for passage in PASSAGES if passage.kind is Kind.PRODUCT)
    return judge(take_apart(spell(sentence)), read_sources(sources, titles), spell(sources[0].title))


def passes(sentence: str, *sources: Passage) -> bool:
    """Without asking the encoder, which can only refuse more."""
    return judged(sentence, *sources).supported


@given(st.sampled_from(SENTENCES))
def test_that_a_sentence_of_a_source_always_passes(drawn: tuple[Passage, str]) -> None:
    passage, sentence = drawn
    finding = judged(sentence, passage)
    assert finding.supported
    assert finding.verbatim


@given(st.sampled_from([pair for pair in SENTENCES if NUMBER.search(pair[1])]), st.data())
def test_that_a_changed_number_price_or_date_is_refused(drawn: tuple[Passage, str], data: st.DataObject) -> None:
    passage, sentence = drawn
    digits = data.draw(st.sampled_from(list(NUMBER.finditer(sentence))))
    other = str(data.draw(st.integers(0, 99999)))
    assume(int(other) != int(digits.group()))
    # Another number of the same sentence may stand there truly: "from 10 to 250", "sizes 36, 37".
    assume(all(int(other) != int(number) for number in NUMBER.findall(sentence)))
    assert not passes(sentence[: digits.start()] + other + sentence[digits.end() :], passage)


NAMED = [
    (passage, sentence, claim)
    for passage, sentence in SENTENCES
    for claim in find_claims(sentence)
    if claim.kind in {"name", "country", "code", "email", "link"}
]


@given(
    st.sampled_from(NAMED),
    st.sampled_from(["Amsterdam", "Decathlon", "Norway", "HACK90", "info@evil.example", "evil.com"]),
)
def test_that_a_changed_name_place_code_or_link_is_refused(drawn: tuple[Passage, str, object], other: str) -> None:
    passage, sentence, claim = drawn
    assume(other not in passage.text)
    changed = sentence[: claim.start] + other + sentence[claim.end :]  # type: ignore[attr-defined]
    assume(not changed.startswith(other))
    assert not passes(changed, passage)


PRODUCTS = [passage for passage in PASSAGES if passage.kind is Kind.PRODUCT]


@given(st.sampled_from(PRODUCTS), st.sampled_from(PRODUCTS), st.data())
def test_that_a_swapped_product_is_refused(one: Passage, other: Passage, data: st.DataObject) -> None:
    assume(one is not other)
    sentence = data.draw(st.sampled_from([s for s in split_sentences(spell(one.text)) if one.title in s]))
    changed = sentence.replace(one.title, other.title)
    assume(changed not in other.text)
    assert not passes(changed, one)
    assert not passes(changed, one, other)


ADDED = [
    "for free",
    "with a bonus of 10 EUR",
    "within 2 hours",
    "with the code SAVE20",
    "until 1 June",
    "in Norway",
    "by DHL",
]


@given(st.sampled_from([pair for pair in SENTENCES if not re.search("[一-鿿]", pair[1])]), st.sampled_from(ADDED))
def test_that_an_added_promise_is_refused(drawn: tuple[Passage, str], added: str) -> None:
    passage, sentence = drawn
    assume("free" not in sentence.lower() or added != "for free")
    # "Larkfell jackets can be repaired … within 2 hours" must not lean on a "2 hours" that stands there already.
    assume("2 hours" not in sentence and "Norway" not in sentence)
    assert not passes(f"{sentence.rstrip('.。')} {added}.", passage)


HOSTILE = st.one_of(
    st.text(max_size=400),
    st.text(alphabet="0123456789.,:-–/€%()[]<>|!@ \nab", max_size=600),
    st.builds(lambda piece, times: piece * times, st.text(min_size=1, max_size=12), st.integers(1, 400)),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(HOSTILE, HOSTILE)
async def test_that_no_text_breaks_the_checker_or_passes_by_itself(sentence: str, question: str) -> None:
    sources = [passages()["return-period"], passages()["tarn2"]]
    verdict = await GroundingChecker(SpellingEncoder()).check(sentence, sources, question)
    if verdict.supported and not says_nothing(plain(sentence)):
        assert verdict.citation is not None


@given(st.text(max_size=300))
def test_that_cleaning_is_a_fixed_point(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    "piece", ["1 ", "a ", "A ", "<", "![", "[a](", "<!--", "3 EUR, and ", "1.", "a@", "0 ", "if ", "Tarn 2 ", "-", "一"]
)
def test_that_hostile_text_is_read_to_its_end(piece: str) -> None:
    """A pattern that backtracks exponentially would never come to the end of this."""
    text = (piece * 5000)[:5000]
    assert all(claim.text for claim in find_claims(spell(text)))


BENDS = [
    ("is", "is not"), ("are", "are not"), ("can", "cannot"), ("cannot", "can"), ("do not", "do"),
    ("before", "after"), ("after", "before"), ("within", "after"), ("unless", "if"), ("You", "We"),
    ("shopper", "shop"), ("opened", "unopened"), ("free", "charged"), ("once", "always"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "other"), BENDS)
def test_that_a_bent_sentence_of_a_source_is_refused(word: str, other: str) -> None:
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    bent = [(p, pattern.sub(other, s, count=1)) for p, s in SENTENCES if pattern.search(s)]
    assert bent
    assert [changed for passage, changed in bent if passes(changed, passage)] == []
