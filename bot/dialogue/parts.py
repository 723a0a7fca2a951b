"""Reads the parts of a domain: responses, slots, forms, intents, entities, actions and the session's settings."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.dialogue.foreign import IDLE
from bot.dialogue.nodes import Node
from bot.dialogue.project import Condition, Entity, Form, Slot, SlotMapping, Unsupported, Variation
from bot.records import Button, Utterance

SLOT_TYPES = frozenset({"text", "bool", "categorical", "float", "list", "any"})

_SLOT_KEYS = frozenset(
    {"type", "mappings", "initial_value", "influence_conversation", "values", "min_value", "max_value"}
)
_VARIATION_KEYS = frozenset({"text", "buttons", "image", "custom", "attachment", "condition", "channel", "id"})
_CONTENT = frozenset({"text", "image", "custom", "attachment"})
_MAPPING_NEEDS: Mapping[str, str | None] = {
    "from_entity": "entity",
    "from_intent": "value",
    "from_trigger_intent": "value",
    "from_text": None,
    "custom": None,
}
"""Kinds of mappings with the key that each cannot do without."""


@dataclass(slots=True)
class Parts:
    """What was read of a domain so far, from all of its files."""

    responses: dict[str, tuple[Variation, ...]] = field(default_factory=dict)
    intents: dict[str, None] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    actions: dict[str, None] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)
    unsupported: list[Unsupported] = field(default_factory=list)
    lines: dict[tuple[str, str], Node] = field(default_factory=dict)
    """Where each part stands."""

    def note(self, node: Node, what: str) -> None:
        """Something is not done as Rasa would."""
        self.unsupported.append(Unsupported(node.place, what))

    def read(self, key: str, node: Node) -> None:
        """Read the value of one key of a domain file.

        Raises:
            KnowledgeError: names file, line, and what is allowed.
        """
        if reader := _READERS.get(key):
            reader(self, node)
        else:
            self.note(node, f"`{key}` is no part of a domain that Kefu knows; it is left out.")

    def keep(self, kind: str, name: str, node: Node) -> bool:
        """Whether ``name`` is new. As in Rasa, of two files the first wins."""
        if first := self.lines.get((kind, name)):
            self.note(node, f"{kind} {name} stands in {first.place} already; this one is left out.")
            return False
        self.lines[kind, name] = node
        return True

    def session_ends(self) -> timedelta:
        """The silence after which a new session begins."""
        minutes = self.session.get("session_expiration_time", 60)
        return timedelta(minutes=minutes) if isinstance(minutes, int | float) else timedelta(hours=1)


# ── Responses ─────────────────────────────────────────────────────────────────────────────────────


def _read_responses(parts: Parts, node: Node) -> None:
    for name, rows in node.fields("a mapping of responses").items():
        if not rows.is_list and not rows.is_empty:
            raise rows.error(f"response {name!r} has to be a list of variations (`- text: …`).")
        if parts.keep("response", name, rows):
            parts.responses[name] = tuple(_variation(parts, name, row) for row in rows.items("a list"))


def _variation(parts: Parts, name: str, row: Node) -> Variation:
    fields = row.fields(f"a variation of {name!r}, such as `- text: …`,")
    if not _CONTENT & fields.keys():
        raise row.error(f"a variation of {name!r} has no `text`, `image`, `custom` or `attachment`.")
    for key in sorted(fields.keys() - _VARIATION_KEYS):
        parts.note(fields[key], f"`{key}` of a response is not sent.")
    image = fields["image"].plain() if "image" in fields else None
    custom = fields["custom"].plain() if "custom" in fields else None
    if not isinstance(image, str | None):
        raise fields["image"].error(f"in {name!r}, `image` has to be a link.")
    if not isinstance(custom, dict | None):
        raise fields["custom"].error(f"in {name!r}, `custom` has to be a mapping.")
    utterance = Utterance(
        text=fields["text"].text("a text") if "text" in fields and not fields["text"].is_empty else "",
        buttons=tuple(_buttons(parts, name, fields)),
        image=image,
        custom=custom,
        attachment=fields["attachment"].plain() if "attachment" in fields else None,
    )
    channel = fields["channel"].text("the name of a channel") if "channel" in fields else None
    return Variation(utterance, tuple(_conditions(parts, name, fields)), channel)


def _buttons(parts: Parts, name: str, fields: Mapping[str, Node]) -> Iterator[Button]:
    for row in fields["buttons"].items(f"a list of the buttons of {name!r}") if "buttons" in fields else ():
        button = row.fields("a button with `title` and `payload`")
        if "title" not in button:
            raise row.error(f"a button of {name!r} has no `title`.")
        for key in sorted(button.keys() - {"title", "payload"}):
            parts.note(button[key], f"`{key}` of a button is not sent.")
        title = button["title"].text("a text")
        yield Button(title, button["payload"].text("a text") if "payload" in button else title)


def _conditions(parts: Parts, name: str, fields: Mapping[str, Node]) -> Iterator[tuple[str, Any]]:
    for row in fields["condition"].items(f"a list of conditions of {name!r}") if "condition" in fields else ():
        condition = row.fields("a condition (`type: slot`, `name`, `value`)")
        kind = condition["type"].plain() if "type" in condition else None
        if kind != "slot" or "name" not in condition or "value" not in condition:
            raise row.error(f"a condition of {name!r} has to have `type: slot`, `name` and `value`.")
        yield condition["name"].text("a slot"), condition["value"].plain()


# ── Slots ─────────────────────────────────────────────────────────────────────────────────────────


def _read_slots(parts: Parts, node: Node) -> None:
    for name, spec in node.fields("a mapping of slots").items():
        if parts.keep("slot", name, spec):
            parts.slots[name] = _slot(parts, name, spec)


def _slot(parts: Parts, name: str, spec: Node) -> Slot:
    fields = spec.fields(f"the type and the mappings of slot {name!r}")
    kind = fields["type"].text("a type") if "type" in fields else "any"
    if kind not in SLOT_TYPES:
        what = (
            f"slot {name}: type {kind!r} is kept as it comes, as `any` is. Types are {', '.join(sorted(SLOT_TYPES))}."
        )
        parts.note(fields["type"], what)
        kind = "any"
    for key in sorted(fields.keys() - _SLOT_KEYS):
        parts.note(fields[key], f"slot {name}: `{key}` has no effect.")
    values = fields["values"].items("a list of values") if "values" in fields else []
    mappings = fields["mappings"].items(f"a list of mappings of slot {name!r}") if "mappings" in fields else []
    return Slot(
        name=name,
        type=kind,
        initial=fields["initial_value"].plain() if "initial_value" in fields else None,
        values=tuple(value.text("a value") for value in values),
        least=_number(fields, "min_value"),
        most=_number(fields, "max_value"),
        influences="influence_conversation" not in fields or fields["influence_conversation"].plain() is True,
        mappings=tuple(_mapping(parts, name, row) for row in mappings),
    )


def _number(fields: Mapping[str, Node], key: str) -> float | None:
    if key not in fields:
        return None
    value = fields[key].plain()
    if not isinstance(value, int | float):
        raise fields[key].error(f"`{key}` has to be a number.")
    return float(value)


def _mapping(parts: Parts, slot: str, row: Node) -> SlotMapping:
    fields = row.fields(f"a mapping of slot {slot!r} with a `type`")
    kind = fields["type"].text("a type") if "type" in fields else ""
    if kind not in _MAPPING_NEEDS:
        raise row.error(f"slot {slot}: mapping type {kind!r} is not known. Types are {', '.join(_MAPPING_NEEDS)}.")
    needed = _MAPPING_NEEDS[kind]
    if needed and needed not in fields:
        if kind != "from_entity":
            raise row.error(f"slot {slot}: a mapping of type {kind} needs `{needed}`.")
        parts.note(row, f"slot {slot}: a mapping without `entity` takes the entity {slot}.")
    known = {"type", "entity", "role", "group", "intent", "not_intent", "value", "conditions", "action"}
    for key in sorted(fields.keys() - known):
        parts.note(fields[key], f"slot {slot}: `{key}` of a mapping has no effect.")
    return SlotMapping(
        type=kind,
        entity=_text(fields, "entity") or (slot if kind == "from_entity" else None),
        role=_text(fields, "role"),
        group=_text(fields, "group"),
        intents=_names(fields, "intent"),
        not_intents=_names(fields, "not_intent"),
        value=fields["value"].plain() if "value" in fields else None,
        conditions=tuple(_mapping_conditions(fields)),
        action=_text(fields, "action"),
    )


def _mapping_conditions(fields: Mapping[str, Node]) -> Iterator[Condition]:
    for row in fields["conditions"].items("a list of conditions") if "conditions" in fields else ():
        condition = row.fields("a condition with `active_loop`")
        if "active_loop" not in condition:
            raise row.error("a condition of a mapping needs `active_loop`, and may have `requested_slot`.")
        yield Condition(_text(condition, "active_loop"), _text(condition, "requested_slot"))


def _text(fields: Mapping[str, Node], key: str) -> str | None:
    return None if key not in fields or fields[key].is_empty else fields[key].text("a name")


def _names(fields: Mapping[str, Node], key: str) -> frozenset[str]:
    rows = fields[key].one_or_more("a name or a list of names") if key in fields else []
    return frozenset(row.text("a name") for row in rows)


# ── Forms, intents, entities, actions, session ────────────────────────────────────────────────────


def _read_forms(parts: Parts, node: Node) -> None:
    for name, spec in node.fields("a mapping of forms").items():
        if not parts.keep("form", name, spec):
            continue
        fields = spec.fields(f"`required_slots` of form {name!r}")
        required = fields.get("required_slots")
        if required is not None and required.is_mapping:
            raise required.error(
                f"form {name}: `required_slots` has to be a list; mappings stand with the slots since Rasa 3."
            )
        for key in sorted(fields.keys() - {"required_slots", "ignored_intents"}):
            raise fields[key].error(
                f"form {name}: `{key}` is not allowed here. Write `required_slots: [{key}]`, and its mappings "
                "with the slots, as since Rasa 3."
            )
        slots = required.items("a list of slots") if required else []
        parts.forms[name] = Form(tuple(slot.text("a slot") for slot in slots), _names(fields, "ignored_intents"))


def _named(node: Node, what: str) -> Iterator[tuple[str, Node]]:
    """Names that Rasa lists bare or as ``name: {settings}``."""
    for row in node.items(f"a list of {what}"):
        if row.is_mapping:
            yield from row.fields(what).items()
        else:
            yield row.text(f"the name of one of the {what}"), row


def _read_intents(parts: Parts, node: Node) -> None:
    for name, spec in _named(node, "intents"):
        parts.intents[name] = None
        if spec.is_mapping:
            for key, value in spec.fields("settings").items():
                if key not in ("use_entities", "ignore_entities", "is_retrieval_intent"):
                    parts.note(value, f"intent {name}: `{key}` has no effect.")


def _read_entities(parts: Parts, node: Node) -> None:
    for name, spec in _named(node, "entities"):
        fields = spec.fields("`roles` and `groups`") if spec.is_mapping else {}
        known = parts.entities.get(name, Entity())
        parts.entities[name] = Entity(known.roles | _names(fields, "roles"), known.groups | _names(fields, "groups"))


def _read_actions(parts: Parts, node: Node) -> None:
    for name, spec in _named(node, "actions"):
        parts.actions[name] = None
        if name in IDLE:
            parts.note(spec, f"{name} does nothing: {IDLE[name]}.")
        if spec.is_mapping:
            parts.note(spec, f"action {name}: its settings have no effect; the domain is sent with every call.")


def _read_session(parts: Parts, node: Node) -> None:
    for key, value in node.fields("a mapping").items():
        if key in ("session_expiration_time", "carry_over_slots_to_new_session"):
            parts.session.setdefault(key, value.plain())
        else:
            parts.note(value, f"session_config: `{key}` has no effect.")


def _read_config(parts: Parts, node: Node) -> None:
    for key, value in node.fields("a mapping").items():
        parts.note(value, f"config: `{key}` has no effect.")


def _read_e2e(parts: Parts, node: Node) -> None:
    parts.note(
        node, "`e2e_actions` are said by trained policies, which Kefu has none of; stories with them are left out."
    )


def _nothing(parts: Parts, node: Node) -> None:
    """Of no meaning to the dialogue."""


_READERS: Mapping[str, Callable[[Parts, Node], None]] = {
    "version": _nothing,
    "responses": _read_responses,
    "templates": _read_responses,
    "slots": _read_slots,
    "forms": _read_forms,
    "intents": _read_intents,
    "entities": _read_entities,
    "actions": _read_actions,
    "session_config": _read_session,
    "config": _read_config,
    "e2e_actions": _read_e2e,
}
