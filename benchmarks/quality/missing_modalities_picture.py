"""The picture of what hiding modalities in training gives, from the figures of missing_modalities.py.

One panel for each fusion: weighted F1 on made-up conversations against the share of utterances that lack a
modality, as the mean over trainings and one standard deviation to each side, without and with hiding; over it
the gain at the largest share.

    python benchmarks/quality/missing_modalities_picture.py missing_modalities.json --out robustness.png
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectkit.report.figures import RobustnessPoint, robustness_figure


def curves(result: Mapping[str, Any]) -> dict[str, dict[str, list[RobustnessPoint]]]:
    """Title of a panel -> how it was trained -> its points, in the order of the rows' shares."""
    rows = sorted(result["rows"], key=lambda row: float(row["missing"]))
    most = rows[-1]["missing"]
    gains = {
        row["system"]: row["value"]
        for row in rows
        if row["metric"] == "gain of hiding" and row["missing"] == most
    }
    found: dict[str, dict[str, list[RobustnessPoint]]] = {}
    for row in rows:
        if row["metric"] != "weighted F1":
            continue
        panel = found.setdefault(f"{row['system']}\n{gains[row['system']]:+.1f} at {most:.0%}", {})
        hidden = f"{row['hidden']:.0%} hidden in training" if row["hidden"] else "nothing hidden in training"
        panel.setdefault(hidden, []).append(RobustnessPoint(row["missing"], row["value"], row["sd"]))
    return dict(sorted(found.items()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read a result and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("result", type=Path, help="JSON file that missing_modalities.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    options = parser.parse_args(arguments)
    result = json.loads(options.result.read_text(encoding="utf-8"))
    figure = robustness_figure(curves(result), score_name="weighted F1")
    for axes in figure.axes:
        axes.set_title(axes.get_title(loc="left"), fontsize=8, loc="left")
        measured = sorted({round(100 * row["missing"]) for row in result["rows"]})
        axes.set_xlim(-2, measured[-1] + 2)
        axes.set_xticks(measured)
    figure.savefig(options.out, dpi=100)


if __name__ == "__main__":
    main()
