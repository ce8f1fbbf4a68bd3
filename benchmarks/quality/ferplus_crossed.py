"""Students of FER+ met with faces that are labelled in another label space, FER2013's own seven."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from ferplus_student import SPACE
from torch import Tensor

from affectkit.labels import label_space
from affectkit.metrics import label_scope_metrics, tell_present

#: The seven labels of FER2013, in its own order; it has no contempt.
OTHER: Final = label_space("fer7.official")
SCOPES: Final[Mapping[str, Mapping[str, str]]] = {
    "all-class": {"accuracy": "accuracy", "macro F1": "macro_f1_all", "balanced accuracy": "uar_all"},
    "present-only": {
        "accuracy": "present_only_accuracy",
        "macro F1": "present_only_macro_f1",
        "balanced accuracy": "present_only_uar",
    },
}
CROSSED_NOTE: Final = (
    "No other set of faces was at hand: these are the faces of FER+'s own valid file under FER2013's seven "
    "labels, in that order, mapped back to the student's eight by name. Faces of contempt, which FER2013 has "
    "no label for, are left out. This shows what another label space does to the figures, not how a student "
    "meets other pictures."
)


def other_labels(label: Tensor) -> Tensor:
    """Labels of FER+ as FER2013 has them, -100 for contempt."""
    return torch.tensor(SPACE.map_to(OTHER, drop=["contempt"])(label.tolist()))


def crossed_scores(logits: Tensor, theirs: Tensor) -> dict[str, dict[str, float]]:
    """All-class and present-only scores of a student of eight labels, in percent.

    Args:
        logits: (N, 8) of the student.
        theirs: (N,) labels in FER2013's order, -100 where there is none.
    """
    label = torch.tensor(OTHER.map_to(SPACE)(theirs.tolist()))
    metrics = label_scope_metrics(len(SPACE))
    tell_present(metrics, label[label >= 0].bincount(minlength=len(SPACE)))
    metrics.update(logits, label)
    values = metrics.compute()
    return {
        scope: {name: 100 * float(values[key]) for name, key in keys.items()}
        for scope, keys in SCOPES.items()
    }


def crossed_rows(system: str, cells: Sequence[Mapping[str, Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Mean and spread over seeds of one system, for each scope and score."""
    found: list[dict[str, Any]] = []
    for scope, keys in SCOPES.items():
        for name in keys:
            values = [cell[scope][name] for cell in cells]
            found.append(
                {
                    "system": system,
                    "metric": name,
                    "labels": OTHER.name,
                    "scope": scope,
                    "value": round(statistics.mean(values), 2),
                    "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
                    "n": len(values),
                    "values": [round(value, 2) for value in values],
                }
            )
    return found


def crossed_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system, both scopes of a score side by side, in Markdown."""
    columns = [(scope, name) for name in SCOPES["all-class"] for scope in SCOPES]
    heads = [f"{name}, {scope}" for scope, name in columns]
    lines = [f"| system | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    mine = {(row["system"], row["scope"], row["metric"]): row for row in rows if "scope" in row}
    for system in dict.fromkeys(system for system, _, _ in mine):
        shown = (mine[system, scope, name] for scope, name in columns)
        cells = [
            f"{row['value']:.1f}" + ("" if row["sd"] is None else f" ± {row['sd']:.1f}") for row in shown
        ]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", CROSSED_NOTE])
