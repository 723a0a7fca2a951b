"""The Rasa project made from a shop's training data holds the same data, and a name that changes with it."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bot.errors import RasaUnavailable
from bot.understanding.rasa_server import environment
from bot.understanding.rasa_server.project import plan_project
from bot.understanding.training_data import TrainingData, read_training_data

NLU = """
version: "3.1"
nlu:
- intent: faq/returns
  examples: |
    - how do I send [boots](category) back
    - send [the old one]{"entity": "product", "value": "Tarn 1"} back
- intent: travel
  examples: |
    - from [Utrecht]{"entity": "city", "role": "departure"} to [Ghent]{"entity": "city", "role": "arrival"}
    - [2]{"entity": "amount", "group": "1"} tents: "red", and 1 {small} one
- regex: order_number
  examples: |
    - (?<![A-Za-z])LF-\\d{6}
- lookup: colour
  examples: |
    - red
    - 红色
- synonym: green
  examples: |
    - kikker
"""


def read(folder: Path, text: str = NLU) -> TrainingData:
    (folder / "nlu.yml").write_text(text, encoding="utf-8")
    return read_training_data(folder)


def content(data: TrainingData) -> object:
    return (
        sorted((e.text, e.intent, e.annotations) for e in data.examples),
        sorted((p.name, p.pattern) for p in data.patterns),
        {name: sorted(phrases) for name, phrases in data.lookups.items()},
        data.synonyms,
    )


def test_that_the_project_holds_what_the_shop_wrote(tmp_path: Path) -> None:
    data = read(tmp_path)
    project = tmp_path / "project"
    plan_project(data).write(project)
    assert content(read_training_data(project / "data")) == content(data)
    domain = yaml.safe_load((project / "domain.yml").read_text(encoding="utf-8"))
    assert domain["intents"] == ["faq", "travel"]
    assert domain["entities"] == [
        {"amount": {"roles": [], "groups": ["1"]}},
        "category",
        {"city": {"roles": ["arrival", "departure"], "groups": []}},
        "product",
    ]


def test_that_the_demo_shop_goes_through_unchanged(tmp_path: Path) -> None:
    data = read_training_data(Path(__file__).parents[2] / "knowledge" / "intents")
    plan_project(data).write(tmp_path)
    again = read_training_data(tmp_path / "data")
    assert {(e.text, e.intent, e.annotations) for e in again.examples} == {
        (e.text, e.intent, e.annotations) for e in data.examples
    }
    assert (again.lookups, again.synonyms) == (data.lookups, data.synonyms)


def test_that_its_name_changes_with_what_is_learnt_and_with_nothing_else(tmp_path: Path) -> None:
    data = read(tmp_path)
    name = plan_project(data).fingerprint
    (tmp_path / "elsewhere").mkdir()
    assert plan_project(read(tmp_path / "elsewhere", f"# a note\n{NLU}")).fingerprint == name
    assert plan_project(data, epochs=10).fingerprint != name
    assert plan_project(replace(data, lookups={})).fingerprint != name


def test_that_epochs_reach_every_component_that_has_them(tmp_path: Path) -> None:
    plan_project(read(tmp_path), epochs=7).write(tmp_path / "project")
    config = yaml.safe_load((tmp_path / "project" / "config.yml").read_text(encoding="utf-8"))
    assert {c["name"]: c["epochs"] for c in config["pipeline"] if "epochs" in c} == {
        "DIETClassifier": 7,
        "ResponseSelector": 7,
    }


def test_that_a_machine_without_python_3_10_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(RasaUnavailable, match=r"No Python 3\.10 here.*pyenv install 3\.10"):
        environment.ensure(tmp_path / "rasa")
    assert not (tmp_path / "rasa").exists()


def test_that_a_folder_of_something_else_is_not_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_python", lambda: Path("python3.10"))
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(RasaUnavailable, match="no virtual environment"):
        environment.ensure(tmp_path)
    assert (tmp_path / "diary.txt").exists()


def test_that_a_python_of_another_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = tmp_path / "versions" / "3.10.9" / "bin" / "python3.10"
    impostor.parent.mkdir(parents=True)
    impostor.write_text("#!/bin/sh\necho 3.12\n")
    impostor.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(RasaUnavailable, match=str(impostor.parent)):
        environment.find_python()
