"""From a run folder to figures and one page."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from affectkit.atomic_file import write_atomically
from affectkit.data.shards import Manifest, ShardError, read_manifest
from affectkit.labels import AffectScale, affect_scales
from affectkit.report.audit_section import HEADING as AUDIT
from affectkit.report.audit_section import DataAudit, audit_section, find_audit
from affectkit.report.calibration_section import calibration_section
from affectkit.report.circumplex_section import circumplex_section
from affectkit.report.data_section import data_section
from affectkit.report.embedding_section import embedding_section
from affectkit.report.environment_section import environment_section
from affectkit.report.group_error import GroupError
from affectkit.report.group_section import group_section
from affectkit.report.modality_section import modality_section
from affectkit.report.overlay_section import HEADING as OVERLAYS
from affectkit.report.overlay_section import overlay_section
from affectkit.report.page import Page, Section, render_page
from affectkit.report.results_section import results_section
from affectkit.report.robustness import RobustnessError
from affectkit.report.robustness_section import robustness_section
from affectkit.report.run_record import RunRecord, read_run
from affectkit.report.stored_groups import stored_groups
from affectkit.report.training_section import curriculum_section, training_section
from affectkit.report.trust_section import trust_section

_HEADLINES = {"weighted_f1": "weighted F1", "accuracy": "accuracy", "uar_present": "UAR (present classes)"}

#: What a library says of a whole configuration is too long for a page.
_REASON = 300


def build_report(
    folder: str | Path,
    *,
    groups: Sequence[str] = (),
    show_embedding: bool = False,
    root: str | None = None,
    audit: str | os.PathLike[str] | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``figures/*.png`` and ``report.html`` into a run folder and return the page's path.

    The numbers of each picture are beside it as CSV. Of a run on pictures or clips, the model looks once more
    at the few that it was surest of.

    Args:
        folder: Run folder.
        groups: What rows are grouped by: ``speaker``, or names in the metadata of the samples.
        show_embedding: Whether the model is run over the test split once more, for a map of its embeddings.
        root: Data set in place of the one of the training.
        audit: What `affectkit audit --out` wrote about it; otherwise it is looked for as ``audit.json`` in
            the run folder and beside the data.
        device: Where the model runs.
        progress: Called with (batches done, batches of all) while the embeddings are made.

    Raises:
        AuditError: If ``audit`` is no audit, or not one of the data.
        GroupError: If nothing says to which group a row belongs.
        RunFolderError: If ``folder`` is not that of a run.
    """
    run = read_run(folder)
    manifest, place = _manifest(run), root or run.setting("data", "init_args", "root")
    audited = find_audit(run.folder, place, _read_manifest(place), file=audit)
    parts = (
        results_section(run),
        *(_groups(run, field, root) for field in groups),
        trust_section(run.chances),
        calibration_section(run.calibration, run.chances),
        modality_section(run.heard),
        robustness_section(run.robustness),
        (
            embedding_section(run.folder, root=root, device=device, progress=progress)
            if show_embedding
            else None
        ),
        _overlays(run, root, device),
        circumplex_section(run.predicted, _scale(run)),
        training_section(run),
        curriculum_section(run),
        None if manifest is None else data_section(manifest),
        audit_section(audited, root=place),
        environment_section(run),
    )
    sections = [section for section in parts if section is not None]
    page = Page(
        title=f"affectkit report: {run.folder.resolve().parent.name}",
        notice=_notice(run, audited),
        highlights=_highlights(run),
        sections=sections,
        facts=_facts(run),
        command="\n".join(run.commands),
    )
    pictures = [picture for section in sections for picture in section.pictures]
    drawn = run.folder / "figures"
    drawn.mkdir(exist_ok=True)
    images = {picture.name: picture.write(drawn).read_bytes() for picture in pictures}
    path = run.folder / "report.html"
    write_atomically(path, render_page(page, images).encode("utf-8"))
    return path


def _groups(run: RunRecord, field: str, root: str | None) -> Section:
    place = root or run.setting("data", "init_args", "root")
    if run.judged is None or not place:
        what = "no predicted labels in predictions.csv" if run.judged is None else "no single folder of data"
        raise GroupError(
            f"The run {run.folder} has {what}, so that it has no groups by {field!r}: test a run of a "
            "classifier on shards, or give --data."
        )
    return group_section(run.judged, stored_groups(run.judged, root=str(place), field=field), field)


def _overlays(run: RunRecord, root: str | None, device: str | torch.device) -> Section | None:
    place = root or run.setting("data", "init_args", "root")
    manifest = _read_manifest(place)
    if manifest is None or manifest.kind not in ("image", "clip"):
        return None
    try:
        return overlay_section(run.folder, root=root, device=device)
    except (RobustnessError, ShardError, ImportError, OSError, RuntimeError, ValueError) as error:
        # A run may have lost its checkpoint or an extra since, or be given other data; the rest of the
        # report does not depend on it.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Section(OVERLAYS, text=f"No picture could be looked at again: {reason[:_REASON]}")


def _highlights(run: RunRecord) -> dict[str, str]:
    values = {text: run.metrics.get(f"test/{name}") for name, text in _HEADLINES.items()}
    return {f"test {text}": f"{100 * value:.1f}" for text, value in values.items() if value is not None}


def _manifest(run: RunRecord) -> Manifest | None:
    return _read_manifest(run.setting("data", "init_args", "root"))


def _read_manifest(root: object) -> Manifest | None:
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


def _notice(run: RunRecord, audited: DataAudit | None) -> str:
    manifest = _manifest(run)
    words = []
    if manifest is not None and manifest.synthetic:
        words.append("The data are synthetic: these scores say nothing about people.")
    if audited is not None and audited.errors:
        words.append(f"The data have faults after which scores cannot be trusted: see \u201c{AUDIT}\u201d.")
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
    return facts
