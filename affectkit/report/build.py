"""From a run folder to figures and one page."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectkit import __version__
from affectkit.data.shards import Manifest, ShardError, read_manifest
from affectkit.labels import AffectScale, affect_scales
from affectkit.report.calibration_section import calibration_section
from affectkit.report.circumplex_section import circumplex_section
from affectkit.report.figures import (
    class_scores,
    confusion_figure,
    curriculum_figure,
    learning_curves_figure,
    per_class_figure,
)
from affectkit.report.group_error import GroupError
from affectkit.report.group_section import group_section
from affectkit.report.modality_section import modality_section
from affectkit.report.page import Page, Picture, Section, Table, render_page
from affectkit.report.run_record import RunRecord, read_run
from affectkit.report.stored_groups import stored_groups
from affectkit.report.trust_section import trust_section

_HEADLINES = {"weighted_f1": "weighted F1", "accuracy": "accuracy", "uar_present": "UAR (present classes)"}
_SCORES = ("weighted_f1", "macro_f1", "accuracy", "uar_present")
_PACKAGES = ("torch", "lightning", "torchmetrics", "numpy")


def build_report(folder: str | Path, *, groups: Sequence[str] = (), root: str | None = None) -> Path:
    """Write ``figures/*.png`` and ``report.html`` into a run folder and return the page's path.

    Where the numbers of a picture stand in no other file of the run, they are beside it as CSV.

    Args:
        folder: Run folder.
        groups: What rows are grouped by: ``speaker``, or names in the metadata of the samples.
        root: Data set in place of the one of the training.

    Raises:
        GroupError: If nothing says to which group a row belongs.
        RunFolderError: If ``folder`` is not that of a run.
    """
    run = read_run(folder)
    parts = (
        _results(run),
        *(_groups(run, field, root) for field in groups),
        trust_section(run.chances),
        calibration_section(run.calibration, run.chances),
        modality_section(run.heard),
        circumplex_section(run.predicted, _scale(run)),
        _training(run),
        _curriculum(run),
    )
    sections = [section for section in parts if section is not None]
    page = Page(
        title=f"affectkit report: {run.folder.resolve().parent.name}",
        notice=_notice(run),
        highlights=_highlights(run),
        sections=sections,
        facts=_facts(run),
        command="\n".join(run.commands),
    )
    pictures = [picture for section in sections for picture in section.pictures]
    images = {picture.name: picture.png() for picture in pictures}
    (run.folder / "figures").mkdir(exist_ok=True)
    for name, data in images.items():
        _write(run.folder / "figures" / f"{name}.png", data)
    for picture in pictures:
        if picture.numbers is not None:
            _write(run.folder / "figures" / f"{picture.name}.csv", picture.numbers.as_csv())
    path = run.folder / "report.html"
    _write(path, render_page(page, images).encode("utf-8"))
    return path


def _results(run: RunRecord) -> Section | None:
    if run.confusion is None:
        return None
    scores = class_scores(run.confusion, run.labels)
    rows = [[s.label, *(f"{v:.3f}" for v in (s.precision, s.recall, s.f1)), str(s.support)] for s in scores]
    return Section(
        "Test results",
        text=f"{int(run.confusion.sum())} labelled rows of the test split.",
        pictures=[
            Picture(
                "confusion",
                confusion_figure(run.confusion, run.labels, title="Confusion on the test split"),
                "Confusion matrix: rows are true labels, columns predictions, colour the share of the row.",
            ),
            Picture(
                "per_class",
                per_class_figure(scores),
                "F1, precision and recall of each class, most frequent class first.",
            ),
        ],
        tables=[
            Table("Scores of each class", ["class", "precision", "recall", "F1", "rows"], rows),
            Table("All metrics of the test", ["metric", "protocol", "value"], _tested(run)),
        ],
    )


def _groups(run: RunRecord, field: str, root: str | None) -> Section:
    place = root or run.setting("data", "init_args", "root")
    if run.judged is None or not place:
        what = "no predicted labels in predictions.csv" if run.judged is None else "no single folder of data"
        raise GroupError(
            f"The run {run.folder} has {what}, so that it has no groups by {field!r}: test a run of a "
            "classifier on shards, or give --data."
        )
    return group_section(run.judged, stored_groups(run.judged, root=str(place), field=field), field)


def _tested(run: RunRecord) -> list[list[str]]:
    return [
        [
            key.removeprefix("test/"),
            run.protocols.get(key, ""),
            "none" if value is None else f"{value:.4f}",
        ]
        for key, value in sorted(run.metrics.items())
        if key.startswith("test/")
    ]


def _training(run: RunRecord) -> Section | None:
    losses = {stage: run.series(f"{stage}/loss") for stage in ("train", "val")}
    scores = {_HEADLINES.get(name, name.replace("_", " ")): run.series(f"val/{name}") for name in _SCORES}
    if not any(losses.values()):
        return None
    return Section(
        "Training",
        pictures=[
            Picture(
                "learning_curves",
                learning_curves_figure(
                    {name: points for name, points in losses.items() if points},
                    {name: points for name, points in scores.items() if points},
                    best_epoch=_best_epoch(run),
                ),
                "Loss of training and validation (left) and validation scores (right) over the epochs; "
                "the dotted line is the epoch with the best weighted F1 on validation.",
            )
        ],
    )


def _curriculum(run: RunRecord) -> Section | None:
    if not run.shown:
        return None
    # Measured anew before each epoch: then a sample has no one place among the others.
    anew = run.graded if run.shown.keys() <= run.graded.keys() else {}
    keys = sorted({key for values in anew.values() for key in values} or run.difficulty)
    place = {key: position for position, key in enumerate(keys)}
    shown = {epoch: [place[key] for key in order] for epoch, order in run.shown.items()}
    hard = [value for values in anew.values() for value in values.values()] or run.difficulty.values()
    return Section(
        "Curriculum",
        text=(
            f"{len(keys)} training samples, from difficulty {min(hard):.2f} to {max(hard):.2f}"
            f"{', which the model measured before each epoch' if anew else ''}."
        ),
        pictures=[
            Picture(
                "curriculum",
                curriculum_figure(
                    {epoch: [values[key] for key in keys] for epoch, values in anew.items()}
                    or [run.difficulty[key] for key in keys],
                    shown,
                    run.series("val/weighted_f1"),
                    score_name="weighted F1 on validation",
                ),
                "How often each sample was shown in each epoch, easiest at the bottom (left), and how "
                "the validation score moved with the share of samples shown (right).",
            )
        ],
    )


def _best_epoch(run: RunRecord) -> float | None:
    points = run.series("val/weighted_f1")
    return max(points, key=lambda point: point[1])[0] if points else None


def _highlights(run: RunRecord) -> dict[str, str]:
    values = {text: run.metrics.get(f"test/{name}") for name, text in _HEADLINES.items()}
    return {f"test {text}": f"{100 * value:.1f}" for text, value in values.items() if value is not None}


def _manifest(run: RunRecord) -> Manifest | None:
    root = run.setting("data", "init_args", "root")
    try:
        return read_manifest(str(root)) if root else None
    except (OSError, ShardError):
        # The data may have been moved since; the rest of the report does not depend on it.
        return None


def _scale(run: RunRecord) -> AffectScale | None:
    """Range of the predicted values, as the task or its data state it."""
    manifest, stated = _manifest(run), run.setting("model", "init_args", "scale")
    known = {scale.name: scale for scale in affect_scales()}
    if isinstance(stated, str) and stated in known:
        return known[stated]
    return None if manifest is None else manifest.dims


def _notice(run: RunRecord) -> str:
    manifest = _manifest(run)
    words = []
    if manifest is not None and manifest.synthetic:
        words.append("The data are synthetic: these scores say nothing about people.")
    if run.facts.get("context") == "both":
        words.append("Each utterance was judged with the utterances that follow it in view (context: both).")
    elif run.facts.get("context") == "past":
        words.append("Each utterance was judged from the past of its conversation only (context: past).")
    return " ".join(words)


def _facts(run: RunRecord) -> Mapping[str, str]:
    facts = {name.replace("_", " "): str(value) for name, value in run.facts.items()}
    manifest = _manifest(run)
    if manifest is not None:
        facts["data"] = f"{manifest.name} ({'synthetic' if manifest.synthetic else 'real'})"
        facts["licence of the data"] = f"{manifest.licence.name} ({manifest.licence.klass})"
        if manifest.label_space is not None:
            facts["labels stored"] = f"{manifest.label_space.name}: {', '.join(manifest.label_space.labels)}"
        for name, feature in sorted(manifest.features.items()):
            facts[f"features: {name}"] = f"{feature.dim} numbers from {feature.encoder}"
    facts["processes"] = str(run.setting("trainer", "devices") or "auto")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    facts["versions"] = ", ".join([f"affectkit {__version__}", *versions])
    facts["report made on"] = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}"
    )
    return facts


def _write(path: Path, data: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    unfinished.replace(path)
