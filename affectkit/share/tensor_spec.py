"""The form of a tensor that a model on its own reads or gives."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

TypeName: TypeAlias = Literal["bool", "float32", "int64", "uint8"]
_TYPES: dict[TypeName, torch.dtype] = {
    "bool": torch.bool,
    "float32": torch.float32,
    "int64": torch.int64,
    "uint8": torch.uint8,
}
#: Batches hold their tensors by name; a name says where.
MASK = "mask."
SPEAKER = "speaker"


class TensorSpec(NamedTuple):
    """A tensor by its name, type and shape without the axis of the batch.

    Attributes:
        name: That of an input of the task, ``mask.NAME`` of a mask, or ``speaker``.
        dtype: Type of its numbers.
        shape: Length of each axis after that of the batch.
        meaning: What its axes and numbers are.
        limit: Numbers of type int64 lie below it.

    Examples:
        >>> TensorSpec("visual", "uint8", (3, 4, 4), "pixels").draw(2, generator=torch.Generator()).shape
        torch.Size([2, 3, 4, 4])
    """

    name: str
    dtype: TypeName
    shape: tuple[int, ...]
    meaning: str
    limit: int = 2

    def draw(self, rows: int, *, generator: torch.Generator) -> Tensor:
        """Make a tensor up; masks begin with what is real, at least one step of it."""
        size = (rows, *self.shape)
        if self.dtype == "uint8":
            return torch.randint(256, size, dtype=torch.uint8, generator=generator)
        if self.dtype == "int64":
            return torch.randint(self.limit, size, generator=generator)
        if self.dtype == "float32":
            return torch.randn(size, generator=generator)
        lengths = torch.randint(1, self.shape[-1] + 1, (rows, 1), generator=generator)
        return torch.arange(self.shape[-1]) < lengths

    def fits(self, tensor: Tensor) -> bool:
        """Whether ``tensor`` is of this form, with any number of rows."""
        return tensor.dtype == _TYPES[self.dtype] and tuple(tensor.shape[1:]) == self.shape

    def to_plain(self) -> dict[str, object]:
        """Values for JSON; the batch is an axis by name."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "shape": ["batch", *self.shape],
            "meaning": self.meaning,
        }
