"""The measures of `kefu eval answers`: of one reply, of a set, and how sure a difference is."""

from dataclasses import dataclass, replace

import pytest

from bot.evaluation.answer_figures import (
    Answered,
    abstention,
    difference,
    harm,
    interval,
    set_figures,
    system_figures,
    tally,
    worst,
    wrongly_silent,
)
from bot.evaluation.answer_findings import Searched
from bot.evaluation.answer_sets import Asked
from bot.evaluation.answer_systems import QUOTED, SERVED, Judged, Said, ask_all, judge, quoted, served, written
from bot.evaluation.replies import contains, declines, holds, repetition, token_f1, token_recall, unsourced, words
from bot.ladder import Ladder
from bot.records import Findings, Passage, PassageId, Rung, Understanding, Verdict
from tests.unit.test_ladder import RETURNS, Memory, ScriptedWriter, TrueIfKnown, found

LANDED = Asked(
    "1",
    "how long for returns?",
    references=("You can return items within 30 days.",),
    facts=(("30 days", "thirty days"),),
    gold=frozenset({"policy:returns"}),
)
NOWHERE = Asked("2", "do you take Klarna?", answerable=False)


def searched(asked: Asked = LANDED, answerable: float = 0.9, *passages: Passage) -> Searched:
    findings = found(*(passages or (RETURNS,)), answerable=answerable, query=asked.question)
    return Searched(asked, Understanding(asked.question, asked.language, (), 1.0), findings)


@dataclass
class TellsTwo(ScriptedWriter):
    """A scripted writer that can tell two passages apart."""

    passages: int = 2


def judged(
    text: str,
    *,
    rung: Rung | None = Rung.WRITTEN,
    supported: bool = True,
    made_up: tuple[str, ...] = (),
    cited: str | None = "policy:returns",
) -> Judged:
    said = Said(text, 0.1, abstained=not text, rung=rung if text else Rung.UNANSWERED)
    verdicts = (Verdict(text, supported),) if text else ()
    return Judged(said, verdicts, made_up, PassageId(cited) if cited else None)


def answered(asked: Asked, mine: Judged | None, quote: Judged | None = None, answerable: float = 0.9) -> Answered:
    return Answered("shop", searched(asked, answerable), {QUOTED: quote, SERVED: mine})


# ── One reply ─────────────────────────────────────────────────────────────────────────────────────


def test_that_token_f1_takes_the_nearest_reference_and_ignores_articles() -> None:
    assert token_f1("The parcel is free", ["Parcel is free", "something else"]) == 1.0
    assert token_f1("free", ["parcel is free"]) == pytest.approx(0.5)
    assert token_f1("free", []) == 0.0


def test_that_recall_forgives_what_else_is_said() -> None:
    assert token_recall("It costs 9.95 EUR and leaves today", ["costs 9.95 EUR"]) == 1.0


def test_that_chinese_is_compared_by_the_character() -> None:
    assert words("售价3499元") == ["售", "价", "3499", "元"]
    assert contains("起售价是3499元。", "3499元")


def test_that_a_fact_is_found_by_whole_words_only() -> None:
    assert contains("It costs 19.95 EUR.", "19.95 EUR")
    assert not contains("It costs 119.95 EUR.", "19.95 EUR")


def test_that_every_fact_has_to_be_there_in_any_of_its_wordings() -> None:
    facts = (("30 days", "thirty days"), ("free",))
    assert holds("Free within thirty days.", facts)
    assert not holds("Within 30 days.", facts)


def test_that_a_number_without_a_source_is_found() -> None:
    assert unsourced("It costs 12.95 EUR, or 9.95 EUR.", ["9.95 EUR"]) == ("12.95",)
    assert unsourced("See https://shop.example/a", ["https://shop.example/b"]) == ("https://shop.example/a",)
    assert unsourced("1,299.00 EUR", ["1299.00 EUR"]) == ()


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I do not know.",
        "I'm sorry, I don't know that.",
        "The facts do not say.",
        "It is not mentioned.",
        "我不知道。",
    ],
)
def test_that_saying_so_is_declining(reply: str) -> None:
    assert declines(reply)


