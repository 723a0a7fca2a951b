"""Draws the plots of `kefu eval`; matplotlib is loaded only when a plot is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.errors import SettingError

_MOST_INTENTS = 40
"""A plot with more rows cannot be read: of larger sets the intents that are confused most are shown."""


def plot_confusions(name: str, truth: npt.NDArray[np.str_], said: npt.NDArray[np.str_], path: Path) -> None:
    """Draw which intents are taken for which: a row is what was meant, a column what was understood.

    Raises:
        SettingError: matplotlib is not installed.
    """
    wrong = truth != said
    involved, times = np.unique(np.concatenate([truth[wrong], said[wrong]]), return_counts=True)
    most = involved[np.argsort(-times, kind="stable")][:_MOST_INTENTS]
    shown = sorted(most) if len(most) else sorted(set(truth))[:_MOST_INTENTS]
    number = {intent: at for at, intent in enumerate(shown)}
    shares = np.zeros((len(shown), len(shown)))
    for meant, understood in zip(truth, said, strict=True):
        if meant in number and understood in number:
            shares[number[meant], number[understood]] += 1
    shares /= np.maximum(np.array([(truth == intent).sum() for intent in shown])[:, None], 1)

    plt = pyplot()
    side = max(5.0, 0.26 * len(shown) + 2.5)
    figure, axes = plt.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(shown)), shown, rotation=90, fontsize=7)
    axes.set_yticks(range(len(shown)), shown, fontsize=7)
    for row, column in zip(*np.nonzero(shares), strict=True):
        if row != column:
            axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=6)
    axes.set(xlabel="understood", ylabel="meant")
    axes.set_title(f"{name}: {100 * (1 - wrong.mean()):.1f} % right; per cent of each row", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_scope(
    name: str, in_scope: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_], threshold: float, path: Path
) -> None:
    """Draw how the probability of being in scope spreads over texts that are and texts that are not.

    Raises:
        SettingError: matplotlib is not installed.
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    bins = np.linspace(0, 1, 41)
    axes.hist(in_scope[inside], bins, alpha=0.6, label="in scope", density=True)
    axes.hist(in_scope[~inside], bins, alpha=0.6, label="out of scope", density=True)
    axes.axvline(threshold, color="black", linewidth=1, linestyle="--")
    axes.set(xlabel="in_scope", ylabel="density")
    axes.set_title(name, fontsize=9)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def pyplot() -> Any:
    """matplotlib's drawing functions, for files only.

    Raises:
        SettingError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as exc:
        raise SettingError("Plots need matplotlib. Install kefu[evaluation].") from exc

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt
