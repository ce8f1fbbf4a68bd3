"""Running a teacher over pictures, into a data set that holds them and its answers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from torch import Tensor

from affectkit.data.decode import decode_safetensors
from affectkit.data.schema import canonical_json, item_record, parse_json
from affectkit.data.shards import (
    DatasetWriter,
    FeatureSpec,
    Manifest,
    ShardStore,
    encode_tensors,
    open_shards,
    read_manifest,
)
from affectkit.data.shards.item_check import check_item_features, item_labels
from affectkit.distill import teacher_views
from affectkit.labels import LabelMap
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.part_folder import PartFolder
from affectkit.predict.extract.share_work import ExtractReport, Sharing, share_work
from affectkit.predict.extract.work_unit import WorkUnit
from affectkit.predict.teach.picture_teacher import PictureTeacher
from affectkit.tasks.frozen_teacher import reorder, teacher_order

_LOGITS: Final = "teacher_logits"


def store_teacher_answers(
    src: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    teacher: PictureTeacher,
    jobs: int = 1,
    rank: int = 0,
    world_size: int = 1,
    unit_samples: int = 32,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ExtractReport:
    """Copy a data set of pictures to ``out`` with the answers of a teacher beside each picture.

    ``KEY.safetensors`` then holds ``teacher_logits``, ``teacher_dims`` and ``teacher_embedding``, whichever
    the teacher gives, and :class:`~affectkit.data.modules.ImageDataModule` hands them on in
    ``Target.extra``, where the losses of :mod:`affectkit.distill` look for them. Logits stand in the
    order of the *data's* labels. Pictures are shown as in evaluation: a random crop of training sees the
    answer for the whole picture. The result has the same bytes however many processes made it, and after
    a kill the same call does only what is missing, as for :func:`affectkit.predict.extract_features`.

    Args:
        src: Data set of the kind ``image``.
        out: Folder to make.
        teacher: A run of affectkit by :meth:`PictureTeacher.from_run`, or any callable.
        jobs: Processes of this call. With more than one they are spawned, so a script that calls
            this needs the usual ``if __name__ == "__main__":``.
        rank: Number of this process among those that share the work.
        world_size: How many share the work.
        unit_samples: Samples that run through the teacher, are stored and, after a kill, lost together.
        overwrite: Replace the data set that lies at ``out``.
        progress: Called with (units done, units of this process) after each unit.

    Raises:
        ExtractError: If the data are no pictures or hold answers already, or the teacher gives something
            of another shape than it gave before.
        LabelSpaceMismatchError: If the teacher's labels are not the data's; both orders are printed.
        ShardError: If ``src`` is damaged.
    """
    target = Path(out).absolute()
    sharing = Sharing(jobs, rank, world_size, unit_samples, overwrite, progress)
    sharing.check(Path(src).absolute(), target, call="store_teacher_answers")
    source = read_manifest(src)
    held = sorted(name for name in source.features if name.startswith("teacher_"))
    if source.kind != "image" or held:
        reason = f"already holds {held[0]}" if held else f"is of the kind {source.kind!r}"
        raise ExtractError(
            f"The data set {source.name!r} {reason}: answers are stored beside pictures that have none yet."
        )
    order = None
    if teacher.label_space is not None and source.label_space is not None:
        order = teacher_order(teacher.label_space, source.label_space, teacher=teacher.identity)
    stores = {split: open_shards(src, split) for split in source.splits}
    work = _Answers(teacher, order, _widths(teacher, order, stores, source))
    digest = _digest(stores, teacher, unit_samples)
    return share_work(
        target,
        _template(source, teacher, work.widths, digest),
        stores,
        digest=digest,
        encode=work,
        merge=_merge,
        sharing=sharing,
    )


class _Answers(NamedTuple):
    """Every answer of a teacher to the samples of a unit; pickles."""

    teacher: PictureTeacher
    order: LabelMap | None
    widths: Mapping[str, int]

    def __call__(self, store: ShardStore, unit: WorkUnit) -> dict[str, Tensor]:
        places = range(unit.start, unit.stop)
        found = _said(self.teacher, self.order, [store.get(place) for place in places])
        for name, rows in found.items():
            shape = (len(places), self.widths.get(name, 0))
            if found.keys() != self.widths.keys() or rows.shape != shape or not bool(rows.isfinite().all()):
                raise ExtractError(
                    f"The teacher {self.teacher.identity} gave {name} of shape {tuple(rows.shape)} for "
                    f"{store.describe(unit.start)} and the {len(places) - 1} after it, where finite numbers "
                    f"of shape {shape} are wanted: correct its output."
                )
        return {
            f"{place}/{name}": rows[row] for name, rows in found.items() for row, place in enumerate(places)
        }


def _said(
    teacher: PictureTeacher, order: LabelMap | None, samples: Sequence[Mapping[str, memoryview]]
) -> dict[str, Tensor]:
    output = teacher.answers(samples)
    views = teacher_views(output._replace(logits=reorder(output.logits, order)))
    # A copy: what was made in inference mode cannot be written by everyone.
    return {name: value.float().cpu().clone() for name, value in sorted(views.items())}


def _widths(
    teacher: PictureTeacher, order: LabelMap | None, stores: Mapping[str, ShardStore], source: Manifest
) -> dict[str, int]:
    first = next(store for store in stores.values() if len(store))
    found = _said(teacher, order, [first.get(0)])
    widths = {name: int(rows.shape[-1]) for name, rows in found.items()}
    if not widths or any(rows.ndim != 2 or len(rows) != 1 for rows in found.values()):
        shapes = {name: tuple(rows.shape) for name, rows in found.items()}
        raise ExtractError(
            f"The teacher {teacher.identity} answered one picture with {shapes or 'nothing'}: it must give "
            "rows (B, D) of logits, dims or embedding."
        )
    if _LOGITS in widths and (order is None or widths[_LOGITS] != source.num_classes):
        labels = "no labels" if source.label_space is None else f"the {source.num_classes} labels of the data"
        unnamed = "without naming their labels " if teacher.label_space is None else ""
        raise ExtractError(
            f"The teacher {teacher.identity} gives {widths[_LOGITS]} logits {unnamed}for {labels}: "
            "give it the label_space of its logits, on data that have one."
        )
    return widths


def _digest(stores: Mapping[str, ShardStore], teacher: PictureTeacher, unit_samples: int) -> str:
    depends_on = {
        "source": {split: store.fingerprint for split, store in stores.items()},
        "teacher": [teacher.identity, list(teacher.label_space or ())],
        "unit_samples": unit_samples,
    }
    return hashlib.sha256(canonical_json(depends_on)).hexdigest()


def _template(source: Manifest, teacher: PictureTeacher, widths: Mapping[str, int], digest: str) -> Manifest:
    new = {name: FeatureSpec(dim, "float32", teacher.identity) for name, dim in sorted(widths.items())}
    return replace(
        source,
        features={**source.features, **new},
        shards=(),
        created_by=f"affectkit teach '{teacher.identity}' # inputs {digest[:16]}, after: {source.created_by}",
    )


def _merge(
    out: Path,
    template: Manifest,
    stores: Mapping[str, ShardStore],
    units: list[WorkUnit],
    parts: PartFolder,
    *,
    overwrite: bool,
) -> Manifest:
    """Write every sample as it was, with its answers among its tensors."""
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for unit in units:
            store, said = stores[unit.split], parts.read(unit)
            for place in range(unit.start, unit.stop):
                members, where = store.get(place), store.describe(place)
                tensors = decode_safetensors(members["safetensors"]) if "safetensors" in members else {}
                prefix = f"{place}/"
                tensors |= {k.removeprefix(prefix): v for k, v in said.items() if k.startswith(prefix)}
                check_item_features(tensors, template, where=where)
                record = item_record(parse_json(members["json"], where=where), where=where)
                writer.add(
                    unit.split,
                    store.key(place),
                    {**members, "safetensors": encode_tensors(tensors)},
                    labels=[item_labels(record)],
                )
    return writer.manifest
