"""The shop's dialogue as it wrote it: `domain.yml` and `rules.yml` in Rasa's format, read once and checked."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from bot.errors import KnowledgeError
from bot.records import Button, Utterance

OWN_RESPONSES: Mapping[str, str] = {
    "utter_empty": "said to a message without text",
    "utter_file_received": "said to a file or picture, which only a person can look into",
    "utter_too_long": "said to a message that is too long to read",
    "utter_clarify": "said to a word or two that were not understood",
    "utter_out_of_scope": "said to what is not about the shop",
    "utter_suggest": "said before questions that come close, when no answer is sure",
    "utter_no_source": "said when the knowledge has no answer",
    "utter_repeat": "said when it has none again",
    "utter_done": "said after an action without words of its own",
    "utter_action_failed": "said when an action cannot be run",
    "utter_sorry": "said to an angry shopper before a person is called",
    "utter_handoff": "said when a person is called while the desk is open",
    "utter_handoff_offline": "said when a person is called while the desk is closed",
    "utter_handoff_again": "said when a person is called who was called before and has not come yet",
}
"""The responses that are said without a rule, and when. A shop words them; what it leaves out is said as in `OWN`."""

OWN = Path(__file__).with_name("responses.yml")
"""Our wording of `OWN_RESPONSES`, so that a Rasa project answers as it is."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Variation:
    """One wording of a response, with the slot values under which it may be said."""

    utterance: Utterance
    condition: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """What an intent leads to at once: a response, an action, or a form and the action that ends it."""

    response: str | None = None
    action: str | None = None
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """Responses, forms and rules of the shop."""

    responses: Mapping[str, tuple[Variation, ...]]
    forms: Mapping[str, tuple[str, ...]]
    """The slots that each form needs, in the order they are asked for."""
    submits: Mapping[str, str]
    """The action that runs when a form is complete."""
    slots: Mapping[str, str]
    """The entity that fills each slot."""
    rules: Mapping[str, Rule]
    """By intent."""
    intents: frozenset[str] = frozenset()
    """Names that a button's payload may call."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """The domain as written; an action server is sent it with every call."""

    def respond(self, name: str, language: str, slots: Mapping[str, str], seed: str) -> Utterance:
        """Word the response ``name``; ``seed`` picks the variation, so a repeated turn says the same.

        As in Rasa, variations whose condition holds go before those without one.

        Raises:
            KnowledgeError: the domain has no such response.
        """
        if name not in self.responses:
            raise KnowledgeError(f"domain.yml: no response {name!r}. It has: {', '.join(sorted(self.responses))}.")
        known = {**slots, "language": language}
        variations = self.responses[name]
        fitting = [v for v in variations if v.condition and v.condition.items() <= known.items()]
        fitting = fitting or [v for v in variations if not v.condition] or list(variations)
        pick = int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=4).digest(), "big")
        return _fill(fitting[pick % len(fitting)].utterance, known)


def _fill(utterance: Utterance, slots: Mapping[str, str]) -> Utterance:
    text = _PLACEHOLDER.sub(lambda match: slots.get(match[1], match[0]), utterance.text)
    return Utterance(text, utterance.buttons, utterance.image, utterance.custom)


def read_domain(knowledge: Path) -> Domain:
    """Read `domain.yml` and `rules.yml` of a knowledge folder.

    Raises:
        KnowledgeError: a file is missing, is not YAML, or a rule names what the domain does not have.
    """
    source = _read(knowledge / "domain.yml")
    rules, submits = _read_rules(_read(knowledge / "rules.yml"))
    domain = Domain(
        responses=_responses(_read(OWN)) | _responses(source),
        forms={
            name: tuple((form or {}).get("required_slots") or ()) for name, form in (source.get("forms") or {}).items()
        },
        submits=submits,
        slots=dict(_slot_entities(source.get("slots") or {})),
        rules=rules,
        intents=frozenset(_intents(source.get("intents") or ())) | rules.keys(),
        source=source,
    )
    _check(domain, knowledge)
    return domain


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    except OSError as exc:
        raise KnowledgeError(f"{path}: cannot be read ({exc.strerror}).") from exc
    except yaml.YAMLError as exc:
        raise KnowledgeError(f"{path}: not valid YAML: {exc}") from exc
    if not isinstance(content, dict):
        raise KnowledgeError(f"{path}: has to be a mapping with the keys of a Rasa file, such as `responses:`.")
    return cast(dict[str, Any], content)


def _responses(source: Mapping[str, Any]) -> dict[str, tuple[Variation, ...]]:
    return {name: tuple(_variations(name, rows)) for name, rows in (source.get("responses") or {}).items()}


def _intents(listed: Iterable[Any]) -> Iterator[str]:
    """Names of intents, which Rasa lists bare or as ``name: {use_entities: …}``."""
    for intent in listed:
        yield from map(str, intent) if isinstance(intent, dict) else (str(intent),)


def _variations(name: str, rows: Any) -> Iterator[Variation]:
    if not isinstance(rows, list):
        raise KnowledgeError(f"domain.yml: response {name!r} has to be a list of variations (`- text: …`).")
    for row in rows:
        if not isinstance(row, dict) or not {"text", "image", "custom"} & row.keys():
            raise KnowledgeError(f"domain.yml: a variation of {name!r} has no `text`, `image` or `custom`: {row!r}.")
        if not isinstance(row.get("image"), str | None) or not isinstance(row.get("custom"), dict | None):
            raise KnowledgeError(f"domain.yml: in {name!r}, `image` has to be a link and `custom` a mapping: {row!r}.")
        buttons = tuple(Button(str(b["title"]), str(b.get("payload", b["title"]))) for b in row.get("buttons") or ())
        condition = {str(c["name"]): str(c["value"]) for c in row.get("condition") or () if c.get("type") == "slot"}
        utterance = Utterance(str(row.get("text") or ""), buttons, row.get("image"), row.get("custom"))
        yield Variation(utterance, condition)


def _slot_entities(slots: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for slot, spec in slots.items():
        for mapping in (spec or {}).get("mappings") or ():
            if mapping.get("type") == "from_entity":
                yield slot, str(mapping.get("entity", slot))


def _read_rules(source: Mapping[str, Any]) -> tuple[dict[str, Rule], dict[str, str]]:
    """Split Rasa's rules into what an intent leads to, and what follows a completed form."""
    rules: dict[str, Rule] = {}
    submits: dict[str, str] = {}
    for row in source.get("rules") or ():
        steps = row.get("steps") or []
        intents = [step["intent"] for step in steps if "intent" in step]
        loops = [step["active_loop"] for step in steps if "active_loop" in step]
        actions = [step["action"] for step in steps if "action" in step]
        if intents and loops and loops[0]:
            rules[intents[0]] = Rule(form=loops[0])
        elif intents and actions:
            name = actions[0]
            rules[intents[0]] = Rule(response=name) if name.startswith("utter_") else Rule(action=name)
        elif loops and loops[-1] is None and actions:
            form = next((a["active_loop"] for a in row.get("condition") or () if a.get("active_loop")), None)
            submits[form or actions[0]] = actions[-1]
    return rules, submits


def _check(domain: Domain, knowledge: Path) -> None:
    for intent, rule in domain.rules.items():
        if rule.response and rule.response not in domain.responses:
            raise KnowledgeError(f"{knowledge / 'rules.yml'}: {intent} leads to {rule.response}, which is no response.")
        if rule.form and rule.form not in domain.forms:
            raise KnowledgeError(f"{knowledge / 'rules.yml'}: {intent} leads to {rule.form}, which is no form.")
    for form, slots in domain.forms.items():
        if form not in domain.submits:
            raise KnowledgeError(f"{knowledge / 'rules.yml'}: no rule says what follows when {form} is complete.")
        for slot in slots:
            if f"utter_ask_{slot}" not in domain.responses:
                raise KnowledgeError(f"{knowledge / 'domain.yml'}: {form} needs {slot}; add utter_ask_{slot}.")
