"""The sums that every metric of affect dimensions is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from affectkit.metrics.exact_state import ExactStateMetric


class DimensionMetric(ExactStateMetric, ABC):
    """A score of continuous predictions that is a function of sums over rows.

    Sums are float64 whatever the precision of the module around, and are summed over ranks, so the
    score does not depend on how rows are spread over ranks, empty ones included. Smallest and
    largest values go along, because "constant" cannot be read from a rounded variance. All
    subclasses over the same ``num_dims`` and ``num_clips`` hold the same state: in a
    ``MetricCollection`` they form one compute group.

    Per clip, the sums are kept in a table with one row a clip, so a clip may lie in several
    batches and on several ranks.

    Args:
        num_dims: Number of affect dimensions V.
        dim: The one dimension to score; the mean over dimensions where None.
        num_clips: Where given, the score is computed within each clip and averaged over the clips
            that have annotated frames, and ``update`` needs ``clip``. Any number at least the
            number of clips will do.
        name: Name of ``dim`` in ``key`` and ``protocol``, e.g. ``valence``.
    """

    is_differentiable = False
    higher_is_better: bool | None = True
    full_state_update = False
    short_name: ClassVar[str]
    estimator: ClassVar[str] = ""

    sums: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(
        self,
        num_dims: int,
        *,
        dim: int | None = None,
        num_clips: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        if num_dims < 1 or (num_clips is not None and num_clips < 1):
            raise ValueError(
                f"{type(self).__name__} got num_dims={num_dims}, num_clips={num_clips}; give 1 or more."
            )
        if dim is not None and not 0 <= dim < num_dims:
            raise ValueError(
                f"{type(self).__name__} got dim={dim} for {num_dims} dimensions; give 0..{num_dims - 1}."
            )
        self.num_dims = num_dims
        self.dim = dim
        self.num_clips = num_clips
        self.name = name if name is not None or dim is None else str(dim)
        table = (1 if num_clips is None else num_clips, num_dims)
        zeros = torch.zeros(*table, 8, dtype=torch.float64)
        edges = torch.full((*table, 2), torch.inf, dtype=torch.float64)
        self.add_state("sums", default=zeros, dist_reduce_fx="sum")
        self.add_state("lowest", default=edges, dist_reduce_fx="min")
        self.add_state("highest", default=-edges, dist_reduce_fx="max")

    @property
    def key(self) -> str:
        """Plain name for log keys and file names, e.g. ``ccc_valence``."""
        parts = [self.short_name]
        if self.num_clips is not None:
            parts.append("clip")
        if self.name is not None:
            parts.append(self.name)
        return "_".join(parts)

    @property
    def protocol(self) -> str:
        """Name with everything that changes the number, e.g. ``ccc[ddof=0,pooled]``."""
        scope = "pooled" if self.num_clips is None else "per_clip"
        parts = [part for part in (self.estimator, scope, self.name) if part]
        return f"{self.short_name}[{','.join(parts)}]"

    def update(
        self,
        prediction: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        clip: Tensor | None = None,
    ) -> None:
        """Add rows.

        Args:
            prediction: Values (..., V).
            target: Values (..., V), NaN = absent.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
            clip: Number (...) of the clip that each row belongs to, int64; needed where
                ``num_clips`` is given, and not looked at otherwise.

        Raises:
            ValueError: If shapes do not match, or a clip is missing or out of range.
        """
        if prediction.shape != target.shape or prediction.shape[-1:] != (self.num_dims,):
            raise ValueError(
                f"{type(self).__name__} got predictions {tuple(prediction.shape)} and targets "
                f"{tuple(target.shape)}; give both as (..., {self.num_dims})."
            )
        x = prediction.detach().double().reshape(-1, self.num_dims)
        y = target.detach().double().reshape(-1, self.num_dims)
        real = ~y.isnan()
        if weight is not None:
            real = real & (weight.reshape(-1, 1) > 0)
        if len(x) == 0:
            return
        x, y = torch.where(real, x, 0.0), torch.where(real, y, 0.0)
        same_sign = (x.sign() == y.sign()) & real
        columns = [real, x, y, x * x, y * y, x * y, (x - y).square(), same_sign]
        rows = torch.stack([column.double() for column in columns], -1)
        pair = torch.stack([x, y], -1)
        absent = ~real.unsqueeze(-1)
        low, high = pair.masked_fill(absent, torch.inf), pair.masked_fill(absent, -torch.inf)
        if self.num_clips is None:
            self.sums += rows.sum(0)
            self.lowest = torch.minimum(self.lowest, low.amin(0))
            self.highest = torch.maximum(self.highest, high.amax(0))
        else:
            number = self._clip_numbers(clip, len(x), self.num_clips)
            index = number[:, None, None].expand_as(pair)
            self.sums.index_add_(0, number, rows)
            self.lowest.scatter_reduce_(0, index, low, "amin")
            self.highest.scatter_reduce_(0, index, high, "amax")

    def _clip_numbers(self, clip: Tensor | None, num_rows: int, num_clips: int) -> Tensor:
        if clip is None or clip.numel() != num_rows:
            raise ValueError(
                f"{type(self).__name__} with num_clips got {'no' if clip is None else clip.numel()} clip "
                f"numbers for {num_rows} rows; give `clip` in update, one number a row."
            )
        number = clip.reshape(-1)
        if int(number.min()) < 0 or int(number.max()) >= num_clips:
            raise ValueError(
                f"{type(self).__name__} got clip numbers {int(number.min())}..{int(number.max())} for "
                f"num_clips={num_clips}; number clips from 0, and give num_clips above the last."
            )
        return number

    @abstractmethod
    def score(self, sums: Tensor, varies: Tensor) -> Tensor:
        """Score of each clip and dimension.

        Args:
            sums: (K, V, 8) sums of 1, x, y, x², y², xy, (x - y)² and [sign x = sign y].
            varies: (K, V, 2) whether x, and y, take more than one value.

        Returns:
            (K, V); what stands where there are no rows is not looked at.
        """

    def compute(self) -> Tensor:
        """Scalar float64: mean over clips of the mean over dimensions; 0 without any row."""
        # Not `highest > lowest`: NaN predictions must not pass for a constant, which scores 0.
        scores = self.score(self.sums, ~(self.highest <= self.lowest))
        real = self.sums[..., 0] > 0
        if self.dim is not None:
            scores, real = scores[:, self.dim : self.dim + 1], real[:, self.dim : self.dim + 1]
        per_clip = torch.where(real, scores, 0.0).sum(1) / real.sum(1).clamp(min=1)
        return per_clip.sum() / real.any(1).sum().clamp(min=1)


def population_moments(sums: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Difference of means, both variances and the covariance, each (K, V), from the sums."""
    count = sums[..., 0].clamp(min=1)
    mean_x, mean_y, square_x, square_y, product = (sums[..., i] / count for i in range(1, 6))
    variance_x = (square_x - mean_x.square()).clamp(min=0)
    variance_y = (square_y - mean_y.square()).clamp(min=0)
    return mean_x - mean_y, variance_x, variance_y, product - mean_x * mean_y
