"""LoRA adapters of the writer: the one that is shipped, a shop's own, and what is known of how good each is."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.models.packaged import PACKAGED, Weights, writer_weights

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "shipped" / "writer"
CARD = "writer.json"
"""What training wrote beside the adapter: its base model, its data, its figures."""
WEIGHTS = "adapter_model.safetensors"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter on disk, and its card; one that was trained elsewhere has none."""

    folder: Path
    card: dict[str, Any]

    @property
    def served(self) -> bool:
        """Whether its replies were better than quoting: a writer that is worse is not served."""
        return bool(self.card.get("gate", {}).get("passed", True))

    def fingerprint(self) -> str:
        """Twelve hex digits that change with its weights and its configuration."""
        return Weights(self.folder.name, self.folder).fingerprint()


def find_adapter(name: str, model: str) -> Adapter | None:
    """The adapter that the settings name for ``model``: ``packaged``, ``none``, or a folder.

    ``packaged`` belongs to the packaged model alone; another model goes without.

    Raises:
        ModelError: there is none in the folder, it is damaged, or it was trained on another model.
    """
    if name == NONE or (name == PACKAGED and model != PACKAGED):
        return None
    folder = SHIPPED if name == PACKAGED else Path(name).expanduser()
    if not (folder / WEIGHTS).is_file() or not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder}: no adapter there; it needs {WEIGHTS} and adapter_config.json.")
    adapter = Adapter(folder.resolve(), _card(folder))
    base = adapter.card.get("base", {})
    weights = writer_weights(model)
    if base and base["fingerprint"] != weights.fingerprint():
        raise ModelError(
            f"{folder}: this adapter was trained on {base['name']} ({base['fingerprint']}), not on {weights.name} "
            f"({weights.fingerprint()}); set KEFU_WRITER to its model, or KEFU_WRITER_ADAPTER=none."
        )
    return adapter


def is_worth_serving(model: str, adapter: str) -> bool:
    """Whether the writer may speak: not with an adapter whose replies were no better than quoting the passage.

    Raises:
        ModelError: as for ``find_adapter``.
    """
    found = find_adapter(adapter, model)
    if found is None or found.served:
        return True
    gate = found.card["gate"]
    log.warning("The writer is not served: quoting is better.", extra={"adapter": str(found.folder), **gate})
    return False


def _card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as exc:
        raise ModelError(f"{path}: not JSON ({exc}).") from exc
    return card
