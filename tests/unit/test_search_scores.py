"""Words, BM25, vectors, fusion and calibration: the numbers that a search is made of."""

import numpy as np
import pytest

from bot.retrieval.calibration import ISOTROPIC, differences, fit
from bot.retrieval.dense import centre, centres_of, top
from bot.retrieval.fusion import ANSWER, LEXICAL, LEXICAL_QUESTION, MEAN, fuse, score_passages
from bot.retrieval.lexical import build_lexicon
from bot.retrieval.measures import amount, plain_numbers
from bot.retrieval.names import distance
from bot.retrieval.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Returned parcels, shipping boxes", ["return", "parcel", "ship", "box"]),
        ("LFT-TARN2 costs 2,150.50 €", ["lft-tarn2", "lft", "tarn2", "cost", "2150.5"]),
        ("a 2-person tent, 30cm", ["a", "2-person", "2", "person", "tent", "30", "cm"]),
        ("women’s", ["women"]),
        ("退货期限", ["退货", "货期", "期限"]),
        ("买2件", ["买", "2", "件"]),
    ],
)
def test_that_a_text_is_cut_into_the_words_that_a_search_compares(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("written", "value", "unit"),
    [
        ("2 persons", 2, "person"),
        ("-5 °C", -5, "°C"),
        ("1.2 kg", 1200, "g"),
        ("3,000 mm", 3000, "mm"),
        ("0,75 l", 0.75, "l"),
        ("4.2", 4.2, ""),
    ],
)
def test_that_amounts_are_compared_in_one_unit(written: str, value: float, unit: str) -> None:
    found = amount(written)
    assert found is not None
    assert (found.value, found.unit) == (value, unit)


def test_that_numbers_in_words_become_digits() -> None:
    assert plain_numbers("Minus ten, 零下十五度, two people, 3,95 and 2,150") == "-10, -15度, 2 people, 3.95 and 2150"
    assert amount("twelve months") is not None
    assert amount("no") is None


def test_that_bm25_prefers_the_rare_word_and_stays_below_one() -> None:
    lexicon = build_lexicon(["the tent", "the boot", "the stove", "the tent and the boot"])
    scores = lexicon.scores(lexicon.weigh("the stove"))
    assert np.argmax(scores) == 2
    assert 0 < scores.max() < 1
    assert scores[0] > 0


def test_that_a_word_nobody_has_lowers_what_the_query_covers() -> None:
    lexicon = build_lexicon(["tent and boot", "stove"])
    assert lexicon.cover(lexicon.weigh("tent boot"), 0, 1) == pytest.approx(1)
    assert lexicon.cover(lexicon.weigh("tent denier"), 0, 1) < 0.5
    assert lexicon.cover(lexicon.weigh("tent"), 0, 1, without=0) == 0
    assert lexicon.scores(lexicon.weigh("")).max() == 0


def test_that_words_count_more_in_what_is_said_than_between_questions() -> None:
    fused = fuse(np.float32([0.5, 0.5]), np.float32([1, 1]), np.asarray([True, False]))
    assert fused.tolist() == pytest.approx([0.5 + LEXICAL_QUESTION, 0.5 + LEXICAL])


def test_that_an_entry_is_its_best_phrasing_its_phrasings_and_its_answer() -> None:
    fused = np.float32([0.8, 0.4, 0.6, 0.7])
    asks = np.asarray([True, True, False, False])
    entry, section = score_passages(fused, asks, np.asarray([0, 3])).tolist()
    assert entry == pytest.approx((0.8 + MEAN * 0.6 + ANSWER * 0.6) / 1.6)
    assert section == pytest.approx(0.7)


def test_that_an_entry_without_an_answer_is_not_below_one_with_a_bad_one() -> None:
    fused, starts = np.float32([0.8, 0.8, 0.1]), np.asarray([0, 1])
    alone, with_answer = score_passages(fused, np.asarray([True, True, False]), starts).tolist()
    assert alone > with_answer


def test_that_two_languages_of_one_space_are_compared_by_what_they_say() -> None:
    chance = np.random.default_rng(3)
    meanings = chance.normal(size=(30, 16))
    lean = np.eye(2, 16) * 9
    raw = np.concatenate([meanings + lean[0], meanings + lean[1]]).astype(np.float32)
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    locales = np.asarray(["en"] * 30 + ["zh"] * 30)
    assert np.argmax(np.delete(raw @ raw[30], 30)) >= 30, "as it is, any Chinese text is nearest to a Chinese one"
    centres = centres_of(raw, locales)
    moved = centre(raw, np.stack([centres[locale] for locale in locales]))
    assert (np.argmax(moved[:30] @ moved[30:].T, axis=0) == np.arange(30)).mean() > 0.9


def test_that_a_space_whose_vectors_point_everywhere_keeps_them() -> None:
    vectors = np.eye(8, dtype=np.float32)
    centres = centres_of(vectors, np.asarray(["en"] * 8))
    assert not centres[""].any()
    assert centre(vectors, centres[""]) is vectors


def test_that_the_highest_scores_are_found_also_of_fewer_than_asked_for() -> None:
    assert sorted(top(np.float32([1, 3, 2]), 2).tolist()) == [1, 2]
    assert sorted(top(np.float32([1]), 5).tolist()) == [0]


def test_that_a_calibration_follows_the_examples_and_never_punishes_a_better_match() -> None:
    chance = np.random.default_rng(5)
    match = chance.uniform(size=400)
    features = np.stack([np.ones(400), match, 1 - match], axis=1)
    weights = fit(features, chance.uniform(size=400) < match, (0.0, 1.0, 1.0))
    predicted = 1 / (1 + np.exp(-features @ np.asarray(weights)))
    assert all(weight >= 0 for weight in weights[1:])
    assert abs(predicted[match > 0.8].mean() - 0.9) < 0.07
    assert abs(predicted[match < 0.2].mean() - 0.1) < 0.07


def test_that_without_examples_of_both_kinds_the_prior_stands() -> None:
    assert fit(np.ones((3, 1)), [True, True, True], (0.5,)) == (0.5,)


@pytest.mark.parametrize(
    ("query", "different"),
    [
        ("How long is the warranty?", 0),
        ("Is it not covered?", 1),
        ("Is the warranty 10 years?", 1),
        ("Is there no warranty after 10 years?", 2),
        ("Is the warranty 5 years?", 0),
    ],
)
def test_that_other_numbers_and_a_not_make_another_question(query: str, different: int) -> None:
    assert differences(query, "How long is the warranty?", "How long is the warranty?\nIt is 5 years.") == different
    sure = ISOTROPIC.asks(0.9, 0.9, 0.3, 0.8, 0)
    assert ISOTROPIC.asks(0.9, 0.9, 0.3, 0.8, different) <= sure


@pytest.mark.parametrize(
    ("a", "b", "edits"), [("tarn", "tran", 1), ("ghyll", "ghyl", 1), ("tent", "boot", 3), ("a", "a", 0)]
)
def test_that_a_swap_of_neighbours_is_one_edit(a: str, b: str, edits: int) -> None:
    assert distance(a, b) == edits
