"""The nouns of a Rasa project: what its files say, checked, and frozen."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.dialogue.nodes import Place
from bot.errors import KnowledgeError
from bot.records import Button, State, Utterance

REQUESTED = "requested_slot"
"""Rasa's own slot: what an open form asks for."""

LISTEN = "action_listen"
"""Rasa's name for the shopper's turn."""

_PLACEHOLDER = re.compile(r"\{([^\s{}]+)\}")


@dataclass(frozen=True, slots=True)
class Variation:
    """One wording of a response, with the slot values and the channel under which it may be said."""

    utterance: Utterance
    condition: tuple[tuple[str, Any], ...] = ()
    channel: str | None = None

    def fits(self, slots: Mapping[str, Any]) -> bool:
        """Whether its condition holds; one on a list holds when the slot is in it."""
        return all(slots.get(name) == value for name, value in self.condition)


@dataclass(frozen=True, slots=True)
class Condition:
    """Under which a mapping fills a slot: inside a loop, perhaps only when asked for a certain slot."""

    loop: str | None
    requested: str | None = None


@dataclass(frozen=True, slots=True)
class SlotMapping:
    """One way in which a message fills a slot (https://rasa.com/docs/rasa/domain#slot-mappings)."""

    type: str
    """``from_entity``, ``from_text``, ``from_intent``, ``from_trigger_intent`` or ``custom``."""
    entity: str | None = None
    role: str | None = None
    group: str | None = None
    intents: frozenset[str] = frozenset()
    not_intents: frozenset[str] = frozenset()
    value: Any = None
    conditions: tuple[Condition, ...] = ()
    action: str | None = None
    """Of a ``custom`` mapping: the action that extracts the slot after every message."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What a conversation can know, and how it comes to know it."""

    name: str
    type: str = "any"
    """``text``, ``bool``, ``categorical``, ``float``, ``list`` or ``any``."""
    initial: Any = None
    values: tuple[str, ...] = ()
    """Of a categorical slot."""
    least: float | None = None
    most: float | None = None
    influences: bool = True
    """Whether the dialogue depends on it."""
    mappings: tuple[SlotMapping, ...] = ()

    @property
    def is_forgotten(self) -> bool:
        """Whether a form forgets it once its work is done: it was taken from the shopper's words, and the dialogue does
        not depend on it. What only actions set they know best how long to remember."""
        return not self.influences and any(mapping.type != "custom" for mapping in self.mappings)


@dataclass(frozen=True, slots=True)
class Form:
    """The slots that a form needs, in the order they are asked for."""

    required: tuple[str, ...]
    ignored: frozenset[str] = frozenset()
    """Intents whose messages fill nothing while the form is open."""


@dataclass(frozen=True, slots=True)
class Entity:
    """What the entities of one name may be told apart by."""

    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """What a rule or story says of one message or one action: who did what, and what held after it."""

    kind: str
    """``user``, ``action``, or ``any``: the state that a rule's condition describes, before its first step."""
    name: str = ""
    entities: tuple[tuple[str, Any], ...] = ()
    """That the message must bring; a value of None stands for any."""
    slots: tuple[tuple[str, Any], ...] = ()
    """That must be set; the value `ANYTHING` stands for any but none."""
    loop: str | bool | None = True
    """The loop that is open: its name, None for no loop, True where nothing is said of it."""


ANYTHING = "\0anything"
"""The value of a slot in a story that says only that it is set."""


