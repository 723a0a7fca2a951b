"""Draws how the two probabilities of a search spread over questions that are answered and questions that are not."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bot.evaluation.plots import pyplot


def plot_decisions(decisions: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw a cumulative curve for each group of chances.

    Raises:
        SettingError: matplotlib is not installed.
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, chances in decisions.items():
        axes.plot(np.sort(chances), np.linspace(0, 1, len(chances)), label=f"{name} ({len(chances)})")
    axes.set(xlabel="calibrated probability", ylabel="share of the questions below it", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
