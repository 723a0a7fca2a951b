"""Reads a Rasa project as it lies in a folder: domain, rules and stories, split over files as Rasa allows, and checked.

Which file is called what matters as little as in Rasa: what stands in it is known by its keys.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from bot.dialogue.foreign import read_foreign
from bot.dialogue.nodes import Node, top_level
from bot.dialogue.parts import Parts
from bot.dialogue.paths import read_rules, read_stories
from bot.dialogue.project import REQUESTED, Domain, Slot, Unsupported
from bot.dialogue.project import Path as Way
from bot.errors import KnowledgeError

__all__ = ["HANDOFF", "OWN", "OWN_RESPONSES", "Domain", "read_domain"]

OWN_RESPONSES: Mapping[str, str] = {
    "utter_empty": "said to a message without text",
    "utter_file_received": "said to a file or picture, which only a person can look into",
    "utter_too_long": "said to a message that is too long to read",
    "utter_clarify": "said to a word or two that were not understood",
    "utter_which": "said before the intents that a message may mean, to choose from",
    "utter_out_of_scope": "said to what is not about the shop",
    "utter_suggest": "said before questions that come close, when no answer is sure",
    "utter_no_source": "said when the knowledge has no answer",
    "utter_repeat": "said when it has none again",
    "utter_done": "said after an action without words of its own",
    "utter_action_failed": "said when an action cannot be run",
    "utter_ask_for": "said for a slot that the domain has no question for",
    "utter_left": "said when the shopper leaves a form",
    "utter_restart": "said when the shopper wants to start over",
    "utter_default": "said by Rasa's action_default_fallback",
    "utter_ask_rephrase": "said by Rasa's two-stage fallback, to have it in other words",
    "utter_ask_affirmation": "said by Rasa's two-stage fallback, to have the likeliest intent affirmed",
    "utter_sorry": "said to an angry shopper before a person is called",
    "utter_handoff": "said when a person is called while the desk is open",
    "utter_handoff_offline": "said when a person is called while the desk is closed",
    "utter_handoff_again": "said when a person is called who was called before and has not come yet",
}
"""The responses that are said without a rule, and when. A shop words them; what it leaves out is said as in `OWN`."""

OWN = Path(__file__).with_name("responses.yml")
"""Our wording of `OWN_RESPONSES`, so that a Rasa project answers as it is."""

HANDOFF = "action_handoff"
"""The action that a rule names to hand over; it is ours, no action server has it."""

DEFAULT_ACTIONS = frozenset(
    {
        *("action_listen", "action_restart", "action_session_start", "action_default_fallback"),
        *("action_deactivate_loop", "action_revert_fallback_events", "action_default_ask_affirmation"),
        *("action_default_ask_rephrase", "action_two_stage_fallback", "action_back", "action_extract_slots"),
        *("action_deactivate_form", "action_unlikely_intent"),
    }
)
"""Actions that Rasa has of its own; what each does here stands in `steps.py`."""

_DATA_FOLDERS = ("data", "rules", "stories")
_PLAIN_DATA = re.compile(r"^(?:rules|stories|responses|flows)\s*:", re.MULTILINE)


def read_domain(knowledge: Path) -> Domain:
    """Read the project that lies in a knowledge folder.

    The domain is `domain.yml`, a folder `domain/`, or both; rules and stories are any YAML file with these keys beside
    it, or below `data/`, `rules/` or `stories/`.

    Raises:
        KnowledgeError: a file is missing or is not YAML, or a rule names what the domain does not have; names file and
            line.
    """
    parts = Parts()
    source: dict[str, Any] = {}
    for file in _domain_files(knowledge):
        for key, node in top_level(file).items():
            parts.read(key, node)
            _merge(source, key, node.plain())
    rules: list[Node] = []
    stories: list[Node] = []
    for file in _data_files(knowledge):
        for key, node in top_level(file).items():
            match key:
                case "rules":
                    rules.append(node)
                case "stories":
                    stories.append(node)
                case "responses":
                    parts.read(key, node)
                    _merge(source, key, node.plain())
                case "flows":
                    parts.note(node, "`flows` are not run.")
    unsupported = parts.unsupported
    paths = [*chain.from_iterable(read_rules(node, unsupported) for node in rules), *read_stories(stories, unsupported)]
    unsupported += read_foreign(knowledge)
    domain = _assembled(parts, tuple(paths), source)
    _check(domain, parts)
    return domain


def _assembled(parts: Parts, paths: tuple[Way, ...], source: Mapping[str, Any]) -> Domain:
    own = Parts()
    own.read("responses", top_level(OWN)["responses"])
    ruled = {m.name for path in paths if path.is_rule for m in path.moments if m.kind == "user"}
    return Domain(
        responses=own.responses | parts.responses,
        intents=frozenset(parts.intents) | ruled,
        entities=parts.entities,
        slots={REQUESTED: Slot(REQUESTED, "text", influences=False), **parts.slots},
        forms=parts.forms,
        actions=frozenset(filter(_is_remote, parts.actions)) - parts.forms.keys(),
        paths=paths,
        session=parts.session_ends(),
        carries_over=parts.session.get("carry_over_slots_to_new_session") is not False,
        unsupported=tuple(parts.unsupported),
        source=source,
    )


_OVERRIDABLE = frozenset({"action_session_start", "action_default_fallback", "action_default_ask_affirmation"})
"""Of Rasa's own actions, those that an action server may have in their place."""


