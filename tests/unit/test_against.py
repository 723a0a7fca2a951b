"""What is given to both sides of `kefu eval intents --against rasa`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import KnowledgeError, ModelError, SettingError
from bot.evaluation.against import SETS, Side, _expand, _family, _memory, _task
from bot.evaluation.intents import Row
from bot.records import Intent
from bot.settings import Settings
from bot.understanding.rasa_server.project import plan_project
from bot.understanding.training_data import read_training_data

SHOP = Settings(knowledge=Path(__file__).parents[2] / "knowledge")


def test_that_a_fifth_of_the_shops_own_examples_is_asked_and_not_learnt() -> None:
    every = read_training_data(SHOP.knowledge / "intents").examples
    task = _task(SHOP, Path(), "shop")
    assert len(task.questions) == -(-len(every) // 5)
    assert len(task.lessons.examples) + len(task.questions) == len(every)
    assert task == _task(SHOP, Path(), "shop"), "the same each time"
    assert task.lessons.patterns
    assert any(example.annotations for example in task.lessons.examples)


def test_that_a_public_set_survives_the_way_into_a_training_file(tmp_path: Path) -> None:
    rows = [
        {"text": "what [is](this)\n  now", "intent": "odd", "bot": "b"},
        {"text": "- listed", "intent": "odd", "bot": "b"},
        {"text": "somebody else's", "intent": "odd", "bot": "other"},
    ]
    folder = tmp_path / "hint3"
    folder.mkdir()
    for half in ("train", "dev"):
        text = "".join(json.dumps(row | {"bot": row["bot"].replace("b", "sofmattress", 1)}) + "\n" for row in rows)
        (folder / f"{half}.jsonl").write_text(text, encoding="utf-8")
    task = _task(SHOP, tmp_path, "hint3/sofmattress")
    plan_project(task.lessons).write(tmp_path / "project")
    examples = read_training_data(tmp_path / "project" / "data").examples
    assert [(example.text, example.annotations) for example in examples] == [
        ("what (is)(this) now", ()),
        ("- listed", ()),
    ]
    assert [row.text for row in task.questions] == ["what [is](this)\n  now", "- listed"]


def test_that_a_set_of_several_shops_is_each_of_them() -> None:
    assert _expand("hint3") == [name for name in SETS if name.startswith("hint3/")]
    with pytest.raises(SettingError, match=r"sets = 'hint'.*shop"):
        _expand("hint")


def test_that_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"train\.jsonl: cannot be read"):
        _task(SHOP, tmp_path, "hwu64")


def test_that_the_figures_are_those_of_the_other_tables_and_the_cost() -> None:
    questions = [Row("a", "greet"), Row("b", "return"), Row("c", "out_of_scope"), Row("d", "greet")]
    readings = [
        ((Intent("greet", 0.9), Intent("return", 0.1)), 0.9),
        ((Intent("greet", 0.6), Intent("return", 0.4)), 0.8),
        ((Intent("out_of_scope", 0.7), Intent("greet", 0.3)), 0.2),
        ((Intent("greet", 0.4), Intent("return", 0.3)), 0.3),
    ]
    figures = Side(readings, [1.0, 2.0, 3.0, 4.0], 5.0, 6 * 2**20, 7 * 2**20).figures(questions)
    assert figures["in-scope accuracy"] == pytest.approx(2 / 3)
    assert figures["accuracy with rejection"] == pytest.approx(2 / 4)
    assert (figures["out-of-scope recall"], figures["in-scope kept"]) == (1.0, pytest.approx(2 / 3))
    assert (figures["reading p50 (ms)"], figures["training (s)"], figures["memory, serving (MiB)"]) == (2.5, 5.0, 7.0)


def test_that_memory_is_that_of_a_process_and_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in _family(os.getpid())
        assert 0 < _memory("VmRSS", child.pid) <= _memory("VmHWM", child.pid)
        child.communicate(b"\n")
    with pytest.raises(ModelError, match="no VmRSS"):
        _memory("VmRSS", 2**30)
