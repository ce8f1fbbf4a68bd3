"""From the indices of one label space to those of another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from affectkit.labels.errors import LabelSpaceMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from affectkit.labels.space import LabelSpace

#: Equal to ``affectkit.types.IGNORE_LABEL``; repeated here because that module imports torch.
ABSENT = -100


@dataclass(frozen=True)
class LabelMap:
    """A map from the indices of ``source`` to those of ``target``; -100 stays -100.

    Call it with an int, a sequence of ints, an integer array or an integer tensor of any shape: the
    result is of the same sort. Make it with :meth:`LabelSpace.map_to` or :func:`reconcile`.

    Args:
        source: The space that indices come from.
        target: The space that indices go to.
        table: For each source index the target index, or -100.
    """

    source: LabelSpace
    target: LabelSpace
    table: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.table) != len(self.source):
            raise ValueError(
                f"A map from {self.source.name!r} has {len(self.table)} entries for {len(self.source)} "
                f"labels: give one entry a label."
            )
        wrong = [index for index in self.table if index != ABSENT and not 0 <= index < len(self.target)]
        if wrong:
            raise ValueError(
                f"A map to {self.target.name!r} points to index {wrong[0]}: use -100 or "
                f"0..{len(self.target) - 1}."
            )

    @property
    def is_identity(self) -> bool:
        """True where applying the map changes nothing."""
        return len(self.source) == len(self.target) and self.table == tuple(range(len(self.source)))

    @property
    def dropped(self) -> tuple[str, ...]:
        """Labels of the source that become -100."""
        return tuple(label for label, index in zip(self.source, self.table, strict=True) if index == ABSENT)

    @overload
    def __call__(self, labels: int) -> int: ...
    @overload
    def __call__(self, labels: Tensor) -> Tensor: ...
    @overload
    def __call__(self, labels: NDArray[np.integer]) -> NDArray[np.int64]: ...
    @overload
    def __call__(self, labels: Sequence[int]) -> list[int]: ...

    def __call__(
        self, labels: int | Sequence[int] | NDArray[np.integer] | Tensor
    ) -> int | list[int] | NDArray[np.int64] | Tensor:
        """Map indices.

        Raises:
            ValueError: If an index is neither -100 nor an index of the source space.
        """
        if isinstance(labels, int):
            self._check(labels, labels)
            return ABSENT if labels == ABSENT else self.table[labels]
        if isinstance(labels, Sequence):
            return [self(int(label)) for label in labels]
        # The absent value is looked up as one more row, so that both libraries need a single gather.
        rows = (*self.table, ABSENT)
        # An array means that numpy is loaded already; a tensor brings every method that it needs.
        import numpy as np

        if isinstance(labels, np.ndarray):
            if labels.dtype.kind not in "iu":
                raise ValueError(f"Labels came as an array of {labels.dtype}: a label map needs integers.")
            kept = labels[labels != ABSENT]
            if kept.size:
                self._check(int(kept.min()), int(kept.max()))
            found: NDArray[np.int64] = np.asarray(rows, dtype=np.int64)[
                np.where(labels == ABSENT, len(self.table), labels)
            ]
            return found
        if labels.is_floating_point():
            raise ValueError(f"Labels came as a tensor of {labels.dtype}: a label map needs integers.")
        index = labels.long()
        real = index[index != ABSENT]
        if real.numel():
            self._check(int(real.min()), int(real.max()))
        return index.new_tensor(rows)[index.masked_fill(index == ABSENT, len(self.table))]

    def _check(self, low: int, high: int) -> None:
        for index in (low, high):
            if index != ABSENT and not 0 <= index < len(self.table):
                raise ValueError(
                    f"Label index {index} is outside label space {self.source.name!r} "
                    f"({self.source.order()}): check which order the labels were stored in."
                )


def build_label_map(
    source: LabelSpace,
    target: LabelSpace,
    *,
    merge: Mapping[str, str],
    drop: Iterable[str],
    unknown: Literal["error", "ignore"],
) -> LabelMap:
    """Do the work of :meth:`LabelSpace.map_to`, which documents the rules."""
    if unknown not in ("error", "ignore"):
        raise ValueError(f"unknown={unknown!r} is no choice for map_to: use 'error' or 'ignore'.")
    if source.kind != target.kind:
        raise LabelSpaceMismatchError(
            f"{both_orders(source, target)}The first is {source.kind} and the second {target.kind}: "
            f"choose a target space of the same kind."
        )
    merged: dict[int, int] = {}
    for name, goal in merge.items():
        start, goal_index = source.index(name), target.index(goal)
        if merged.setdefault(start, goal_index) != goal_index:
            raise LabelSpaceMismatchError(
                f"merge= sends {source.labels[start]!r} to both {target.labels[merged[start]]!r} and "
                f"{target.labels[goal_index]!r}: keep one of them."
            )
    dropped = {source.index(name) for name in ([drop] if isinstance(drop, str) else drop)}
    both = sorted(dropped & merged.keys())
    if both:
        raise LabelSpaceMismatchError(
            f"{source.labels[both[0]]!r} is in merge= and in drop=: take it out of one of them."
        )
    table: list[int] = []
    by_name: dict[int, str] = {}
    for index, label in enumerate(source):
        if index in merged:
            table.append(merged[index])
            continue
        end = None if index in dropped else target.counterpart(label)
        if end is None:
            if index not in dropped and unknown == "error":
                raise LabelSpaceMismatchError(
                    f"{both_orders(source, target)}{label!r} of {source.name!r} has no counterpart by name: "
                    f'send it somewhere with merge={{"{label}": ...}} or give it up with drop=["{label}"].'
                )
            table.append(ABSENT)
            continue
        if end in by_name:
            raise LabelSpaceMismatchError(
                f"{both_orders(source, target)}{by_name[end]!r} and {label!r} would silently become one: "
                f'say so with merge={{"{label}": "{target.labels[end]}"}}.'
            )
        by_name[end] = label
        table.append(end)
    return LabelMap(source, target, tuple(table))


def both_orders(source: LabelSpace, target: LabelSpace) -> str:
    """Print two label orders under each other, as every mismatch error does."""
    width = max(len(source.name), len(target.name))
    return (
        f"Label spaces {source.name!r} and {target.name!r} differ:\n"
        f"  {source.name:<{width}}  {source.order()}\n"
        f"  {target.name:<{width}}  {target.order()}\n"
    )