def _is_remote(action: str) -> bool:
    """Whether an action that a domain lists is the action server's: responses and Rasa's own may stand there, too."""
    return not action.startswith("utter_") and (action in _OVERRIDABLE or action not in DEFAULT_ACTIONS | {HANDOFF})


def _domain_files(knowledge: Path) -> list[Path]:
    single = [knowledge / name for name in ("domain.yml", "domain.yaml") if (knowledge / name).is_file()]
    files = single + _yaml_below(knowledge / "domain")
    return files or [knowledge / "domain.yml"]  # Reading it names what is missing.


def _data_files(knowledge: Path) -> Iterator[Path]:
    """Files with rules or stories: those beside the domain that have such a key, and Rasa's folders of data."""
    for file in sorted(knowledge.glob("*.y*ml")):
        if file.suffix not in (".yml", ".yaml") or file.stem in ("domain", "config", "endpoints", "credentials"):
            continue
        if file.stem in ("rules", "stories") or _PLAIN_DATA.search(file.read_text("utf-8", errors="replace")):
            yield file
    for folder in _DATA_FOLDERS:
        for file in _yaml_below(knowledge / folder):
            if _PLAIN_DATA.search(file.read_text("utf-8", errors="replace")):
                yield file


def _yaml_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml") and path.is_file())


def _merge(whole: dict[str, Any], key: str, value: Any) -> None:
    """Add a file's part of the domain to what an action server is sent: lists are joined, of keys the first wins."""
    known = whole.setdefault(key, value)
    if known is value:
        return
    if isinstance(known, dict) and isinstance(value, dict):
        whole[key] = {**value, **known}
    elif isinstance(known, list) and isinstance(value, list):
        whole[key] = known + [item for item in value if item not in known]


# ── What has to fit together ──────────────────────────────────────────────────────────────────────


def _check(domain: Domain, parts: Parts) -> None:
    for form, spec in domain.forms.items():
        for slot in spec.required:
            if slot not in domain.slots:
                raise parts.lines["form", form].error(f"form {form} needs {slot}, which is no slot of the domain.")
    for path in domain.paths:
        for moment in path.moments:
            if moment.kind == "action":
                _check_action(domain, path, moment.name)
            if isinstance(moment.loop, str) and moment.loop not in domain.forms and moment.loop not in DEFAULT_ACTIONS:
                raise KnowledgeError(f"{path.place}: {path.name!r} leads to {moment.loop}, which is no form.")


def _check_action(domain: Domain, path: Way, action: str) -> None:
    if action.startswith("utter_"):
        retrieved = any(response.startswith(f"{action}/") for response in domain.responses)
        if action not in domain.responses and not retrieved:
            raise KnowledgeError(f"{path.place}: {path.name!r} leads to {action}, which is no response.")
    elif action not in domain.forms and action not in DEFAULT_ACTIONS | domain.actions | {HANDOFF}:
        raise KnowledgeError(
            f"{path.place}: {path.name!r} leads to {action}, which is no action, form or response of the domain. "
            "List it under `actions`."
        )


def questions(domain: Domain, form: str, slot: str) -> str | None:
    """What asks for a slot of a form, in the order that Rasa looks; None where the domain has nothing."""
    names = (f"action_ask_{form}_{slot}", f"utter_ask_{form}_{slot}", f"action_ask_{slot}", f"utter_ask_{slot}")
    return next((name for name in names if name in domain.actions or name in domain.responses), None)


def remarks(domain: Domain) -> Iterator[str]:
    """What a project may have meant otherwise; for `kefu doctor`."""
    for form, spec in domain.forms.items():
        for slot in spec.required:
            if questions(domain, form, slot) is None:
                yield f"form {form}: nothing asks for {slot}; add utter_ask_{slot}, or it is asked for by its name"
        forgotten = [slot for slot in spec.required if domain.slots[slot].is_forgotten]
        if forgotten:
            yield (
                f"form {form}: {', '.join(forgotten)} are forgotten once the form has done its work, as they have "
                "`influence_conversation: false`"
            )
        if not any(m.kind == "action" and m.name == form for path in domain.paths for m in path.moments):
            yield f"form {form}: no rule or story opens it"


def unsupported(domain: Domain) -> tuple[Unsupported, ...]:
    """Everything that is not done as Rasa would, in the order of files and lines."""
    return tuple(sorted(domain.unsupported, key=lambda found: (str(found.place.file), found.place.line)))
