"""The question sets of `kefu eval answers`: each reader on a file of a few lines."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.errors import KnowledgeError, SettingError
from bot.evaluation.answer_sets import HARD, LONGEST, PUBLIC, SHOP, Asked, cut, read_shop, take

Rows = Sequence[Mapping[str, Any]]


def write(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def candidate(id_: str, text: str, label: int, **more: str) -> dict[str, Any]:
    return {"id": id_, "text": text, "label": label, **more}


def test_that_the_shops_questions_are_told_apart_by_how_they_are_put(tmp_path: Path) -> None:
    path = tmp_path / "answers.yml"
    path.write_text(
        """
questions:
  - question: What is shipping?
    sources: ["policies/shipping.md#costs", "faq:shipping"]
    reply: It is 4.95 EUR.
    facts: ["4.95 EUR"]
  - {question: "is klarna an option", none: true}
  - {question: "box not here", hard: true, none: true}
""",
        encoding="utf-8",
    )
    sets = read_shop(path)
    first, second = sets[SHOP]
    assert first.references == ("It is 4.95 EUR.",)
    assert first.facts == (("4.95 EUR",),)
    assert first.gold == {"policies/shipping.md#costs", "faq:shipping"}
    assert not second.answerable
    assert [row.question for row in sets[HARD]] == ["box not here"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("questions: []", "questions"),
        ("entries: []", "questions"),
        ("questions: [{question: [}", "questions"),
        ("questions:\n  - {reply: a}", "question 1"),
        ("questions:\n  - {question: 'hi?', reply: a}", "'hi?'"),
        ("questions:\n  - {question: 'hi?', sources: [], reply: a}", "'hi?'"),
        ("questions:\n  - {question: 'hi?', sources: ['faq:a'], reply: a, facts: [1]}", "'hi?'"),
        ("questions:\n  - {question: 'hi?', nome: true}", "`nome`"),
    ],
)
def test_that_a_wrong_question_is_named_with_what_is_allowed(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "answers.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match="none: true") as caught:
        read_shop(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_that_a_shop_without_questions_is_told_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"answers\.yml"):
        read_shop(tmp_path / "answers.yml")


@pytest.mark.parametrize("name", PUBLIC)
def test_that_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=r"jsonl(\.gz)?: no such file; `--data`"):
        PUBLIC[name](tmp_path)


def test_that_epqa_takes_what_fully_answers_and_leaves_what_half_answers_out(tmp_path: Path) -> None:
    candidates = [candidate("a", "it folds", 2, answer="Yes, it folds."), candidate("b", "it is red", 0)]
    row = {"question": "does it fold?", "asin": "B1", "title": "Chair", "candidates": candidates}
    write(
        tmp_path / "epqa/dev.jsonl",
        [{**row, "qid": str(at), "answerable": told} for at, told in enumerate(("yes", "partial", "no"))],
    )
    yes, no = PUBLIC["epqa"](tmp_path)
    assert (yes.references, yes.gold, yes.answerable, no.answerable) == (("Yes, it folds.",), {"a"}, True, False)
    assert [passage.title for passage in yes.passages] == ["Chair", "Chair"]
    assert yes.passages[0].attributes["sku"] == yes.about


def test_that_hetpqa_gives_the_source(tmp_path: Path) -> None:
    write(tmp_path / "hetpqa/dev.jsonl", [{"question": "is it big?", "evidence": "it is 2 m", "answer": "yes, 2 m."}])
    (row,) = PUBLIC["hetpqa"](tmp_path)
    assert row.given
    assert row.gold == {row.passages[0].id}
    assert (row.passages[0].text, row.references) == ("it is 2 m", ("yes, 2 m.",))


def test_that_semipqa_knows_the_right_attribute_and_no_reply(tmp_path: Path) -> None:
    rows = [
        {"qid": "1", "question": "a?", "candidates": [candidate("x", "size: { value:1 }", 1)]},
        {"qid": "2", "question": "b?", "candidates": [candidate("y", "size: { value:1 }", 0)]},
    ]
    write(tmp_path / "semipqa/dev.jsonl", rows)
    known, unknown = PUBLIC["semipqa"](tmp_path)
    assert (known.gold, known.answerable, known.references) == ({"x"}, True, ())
    assert not unknown.answerable


def test_that_an_attribute_is_asked_for_by_its_name(tmp_path: Path) -> None:
    write(tmp_path / "semipqa/d2t_dev.jsonl", [{"data": "item_weight: { value:2 }", "text": "It weighs 2."}])
    (row,) = PUBLIC["semipqa_d2t"](tmp_path)
    assert row.question == "what is the item weight?"


def test_that_squad_has_any_of_its_short_answers_as_the_fact(tmp_path: Path) -> None:
    write(
        tmp_path / "squad2_half/dev_contexts.jsonl", [{"context_id": "W#0", "title": "New_York", "text": "On the sea."}]
    )
    row = {"context_id": "W#0", "title": "New_York", "question": "where?"}
    write(
        tmp_path / "squad2_half/dev.jsonl",
        [
            {**row, "id": "1", "answers": ["the sea", "sea"], "answerable": True},
            {**row, "id": "2", "answers": [], "answerable": False},
        ],
    )
    known, unknown = PUBLIC["squad2_half"](tmp_path)
    assert known.facts == (("the sea", "sea"),)
    assert known.passages[0].title == "New York"
    assert (unknown.answerable, unknown.gold, unknown.facts) == (False, frozenset(), ())


def test_that_doc2dial_takes_the_last_turn_and_finds_where_the_answer_stands(tmp_path: Path) -> None:
    text = "1. Start \n" + "Filler is here. " * 40 + "\n\n2. End \nBring a form. " + "More is here. " * 40
    at = text.index("Bring a form.")
    write(tmp_path / "doc2dial_val/dev_docs.jsonl", [{"doc_id": "d", "title": "Visits#3_0", "text": text}])
    asked = {
        "id": "d_1",
        "doc_id": "d",
        "question": "user:what to bring? \tagent:hello \tuser:hi",
        "answers": {"text": ["Bring a form. "], "answer_start": [at]},
    }
    write(tmp_path / "doc2dial_val/dev.jsonl", [asked])
    (row,) = PUBLIC["doc2dial_val"](tmp_path)
    assert (row.question, row.references) == ("what to bring?", ("Bring a form.",))
    (right,) = [passage for passage in row.passages if passage.id in row.gold]
    assert "Bring a form." in right.text
    assert right.title == "Visits"


def test_that_a_document_is_cut_into_passages_that_leave_nothing_out() -> None:
    text = "Head\n\n" + "One sentence stands here. " * 50 + "\n\nTail."
    parts = list(cut(text))
    assert all(len(part) <= LONGEST and text[begin:].startswith(part) for begin, part in parts)
    assert "".join("".join(part for _, part in parts).split()) == "".join(text.split())


def test_that_rgb_asks_once_with_the_answer_and_once_among_noise_alone(tmp_path: Path) -> None:
    row = {
        "set": "zh_refine",
        "id": 7,
        "query": "谁？",
        "answer": [["甲", "甲先生"], "乙"],
        "positive": ["甲和乙", "甲", "乙"],
        "negative": [str(at) for at in range(9)],
    }
    write(tmp_path / "rgb/dev.jsonl.gz", [row, {**row, "set": "en_fact"}])
    known, unknown = PUBLIC["rgb"](tmp_path)
    assert (known.language, known.facts) == ("zh", (("甲", "甲先生"), ("乙",)))
    assert (len(known.passages), len(known.gold), known.answerable) == (5, 2, True)
    assert (len(unknown.passages), len(unknown.gold), unknown.answerable) == (5, 0, False)
    assert known.about != unknown.about


def test_that_questions_are_taken_evenly_from_both_kinds() -> None:
    rows = [Asked(str(at), "?", answerable=at % 3 > 0) for at in range(90)]
    taken = take(rows, 9)
    assert [row.answerable for row in taken] == [True] * 6 + [False] * 3
    assert len({row.id for row in taken}) == 9
    assert len(take(rows, 500)) == 90
