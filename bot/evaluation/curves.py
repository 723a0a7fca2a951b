"""Draws the curves of a writer's training: loss by step, and what each look at the held-out lessons found."""

import json
from pathlib import Path

import numpy as np

from bot.evaluation.plots import pyplot

_SMOOTH = 20
"""Steps that one point of the loss curve is the mean of."""


def draw_curves(log: Path, path: Path) -> None:
    """Draw ``log``, the JSON lines that training writes.

    Raises:
        SettingError: matplotlib is not installed.
    """
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "loss" in line]
    looks = [line for line in lines if "held_out_loss" in line]
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    at, loss = (np.array([line[name] for line in steps], dtype=float) for name in ("step", "loss"))
    wide = min(_SMOOTH, len(loss))
    left.plot(at, loss, alpha=0.25, color="tab:blue")
    left.plot(at[wide - 1 :], np.convolve(loss, np.ones(wide) / wide, "valid"), color="tab:blue", label="training")
    seen = [line["step"] for line in looks]
    left.plot(seen, [line["held_out_loss"] for line in looks], "o-", color="tab:orange", label="held out")
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    left.legend(fontsize=8)
    for name, label in (("f1", "token F1 of the replies"), ("made_up", "replies with a made-up number")):
        right.plot(seen, [line[name] for line in looks], "o-", label=label)
    right.set(xlabel="step", ylim=(0, 1))
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
