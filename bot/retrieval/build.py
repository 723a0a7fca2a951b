"""Building an index: read, encode what is new, calibrate, write aside, and swap it in whole."""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import KnowledgeError
from bot.models.encoder import Encoders
from bot.retrieval import sources
from bot.retrieval.assemble import assemble, encoders_of
from bot.retrieval.index import FORMAT, read_meta, write_index
from bot.retrieval.problems import Problem
from bot.retrieval.vectors import Progress, Vectors
from bot.settings import Settings

_KEPT = 2
"""Versions on disk: the current one, and the one that a server may still be searching."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What building an index did."""

    passages: int
    encoded: int
    """Texts that an encoder read."""
    reused: int
    """Vectors taken over from the versions before; 0 too where nothing had changed at all."""
    problems: tuple[Problem, ...]
    """What of the knowledge was left out, and why."""
    seconds: float
    version: str


def index_folder(settings: Settings) -> Path:
    """Where the versions lie."""
    return settings.data / "index"


def current_version(settings: Settings) -> Path | None:
    """The folder of the version that is searched now, or None before the first."""
    try:
        name = (index_folder(settings) / "current").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    return index_folder(settings) / name


def is_stale(settings: Settings) -> bool:
    """Whether the sources, the encoder setting or the index format changed since the index was built."""
    folder = current_version(settings)
    if folder is None:
        return True
    try:
        meta = read_meta(folder)
    except KnowledgeError:
        return True
    return meta.knowledge != sources.digest(settings.knowledge) or meta.encoder != settings.encoder


def build_index(settings: Settings, encoders: Encoders, *, report: Progress | None = None) -> IndexReport:
    """Build the index of ``settings.knowledge`` and make it the current one.

    Blocks while it encodes. A version that is being searched stays as it is; a crash leaves the current one current.

    Raises:
        KnowledgeError: the folder is missing, or nothing in it can be read.
        ModelError: an encoder cannot be opened.
    """
    begin = time.monotonic()
    knowledge = sources.read_knowledge(settings.knowledge)
    if not knowledge.passages and not sources.is_rasa_project(settings.knowledge):
        told = "; ".join(map(str, knowledge.problems[:3])) or "it holds no sources"
        raise KnowledgeError(f"{settings.knowledge}: nothing here can be answered from: {told}.")
    home = index_folder(settings)
    home.mkdir(parents=True, exist_ok=True)
    names = [encoder.name for encoder in encoders_of(knowledge.passages, encoders)]
    version = _fingerprint(knowledge.digest, names)
    vectors = Vectors(_versions(home), report)
    if not (home / version).is_dir():
        aside = home / f".building-{version}-{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            made = assemble(knowledge.passages, encoders, vectors, version, aside)
            meta = {"knowledge": knowledge.digest, "encoder": settings.encoder}
            write_index(made.index, made.proper, vectors, meta, aside)
            os.replace(aside, home / version)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    _point(home, version)
    _forget(home, version)
    return IndexReport(
        passages=len(knowledge.passages),
        encoded=vectors.encoded,
        reused=vectors.reused,
        problems=knowledge.problems,
        seconds=time.monotonic() - begin,
        version=version,
    )


def _fingerprint(knowledge: str, encoders: Sequence[str]) -> str:
    told = "\0".join([str(FORMAT), knowledge, *encoders])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _versions(home: Path) -> list[Path]:
    """Finished versions, the oldest first, so that the newest has the last word."""
    found = [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def _point(home: Path, version: str) -> None:
    """Make a version the current one, in one step: a reader sees the old name or the new, and never half of one."""
    pointer = home / f".current-{os.getpid()}"
    with pointer.open("w", encoding="ascii") as file:
        file.write(version)
        file.flush()
        os.fsync(file.fileno())
    os.replace(pointer, home / "current")


def _forget(home: Path, version: str) -> None:
    """Delete versions that nobody searches any more; a server's memory maps outlive the files' names."""
    old = [path for path in _versions(home) if path.name != version]
    for path in old[: -(_KEPT - 1)]:
        shutil.rmtree(path, ignore_errors=True)
