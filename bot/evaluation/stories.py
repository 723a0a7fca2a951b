"""Reads and judges Rasa's test stories: what a shopper writes, and what the assistant then understands and does.

The format is Rasa 3.x's (https://legacy-docs-oss.rasa.com/docs/rasa/testing-your-assistant, `tests/test_stories.yml`).
Beyond it, `bot:` holds words that the reply has to have in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.dialogue.nodes import Node, Place, top_level
from bot.dialogue.project import LISTEN, REQUESTED
from bot.errors import KnowledgeError
from bot.records import Event, Floor, Turn
from bot.understanding.annotations import Place as Marked
from bot.understanding.annotations import parse_example

_STEPS = "`user`, `action`, `bot`, `slot_was_set` or `active_loop`"
_ANY = object()
"""Of a slot that only has to be set."""

_UNSEEN = frozenset({LISTEN, "action_answer", "action_extract_slots"})
"""What a story need not tell: the shopper's turn, and that the knowledge was asked."""


@dataclass(slots=True)
class Exchange:
    """One message and what has to follow it."""

    place: Place
    text: str
    intent: str | None = None
    entities: tuple[tuple[str, str], ...] = ()
    """Name and text of those that the message marks."""
    actions: list[str] = field(default_factory=list)
    slots: list[tuple[str, Any]] = field(default_factory=list)
    loop: str | None = ""
    """The loop that is open afterwards, None for none, empty where the story does not say."""
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation as it has to go."""

    name: str
    place: Place
    exchanges: tuple[Exchange, ...]


def read_stories(path: Path) -> list[Story]:
    """The stories of a file, or of all the files of a folder whose names begin with ``test_``, as Rasa takes them.

    Raises:
        KnowledgeError: a file cannot be read, or holds what is no test story; names file and line.
    """
    files = sorted([*path.rglob("test_*.yml"), *path.rglob("test_*.yaml")]) if path.is_dir() else [path]
    stories = [story for file in files for story in _read(file)]
    if not stories:
        raise KnowledgeError(f"{path}: holds no test stories (`stories:` with `user:` steps).")
    return stories


def _read(file: Path) -> Iterator[Story]:
    fields = top_level(file)
    for row in fields["stories"].items("a list of stories") if "stories" in fields else ():
        parts = row.fields("a story with `story` and `steps`")
        name = parts["story"].text("the story's name") if "story" in parts else "a story"
        exchanges: list[Exchange] = []
        for step in parts["steps"].items("a list of steps") if "steps" in parts else ():
            _take(step, exchanges)
        if exchanges:
            yield Story(name, row.place, tuple(exchanges))


def _take(step: Node, exchanges: list[Exchange]) -> None:
    keys = step.fields(f"a step: {_STEPS},")
    if "user" in keys:
        marked = keys["user"].text("what the shopper writes").strip()
        text, entities = parse_example(marked, Marked(step.file, step.place.line))
        intent = keys["intent"].text("an intent") if "intent" in keys else None
        told = tuple((entity.name, text[entity.start : entity.end]) for entity in entities)
        exchanges.append(Exchange(step.place, text, intent, told))
        return
    if not keys.keys() & {"action", "bot", "slot_was_set", "active_loop"}:
        raise step.error(f"a step of a test story is {_STEPS}, found {', '.join(f'`{key}`' for key in keys)}.")
    if not exchanges:
        raise step.error("a test story begins with `user:`.")
    last = exchanges[-1]
    if "action" in keys and (action := keys["action"].text("an action")) not in _UNSEEN:
        last.actions.append(action)
    if "bot" in keys:
        last.words.append(keys["bot"].text("words of the reply").strip())
    if "active_loop" in keys:
        last.loop = None if keys["active_loop"].is_empty else keys["active_loop"].text("a loop")
    if "slot_was_set" in keys:
        last.slots += _slots(keys["slot_was_set"])


def _slots(node: Node) -> Iterator[tuple[str, Any]]:
    for row in [node] if node.is_mapping else node.one_or_more("a list of slots"):
        if row.is_mapping:
            yield from ((name, value.plain()) for name, value in row.fields("a slot and its value").items())
        else:
            yield row.text("a slot"), _ANY


def differences(exchange: Exchange, turn: Turn, reply: str) -> list[str]:
    """What a turn has otherwise than the story; nothing where it went as told.

    Slots, requested slot and loop are looked at after the turn. An action counts that is called for a person.
    """
    found = []
    heard = next((event for event in _since_before(turn) if event.kind == "user"), None)
    intent = heard.name if heard else ""
    if exchange.intent is not None and intent != exchange.intent.lstrip("/"):
        found.append(f"intent: {exchange.intent} is told, {intent or 'nothing'} was understood")
    seen = {(entity.name, turn_text(entity, exchange.text)) for entity in turn.trace.entities}
    found += [f"entity: {name} {text!r} was not found" for name, text in exchange.entities if (name, text) not in seen]
    done = actions_of(turn)
    if done != exchange.actions:
        found.append(f"actions: {_listed(exchange.actions)} are told, {_listed(done)} were done")
    if exchange.loop != "" and turn.state.form != exchange.loop:
        found.append(f"loop: {exchange.loop} is told, {turn.state.form} is open")
    found += filter(
        None, (_slot(name, value, turn.state.slots, turn.state.requested) for name, value in exchange.slots)
    )
    found += [f"words: {words!r} is not in the reply" for words in exchange.words if words not in reply]
    return found


def turn_text(entity: Any, text: str) -> str:
    """The words of a message that an entity is."""
    return text[entity.start : entity.end]


def actions_of(turn: Turn) -> list[str]:
    """What the assistant did in a turn, in order; a call for a person last."""
    done = [event.name for event in _since_before(turn) if event.kind == "action" and event.name not in _UNSEEN]
    return [*done, "action_handoff"] if turn.floor is Floor.WAITING else done


def _since_before(turn: Turn) -> Sequence[Event]:
    """What happened in a turn: after the time before that it listened."""
    trail = turn.state.trail
    ends = [at for at, event in enumerate(trail) if event.kind == "action" and event.name == LISTEN]
    return trail[ends[-2] + 1 :] if len(ends) > 1 else trail


def _slot(name: str, told: Any, slots: Mapping[str, Any], requested: str | None) -> str | None:
    value = requested if name == REQUESTED else slots.get(name)
    if told is _ANY:
        return None if value is not None else f"slot: {name} was not set"
    same = value == told or (value is not None and told is not None and str(value) == str(told))
    return None if same else f"slot: {name} is told to be {told!r}, it is {value!r}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
