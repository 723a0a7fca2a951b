"""What of a Rasa project's other files has no effect in Kefu: its configuration, end points, channels and flows."""

from collections.abc import Iterator
from pathlib import Path

from bot.dialogue.nodes import Node, top_level
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


def read_foreign(folder: Path) -> Iterator[Unsupported]:
    """Everything in `config.yml`, `endpoints.yml` and `credentials.yml` of ``folder``, with what happens instead.

    Raises:
        KnowledgeError: one of them is not YAML.
    """
    for name, reader in (("config.yml", _config), ("endpoints.yml", _endpoints), ("credentials.yml", _credentials)):
        if (folder / name).is_file():
            for key, node in top_level(folder / name).items():
                yield from reader(key, node)


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