@pytest.mark.parametrize(
    "reply", ["We do not have gift wrapping.", "No, it cannot be washed.", "You will be told when it arrives."]
)
def test_that_a_no_is_an_answer(reply: str) -> None:
    assert not declines(reply)


def test_that_repeated_triples_are_repetition() -> None:
    assert repetition("a tent is one tent") == 0.0
    assert repetition("free free free free free") == pytest.approx(2 / 3)


# ── A set ─────────────────────────────────────────────────────────────────────────────────────────


def test_that_abstaining_has_precision_recall_and_f1() -> None:
    figures = abstention([(True, True), (True, False), (False, True), (False, True), (False, False)])
    assert figures["abstain_precision"] == pytest.approx(1 / 3)
    assert figures["abstain_recall"] == pytest.approx(1 / 2)
    assert figures["abstain_f1"] == pytest.approx(2 * 1 / (2 * 1 + 2 + 1))


def test_that_abstaining_cannot_be_judged_where_everything_has_an_answer() -> None:
    assert set(abstention([(False, True), (False, False)]).values()) == {None}


def test_that_silence_counts_as_no_f1_but_not_where_it_replied() -> None:
    rows = [answered(LANDED, judged("You can return items within 30 days.")), answered(LANDED, judged(""))]
    figures = system_figures(rows, SERVED)
    assert figures["f1"] == pytest.approx(0.5)
    assert figures["f1_answered"] == 1.0
    assert figures["facts"] == pytest.approx(0.5)
    assert figures["cited"] == 1.0
    assert figures["rungs"] == {"written": 1, "unanswered": 1}


def test_that_a_system_that_does_not_speak_the_language_has_no_figures() -> None:
    rows = [answered(LANDED, None, judged("30 days", rung=Rung.QUOTED))]
    assert list(set_figures(rows)["systems"]) == [QUOTED]
    assert system_figures(rows, SERVED)["f1"] is None


def test_that_the_search_is_judged_by_how_it_tells_what_has_an_answer() -> None:
    rows = [answered(LANDED, judged("30 days"), answerable=0.8), answered(NOWHERE, judged(""), answerable=0.2)]
    figures = set_figures(rows)
    assert figures["answerable_auroc"] == 1.0
    assert (figures["questions"], figures["answerable"]) == (2, 1)


def test_that_the_tally_counts_what_a_shopkeeper_asks_for() -> None:
    rows = [
        answered(LANDED, judged("Within 30 days.")),
        answered(LANDED, judged("Whenever you like.")),
        answered(LANDED, judged("")),
        answered(NOWHERE, judged("")),
        answered(NOWHERE, judged("Yes, for 5 EUR.", made_up=("5",))),
    ]
    told = tally(rows)
    assert (told.answerable, told.answered, told.right) == (3, 2, 1)
    assert (told.unanswerable, told.silent, told.made_up) == (2, 1, 1)


def test_that_what_is_made_up_is_worse_than_what_is_wrong() -> None:
    rows = [
        answered(LANDED, judged("You can return items within 30 days.")),
        answered(LANDED, judged("Whenever you like.")),
        answered(NOWHERE, judged("Yes, for 5 EUR.", made_up=("5",))),
        answered(LANDED, judged("")),
    ]
    assert worst(rows, 20) == [rows[2], rows[1]]
    assert worst(rows, 1) == [rows[2]]
    assert wrongly_silent(rows) == [rows[3]]


def test_that_the_shops_own_words_are_never_made_up_by_the_check() -> None:
    assert harm(answered(LANDED, judged("Within 30 days.", supported=False))) >= 3
    assert harm(answered(LANDED, judged("Within 30 days.", supported=False, rung=Rung.QUOTED))) < 1


# ── How sure ──────────────────────────────────────────────────────────────────────────────────────


def test_that_the_interval_is_the_same_every_time_and_holds_the_mean() -> None:
    values = [0.1, 0.4, -0.2, 0.3, 0.0, 0.6]
    low, high = interval(values)
    assert (low, high) == interval(values)
    assert low < sum(values) / len(values) < high


