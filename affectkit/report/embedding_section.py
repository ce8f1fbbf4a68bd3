"""The part of a report that maps what a model makes of the test rows, before it answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from affectkit.report.figures import embedding_figure
from affectkit.report.figures.embedding import class_shape, principal_plane
from affectkit.report.page import Picture, Section, Table
from affectkit.report.robustness import TrainedRun, open_run
from affectkit.report.run_batches import run_batches
from affectkit.types import IGNORE_LABEL

#: More points than these hide each other.
_MOST: Final = 3000


class EmbeddedRows(NamedTuple):
    """Embeddings of labelled rows.

    Attributes:
        keys: Key of the sample of each row.
        embedding: (N, D).
        label: (N,), index of the true label.
    """

    keys: list[str]
    embedding: NDArray[np.float64]
    label: NDArray[np.int64]


def embedding_section(
    folder: Path,
    *,
    root: str | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Section | None:
    """Embeddings of the test rows on their principal plane; None where the model gives none.

    Args:
        folder: Run folder.
        root: Data set in place of the one of the training.
        device: Where the model runs.
        progress: Called with (batches done, batches of all); enough rows may come before the last one.

    Raises:
        RobustnessError: If the folder is not that of a trained run.
    """
    run = open_run(folder, root=root)
    rows = embedded_rows(run, device=device, progress=progress)
    if rows is None:
        return None
    space = run.task.label_space
    names = (
        [str(place) for place in range(int(rows.label.max()) + 1)] if space is None else list(space.labels)
    )
    plane = principal_plane(
        rows.embedding / np.linalg.norm(rows.embedding, axis=1, keepdims=True).clip(1e-12)
    )
    points = [
        [key, names[label], *(f"{value:.6f}" for value in point)]
        for key, label, point in zip(rows.keys, rows.label.tolist(), plane.tolist(), strict=True)
    ]
    return Section(
        "Embedding map",
        text=(
            f"What the model makes of {len(rows.keys)} labelled test rows before it answers, at unit length. "
            "A plane keeps little of many dimensions: classes that overlap here may be apart."
        ),
        pictures=[
            Picture(
                "embedding",
                embedding_figure({run.name: rows.embedding}, rows.label, names),
                "Each test row as a point on the two principal directions of the embeddings, coloured by its "
                "true label.",
                Table("Embeddings on the plane", ["key", "label", "first", "second"], points),
            )
        ],
        tables=[_shapes(rows, names)],
    )


def embedded_rows(
    run: TrainedRun,
    *,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> EmbeddedRows | None:
    """Embeddings of the first labelled rows of the test split; None where the model gives fewer than two."""
    keys: list[str] = []
    embeddings: list[NDArray[np.float64]] = []
    labels: list[NDArray[np.int64]] = []
    for batch, output in run_batches(run, "test", device=device, progress=progress):
        target = batch.target.label
        if output.embedding is None or target is None or output.embedding.ndim != target.ndim + 1:
            return None
        known = (target != IGNORE_LABEL) & batch.valid.reshape(-1, *[1] * (target.ndim - 1))
        if batch.target.weight is not None:
            known &= batch.target.weight > 0
        keys += [batch.keys[row] for row in known.nonzero()[:, 0].tolist()]
        embeddings.append(output.embedding[known].double().cpu().numpy())
        labels.append(target[known].cpu().numpy().astype(np.int64))
        if len(keys) >= _MOST:
            break
    if len(keys) < 2:
        return None
    return EmbeddedRows(keys[:_MOST], np.concatenate(embeddings)[:_MOST], np.concatenate(labels)[:_MOST])


def _shapes(rows: EmbeddedRows, names: list[str]) -> Table:
    """How compact each class is in all dimensions, and which other is nearest."""
    shapes = {name: class_shape(rows.embedding, rows.label, place) for place, name in enumerate(names)}
    there = {name: shape for name, shape in shapes.items() if shape is not None}
    cells = []
    for name, shape in there.items():
        apart = {
            other: float(np.linalg.norm(shape.mean - second.mean))
            for other, second in there.items()
            if other != name
        }
        nearest = min(apart, key=lambda other: apart[other]) if apart else ""
        count = int((rows.label == names.index(name)).sum())
        distance = f"{apart[nearest]:.3f}" if nearest else ""
        cells.append([name, str(count), f"{shape.spread:.3f}", nearest, distance])
    header = ["class", "rows", "spread", "nearest class", "distance of the means"]
    return Table("Classes in all dimensions, at unit length", header, cells)
