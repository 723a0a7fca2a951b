"""The rows a writer learns from: read, made from the shop's knowledge and from agents' answers, and shown."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import LessonError
from bot.lessons.agents import Answered, answered, lessons_of
from bot.lessons.course import REFUSAL, asked, shown, split, supporting
from bot.lessons.public import SETS, read_public
from bot.lessons.rows import Lesson, Source, read_lessons
from bot.lessons.shop import shop_lessons
from bot.lessons.training import WRITTEN, judge
from bot.records import (
    ConversationId,
    Entry,
    EntryKind,
    Feedback,
    Findings,
    Floor,
    Hit,
    Kind,
    LogId,
    Message,
    MessageId,
    Passage,
    PassageId,
    State,
    Understanding,
    Utterance,
    Verdict,
)
from bot.retrieval.sources import read_knowledge

ROOT = Path(__file__).parents[2]
ID = ConversationId("web:ada")


def lesson(
    question: str = "How long?", reply: str | None = "It takes 2 days.", text: str = "It takes 2 days."
) -> Lesson:
    return Lesson((Source(text, "Delivery"),), question, reply)


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


def test_that_bad_rows_are_named_by_file_and_line_and_the_good_ones_kept(tmp_path: Path) -> None:
    file = tmp_path / "my.jsonl"
    good = {"passages": [{"text": "Open from 9 to 5."}], "question": "When?", "reply": "Open from 9 to 5."}
    lines = [json.dumps(good), "{not json", "", json.dumps(good | {"reply": 5}), json.dumps(good | {"passages": []})]
    file.write_text("\n".join([*lines, json.dumps(good | {"replly": "x"})]), encoding="utf-8")
    rows = read_lessons(file)
    assert [one.reply for one in rows.lessons] == ["Open from 9 to 5."]
    assert rows.lessons[0].origin == "my"
    assert [(bad.file, bad.line) for bad in rows.bad] == [(str(file), number) for number in (2, 4, 5, 6)]
    assert "$.reply" in rows.bad[1].reason
    assert "replly" in rows.bad[3].reason


def test_that_an_empty_file_says_what_a_line_looks_like(tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(LessonError, match=r"empty\.jsonl: holds no lesson; a line is .*passages"):
        read_lessons(file)
    with pytest.raises(LessonError, match="nowhere"):
        read_lessons(tmp_path / "nowhere.jsonl")


def test_that_the_lessons_that_come_with_kefu_are_readable_to_the_last_line() -> None:
    rows = [read_lessons(path) for path in sorted(WRITTEN.glob("*.jsonl"))]
    assert [bad for each in rows for bad in each.bad] == []
    assert sum(one.reply is not None for each in rows for one in each.lessons) > 3000


# ── The shop ──────────────────────────────────────────────────────────────────────────────────────


def test_that_a_shops_lessons_say_nothing_that_their_passages_do_not() -> None:
    lessons = shop_lessons(read_knowledge(ROOT / "knowledge").passages)
    assert lessons == shop_lessons(read_knowledge(ROOT / "knowledge").passages)
    replies = [one for one in lessons if one.reply is not None]
    assert len(replies) > 300
    assert any(one.reply is None for one in lessons)
    for one in replies:
        assert one.reply is not None
        said = one.reply.removeprefix("Yes, ").removeprefix("No, ")
        assert any(said[1:] in " ".join(source.text.split()) for source in one.passages), one


def test_that_a_products_fact_stands_among_rivals_with_other_values() -> None:
    def product(sku: str, name: str, grams: str) -> Passage:
        row = {"sku": sku, "name": name, "weight_g": grams, "colours": "red"}
        return Passage(PassageId(f"product:{sku}"), Kind.PRODUCT, name, "…", f"p#{sku}", attributes=row)

    lessons = shop_lessons([product("A", "Ant", "100"), product("B", "Bee", "200")])
    weight = next(one for one in lessons if one.reply == "The Ant weighs 100 g.")
    assert "Ant" in weight.question
    assert any(source.text.startswith("The Bee") for source in weight.passages)


# ── Public sets ───────────────────────────────────────────────────────────────────────────────────


def test_that_a_public_row_whose_reply_is_not_in_its_evidence_is_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "hetpqa").mkdir()
    row = {"question": "is it red?", "evidence": "the ball is red and weighs 3 pounds."}
    rows = [row | {"answer": "yes, the ball is red"}, row | {"answer": "it weighs 4 pounds"}]
    (tmp_path / "hetpqa" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read_public(tmp_path, ["hetpqa"], 100)
    assert [one.reply for one in found.lessons] == ["Yes, the ball is red."]
    assert [(Path(bad.file).name, bad.line) for bad in found.bad] == [("train.jsonl", 2)]
    assert "4" in found.bad[0].reason


def test_that_an_unknown_or_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match="squad: no such public set; sets are hetpqa"):
        read_public(tmp_path, ["squad"], 100)
    with pytest.raises(LessonError, match=r"hetpqa/train\.jsonl: no such file"):
        read_public(tmp_path, ["hetpqa"], 100)


def test_that_no_measured_half_is_ever_learnt_from() -> None:
    assert not [file for file, _ in SETS.values() if file.startswith(("dev", "d2t_dev", "held"))]


# ── Agents ────────────────────────────────────────────────────────────────────────────────────────


class Log:
    """A conversation as Redis would give it back."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def _add(self, **parts: object) -> LogId:
        at = LogId(f"{len(self.entries) + 1}-0")
        self.entries.append(Entry(at, at=datetime.now(UTC), **parts))  # type: ignore[arg-type]
        return at

    def shopper(self, text: str) -> None:
        self._add(
            kind=EntryKind.SHOPPER,
            message=Message(MessageId(str(len(self.entries))), ID, "web", "ada", text, datetime.now(UTC)),
        )

    def said(self, kind: EntryKind, text: str) -> LogId:
        return self._add(kind=kind, utterance=Utterance(text))

    def floor(self, floor: Floor) -> None:
        self._add(kind=EntryKind.FLOOR, floor=floor)


