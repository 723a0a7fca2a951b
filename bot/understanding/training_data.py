"""Reads Rasa NLU training data (YAML, version 3.x) and says where a bad line stands and what is allowed."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from bot.errors import KnowledgeError
from bot.understanding.annotations import NAME, Annotation, Place, parse_example
from bot.understanding.regexes import hazard

_KINDS = ("intent", "regex", "lookup", "synonym")
_VERSION = re.compile(r"3(\.\d+)*")
_DEEPEST = 16
"""Levels of nesting beyond which a file is not training data."""

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Example:
    """One thing a shopper may say, and what it means; ``intent`` is the full name (``faq/returns``)."""

    text: str
    intent: str
    annotations: tuple[Annotation, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class EntityPattern:
    """A regular expression whose matches are the entity ``name``."""

    name: str
    pattern: str
    place: Place


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything that a folder of training files says."""

    examples: tuple[Example, ...] = ()
    patterns: tuple[EntityPattern, ...] = ()
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Entity name to its phrases."""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """Phrase, case-folded, to its canonical value."""

    @property
    def intents(self) -> tuple[str, ...]:
        """Names of all intents, sorted."""
        return tuple(sorted({example.intent for example in self.examples}))

    def fingerprint(self) -> str:
        """A name for what can be learnt from this data: equal data, equal fingerprint, wherever the files lie."""
        rows = [[e.text, e.intent, [[a.name, a.value, a.start, a.end] for a in e.annotations]] for e in self.examples]
        parts = [
            sorted(rows),
            sorted([p.name, p.pattern] for p in self.patterns),
            sorted([name, sorted(phrases)] for name, phrases in self.lookups.items()),
            sorted(self.synonyms.items()),
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]


def read_training_data(folder: Path) -> TrainingData:
    """Read every ``*.yml`` and ``*.yaml`` below ``folder`` (or one such file).

    Where there is no such folder, what lies beside it as Rasa has it: ``nlu.yml``, and the folders ``data`` and
    ``nlu``. Files without training data are left alone.

    Raises:
        KnowledgeError: names the file, the line and what is allowed.
    """
    if folder.is_file():
        files = [folder]
    elif folder.is_dir():
        files = _yaml_below(folder)
    elif not (files := _as_rasa_has_it(folder.parent)):
        raise KnowledgeError(f'{folder}: no such folder. Training data is Rasa NLU YAML (`version: "3.1"`).')
    gathered = _Gathered()
    for file in files:
        _FileReader(file, gathered).read()
    return gathered.frozen()


def _yaml_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in {".yml", ".yaml"} and path.is_file())


def _as_rasa_has_it(project: Path) -> list[Path]:
    single = [project / name for name in ("nlu.yml", "nlu.yaml") if (project / name).is_file()]
    return single + _yaml_below(project / "data") + _yaml_below(project / "nlu")


@dataclass(slots=True)
class _Gathered:
    """What was read so far."""

    examples: list[Example] = field(default_factory=list)
    patterns: list[EntityPattern] = field(default_factory=list)
    lookups: dict[str, list[str]] = field(default_factory=dict)
    synonyms: dict[str, str] = field(default_factory=dict)
    synonym_places: dict[str, Place] = field(default_factory=dict)

    def add_synonym(self, phrase: str, value: str, place: Place) -> None:
        key = phrase.casefold()
        known = self.synonyms.setdefault(key, value)
        if known != value:
            raise KnowledgeError(
                f"{place}: {phrase!r} cannot be a synonym of {value!r}: {self.synonym_places[key]} makes it one of "
                f"{known!r}. A phrase has one canonical value."
            )
        self.synonym_places.setdefault(key, place)

    def frozen(self) -> TrainingData:
        lookups = {name: tuple(dict.fromkeys(phrases)) for name, phrases in self.lookups.items()}
        return TrainingData(tuple(self.examples), tuple(self.patterns), lookups, dict(self.synonyms))


@dataclass(frozen=True, slots=True)
class _FileReader:
    """Reads one file. It walks YAML nodes, not values, because only nodes know their lines."""

    file: Path
    gathered: _Gathered

    def read(self) -> None:
        root = self._compose()
        if root is None:
            return
        top = self._mapping(root, "a mapping with `version` and `nlu`")
        if "version" in top:
            self._check_version(top["version"])
        if "nlu" in top:
            for item in self._sequence(top["nlu"], "`nlu` is a list of `- intent:`, `- regex:`, … entries"):
                self._read_item(item)

    def _compose(self) -> yaml.Node | None:
        try:
            text = self.file.read_text(encoding="utf-8")
            self._check_depth(text)
            return yaml.compose(text, Loader=_Loader)
        except OSError as exc:
            raise KnowledgeError(f"{self.file}: cannot be read: {exc.strerror}.") from exc
        except UnicodeDecodeError as exc:
            raise KnowledgeError(f"{self.file}: is not UTF-8 (byte {exc.start}). Save the file as UTF-8.") from exc
        except yaml.YAMLError as exc:
            mark = getattr(exc, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "cannot be parsed"
            raise KnowledgeError(f"{self.file}{line}: is not valid YAML: {problem}.") from exc

    def _check_depth(self, text: str) -> None:
        """Refuse deep nesting before composing, which recurses in C: 100,000 brackets would end the process."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise KnowledgeError(f"{self.file}: is nested too deeply. Training data has six levels at most.")

    def _check_version(self, node: yaml.Node) -> None:
        if not isinstance(node, yaml.ScalarNode) or not _VERSION.fullmatch(node.value):
            raise self._error(node, f'version {_shown(node)} is not supported. Write `version: "3.1"`.')

    def _read_item(self, node: yaml.Node) -> None:
        item = self._mapping(node, "a mapping that starts with one of `intent`, `regex`, `lookup`, `synonym`")
        kinds = [kind for kind in _KINDS if kind in item]
        if len(kinds) != 1:
            found = ", ".join(f"`{key}`" for key in item) or "nothing"
            raise self._error(
                node, f"an entry has exactly one of `intent`, `regex`, `lookup`, `synonym`; found {found}."
            )
        kind = kinds[0]
        if unknown := set(item) - {kind, "examples", "metadata"}:
            raise self._error(node, f"`{min(unknown)}` is not allowed here. Keys are `{kind}`, `examples`, `metadata`.")
        name_node = item[kind]
        name = self._text(name_node, f"`{kind}` needs a name").strip()
        if not name or (kind != "synonym" and not NAME.fullmatch(name)):
            raise self._error(name_node, f"`{kind}: {name}` is not a name. Names have no spaces, brackets or quotes.")
        if "examples" not in item:
            raise self._error(node, f"`{kind}: {name}` has no `examples`. Write `examples: |` and lines with `- `.")
        for text, place in self._examples(item["examples"], kind):
            self._keep(kind, name, text, place)

    def _keep(self, kind: str, name: str, text: str, place: Place) -> None:
        match kind:
            case "intent":
                self._keep_example(name, text, place)
            case "regex":
                if problem := hazard(text):
                    raise KnowledgeError(f"{place}: regex {text!r} {problem}")
                self.gathered.patterns.append(EntityPattern(name, text, place))
            case "lookup":
                self.gathered.lookups.setdefault(name, []).append(text)
            case _:
                self.gathered.add_synonym(text, name, place)

    def _keep_example(self, intent: str, marked: str, place: Place) -> None:
        text, annotations = parse_example(marked, place)
        self.gathered.examples.append(Example(text, intent, annotations, place))
        for annotation in annotations:
            surface = text[annotation.start : annotation.end]
            if annotation.value != surface:
                self.gathered.add_synonym(surface, annotation.value, place)

    def _examples(self, node: yaml.Node, kind: str) -> Iterator[tuple[str, Place]]:
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield self._listed_example(item)
            return
        text = self._text(node, "`examples` is a `|` block of `- ` lines, or a list")
        if kind == "lookup" and re.fullmatch(r"[^\n]+\.txt", text.strip()) and not text.lstrip().startswith("- "):
            yield from self._lookup_file(text.strip(), node)
            return
        # In a literal block every line of the value is a line of the file; other scalars get their first line.
        literal = getattr(node, "style", None) == "|"
        for offset, line in enumerate(text.split("\n"), start=1):
            place = Place(self.file, node.start_mark.line + 1 + (offset if literal else 0))
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            if not stripped.startswith("-"):
                raise KnowledgeError(f"{place}: {_cut(stripped)!r} is not an example. Examples start with `- `.")
            if example := stripped[1:].strip():
                yield example, place

    def _listed_example(self, item: yaml.Node) -> tuple[str, Place]:
        place = self._place(item)
        if isinstance(item, yaml.MappingNode):
            entry = self._mapping(item, "a mapping with `text`")
            if "text" not in entry:
                raise self._error(item, "an example has no `text`. Write `- text: |` and the example below.")
            item = entry["text"]
        text = self._text(item, "an example is a text, or a mapping with `text` and `metadata`").strip()
        text = text.removeprefix("- ").strip()
        if not text or "\n" in text:
            raise KnowledgeError(f"{place}: an example is one line of text, found {_cut(text)!r}.")
        return text, place

    def _lookup_file(self, name: str, node: yaml.Node) -> Iterator[tuple[str, Place]]:
        path = self.file.parent / name
        if not path.is_file():
            path = Path(name)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError, ValueError) as exc:
            raise self._error(
                node, f"lookup file {name!r} cannot be read as UTF-8 text. Give its path relative to this file."
            ) from exc
        for number, line in enumerate(lines, start=1):
            if phrase := line.strip():
                yield phrase, Place(path, number)

    # ── YAML nodes ────────────────────────────────────────────────────────────────────────────────

    def _mapping(self, node: yaml.Node, allowed: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"found {_shown(node)} where {allowed} belongs.")
        mapping: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key, "a key is a word")
            if name in mapping:
                raise self._error(key, f"`{name}` stands here twice. Keep one.")
            mapping[name] = value
        return mapping

    def _sequence(self, node: yaml.Node, allowed: str) -> list[yaml.Node]:
        if isinstance(node, yaml.ScalarNode) and not node.value:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, f"found {_shown(node)}, but {allowed}.")
        return list(node.value)

    def _text(self, node: yaml.Node, allowed: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, f"{allowed}; found {_shown(node)}.")
        return str(node.value)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def _error(self, node: yaml.Node, problem: str) -> KnowledgeError:
        return KnowledgeError(f"{self._place(node)}: {problem}")


def _shown(node: yaml.Node) -> str:
    match node:
        case yaml.ScalarNode():
            return repr(_cut(node.value))
        case yaml.SequenceNode():
            return "a list"
        case _:
            return "a mapping"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
