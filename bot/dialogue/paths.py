"""Reads rules and stories into the paths that a conversation may take: `or` and checkpoints are unfolded."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.dialogue.foreign import idle_steps
from bot.dialogue.nodes import Node
from bot.dialogue.project import ANYTHING, Moment, Path, Unsupported

MOST_PATHS = 2_000
"""Ways through the stories that are followed: checkpoints and `or` multiply, and nobody writes that many."""

_STEPS = "`intent`, `action`, `slot_was_set`, `active_loop`, `checkpoint` or `or`"
_IN_WORDS = "is told in words (`user:` without `intent`, or `bot:`), which needs a trained policy; it is left out."
_RULE_KEYS = frozenset({"rule", "steps", "condition", "conversation_start", "wait_for_user_input", "metadata"})
_STORY_KEYS = frozenset({"story", "steps", "metadata"})


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A piece of a story between two checkpoints."""

    name: str
    node: Node
    begins: str | None
    steps: tuple[Node, ...]
    ends: str | None


class _EndToEnd(Exception):
    """A story is told in words and not in intents."""

    def __init__(self, node: Node) -> None:
        self.node = node


def read_rules(node: Node, unsupported: list[Unsupported]) -> Iterator[Path]:
    """The rules of a file.

    Raises:
        KnowledgeError: names file, line and what is allowed.
    """
    for row in node.items("a list of rules"):
        fields = row.fields("a rule with `rule` and `steps`")
        name = fields["rule"].text("the rule's name") if "rule" in fields else "a rule"
        for key in sorted(fields.keys() - _RULE_KEYS):
            _note(unsupported, fields[key], f"rule {name!r}: `{key}` has no effect.")
        steps = fields["steps"].items("a list of steps") if "steps" in fields else []
        unsupported += idle_steps(steps)
        begin = _begin(fields["condition"]) if "condition" in fields else ()
        try:
            ways = list(_unfold(steps, begin))
        except _EndToEnd as exc:
            _note(unsupported, exc.node, f"rule {name!r} {_IN_WORDS}")
            continue
        for way in ways:
            if not _leads_somewhere(way):
                _note(
                    unsupported, row, f"rule {name!r} has no message or action that an action follows; it is left out."
                )
                continue
            yield Path(
                name,
                row.place,
                way,
                is_rule=True,
                from_start=_flag(fields, "conversation_start", default=False),
                waits=_flag(fields, "wait_for_user_input", default=True),
            )


def read_stories(nodes: Iterable[Node], unsupported: list[Unsupported]) -> Iterator[Path]:
    """The ways through all the stories of a project: checkpoints lead from one file into another.

    Raises:
        KnowledgeError: names file, line and what is allowed.
    """
    stretches = [stretch for node in nodes for stretch in _stretches(node, unsupported)]
    begins: dict[str, list[_Stretch]] = {}
    for stretch in stretches:
        if stretch.begins is not None:
            begins.setdefault(stretch.begins, []).append(stretch)
    for stretch in stretches:
        if stretch.ends is not None and stretch.ends not in begins:
            what = f"story {stretch.name!r} ends at checkpoint {stretch.ends!r}, where none begins."
            _note(unsupported, stretch.node, what)
    reached = {stretch.ends for stretch in stretches if stretch.ends is not None}
    made = 0
    for stretch in stretches:
        if stretch.begins is not None and stretch.begins in reached:
            continue
        for chain in _chains((stretch,), begins):
            steps = [step for piece in chain for step in piece.steps]
            try:
                for way in _unfold(steps):
                    made += 1
                    if made > MOST_PATHS:
                        what = f"the stories have more than {MOST_PATHS:,} ways; the rest is left out."
                        _note(unsupported, stretch.node, what)
                        return
                    yield Path(chain[0].name, chain[0].node.place, way, is_rule=False)
            except _EndToEnd as exc:
                _note(unsupported, exc.node, f"story {stretch.name!r} {_IN_WORDS}")


def _note(unsupported: list[Unsupported], node: Node, what: str) -> None:
    unsupported.append(Unsupported(node.place, what))


def _flag(fields: Mapping[str, Node], key: str, *, default: bool) -> bool:
    return default if key not in fields else fields[key].plain() is True


def _leads_somewhere(way: tuple[Moment, ...]) -> bool:
    """Whether any step of a path is an action with something before it, by which it is known when to take it."""
    told = [moment for moment in way if moment.kind != "any"]
    return any(moment.kind == "action" for moment in told[1:])


