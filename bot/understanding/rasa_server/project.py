"""Writes the shop's training data as a Rasa project: one file each of data, domain and configuration."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.understanding.annotations import Annotation
from bot.understanding.rasa_server.environment import VERSION
from bot.understanding.training_data import Example, TrainingData

EPOCHS = 100
"""As in Rasa's default pipeline."""

_CONFIG = Path(__file__).with_name("config.yml")
_FORMAT = "3.1"


@dataclass(frozen=True, slots=True)
class Project:
    """What Rasa learns from, by file; equal projects train to the same model but for chance."""

    files: tuple[tuple[str, str], ...]
    """Path below the project's folder, and text."""

    @property
    def fingerprint(self) -> str:
        """A name for it, and for the Rasa that reads it."""
        return hashlib.sha256(json.dumps([VERSION, self.files]).encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write the files to ``folder``, over those of before."""
        for name, text in self.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def plan_project(data: TrainingData, epochs: int = EPOCHS) -> Project:
    """The project for ``data``. It is written anew from what was read, since Rasa reads training files more strictly.

    It holds what Kefu asks Rasa for, intents and entities: the dialogue stays with Kefu, and of the domain only what
    these need is there. Rasa's own ``policies`` are in the configuration because it asks for some.
    """
    config = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    for component in config["pipeline"]:
        if "epochs" in component:
            component["epochs"] = epochs
    nlu = [
        *({"intent": name, "examples": _lines(texts)} for name, texts in _by_intent(data.examples).items()),
        *({"regex": name, "examples": _lines(found)} for name, found in _patterns(data).items()),
        *({"lookup": name, "examples": _lines(phrases)} for name, phrases in sorted(data.lookups.items())),
        *({"synonym": value, "examples": _lines(phrases)} for value, phrases in _synonyms(data).items()),
    ]
    return Project(
        (
            ("config.yml", _dump(config)),
            ("domain.yml", _dump({"version": _FORMAT, **_domain(data)})),
            ("data/nlu.yml", _dump({"version": _FORMAT, "nlu": nlu})),
        )
    )


def _by_intent(examples: Iterable[Example]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for example in sorted(examples, key=lambda example: (example.intent, str(example.place.file), example.place.line)):
        found.setdefault(example.intent, []).append(_marked(example))
    return {name: list(dict.fromkeys(texts)) for name, texts in found.items()}


def _marked(example: Example) -> str:
    """The example with its marks, all in the one form that has everything."""
    parts, at = [], 0
    for mark in example.annotations:
        parts += [example.text[at : mark.start], f"[{example.text[mark.start : mark.end]}]{_mark(mark, example.text)}"]
        at = mark.end
    return "".join(parts) + example.text[at:]


def _mark(mark: Annotation, text: str) -> str:
    value = None if mark.value == text[mark.start : mark.end] else mark.value
    fields = {"entity": mark.name, "value": value, "role": mark.role, "group": mark.group}
    return json.dumps({key: value for key, value in fields.items() if value is not None}, ensure_ascii=False)


def _patterns(data: TrainingData) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in data.patterns:
        found.setdefault(entry.name, []).append(entry.pattern)
    return dict(sorted(found.items()))


def _synonyms(data: TrainingData) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for phrase, value in sorted(data.synonyms.items()):
        found.setdefault(value, []).append(phrase)
    return dict(sorted(found.items()))


def _domain(data: TrainingData) -> dict[str, Any]:
    """Intents without the part after the slash, as Rasa wants it, and entities with their roles and groups."""
    roles: dict[str, set[str]] = {}
    groups: dict[str, set[str]] = {}
    for example in data.examples:
        for mark in example.annotations:
            roles.setdefault(mark.name, set()).update(filter(None, (mark.role,)))
            groups.setdefault(mark.name, set()).update(filter(None, (mark.group,)))
    entities = [
        {name: {"roles": sorted(roles[name]), "groups": sorted(groups[name])}} if roles[name] | groups[name] else name
        for name in sorted(roles)
    ]
    return {"intents": sorted({name.partition("/")[0] for name in data.intents}), "entities": entities}


def _lines(texts: Iterable[str]) -> str:
    return "".join(f"- {text}\n" for text in texts)


def _dump(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, for whoever looks into the files."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
