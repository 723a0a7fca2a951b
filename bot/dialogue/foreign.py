"""What of a Rasa project has no effect in Kefu: in its configuration, end points and channels, and what its actions and
rules take back, undo or put off."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bot.dialogue.nodes import Node, Place, top_level
from bot.dialogue.project import Unsupported

_POLICIES = {
    "RulePolicy": "rules are followed as written",
    "MemoizationPolicy": "stories are followed exactly, with no `max_history`",
    "AugmentedMemoizationPolicy": "stories are followed exactly, with no `max_history`",
}
"""Policies whose work is done here all the same, and how."""

_ENDPOINTS = {
    "action_endpoint": "set KEFU_ACTIONS_URL to its address",
    "nlg": "responses are worded from the domain",
    "tracker_store": "conversations are kept in Redis (KEFU_REDIS_URL)",
    "lock_store": "conversations are locked in Redis (KEFU_REDIS_URL)",
    "event_broker": "no events are published",
    "models": "no model server is asked",
    "model": "no model server is asked",
}

IDLE: Mapping[str, str] = {
    "action_back": "what was said is not taken back",
    "action_revert_fallback_events": "a fallback leaves nothing behind that would have to be taken back",
    "action_unlikely_intent": "no trained policy predicts it, so nothing leads to what follows it",
    "action_extract_slots": "slots are filled from each message before rules and stories are followed",
}
"""Actions of Rasa's own that do nothing here, and what that means."""

_EVENTS: Mapping[str, str] = {
    "ReminderScheduled": "no reminder comes; what keeps the time can call `/trigger_intent` of the HTTP API",
    "ReminderCancelled": "no reminder comes that could be cancelled",
    "UserUtteranceReverted": "what was said is not taken back",
    "ActionReverted": "what was done is not taken back",
    "StoryExported": "no stories are written",
}
"""Events of rasa-sdk that an action may return and that have no effect (`action_server.py` notes each in the trace)."""

_RETURNED = re.compile(rf"\b({'|'.join(_EVENTS)})\s*\(")


def idle_steps(steps: Iterable[Node]) -> Iterator[Unsupported]:
    """The steps of a rule or story that name an action which does nothing here."""
    for step in steps:
        named = step.fields("a step").get("action") if step.is_mapping else None
        if named is not None and (idle := IDLE.get(named.text("an action"))):
            yield Unsupported(named.place, f"{named.text('an action')} does nothing: {idle}.")


def read_foreign(folder: Path) -> Iterator[Unsupported]:
    """Everything in `config.yml`, `endpoints.yml` and `credentials.yml` of ``folder``, and of the events in the Python
    files of its actions, that has no effect, with what happens instead.

    Raises:
        KnowledgeError: one of them is not YAML.
    """
    for name, reader in (("config.yml", _config), ("endpoints.yml", _endpoints), ("credentials.yml", _credentials)):
        if (folder / name).is_file():
            for key, node in top_level(folder / name).items():
                yield from reader(key, node)
    for file in sorted((*folder.glob("actions.py"), *folder.glob("actions/**/*.py"))):
        yield from _returned(file)


def _returned(file: Path) -> Iterator[Unsupported]:
    """Lines of an action's source that make an event without effect; read as text, never run."""
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        for event in _RETURNED.findall(line.partition("#")[0]):
            yield Unsupported(Place(file, number), f"the event {event} has no effect: {_EVENTS[event]}.")


def _config(key: str, node: Node) -> Iterator[Unsupported]:
    match key:
        case "policies":
            for row, policy in _names(node):
                instead = _POLICIES.get(
                    policy, "nothing is trained: what no rule or story covers is left to the knowledge"
                )
                yield Unsupported(row.place, f"policy {policy}: {instead}.")
        case "pipeline":
            for row, component in _names(node):
                yield Unsupported(row.place, f"component {component}: Kefu's own recognizer reads the training data.")
        case "language":
            yield Unsupported(node.place, "`language`: each message's own language is detected.")
        case "version" | "recipe" | "assistant_id":
            pass
        case _:
            yield Unsupported(node.place, f"`{key}` has no effect.")


def _endpoints(key: str, node: Node) -> Iterator[Unsupported]:
    if not node.is_empty and key != "version":
        yield Unsupported(node.place, f"`{key}`: {_ENDPOINTS.get(key, 'it has no effect')}.")


def _credentials(key: str, node: Node) -> Iterator[Unsupported]:
    if key not in ("rest", "version"):
        yield Unsupported(node.place, f"channel `{key}`: Kefu's channels are set in kefu.toml.")


def _names(node: Node) -> Iterator[tuple[Node, str]]:
    """The rows of a list of components, each with its name."""
    for row in node.items("a list of components with `name`"):
        fields = row.fields("a component with `name`") if row.is_mapping else {}
        yield row, fields["name"].text("a name") if "name" in fields else "without a name"