def _begin(condition: Node) -> tuple[Moment, ...]:
    """A rule's condition: what holds before its first step."""
    moment = Moment("any")
    for row in condition.items("a list of `active_loop` and `slot_was_set`"):
        fields = row.fields("`active_loop` or `slot_was_set`")
        for key, value in fields.items():
            if key == "active_loop":
                moment = replace(moment, loop=None if value.is_empty else value.text("a loop"))
            elif key == "slot_was_set":
                moment = replace(moment, slots=(*moment.slots, *_slots(value)))
            else:
                raise value.error(f"`{key}` is no condition of a rule. Conditions are `active_loop`, `slot_was_set`.")
    return (moment,)


def _stretches(node: Node, unsupported: list[Unsupported]) -> Iterator[_Stretch]:
    for row in node.items("a list of stories"):
        fields = row.fields("a story with `story` and `steps`")
        name = fields["story"].text("the story's name") if "story" in fields else "a story"
        for key in sorted(fields.keys() - _STORY_KEYS):
            _note(unsupported, fields[key], f"story {name!r}: `{key}` has no effect.")
        begins: str | None = None
        steps: list[Node] = []
        for step in fields["steps"].items("a list of steps") if "steps" in fields else ():
            mark = step.fields("a step") if step.is_mapping else {}
            if "checkpoint" not in mark:
                unsupported += idle_steps((step,))
                steps.append(step)
                continue
            checkpoint = mark["checkpoint"].text("the name of a checkpoint")
            if steps:
                yield _Stretch(name, row, begins, tuple(steps), checkpoint)
            begins, steps = checkpoint, []
            if "slot_was_set" in mark:
                steps.append(step)
        if steps:
            yield _Stretch(name, row, begins, tuple(steps), None)


def _chains(chain: tuple[_Stretch, ...], begins: Mapping[str, list[_Stretch]]) -> Iterator[tuple[_Stretch, ...]]:
    """Every way on from the end of a chain; none goes through the same stretch twice."""
    following = [s for s in begins.get(chain[-1].ends or "", ()) if s not in chain] if chain[-1].ends else []
    if not following:
        yield chain
    for stretch in following:
        yield from _chains((*chain, stretch), begins)


def _unfold(steps: list[Node], way: tuple[Moment, ...] = ()) -> Iterator[tuple[Moment, ...]]:
    """Steps as moments, once for every alternative."""
    for at, step in enumerate(steps):
        if not step.is_mapping:
            if step.text(f"a step: {_STEPS},").strip() == "...":
                continue
            raise step.error(f"a step is one of {_STEPS}.")
        fields = step.fields("a step")
        if "or" in fields:
            for choice in fields["or"].items("a list of steps"):
                yield from _unfold([choice, *steps[at + 1 :]], way)
            return
        way = _with_step(way, step, fields)
    yield way


def _with_step(way: tuple[Moment, ...], step: Node, fields: Mapping[str, Node]) -> tuple[Moment, ...]:
    loop = way[-1].loop if way else True
    if "intent" in fields:
        entities = tuple(_entities(fields["entities"])) if "entities" in fields else ()
        return (*way, Moment("user", fields["intent"].text("an intent").lstrip("/"), entities, loop=loop))
    if "user" in fields or "bot" in fields:
        raise _EndToEnd(step)
    if "action" in fields:
        name = fields["action"].text("an action")
        return way if name == "action_listen" else (*way, Moment("action", name, loop=loop))
    if not {"slot_was_set", "active_loop", "checkpoint"} & fields.keys():
        raise step.error(f"a step is one of {_STEPS}, found {', '.join(f'`{key}`' for key in fields)}.")
    last = way[-1] if way else Moment("any")
    if "slot_was_set" in fields:
        last = replace(last, slots=(*last.slots, *_slots(fields["slot_was_set"])))
    if "active_loop" in fields:
        name_node = fields["active_loop"]
        last = replace(last, loop=None if name_node.is_empty else name_node.text("a loop"))
    return (*way[:-1], last)


def _slots(node: Node) -> Iterator[tuple[str, Any]]:
    """``- name: value``, or ``- name`` alone for any value but none."""
    for row in [node] if node.is_mapping else node.one_or_more("a list of slots"):
        if row.is_mapping:
            yield from ((name, value.plain()) for name, value in row.fields("a slot and its value").items())
        else:
            yield row.text("a slot"), ANYTHING


def _entities(node: Node) -> Iterator[tuple[str, Any]]:
    """``- name: value``, or ``- name`` alone for any value; roles and groups of a value are no part of it."""
    for row in node.items("a list of entities"):
        if row.is_mapping:
            for name, value in row.fields("an entity and its value").items():
                if name not in ("role", "group", "value"):
                    yield name, value.plain()
        else:
            yield row.text("an entity"), None
