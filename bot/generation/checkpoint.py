"""Checkpoints of a training: kept whole or not at all, and read without running any code."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

_PREFIX = "checkpoint-"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training as it stood after a step."""

    run: str
    """Names model, examples and recipe: no other training goes on from here."""
    step: int
    looks: Sequence[dict[str, float]]
    tensors: Mapping[str, torch.Tensor]


def keep_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Keep it in ``folder`` in place of those before it, which go when it is there."""
    work = folder / f".{_PREFIX}new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    save_file(dict(checkpoint.tensors), work / "state.safetensors")
    told = {"run": checkpoint.run, "step": checkpoint.step, "looks": list(checkpoint.looks)}
    (work / "state.json").write_text(json.dumps(told), encoding="utf-8")
    kept = folder / f"{_PREFIX}{checkpoint.step}"
    shutil.rmtree(kept, ignore_errors=True)
    work.rename(kept)
    for other in _kept(folder):
        if other != kept:
            shutil.rmtree(other)


def last_checkpoint(folder: Path, run: str) -> Checkpoint | None:
    """The last one of the training named ``run``; None where there is none, and where it is damaged."""
    found = [checkpoint for path in _kept(folder) if (checkpoint := _read(path)) and checkpoint.run == run]
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def forget_checkpoints(folder: Path) -> None:
    """Take all of them out of ``folder``."""
    for path in _kept(folder):
        shutil.rmtree(path)


def _kept(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"{_PREFIX}*") if path.is_dir()]


def _read(path: Path) -> Checkpoint | None:
    try:
        told = json.loads((path / "state.json").read_text(encoding="utf-8"))
        tensors = load_file(path / "state.safetensors")
        return Checkpoint(told["run"], int(told["step"]), told["looks"], tensors)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None
