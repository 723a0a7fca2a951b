"""The reader puts the passage first that answers, and says whether any does; what it cannot judge it leaves alone."""

from collections.abc import Mapping

import pytest

from bot.lessons.reading import ANSWERS, CUT, FOREIGN, NONE, reading_pairs
from bot.lessons.rows import Lesson, Source
from bot.records import Filter, Findings, Hit, Kind, Passage, PassageId
from bot.retrieval.reader import READ, WORDS, Reader, asked_in, passage_text


class Chances:
    """Gives passages the chances it was told, by a word of theirs."""

    def __init__(self, chances: Mapping[str, float]) -> None:
        self.chances = chances
        self.asked: list[tuple[str, str]] = []

    async def probability(self, source: str, sentence: str) -> float:
        self.asked.append((source, sentence))
        return next((chance for word, chance in self.chances.items() if word in source), 0.5)


def hit(name: str, score: float, question: float = 0.0, locale: str = "en") -> Hit:
    passage = Passage(PassageId(name), Kind.POLICY, f"Page › {name}", f"All about {name}.", "p.md", locale)
    return Hit(passage, score, score, score, question)


def found(*hits: Hit, answerable: float = 0.5, filters: tuple[Filter, ...] = ()) -> Findings:
    return Findings("how long?", hits, answerable, filters=filters)


async def test_that_the_passage_that_answers_comes_first() -> None:
    reader = Reader(Chances({"near": 0.1, "right": 0.9}))
    read = await reader.read(found(hit("near", 0.8), hit("right", 0.7)), "en")
    assert [each.passage.id for each in read.hits] == ["right", "near"]


async def test_that_a_far_better_match_is_not_overruled() -> None:
    reader = Reader(Chances({"near": 0.4, "right": 0.6}))
    read = await reader.read(found(hit("near", 1.2), hit("right", 0.7)), "en")
    assert read.hits[0].passage.id == "near"


async def test_that_search_and_reader_both_say_whether_it_is_answered() -> None:
    doubted = await Reader(Chances({"a": 0.02})).read(found(hit("a", 1.0), answerable=0.7), "en")
    assert doubted.answerable < 0.5
    sure = await Reader(Chances({"a": 0.95})).read(found(hit("a", 1.0), answerable=0.4), "en")
    assert sure.answerable > 0.5
    level = await Reader(Chances({"a": 0.5})).read(found(hit("a", 1.0), answerable=0.5), "en")
    assert level.answerable == pytest.approx(0.5)


async def test_that_what_needs_no_reading_is_left_as_it_is() -> None:
    chances = Chances({})
    reader = Reader(chances)
    for findings, language in (
        (found(hit("approved", 1.0, question=0.97)), "en"),
        (found(hit("listed", 1.0), filters=(Filter("price", "<=", "100"),)), "en"),
        (found(hit("chinese", 1.0)), "zh"),
        (found(), "en"),
    ):
        assert await reader.read(findings, language) is findings
    foreign = found(hit("german", 1.0, locale="de"))
    assert await reader.read(foreign, "en") is foreign
    assert chances.asked == []


async def test_that_only_the_first_passages_are_read_and_only_their_beginning() -> None:
    chances = Chances({})
    await Reader(chances).read(found(*(hit(str(n), 1 - n / 100) for n in range(READ + 3))), "en")
    assert len(chances.asked) == READ
    assert len(passage_text("Page › Returns", "word " * 500).split()) == WORDS + 1
    assert passage_text("Page › Returns", "Thirty days.") == "Returns: Thirty days."


def test_that_of_a_long_message_its_question_is_read() -> None:
    told = "I am Mila, my number is 12, and I ordered boots last week with a friend. How does an exchange work?"
    assert asked_in(told) == "How does an exchange work?"
    assert asked_in("My size is M. Can I get it?") == "My size is M. Can I get it?"
    assert asked_in(told.removesuffix("?")) == told.removesuffix("?")
    assert asked_in(f"{told} (Tarn 2 Tent)") == "How does an exchange work? (Tarn 2 Tent)"


def test_that_pairs_are_made_of_answers_cuts_strangers_and_questions_without_an_answer() -> None:
    text = "Parcels take 2 days. Boots cost 90 EUR. Shops open at nine."
    lessons = [
        Lesson((Source(text, "Shop"),), "how long is delivery?", "Parcels take 2 days."),
        Lesson((Source(text, "Shop"),), "do you repair?", None),
        *(
            Lesson((Source(f"Rule {n} is strict.", f"Rules {n}"),), f"rule {n}?", f"Rule {n} is strict.")
            for n in range(9)
        ),
    ]
    pairs = reading_pairs(lessons, seed=1)
    assert pairs == reading_pairs(lessons, seed=1)
    kinds = {pair.kind for pair in pairs}
    assert kinds >= {ANSWERS, CUT, FOREIGN, NONE}
    for pair in pairs:
        if pair.kind == CUT:
            assert "2 days" not in pair.passage
        assert pair.answers == (pair.kind == ANSWERS)
