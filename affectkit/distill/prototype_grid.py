"""What a teacher's features look like in each region of valence and arousal."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from affectkit.distill.error import PrototypeGridError
from affectkit.distill.prototype_sums import PrototypeSums
from affectkit.distill.va_cells import cell_centres
from affectkit.labels import AffectScale
from affectkit.tensor_file import TensorFileError, read_tensor_file, write_tensor_file

_FORMAT: Final = "affectkit-prototype-grid"


@dataclass(frozen=True, eq=False)
class VAPrototypeGrid:
    r"""One unit vector for each cell of the plane of valence and arousal, made once and then frozen.

    .. math:: p_k = \frac{m_k}{\lVert m_k \rVert}, \qquad
        m_k = \frac{1}{n_k} \sum_{i: c(i) = k} \frac{x_i}{\lVert x_i \rVert}

    over the teacher's features :math:`x_i` whose annotation lies in cell k. A cell without a sample gets
    the prototype of the nearest cell that has one, of several the first.

    Args:
        prototypes: Vectors of the cells, valence changing slowly and arousal fast; made unit length.
        counts: Samples of each cell; 0 marks one that was filled.
        origin: What the features are of, in words.

    Shape:
        - prototypes: (cells², D), kept as float32
        - counts: (cells²,) int64

    Raises:
        PrototypeGridError: If the rows make no square, one is 0 or not finite, or counts do not fit.

    References:
        NeuroGaze-Distill: a 5 x 5 grid from a teacher on EEG. Its README states the grid, the order of
        normalising and averaging is our reading of it.

    Examples:
        >>> features = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
        >>> va = torch.tensor([[-0.9, -0.9], [-0.2, -0.7], [0.4, 0.9]])
        >>> grid = VAPrototypeGrid.from_features(features, va, cells=2)
        >>> grid.counts.tolist(), grid.filled
        ([2, 0, 0, 1], (1, 2))
        >>> grid.prototypes.tolist()
        [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    prototypes: Tensor
    counts: Tensor
    origin: str = "by hand"

    def __post_init__(self) -> None:
        shape = tuple(self.prototypes.shape)
        cells = math.isqrt(shape[0]) if len(shape) == 2 else 0
        if len(shape) != 2 or cells < 1 or cells**2 != shape[0] or shape[1] < 1:
            raise PrototypeGridError(
                f"A prototype grid got prototypes of shape {shape}: give (cells * cells, D), one row a cell."
            )
        if self.counts.shape != shape[:1] or bool((self.counts < 0).any()):
            raise PrototypeGridError(
                f"A prototype grid of {shape[0]} cells got counts of shape {tuple(self.counts.shape)}: give "
                "a number of 0 or more for each cell."
            )
        rows = self.prototypes.detach().double().cpu()
        length = torch.linalg.vector_norm(rows, dim=1)
        wrong = (~(length.isfinite() & (length > 1e-12))).nonzero().flatten()
        if len(wrong):
            raise PrototypeGridError(
                f"The prototype of cell {int(wrong[0])} is 0 or not finite: give features of a "
                "trained teacher."
            )
        # Left alone where they have unit length, or reading a file would move last digits and the version.
        unit = (length - 1).abs().unsqueeze(1) < 1e-6
        object.__setattr__(self, "prototypes", torch.where(unit, rows, rows / length.unsqueeze(1)).float())
        object.__setattr__(self, "counts", self.counts.detach().to("cpu", torch.int64))

    @property
    def cells(self) -> int:
        """Cells along each axis."""
        return math.isqrt(len(self.counts))

    @property
    def feature_dim(self) -> int:
        """Width D of the teacher's features."""
        return int(self.prototypes.shape[1])

    @property
    def centres(self) -> Tensor:
        """Valence and arousal (cells², 2) of each cell's centre, in -1..1, float64."""
        return cell_centres(self.cells)

    @property
    def filled(self) -> tuple[int, ...]:
        """Cells without a sample, whose prototype is that of another."""
        return tuple(int(cell) for cell in (self.counts == 0).nonzero().flatten())

    @property
    def version(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over shape, prototypes and counts."""
        digest = hashlib.sha256(f"{tuple(self.prototypes.shape)}".encode())
        for part in (self.prototypes, self.counts):
            digest.update(part.contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:16]

    @classmethod
    def from_features(
        cls,
        features: Tensor,
        va: Tensor,
        *,
        cells: int = 5,
        scale: AffectScale | None = None,
        origin: str = "a teacher's features",
    ) -> VAPrototypeGrid:
        """Make the grid of features that lie in memory on this rank; parts are joined by all ranks.

        Args:
            features: Teacher's features (n, D).
            va: Valence and arousal (n, 2), or all axes of the scale; rows without either are skipped.
            cells: Cells along each axis.
            scale: Scale of the values; -1..1 by default.
            origin: What the features are of, in words.

        Raises:
            PrototypeGridError: If a value lies outside the scale, or no row is annotated.
        """
        sums = PrototypeSums(cells=cells, scale=scale)
        sums.update(features, va)
        return cls.from_sums(sums, origin=origin)

    @classmethod
    def from_sums(cls, sums: PrototypeSums, *, origin: str = "a teacher's features") -> VAPrototypeGrid:
        """Make the grid of what was counted on all ranks; collective, so every rank must call it.

        Args:
            sums: What the features were given to.
            origin: What the features are of, in words.

        Raises:
            PrototypeGridError: If nothing was counted.
        """
        means, counts = sums.compute()
        # A mean of opposite directions has none of its own: such a cell is filled like an empty one.
        counts = counts.masked_fill(torch.linalg.vector_norm(means, dim=1) <= 1e-9, 0)
        return cls(means[nearest_full(counts, sums.cells)], counts, origin)

    @classmethod
    def random(cls, feature_dim: int, *, cells: int = 5, seed: int = 0) -> VAPrototypeGrid:
        """Make a grid of random directions, the control that prototypes with a meaning must beat.

        Args:
            feature_dim: Width D.
            cells: Cells along each axis.
            seed: Seed of the directions.
        """
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randn(cells**2, feature_dim, generator=generator)
        return cls(rows, torch.ones(cells**2, dtype=torch.int64), f"random directions, seed {seed}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the grid as safetensors, whole or not at all."""
        strings = {"format": _FORMAT, "origin": self.origin, "version": self.version}
        write_tensor_file(path, {"prototypes": self.prototypes, "counts": self.counts}, strings)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VAPrototypeGrid:
        """Read a grid.

        Raises:
            PrototypeGridError: If the file is absent, something else, or not what was written.
        """
        place = os.fspath(path)
        try:
            tensors, strings = read_tensor_file(place)
        except (FileNotFoundError, TensorFileError) as error:
            raise PrototypeGridError(
                f"{place} cannot be read as a prototype grid: give a file of VAPrototypeGrid.save ({error})."
            ) from error
        if strings.get("format") != _FORMAT or tensors.keys() != {"prototypes", "counts"}:
            raise PrototypeGridError(f"{place} holds no prototype grid: give a file of VAPrototypeGrid.save.")
        grid = cls(tensors["prototypes"], tensors["counts"], str(strings.get("origin", "")))
        if grid.version != strings.get("version"):
            raise PrototypeGridError(
                f"{place} says it holds version {strings.get('version')} of a grid, but its numbers are "
                f"version {grid.version}: it was changed or damaged, save it anew."
            )
        return grid


def nearest_full(counts: Tensor, cells: int) -> Tensor:
    """For each cell the nearest one with a sample, of several the first; itself where it has one."""
    place = torch.arange(cells**2)
    row, column = place // cells, place % cells
    square = (row.unsqueeze(1) - row).square() + (column.unsqueeze(1) - column).square()
    # One whole number for distance and place: ties are then decided, on every machine alike.
    rank = (square * cells**2 + place).masked_fill(counts.cpu() == 0, torch.iinfo(torch.int64).max)
    return rank.argmin(1)
