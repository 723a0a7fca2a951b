"""Draws how right and how faithful each system was on each set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.evaluation.answer_measures import SYSTEM_NAMES
from bot.evaluation.plots import pyplot

COLOURS: Mapping[str, str] = {"base": "#a3acb9", "tuned": "#7aa6d8", "quoted": "#e0b354", "served": "#1f7a5c"}

_PANELS = (("f1", "words like the right reply (token F1)"), ("supported", "sentences with a source"))
_WIDTH = 0.8
"""Of a set's bars together."""


def plot_answers(sets: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw grouped bars, a group for each set that has the figure.

    Raises:
        SettingError: matplotlib is not installed.
    """
    plt = pyplot()
    figure, panels = plt.subplots(len(_PANELS), 1, figsize=(max(6.4, 1.15 * len(sets)), 6), layout="constrained")
    for axes, (key, title) in zip(panels, _PANELS, strict=True):
        shown = [name for name, own in sets.items() if any(one[key] is not None for one in own["systems"].values())]
        for place, system in enumerate(SYSTEM_NAMES):
            bars = [
                (at, own[key])
                for at, name in enumerate(shown)
                if (own := sets[name]["systems"].get(system)) and own[key] is not None
            ]
            wide = _WIDTH / len(SYSTEM_NAMES)
            drawn = axes.bar(
                [at + (place - (len(SYSTEM_NAMES) - 1) / 2) * wide for at, _ in bars],
                [value for _, value in bars],
                wide * 0.92,
                color=COLOURS[system],
                label=SYSTEM_NAMES[system],
            )
            axes.bar_label(drawn, fmt="%.2f", fontsize=6.5, padding=1, color="#444")
        axes.set_xticks(range(len(shown)), shown, fontsize=9)
        axes.set_ylim(0, 1.08)
        axes.set_title(title, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False)
    figure.savefig(path, dpi=140)
    plt.close(figure)
