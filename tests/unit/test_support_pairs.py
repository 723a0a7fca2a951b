"""The pairs that the support classifier learns from: files of them, and those that are made of lessons."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bot.errors import LessonError
from bot.lessons.pairs import TRUE, WRITTEN, Pair, read_pairs
from bot.lessons.public_pairs import public_pairs
from bot.lessons.rows import Lesson, Source
from bot.lessons.support import FOREIGN, TURNED, VERBATIM, lesson_pairs

TEA = Source("Tea can be returned within 14 days. Gift cards cannot be returned. Postage is 4 EUR.", "Returns › Tea")
POTS = Source("The pot Alma holds 900 ml. The pot Bruna holds 1200 ml and comes with a lid.", "Pots")
LESSONS = (
    Lesson((TEA,), "return tea?", "You can return tea within 14 days."),
    Lesson((TEA,), "and gift cards?", "No, gift cards cannot be returned."),
    Lesson((POTS,), "how big is alma", "The pot Alma holds 900 ml."),
    Lesson((POTS,), "does it have a spout", None),
)


def test_that_the_statements_of_a_line_are_read_as_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    line = {"title": "Tea", "source": "Tea is free.", "true": ["Tea costs nothing."], "false": ["Tea costs 4 EUR."]}
    path.write_text(json.dumps(line), encoding="utf-8")
    assert read_pairs(path).pairs == (
        Pair("Tea is free.", "Tea costs nothing.", supported=True, kind=TRUE, title="Tea"),
        Pair("Tea is free.", "Tea costs 4 EUR.", supported=False, kind=WRITTEN, title="Tea"),
    )


def test_that_a_bad_row_is_named_by_file_and_line_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    good = {"source": "Tea is free.", "true": ["Tea is free."]}
    rows = [good, {"source": "Tea."}, {**good, "false": "no"}]
    path.write_text("\n".join([*(json.dumps(row) for row in rows), "", "{"]), encoding="utf-8")
    read = read_pairs(path)
    assert len(read.pairs) == 1
    assert [(bad.file, bad.line) for bad in read.bad] == [(str(path), 2), (str(path), 3), (str(path), 5)]
    assert "neither" in read.bad[0].reason


def test_that_a_file_without_any_pair_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    for text in ("", "{}\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LessonError, match=r"pairs\.jsonl"):
            read_pairs(path)
    with pytest.raises(LessonError, match="cannot be read"):
        read_pairs(tmp_path / "none.jsonl")


def test_that_what_is_read_is_the_lines_near_the_statement_without_yes_or_no() -> None:
    source, statement = Pair(TEA.text, "No, gift cards cannot be returned.", True, TRUE, TEA.title).read
    assert statement == "gift cards cannot be returned"
    assert "Gift cards cannot be returned" in source
    assert source.startswith("Returns › Tea:")
    assert "4 EUR" not in source


def test_that_true_replies_stand_beside_false_ones_and_changed_passages() -> None:
    pairs = lesson_pairs(LESSONS, seed=1)
    counts = Counter((pair.kind, pair.supported) for pair in pairs)
    assert counts[TRUE, True] == 3
    assert counts[VERBATIM, True] == 4, "one line is a reply already"
    assert counts[FOREIGN, False] <= 2
    assert counts[TURNED, True] > 2
    assert counts[TURNED, False] > 2
    texts = {(pair.source, pair.sentence): pair.supported for pair in pairs}
    assert len(texts) == len(pairs), "no pair is both true and false"


def test_that_the_same_lessons_and_seed_make_the_same_pairs_and_another_seed_others() -> None:
    assert lesson_pairs(LESSONS, seed=1) == lesson_pairs(LESSONS, seed=1)
    assert lesson_pairs(LESSONS, seed=1) != lesson_pairs(LESSONS, seed=2)


def test_that_a_changed_passage_is_held_out_with_the_one_it_was_made_of() -> None:
    pairs = lesson_pairs(LESSONS, seed=1)
    assert len({(pair.title, pair.share) for pair in pairs}) == len({pair.title for pair in pairs}) == 2


def test_that_public_sets_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match=r"begin.*train_audit\.jsonl"):
        public_pairs(tmp_path, seed=1)