def test_that_a_difference_is_taken_question_by_question() -> None:
    right, silent = judged("You can return items within 30 days."), judged("")
    rows = [answered(LANDED, right, silent), answered(LANDED, right, silent), answered(NOWHERE, silent, silent)]
    assert difference(rows, SERVED, QUOTED) == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert difference([answered(NOWHERE, silent, silent)], SERVED, QUOTED) is None


# ── The systems ───────────────────────────────────────────────────────────────────────────────────


async def test_that_the_writer_alone_says_all_it_writes_without_the_numbers_of_facts() -> None:
    writer = TellsTwo(["Within 30 days [1]. ", "And for free."])
    said = await written(writer)(searched())
    assert said is not None
    assert (said.text, said.abstained, said.rung) == ("Within 30 days. And for free.", False, None)


async def test_that_a_writer_is_not_asked_in_a_language_it_does_not_speak() -> None:
    chinese = Asked("3", "多久？", "zh")
    assert await written(TellsTwo(["…"]))(searched(chinese)) is None
    assert await written(None)(searched()) is None


async def test_that_a_quote_is_given_from_the_probability_on_that_the_ladder_answers_at() -> None:
    said = await quoted(0.5)(searched())
    assert said is not None
    assert (said.text, said.cited) == (RETURNS.text, RETURNS.id)
    silent = await quoted(0.5)(searched(answerable=0.4))
    assert silent is not None
    assert silent.abstained


async def test_that_what_is_served_is_what_the_ladder_lets_pass() -> None:
    writer = TellsTwo(["You can return items within 30 days. ", "We have 900 shops."])
    ladder = Ladder(writer, TrueIfKnown(), Memory(), 0.9, 0.5, patience=1)
    said = await served(ladder)(searched())
    assert said is not None
    assert (said.text, said.rung, said.cited) == (RETURNS.text, Rung.WRITTEN, RETURNS.id)
    assert [verdict.supported for verdict in said.drafted] == [True, False]
    silent = await served(ladder)(searched(answerable=0.1))
    assert silent is not None
    assert (silent.abstained, silent.rung) == (True, Rung.UNANSWERED)


async def test_that_replies_come_in_the_order_of_the_questions() -> None:
    told: list[None] = []
    rows = [searched(LANDED), searched(answerable=0.1), searched(LANDED)]
    said = await ask_all(quoted(0.5), rows, 2, lambda: told.append(None))
    assert [one.abstained for one in said if one] == [False, True, False]
    assert len(told) == 3


async def test_that_a_reply_is_judged_by_the_check_and_by_the_digits() -> None:
    said = Said("You can return items within 30 days. We have 900 shops.", 0.1, abstained=False, sources=(RETURNS,))
    found_true = await judge(said, searched(), TrueIfKnown())
    assert [verdict.supported for verdict in found_true.verdicts] == [True, False]
    assert found_true.made_up == ("900",)
    assert found_true.invents


async def test_that_a_list_may_count_the_rows_it_leaves_out_and_nothing_else() -> None:
    row = searched()
    row = replace(row, found=replace(row.found, products=("A", "B", "C", "D")))
    said = Said("These match:\n- A\nAnd 3 more. They cost 2 EUR.", 0.1, abstained=False, rung=Rung.LISTED)
    found = await judge(said, row, TrueIfKnown())
    assert (found.verdicts, found.made_up) == ((), ("2",))


async def test_that_a_bracket_left_alone_is_no_sentence() -> None:
    said = Said("You can return items within 30 days.\n} ] }", 0.1, abstained=False, sources=(RETURNS,))
    assert [verdict.supported for verdict in (await judge(said, searched(), TrueIfKnown())).verdicts] == [True]


async def test_that_a_question_with_nothing_found_is_judged_too() -> None:
    row = Searched(NOWHERE, Understanding(NOWHERE.question, "en", (), 1.0), Findings(NOWHERE.question, (), 0.0))
    assert (await judge(Said("", 0.0, abstained=True), row, TrueIfKnown())).verdicts == ()
