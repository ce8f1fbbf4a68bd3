"""What every task on an adapted CLIP model does with its pixels and in its checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from affectkit.adapters import ClipAdapter
from affectkit.data.batch import AffectBatch
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.labels import LabelSpace
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.optimizer_factory import OptimizerFactory
from affectkit.tasks.trained_weights import check_base, frozen_names, with_frozen, without_frozen
from affectkit.temporal import frame_features
from affectkit.types import Encoder, Encoding, Fusion, Head, Loss


class ClipTask(AffectTask):
    """A task whose features are those of an adapted CLIP model.

    Batches hold bytes; the task normalises them as its weights want, so a checkpoint carries the
    normalisation. A checkpoint holds what was trained, with the name and digest of the base.

    Args:
        adapter: The adapter, with the CLIP model inside.
        adapter_name: Its name, for messages and results.
        encoders: What happens to the features of each input, by its name.
        fusion: Several inputs into one encoding.
        loss: What is optimised.
        head: A head on the features; None = the adapter's own classifier.
        frames: Frames of a clip; 0 = still pictures.
        metrics: See :class:`AffectTask`, like the next three.
        optimizer: Makes optimizer and schedule.
        label_space: Order of the logits.
        seed: Seed of the random numbers of training.
    """

    def __init__(
        self,
        adapter: ClipAdapter,
        *,
        adapter_name: str,
        encoders: Mapping[str, Encoder],
        fusion: Fusion,
        loss: Loss,
        head: Head | None = None,
        frames: int = 0,
        metrics: MetricCollection | Mapping[str, Metric] | None = None,
        optimizer: OptimizerFactory | None = None,
        label_space: LabelSpace | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            encoders,
            fusion=fusion,
            head=head or adapter,
            loss=loss,
            metrics=metrics,
            optimizer=optimizer,
            label_space=label_space,
            seed=seed,
        )
        # Under one name only, or every weight would stand in a checkpoint twice.
        self.image_adapter: nn.Module | None = None if head is None else cast(nn.Module, adapter)
        pixels = adapter.base.normalization
        self.normalize = NormalizePixels(mean=pixels.mean, std=pixels.std)
        self._adapter_name = adapter_name
        self._frames = frames

    @property
    def adapter(self) -> ClipAdapter:
        """The adapter, with the CLIP model inside."""
        return cast(ClipAdapter, self.head if self.image_adapter is None else self.image_adapter)

    @property
    def input_dims(self) -> dict[str, int | None]:
        """Nothing to compare: pictures have no width of features."""
        return {}

    def fuse(self, batch: AffectBatch) -> Encoding:
        """Encode all pictures in one call of the tower, then each stream in its time, and fuse."""
        pictures = {name: batch.inputs[name] for name in self.encoders if name in batch.inputs}
        return super().fuse(replace(batch, inputs={**batch.inputs, **self.picture_features(pictures)}))

    def picture_features(self, pictures: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pixels of each stream, uint8, to features (B, E) or (B, T, E); stored features stay as they are.

        Raises:
            ValueError: If pixels come normalised already, or as clips where pictures are wanted.
        """
        pixels: dict[str, Tensor] = {}
        for name, values in pictures.items():
            if values.ndim == 2 + bool(self._frames):
                continue  # stored features
            if values.dtype != torch.uint8:
                raise ValueError(
                    f"{type(self).__name__} got pixels of {name!r} as {values.dtype}: set the data module's "
                    "normalize to false, since the task brings bytes to what its weights want."
                )
            if values.ndim != 4 + bool(self._frames):
                raise ValueError(
                    f"{type(self).__name__} with frames={self._frames} got {name!r} of shape "
                    f"{tuple(values.shape)}: set frames to those of a clip, or to 0 for still pictures."
                )
            pixels[name] = self.normalize(values)
        features = {name: values for name, values in pictures.items() if name not in pixels}
        if features and self.adapter.adapts_images:
            raise ValueError(
                f"{type(self).__name__} got stored features, but the adapter {self._adapter_name!r} changes "
                "the image tower: give it pictures."
            )
        if self._frames:
            return features | (frame_features(self.adapter.encode, pixels) if pixels else {})
        return features | {name: self.adapter.encode(values).pooled for name, values in pixels.items()}

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the adapter, its base and how much is trained."""
        trained = sum(p.numel() for p in self.parameters() if p.requires_grad)
        identity = self.adapter.base.identity
        return {
            **super().report_facts(),
            "adapter": self._adapter_name,
            "base": identity.name,
            "base_digest": identity.digest[:12],
            "trained_parameters": trained,
        }

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Leave the frozen base out, and name it."""
        state = cast("dict[str, Tensor]", checkpoint["state_dict"])
        checkpoint["state_dict"] = without_frozen(state, self._frozen())
        super().on_save_checkpoint(checkpoint)
        identity = self.adapter.base.identity
        record = cast("dict[str, object]", checkpoint[KEY])
        record["base"] = {"name": identity.name, "digest": identity.digest}

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse another base, and take its frozen weights from the one at hand."""
        super().on_load_checkpoint(checkpoint)
        record = checkpoint.get(KEY)
        stored = record.get("base") if isinstance(record, Mapping) else None
        identity = self.adapter.base.identity
        check_base(stored, name=identity.name, digest=identity.digest, task=type(self).__name__)
        state = cast("dict[str, Tensor]", checkpoint["state_dict"])
        checkpoint["state_dict"] = with_frozen(state, self, self._frozen())

    def _frozen(self) -> set[str]:
        return frozen_names(self, bases=[self.adapter.base])


def unfreeze(base: nn.Module, patterns: Sequence[str], *, task: str) -> None:
    """Let the parameters of a base be trained whose names fit one of ``patterns``.

    Raises:
        ValueError: If a pattern fits none.
    """
    for pattern in patterns:
        chosen = [p for name, p in base.named_parameters() if re.search(pattern, name)]
        if not chosen:
            names = sorted({name.split(".")[0] for name, _ in base.named_parameters()})
            raise ValueError(
                f"{task} got finetune={pattern!r}, which fits no parameter of the base: its parts are "
                f"{', '.join(names)}."
            )
        for parameter in chosen:
            parameter.requires_grad_(True)
