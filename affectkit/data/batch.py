"""What a loader hands to a task: inputs, masks and targets of several samples, padded together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from affectkit.types import Target


@dataclass(slots=True, kw_only=True)
class AffectBatch:
    """Several samples, ready for a model; a task never writes its predictions into it.

    Args:
        inputs: Features, images or waveforms by modality.
        valid: False on a repeated row that only fills up the last batch of an evaluation, so that
            all ranks see equally large batches. Such a row has ``target.weight`` 0 as well.
        masks: True = real, by name; ``"utterance"`` for conversations.
        present: Which rows have a modality at all; an absent key means that all have it.
        target: What the predictions are compared with.
        speaker: Speakers numbered from 0 within each conversation, -1 on padding.
        keys: Key of each sample in its store.
        meta: What stays on the host: ``"positions"`` (places in the store), ``"difficulty"``
            and ``"text"`` where they were asked for.

    Shape:
        - inputs[m]: (B, ...), or (B, U, D) for conversations.
        - valid: (B,) bool.
        - masks["utterance"]: (B, U) bool.
        - present[m]: (B,) or (B, U) bool.
        - speaker: (B, U) int64.

    Examples:
        >>> import torch
        >>> batch = AffectBatch(inputs={"text": torch.zeros(2, 3)}, valid=torch.tensor([True, False]))
        >>> len(batch), batch.to(torch.device("cpu")).inputs["text"].shape
        (2, torch.Size([2, 3]))
    """

    inputs: dict[str, Tensor]
    valid: Tensor
    masks: dict[str, Tensor] = field(default_factory=dict)
    present: dict[str, Tensor] = field(default_factory=dict)
    target: Target = field(default_factory=Target)
    speaker: Tensor | None = None
    keys: list[str] = field(default_factory=list)
    meta: dict[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.valid.shape[0]

    @property
    def size(self) -> int:
        """Number of rows B, filling rows included; what ``self.log(batch_size=...)`` wants."""
        return len(self)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> AffectBatch:
        """Copy with every tensor on ``device``; ``keys`` and ``meta`` stay where they are.

        Lightning and Accelerate find and call this method by its name.
        """
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> AffectBatch:
        """Copy in page-locked memory; ``torch.utils.data`` calls this method by its name."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, function: Callable[[Tensor], Tensor]) -> AffectBatch:
        def each(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: function(tensor) for name, tensor in tensors.items()}

        def maybe(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else function(tensor)

        target = self.target
        return replace(
            self,
            inputs=each(self.inputs),
            valid=function(self.valid),
            masks=each(self.masks),
            present=each(self.present),
            target=Target(
                label=maybe(target.label),
                dims=maybe(target.dims),
                distribution=maybe(target.distribution),
                multilabel=maybe(target.multilabel),
                extra=None if target.extra is None else each(target.extra),
                weight=maybe(target.weight),
            ),
            speaker=maybe(self.speaker),
        )
