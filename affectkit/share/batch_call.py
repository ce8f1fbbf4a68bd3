"""A task as a module of plain tensors: what is exported, and what an export is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.data import AffectBatch
from affectkit.share.error import ShareError
from affectkit.share.tensor_spec import MASK, SPEAKER, TensorSpec
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput


class BatchCall(nn.Module):
    """Puts tensors into a batch, calls a task in evaluation, and takes tensors out.

    Args:
        task: The task; it is put into evaluation.
        inputs: What is read, in the order of the arguments of :meth:`forward`.

    Shape:
        - Input: one tensor (B, ...) for each of ``inputs``.
        - Output: one tensor for each of :attr:`outputs`, e.g. logits (B, C).
    """

    def __init__(self, task: AffectTask, inputs: Sequence[TensorSpec]) -> None:
        super().__init__()
        self.task = task.eval()
        self.inputs = tuple(inputs)
        with torch.no_grad():
            found = self._predict(*self.example(2))
        #: Names of what is given: logits, dims, and the logits of further heads as ``extra.NAME``.
        self.outputs: tuple[str, ...] = tuple(_named(found))
        if not self.outputs:
            raise ShareError(
                f"{type(task).__name__} predicted neither labels nor values, so there is nothing to export: "
                "give its head one."
            )

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Predict."""
        return tuple(_named(self._predict(*tensors)).values())

    def example(self, rows: int, *, seed: int = 0) -> tuple[Tensor, ...]:
        """Make inputs up; equal arguments give equal ones."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(spec.draw(rows, generator=generator) for spec in self.inputs)

    def _predict(self, *tensors: Tensor) -> AffectOutput:
        named = dict(zip((spec.name for spec in self.inputs), tensors, strict=True))
        speaker = named.pop(SPEAKER, None)
        output: AffectOutput = self.task(
            AffectBatch(
                inputs={name: tensor for name, tensor in named.items() if not name.startswith(MASK)},
                masks={
                    name.removeprefix(MASK): tensor for name, tensor in named.items() if name.startswith(MASK)
                },
                speaker=speaker,
                valid=torch.ones_like(tensors[0].flatten(1)[:, 0], dtype=torch.bool),
            )
        )
        return output


def _named(output: AffectOutput) -> dict[str, Tensor]:
    found = {"logits": output.logits, "dims": output.dims}
    found |= {f"extra.{name}": tensor for name, tensor in sorted((output.extra or {}).items())}
    return {name: tensor for name, tensor in found.items() if tensor is not None}
