"""Makes once what the models need before they serve: ``python -m bot.models.prepared``, in a process of its own.

The reader and the classifier are exported, and the writer is unpacked and its adapter merged in: half a minute, and
some hundred megabytes of torch that a server then never loads.
"""

from pathlib import Path

from bot.errors import ModelError
from bot.models.causal import is_plain, plain_folder
from bot.models.packaged import PACKAGED
from bot.models.pairs import READER, SUPPORT, can_export, is_exported, open_graph
from bot.settings import Settings, read_settings


def is_stale(settings: Settings) -> bool:
    """Whether there is anything to make, and the packages to make it with.

    Raises:
        ModelError: a model or an adapter is missing or damaged.
    """
    return can_export() and bool(_unexported(settings) or _unmerged(settings))


def make(settings: Settings) -> None:
    """Make what is missing.

    Raises:
        ModelError: something cannot be made.
    """
    for folder in _unexported(settings):
        open_graph(settings, folder)
    if _unmerged(settings):
        plain_folder(settings.writer, settings.data / "models", settings.writer_adapter)


def _unexported(settings: Settings) -> list[Path]:
    return [folder for folder in (READER, SUPPORT) if folder.is_dir() and not is_exported(settings, folder)]


def _unmerged(settings: Settings) -> bool:
    # Another model loads in its own process, and may be away: then passages are quoted.
    if settings.writer_url or settings.writer != PACKAGED:
        return False
    return not is_plain(settings.writer, settings.data / "models", settings.writer_adapter)


if __name__ == "__main__":
    try:
        make(read_settings())
    except ModelError as exc:
        raise SystemExit(str(exc)) from exc