def a_talk(*, end: Floor | None = Floor.CLOSED, thumb: bool | None = None) -> list[Entry]:
    log = Log()
    log.shopper("do you ship to Norway?")
    log.said(EntryKind.ASSISTANT, "I do not know.")
    log.floor(Floor.AGENT)
    log.shopper("hello? my mail is ada@example.com")
    log.shopper("how long can I return boots")
    answer = log.said(EntryKind.AGENT, "You can return boots within 30 days.")
    log.shopper("thanks")
    log.said(EntryKind.AGENT, "Bye!")
    if thumb is not None:
        log._add(kind=EntryKind.FEEDBACK, feedback=Feedback(answer, thumb))
    if end:
        log.floor(end)
    return log.entries


def test_that_what_an_agent_answered_and_closed_is_a_lesson() -> None:
    (found,) = answered(ID, a_talk())
    assert found.question == "hello? my mail is ada@example.com how long can I return boots"
    assert found.reply == "You can return boots within 30 days."


def test_that_open_disliked_and_unhelped_conversations_are_none() -> None:
    assert answered(ID, a_talk(end=None)) == []
    assert answered(ID, a_talk(thumb=False)) == []
    assert len(answered(ID, a_talk(thumb=True))) == 1
    log = Log()
    log.shopper("hi")
    log.said(EntryKind.ASSISTANT, "You can return boots within 30 days.")
    assert answered(ID, log.entries) == []


class OnePassage:
    """A search that always finds the same."""

    passages: Sequence[Passage] = (
        Passage(PassageId("p"), Kind.POLICY, "Returns", "You can return boots within 30 days.", "returns.md"),
    )

    async def search(self, understanding: Understanding, state: State) -> Findings:
        return Findings(understanding.text, (Hit(self.passages[0], 1.0, 1.0, 1.0),), 1.0)


class WordForWord:
    """A check that supports what stands in a source."""

    async def check(self, sentence: str, sources: Sequence[Passage], question: str) -> Verdict:
        return Verdict(sentence, any(sentence in source.text for source in sources))


async def test_that_an_agents_lesson_is_masked_and_stands_in_a_passage() -> None:
    told = [
        Answered(ID, "my mail is ada@example.com, how long?", "You can return boots within 30 days."),
        Answered(ID, "how long?", "For you, Ada, we make it 60 days this time."),
    ]
    rows = await lessons_of(told, OnePassage(), WordForWord())
    assert [one.question for one in rows.lessons] == ["my mail is [email], how long?"]
    assert rows.lessons[0].origin == "agents"
    assert [str(bad) for bad in rows.bad] == ["conversation web:ada:2: the agent's answer says what no passage does"]


# ── The course ────────────────────────────────────────────────────────────────────────────────────


def test_that_no_passage_is_both_learnt_from_and_judged_by() -> None:
    lessons = [lesson(f"{number} {ask}?", text=f"Rule {number}.") for number in range(40) for ask in ("a", "b", "c")]
    parts = split(lessons, 20, seed=7)
    assert 20 <= len(parts.held_out) <= 24
    assert not {one.passages for one in parts.learn} & {one.passages for one in parts.held_out}
    assert len(parts.learn) + len(parts.held_out) == len(lessons)
    assert split(lessons, 20, seed=7) == parts
    assert split(lessons, 20, seed=8) != parts


def test_that_lessons_without_a_reply_teach_nothing_unless_asked_to() -> None:
    lessons = [lesson(f"Question {number}?") for number in range(10)] + [lesson(f"{n}?", None) for n in range(10)]
    assert len(shown(lessons, 0, seed=1)) == 10
    taught = shown(lessons, 0, seed=1, refusals=0.3)
    assert [example.reply for example in taught].count(REFUSAL) == 3


def test_that_each_epoch_shows_the_same_lessons_in_another_way() -> None:
    text = "We open at 9. We close at 5. On Sunday we are closed. Parking is free. Dogs may come in. Bring a bag."
    lessons = [lesson(f"{n} Sunday?", "On Sunday we are closed.", text) for n in range(30)]
    first, second = shown(lessons, 0, seed=1), shown(lessons, 1, seed=1)
    assert first == shown(lessons, 0, seed=1)
    assert first != second
    for example in (*first, *second):
        assert "On Sunday we are closed." in example.chat[-1]["content"]
    assert text.rpartition(" Bring")[0].split()[-1] in asked(lessons[0]).chat[-1]["content"]


def test_that_the_sentences_that_hold_a_reply_are_found() -> None:
    sentences = ["Parcels to Norway cost 12 EUR.", "They take 5 days.", "Letters cost 2 EUR."]
    assert supporting("Letters cost 2 EUR.", sentences) == (2, 2)
    assert supporting("Parcels to Norway cost 12 EUR and take 5 days.", sentences) == (0, 1)


def test_that_a_made_up_number_counts_against_a_reply_whole() -> None:
    right, wrong = judge([lesson()], ["It takes 2 days."]), judge([lesson()], ["It takes 3 days."])
    assert right["score"] == right["f1"] == 1.0
    assert wrong["made_up"] == 1.0
    assert wrong["score"] < 0
