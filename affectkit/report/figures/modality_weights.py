"""Which modality a fusion listens to, turn by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from affectkit.report.figures.style import PALETTE, figure_style

#: Fillings that tell modalities apart without colour.
_HATCHES = ("", "//", "..", "xx", "\\\\")
#: Dark enough for text, and none of the fillings.
_MARK = "#b00020"


def modality_weights_figure(
    shares: Mapping[str, Sequence[float]],
    *,
    turns: Sequence[str],
    marked: Sequence[int] = (),
    title: str = "Share of each modality",
) -> Figure:
    """Draw the share of each modality in each utterance of a dialogue, stacked.

    Args:
        shares: Shares by modality, e.g. ``fusion.gates(...)`` or ``fusion.weights(...)`` of one dialogue:
            not negative, 0 where the modality is absent.
        turns: What stands under each utterance, e.g. speaker and emotion.
        marked: Places of utterances whose text is coloured, e.g. where the prediction is wrong.
        title: Heading of the figure.

    Raises:
        ValueError: If there is not one share for each utterance, or one is negative.
    """
    values = {name: np.asarray(list(share), dtype=np.float64) for name, share in shares.items()}
    for name, value in values.items():
        if value.shape != (len(turns),) or (value < 0).any():
            raise ValueError(
                f"The shares of {name!r} are {value.shape[0]} numbers from {value.min(initial=0.0):.2f} on "
                f"for {len(turns)} turns: give one for each, none below 0 (weights that are not normalised "
                "cannot be stacked)."
            )
    places = np.arange(len(turns))
    with figure_style():
        upright = len(turns) > 6
        longest = max((len(line) for turn in turns for line in turn.split("\n")), default=0)
        # Text that stands upright takes height from the bars.
        height = 2.6 + (0.075 * longest if upright else 0.4)
        figure = Figure(figsize=(1.6 + 0.55 * max(len(turns), 4), height), layout="constrained")
        axes = figure.add_subplot()
        floor = np.zeros(len(turns))
        for number, (name, value) in enumerate(sorted(values.items())):
            axes.bar(
                places,
                value,
                bottom=floor,
                color=PALETTE[number % len(PALETTE)],
                hatch=_HATCHES[number % len(_HATCHES)],
                edgecolor="white",
                width=0.85,
                label=name,
            )
            floor = floor + value
        axes.set_xticks(places, list(turns), rotation=90 if upright else 0, fontsize=8)
        for place in marked:
            axes.get_xticklabels()[place].set_color(_MARK)
        axes.set(ylabel="share", ylim=(0, 1.02 * max(1.0, floor.max(initial=0.0))))
        # Above the legend, which a long heading would meet.
        axes.set_title(title, pad=22)
        axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(values))
    return figure
