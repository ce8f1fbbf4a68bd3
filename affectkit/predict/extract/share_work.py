"""Units of work shared by processes, into one data set that is whole or absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from affectkit.data.shards import MANIFEST_NAME, Manifest, ShardStore, read_manifest
from affectkit.predict.extract.encode_parts import EncodeUnit, encode_parts
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.part_folder import PartFolder
from affectkit.predict.extract.work_unit import WorkUnit, plan_units


class ExtractReport(NamedTuple):
    """What a call of :func:`extract_features` or :func:`store_teacher_answers` did.

    Attributes:
        finished: Whether the new data set is in its place; False where other processes still work.
        encoded: Units that this call encoded.
        kept: Units of this process that were there already.
    """

    finished: bool
    encoded: int
    kept: int


class Sharing(NamedTuple):
    """Who does what.

    Attributes:
        jobs: Processes of this call.
        rank: Number of this process among those that share the work.
        world_size: How many share the work.
        unit_samples: Samples that are encoded, stored and, after a kill, lost together.
        overwrite: Whether a data set at the output is replaced.
        progress: Called with (units done, units of this process) after each unit.
    """

    jobs: int = 1
    rank: int = 0
    world_size: int = 1
    unit_samples: int = 32
    overwrite: bool = False
    progress: Callable[[int, int], None] | None = None

    def check(self, src: Path, target: Path, *, call: str) -> None:
        """Refuse numbers that make no sense, and an output that is the source.

        Raises:
            ExtractError: If so.
        """
        if self.jobs < 1 or self.unit_samples < 1 or not 0 <= self.rank < self.world_size:
            raise ExtractError(
                f"{call} got jobs={self.jobs}, rank={self.rank}, world_size={self.world_size} and "
                f"unit_samples={self.unit_samples}: give at least one job and one sample, and 0 <= rank < "
                "world_size."
            )
        # Through links and `..` too: with overwrite the source would be replaced.
        if target.resolve() == src.resolve():
            raise ExtractError(f"The output {target} is the source itself: choose another folder.")


class Merge(Protocol):
    """Writes the samples of all units with what was found for them."""

    def __call__(
        self,
        out: Path,
        template: Manifest,
        stores: Mapping[str, ShardStore],
        units: list[WorkUnit],
        parts: PartFolder,
        *,
        overwrite: bool,
    ) -> Manifest:
        """Write ``out``."""
        ...


def share_work(
    target: Path,
    template: Manifest,
    stores: Mapping[str, ShardStore],
    *,
    digest: str,
    encode: EncodeUnit,
    merge: Merge,
    sharing: Sharing,
) -> ExtractReport:
    """Do this process's units, and put the result in its place if they were the last.

    Args:
        target: Folder to make.
        template: Its manifest without shards; its line of creation must end in what ``digest`` says.
        stores: Splits of the source.
        digest: Hexadecimal digest of all that the result depends on.
        encode: What is done for a unit; it must pickle where there are several jobs.
        merge: Writes the data set.
        sharing: Who does what.

    Raises:
        ExtractError: If the output holds something else, or a worker process dies.
    """
    parts = PartFolder(target, digest)
    if _is_done(target, template):
        parts.remove()
        return ExtractReport(finished=True, encoded=0, kept=0)
    if (target / MANIFEST_NAME).exists() and not sharing.overwrite:
        raise ExtractError(
            f"{target} holds a data set made otherwise: choose another folder, or pass --overwrite."
        )
    units = plan_units({split: len(store) for split, store in stores.items()}, sharing.unit_samples)
    mine = units[sharing.rank :: sharing.world_size]
    parts.prepare()
    todo = [unit for unit in mine if not parts.has(unit)]
    kept = len(mine) - len(todo)
    tell = sharing.progress or (lambda done, total: None)
    tell(kept, len(mine))
    for count, _ in enumerate(encode_parts(todo, stores, encode, parts, jobs=sharing.jobs), start=kept + 1):
        tell(count, len(mine))
    with parts.held():
        if not _is_done(target, template):
            if not all(parts.has(unit) for unit in units):
                return ExtractReport(finished=False, encoded=len(todo), kept=kept)
            merge(target, template, stores, units, parts, overwrite=sharing.overwrite)
        parts.remove()
    return ExtractReport(finished=True, encoded=len(todo), kept=kept)


def _is_done(target: Path, template: Manifest) -> bool:
    # The line of creation ends in a digest of all inputs, so equal lines mean equal content.
    return (target / MANIFEST_NAME).is_file() and read_manifest(target).created_by == template.created_by
