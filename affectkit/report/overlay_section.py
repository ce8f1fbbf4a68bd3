"""The part of a report that shows where in pictures a model looked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from affectkit.callbacks import ResultsWriter
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ShardDataModule
from affectkit.report.figures import OverlayLine, overlay_figure
from affectkit.report.overlays import (
    Covered,
    PictureNetwork,
    PictureRelevance,
    SureRow,
    covered_probabilities,
    picture_networks,
    picture_relevance,
    sure_rows,
)
from affectkit.report.page import Picture, Section, Table
from affectkit.report.robustness import TrainedRun, open_run

HEADING: Final = "Where the model looked"
_ROWS: Final = 3
_KINDS: Final = {True: "right", False: "wrong"}


class _Seen(NamedTuple):
    """One row of the test; relevance for its predicted label and, where it is another, for the true one."""

    row: SureRow
    said: list[PictureRelevance]
    true: list[PictureRelevance]
    covered: Covered


def overlay_section(
    folder: Path, *, root: str | None = None, device: str | torch.device = "cpu"
) -> Section | None:
    """Overlays on the test pictures that a model was surest of, right and wrong.

    Args:
        folder: Run folder.
        root: Data set in place of the one of the training.
        device: Where the model runs.

    Returns:
        None where nothing was tested, the samples have no single label, or no network of the task is known
        to read pictures.

    Raises:
        RobustnessError: If the folder is not that of a trained run.
        ShardError: If a picture cannot be read.
    """
    path = folder / ResultsWriter.PREDICTIONS
    chosen = {right: sure_rows(path, right=right, most=_ROWS) for right in _KINDS}
    if not any(chosen.values()):
        return None
    run = open_run(folder, root=root)
    networks = picture_networks(run.task)
    space = run.task.label_space
    if not networks or space is None or not isinstance(run.data, ShardDataModule):
        return None
    run.task.eval().to(device)
    run.data.setup("test")
    places = _positions(run.data, {row.key for rows in chosen.values() for row in rows})
    pictures, cells = [], []
    methods: set[str] = set()
    for right, rows in chosen.items():
        seen = []
        for row in rows:
            if row.key in places:
                batch = _sample(run, run.data, places[row.key], device)
                seen.append(_see(run, batch, row, list(space.labels), networks))
        drawn = [one for one in seen if one.said]
        if drawn:
            pictures.append(_picture(drawn, _KINDS[right]))
            cells += [_cells(one) for one in drawn]
            methods |= {part.method for one in drawn for part in one.said}
    if not pictures:
        return None
    header = [
        "picture",
        "true",
        "predicted",
        "probability",
        "brightest fifth covered",
        "darkest fifth covered",
    ]
    return Section(HEADING, text=_text(methods), pictures=pictures, tables=[Table(_CHECK, header, cells)])


_CHECK: Final = "Probability of the predicted label when places are covered with the mean colour"


def _text(methods: set[str]) -> str:
    how = " and ".join(sorted(methods))
    return (
        "The test pictures that the model was surest of, and where in them something raised the score of a "
        f"label over that of the others ({how}). An overlay shows which coarse places of a picture the score "
        "would follow, not why, and not what a person would look at; several labels may share a place. Each "
        "panel has a scale of its own, so that panels cannot be compared. The rows were chosen because the "
        "model was sure, and do not stand for the others. Where covering the brightest places changes the "
        "probability no more than covering the darkest, the overlay says little about this model."
    )


def _positions(data: ShardDataModule[object], keys: set[str]) -> dict[str, int]:
    store = data.store("test")
    return {key: place for place in range(len(store)) if (key := store.key(place)) in keys}


def _sample(
    run: TrainedRun, data: ShardDataModule[object], position: int, device: str | torch.device
) -> AffectBatch:
    store = data.store("test")
    sample = data.decoder("test")(store.get(position))
    batch: AffectBatch = data.collate("test")(
        [sample], keys=[store.key(position)], positions=[position], valid=[True]
    )
    moved: AffectBatch = run.data.on_after_batch_transfer(batch.to(device), 0)
    return moved


def _see(
    run: TrainedRun,
    batch: AffectBatch,
    row: SureRow,
    labels: Sequence[str],
    networks: Sequence[PictureNetwork],
) -> _Seen:
    said, true = labels.index(row.said), labels.index(row.true)
    first = picture_relevance(run.task, batch, said, networks=networks)
    second = picture_relevance(run.task, batch, true, networks=networks) if said != true else []
    covered = covered_probabilities(run.task, batch, said, first, networks=networks)
    return _Seen(row, first, second, covered)


def _picture(seen: Sequence[_Seen], kind: str) -> Picture:
    lines: list[OverlayLine] = []
    numbers: list[list[str]] = []
    for one in seen:
        for view, said in enumerate(one.said):
            frame = int(said.relevance.flatten(1).sum(1).argmax())
            panels = [(f"for {one.row.said} ({one.row.probability:.2f})", said)]
            if one.true:
                panels.append((f"for {one.row.true}, the true label", one.true[view]))
            caption = one.row.key if len(one.said) == 1 else f"{one.row.key}, view {view + 1}"
            if len(said.pixels) > 1:
                caption += f", picture {frame + 1} of {len(said.pixels)}"
            heats = [(words, part.relevance[frame].double().numpy()) for words, part in panels]
            pixels = said.pixels[frame].movedim(0, -1).double().numpy()
            lines.append(OverlayLine(_short(caption), pixels, heats))
            for label, (_, heat) in zip((one.row.said, one.row.true), heats):
                numbers += [
                    [
                        one.row.key,
                        str(view + 1),
                        str(frame + 1),
                        label,
                        str(place[0]),
                        str(place[1]),
                        f"{v:.6g}",
                    ]
                    for place, v in np.ndenumerate(heat)
                ]
    moving = any(len(part.pixels) > 1 for one in seen for part in one.said)
    clips = " Of a clip, the one of its pictures with most of it is shown." if moving else ""
    beside = "the predicted and for the true label" if kind == "wrong" else "the predicted label"
    return Picture(
        f"overlays_{kind}",
        overlay_figure(lines, title=f"Surest and {kind}"),
        f"The {len(seen)} test pictures whose {kind} answers were surest; beside each, in a heat from dark "
        f"to bright, the places that spoke for {beside}.{clips}",
        Table(
            "Relevance of places", ["key", "view", "picture", "label", "row", "column", "relevance"], numbers
        ),
    )


def _short(caption: str, most: int = 36) -> str:
    """The end of a long key says more than its beginning."""
    return caption if len(caption) <= most else f"...{caption[3 - most :]}"


def _cells(one: _Seen) -> list[str]:
    whole, *covered = (f"{value:.3f}" for value in one.covered)
    # Without any relevance there is no brightest place to cover.
    told = any(bool(part.relevance.any()) for part in one.said)
    numbers = [whole, *(covered if told else [""] * len(covered))]
    return [one.row.key, one.row.true, one.row.said, *numbers]