@dataclass(frozen=True, slots=True)
class Path:
    """A rule, or one of the ways through a story."""

    name: str
    place: Place
    moments: tuple[Moment, ...]
    is_rule: bool
    from_start: bool = False
    """A rule with ``conversation_start``: it holds for a conversation's first message only."""
    waits: bool = True
    """Whether the shopper's turn comes after the last step."""

    def after(self, at: int) -> str | None:
        """The action that follows the first ``at`` moments: `LISTEN` at the end; None where the shopper goes on."""
        if at == len(self.moments):
            return LISTEN if self.waits else None
        return self.moments[at].name if self.moments[at].kind == "action" else None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something in the project that Kefu does not do as Rasa would."""

    place: Place
    what: str
    """What it is, and what happens instead."""

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Domain:
    """Everything that a project's files say about the dialogue."""

    responses: Mapping[str, tuple[Variation, ...]] = field(default_factory=dict)
    intents: frozenset[str] = frozenset()
    """Names that a button's payload may call."""
    entities: Mapping[str, Entity] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)
    forms: Mapping[str, Form] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    """That the action server has."""
    paths: tuple[Path, ...] = ()
    """All rules and stories."""
    session: timedelta = timedelta(hours=1)
    """After so long a silence a new session begins; zero for never."""
    carries_over: bool = True
    """Whether slots outlive a session."""
    unsupported: tuple[Unsupported, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    """The domain as written, merged; an action server is sent it with every call."""
    crossings: Mapping[tuple[str, str], tuple[tuple[Path, int], ...]] = field(init=False, default_factory=dict)
    """Every place in a path from which something follows, by what was done just before: so few have to be looked at."""

    def __post_init__(self) -> None:
        crossings: dict[tuple[str, str], list[tuple[Path, int]]] = {}
        for path in self.paths:
            for at in range(1, len(path.moments) + 1):
                before = path.moments[at - 1]
                if before.kind != "any" and path.after(at) is not None:
                    crossings.setdefault((before.kind, before.name.partition("/")[0]), []).append((path, at))
        object.__setattr__(self, "crossings", {key: tuple(places) for key, places in crossings.items()})

    def open_form(self, state: State) -> Form | None:
        """The form that is open, if one is."""
        return None if state.form is None else self.forms.get(state.form)

    @property
    def initial(self) -> dict[str, Any]:
        """The slots of a new conversation."""
        return {name: slot.initial for name, slot in self.slots.items() if slot.initial is not None}

    def respond(
        self, name: str, language: str, slots: Mapping[str, Any], seed: str, channel: str | None = None
    ) -> Utterance:
        """Word the response ``name``; ``seed`` picks the variation, so a repeated turn says the same.

        As in Rasa, variations for this channel go before those for any, and those whose condition holds before those
        without one. Those of other channels are never said.

        Raises:
            KnowledgeError: the domain has no such response.
        """
        if name not in self.responses:
            raise KnowledgeError(f"domain.yml: no response {name!r}. It has: {', '.join(sorted(self.responses))}.")
        known = {**slots, "language": language}
        variations = [v for v in self.responses[name] if v.channel in (None, channel)] or list(self.responses[name])
        fitting = [v for v in variations if v.condition and v.fits(known)]
        fitting = fitting or [v for v in variations if not v.condition] or variations
        fitting = [v for v in fitting if v.channel is not None] or fitting
        pick = int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=4).digest(), "big")
        return fill_in(fitting[pick % len(fitting)].utterance, known)


def fill_in(utterance: Utterance, slots: Mapping[str, Any]) -> Utterance:
    """Put the values of slots in the place of their ``{names}``; a slot that is not set leaves its name."""

    def filled(value: Any) -> Any:
        match value:
            case str():
                return _PLACEHOLDER.sub(lambda found: _word(slots.get(found[1]), found[0]), value)
            case Mapping():
                return {name: filled(item) for name, item in value.items()}
            case list() | tuple():
                return [filled(item) for item in value]
            case _:
                return value

    return Utterance(
        text=filled(utterance.text),
        buttons=tuple(Button(filled(b.title), _payload(b.payload, slots)) for b in utterance.buttons),
        image=filled(utterance.image),
        custom=filled(utterance.custom),
        attachment=filled(utterance.attachment),
    )


def _payload(payload: str, slots: Mapping[str, Any]) -> str:
    """A payload with values filled in; the braces of its own JSON stay, as no slot is called so."""
    return _PLACEHOLDER.sub(lambda found: _word(slots.get(found[1]), found[0]), payload)


def _word(value: Any, otherwise: str) -> str:
    if value is None:
        return otherwise
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
