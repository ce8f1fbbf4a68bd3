"""Encoders, fusion, context, head and loss, trained together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import IO, ClassVar, Self, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric, MetricCollection

import affectkit
from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ShardDataModule
from affectkit.fusion import modality_shares
from affectkit.labels import LabelSpace
from affectkit.labels import label_space as named_label_space
from affectkit.losses import FollowsProgress
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.batch_prediction import batch_prediction
from affectkit.tasks.checkpoint_record import KEY, CheckpointRecord
from affectkit.tasks.constructor_values import constructor_values
from affectkit.tasks.damage_count import DamageCount
from affectkit.tasks.data_agreement import (
    DescribesData,
    check_agreement,
    loader_sources,
    shown_pictures,
    stated_reading,
)
from affectkit.tasks.grade_samples import grade_samples
from affectkit.tasks.head_agreement import check_head, check_head_and_data
from affectkit.tasks.loss_window import LossWindow
from affectkit.tasks.map_location import MapLocation
from affectkit.tasks.mean_loss import MeanLoss
from affectkit.tasks.optimizer_config import OptimizerConfig
from affectkit.tasks.optimizer_factory import OptimizerFactory
from affectkit.tasks.parameter_anchor import parameter_anchor
from affectkit.tasks.plain_values import is_plain, plain, unloadable
from affectkit.tasks.stage_scores import Stage, StageScores
from affectkit.tasks.step_seed import seed_step
from affectkit.tasks.turn_presence import turn_presence
from affectkit.types import (
    AffectOutput,
    Context,
    Encoder,
    Encoding,
    Fusion,
    Head,
    Loss,
    LossTerms,
    Target,
)


class AffectTask(LightningModule):
    r"""A model made of ready parts, with everything around it that training needs.

    ``encode`` runs the encoders, the fusion and, for conversations, the context; ``forward`` adds
    the head; ``compute_loss`` and ``update_metrics`` compare with the target. Override any of them
    in a subclass and keep the rest.

    The loss is that of the *global* batch: over ranks and accumulated batches the gradient is that
    of :math:`\sum_i w_i L_i / \sum_i w_i`, with :math:`w_i` the ``LossTerms.weight``. Random
    numbers of a step depend on (seed, epoch, batch, rank) alone, so a resumed run goes on as if it
    had never stopped. ``train/loss`` is the exact mean of an epoch, ``train/loss_step`` that of one
    global batch.

    Args:
        encoders: Encoder of each modality, by the name it has in ``AffectBatch.inputs``.
        fusion: Several modalities into one encoding.
        head: Features to predictions.
        loss: What is optimised.
        context: Utterances in the light of each other; for conversations.
        metrics: Metrics of validation and test by name, each with ``update(prediction, target,
            weight)``; logged as ``val/NAME`` and ``test/NAME``.
        optimizer: Makes optimizer and schedule; AdamW with a constant rate unless given.
        label_space: Order of the logits: a space, the name of a registered one, or None.
        seed: Seed of the random numbers of training.

    Raises:
        TypeError: If a part is not an ``nn.Module``.
        ValueError: If there is no encoder.
        LabelSpaceMismatchError: If the head was made for other labels.
    """

    #: Constructor values of a task that is loaded: no published weights are read to be overwritten.
    WHEN_LOADED: ClassVar[Mapping[str, object]] = MappingProxyType({})

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        *,
        fusion: Fusion,
        head: Head,
        loss: Loss,
        context: Context | None = None,
        metrics: MetricCollection | Mapping[str, Metric] | None = None,
        optimizer: OptimizerFactory | None = None,
        label_space: LabelSpace | str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not encoders:
            raise ValueError("AffectTask got no encoder: give at least one, e.g. encoders={'text': ...}.")
        parts = {f"encoders[{name!r}]": encoder for name, encoder in encoders.items()}
        for place, part in {**parts, "fusion": fusion, "head": head, "loss": loss}.items():
            if not isinstance(part, nn.Module):
                raise TypeError(
                    f"{type(self).__name__} got {type(part).__name__} as {place}: give an nn.Module, "
                    "or its weights would neither move to a device nor be saved."
                )
        self.encoders = nn.ModuleDict(
            # Sorted, so that the order of parameters never depends on how the mapping was built.
            {name: cast(nn.Module, encoders[name]) for name in sorted(encoders)}
        )
        self.fusion: Fusion = fusion
        self.context: Context | None = context
        self.head: Head = head
        self.loss: Loss = loss
        self.optimizer_factory: OptimizerFactory = optimizer or AdamWFactory()
        self.label_space: LabelSpace | None = (
            named_label_space(label_space) if isinstance(label_space, str) else label_space
        )
        check_head(head, labels=self.label_space, owner=type(self).__name__)
        self.seed = seed
        collection = (
            metrics if isinstance(metrics, MetricCollection) else MetricCollection(dict(metrics or {}))
        )
        self.val_metrics: MetricCollection = collection.clone()
        self.test_metrics: MetricCollection = collection.clone()
        self.train_loss = MeanLoss()
        self.val_loss = MeanLoss()
        self.test_loss = MeanLoss()
        self.train_damaged = DamageCount()
        self.val_damaged = DamageCount()
        self.test_damaged = DamageCount()
        # one for each loader, where an evaluation has several
        self.source_scores = nn.ModuleDict()
        self._window = LossWindow()
        self._epoch_complete = False
        self._injected: tuple[str, ...] = ()
        if type(self).__init__ is AffectTask.__init__:
            self.save_hyperparameters()

    # ------------------------------------------------------------------ what a subclass overrides

    @property
    def input_dims(self) -> Mapping[str, int | None]:
        """Modalities of stored features that the task reads, each with its width where it is known."""
        raw = {name for name, encoder in self.encoders.items() if getattr(encoder, "reads_raw", False)}
        return dict.fromkeys(name for name in self.encoders if name not in raw)

    def encode(self, batch: AffectBatch) -> Encoding:
        """Fuse what the batch holds and put utterances into their context."""
        return self.contextualise(self.fuse(batch), batch)

    def fuse(self, batch: AffectBatch) -> Encoding:
        """Encode every modality that the batch has, and fuse."""
        return self.fusion(*self.encode_parts(batch))

    def encode_parts(self, batch: AffectBatch) -> tuple[dict[str, Encoding], dict[str, Tensor]]:
        """Encode every modality that the batch has; with which rows have which."""
        absent = [name for name in self.encoders if name not in batch.inputs]
        # A trained task may meet data without a modality; in training it is a mistake, and a hang
        # of distributed training, which waits for the gradient of every encoder.
        if absent and (self.training or len(absent) == len(self.encoders)):
            raise KeyError(
                f"{type(self).__name__} has an encoder for {absent[0]!r}, but the batch holds "
                f"{', '.join(sorted(batch.inputs)) or 'nothing'}: add it to the data module's modalities."
            )
        parts = {name: self.encode_modality(name, batch) for name in self.encoders if name in batch.inputs}
        return turn_presence(parts, batch)

    def contextualise(self, fused: Encoding, batch: AffectBatch) -> Encoding:
        """Put each utterance into the context of its conversation."""
        if self.context is None:
            return fused
        return self.context(fused._replace(mask=batch.masks.get("utterance")), batch.speaker)

    def encode_modality(self, name: str, batch: AffectBatch) -> Encoding:
        """Encode one modality of a batch."""
        encoder = cast(Encoder, self.encoders[name])
        return encoder(batch.inputs[name], batch.masks.get(name, batch.masks.get("utterance")))

    def forward(self, batch: AffectBatch) -> AffectOutput:
        """Predict for a batch."""
        return self.head(self.encode(batch))

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Compare the predictions with the batch's target."""
        return self.loss(output, self.asked(batch))

    def asked(self, batch: AffectBatch) -> Target:
        """The target of a batch as the task reads it."""
        return batch.target

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of a stage; rows of weight 0 and absent labels count for nothing."""
        prediction = output.logits if output.logits is not None else output.dims
        asked = self.asked(batch)
        target = asked.label if output.logits is not None else asked.dims
        if len(metrics) and prediction is not None and target is not None:
            metrics.update(prediction, target, asked.weight)

    def use_class_counts(self, counts: Tensor) -> None:
        """Take notice of how often each label occurs in training; the base task makes nothing of it."""

    @property
    def progress(self) -> float:
        """Place in training as a share, 0 to 1; 0 where training has no end."""
        trainer = self.trainer
        if trainer.max_steps > 0:
            return min(1.0, trainer.global_step / trainer.max_steps)
        if trainer.max_epochs is None or trainer.max_epochs < 1 or not trainer.num_training_batches:
            return 0.0
        # With an endless loader, the epochs alone.
        within = max(0, trainer.fit_loop.batch_idx) / trainer.num_training_batches
        return min(1.0, (trainer.current_epoch + within) / trainer.max_epochs)

    def report_facts(self) -> dict[str, str | int | float]:
        """Facts that belong beside a result, e.g. whether future utterances were read."""
        return {
            "task": type(self).__name__,
            "label_space": "" if self.label_space is None else self.label_space.name,
            "modalities": "+".join(self.encoders),
            "seed": self.seed,
        }

    # ------------------------------------------------------------------------------------ training

    def setup(self, stage: str) -> None:
        """Compare labels and inputs with the data, and take over the class counts when fitting."""
        data: object = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, DescribesData):
            return
        check_agreement(
            data,
            labels=self.label_space,
            dims=self.input_dims,
            task=type(self).__name__,
            fitting=stage == "fit",
        )
        check_head_and_data(self.head, data, task=type(self).__name__)
        for part, metrics in (("val", self.val_metrics), ("test", self.test_metrics)):
            for number, _ in enumerate(loader_sources(self.trainer, part)):
                self.source_scores[f"{part}{number}"] = StageScores(metrics)
        if stage == "fit" and self.label_space is not None and data.label_space is not None:
            self.use_class_counts(data.class_counts("train"))

    def on_train_start(self) -> None:
        """Begin with an empty window, also after a run that was interrupted in this process."""
        self._window.clear()
        # After a resume from an epoch's last batch, Lightning leaves out `on_train_epoch_start` once.
        self.grade_samples()

    def on_train_epoch_start(self) -> None:
        """Begin the sums of a new epoch, and measure difficulties where its curriculum asks the model."""
        self._epoch_complete = False
        self.train_loss.reset()
        self.grade_samples()

    def grade_samples(self) -> None:
        """Measure how hard the training samples are, where the data module's difficulty asks the model."""
        data: object = getattr(self.trainer, "datamodule", None)
        if isinstance(data, ShardDataModule):
            grade_samples(self, data)

    def on_train_batch_start(self, batch: AffectBatch, batch_idx: int) -> None:
        """Seed the step from its place."""
        self._epoch_complete = False
        if isinstance(self.loss, FollowsProgress):
            self.loss.set_progress(self.progress)
        seed_step(self.seed, epoch=self.current_epoch, batch=batch_idx, rank=self.global_rank)

    def training_step(self, batch: AffectBatch, batch_idx: int) -> Tensor | None:
        """Return this batch's share of the global sum of losses; it is divided before the step."""
        output: AffectOutput = self(batch)
        loss = self.compute_loss(batch, output)
        self._window.add(loss)
        self._count_damage("train", self.train_damaged, batch)
        # DDP takes the mean over ranks and Lightning divides by the accumulated batches: undo both,
        # so that gradients are plain sums until `on_before_optimizer_step` divides them once.
        undo = self.trainer.world_size * self.trainer.accumulate_grad_batches
        total = loss.total * loss.weight.detach().to(loss.total.dtype) * undo
        return total if self.trainer.world_size == 1 else total + parameter_anchor(self.parameters())

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the weight of the global batch, before they are clipped."""
        weight, means = self._window.close()
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.div_(weight.to(parameter.grad.dtype))
                elif parameter.requires_grad:
                    # As in distributed training: an optimizer treats zeros and no gradient differently.
                    parameter.grad = torch.zeros_like(parameter)
        # Equal on every rank already, so nothing is left to be synchronised.
        self.train_loss.update(means["loss"], weight)
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True, batch_size=1)
        steps = {f"train/{name}_step": value for name, value in means.items()}
        self.log_dict(steps, on_step=True, on_epoch=False, prog_bar=False, batch_size=1)

    def on_train_epoch_end(self) -> None:
        """Mark the epoch's sums as finished: a checkpoint made from here on starts the next one at 0."""
        self._epoch_complete = True
        self._check_damage()

    def configure_optimizers(self) -> Optimizer | OptimizerConfig | None:
        """Ask the optimizer factory."""
        steps = 0
        if self.optimizer_factory.needs_total_steps:
            estimate = self.trainer.estimated_stepping_batches
            if estimate == float("inf"):
                raise ValueError(
                    f"{type(self).__name__} has a learning-rate schedule, and the training has no end: set "
                    "Trainer(max_epochs=...) or max_steps, or use the schedule 'constant' without warm-up."
                )
            steps = int(estimate)
        optimizer, schedule = self.optimizer_factory(self.named_parameters(), total_steps=steps)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # ---------------------------------------------------------------------------------- evaluation

    def validation_step(self, batch: AffectBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to ``val/loss`` and the metrics of validation, or to those of its source."""
        self._evaluate("val", batch, dataloader_idx)

    def test_step(
        self, batch: AffectBatch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, AffectPrediction]:
        """Add a batch to ``test/loss`` and the metrics of the test, and hand on its predictions."""
        found = self.prediction(batch, self._evaluate("test", batch, dataloader_idx))
        return {"prediction": self._named(found, "test", dataloader_idx)}

    def predict_step(self, batch: AffectBatch, batch_idx: int, dataloader_idx: int = 0) -> AffectPrediction:
        """Predict for a batch; rows that only fill it are removed."""
        output: AffectOutput = self(batch)
        return self._named(self.prediction(batch, output), "predict", dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Stop where more samples were damaged than the data module allows."""
        self._check_damage()

    def on_test_epoch_end(self) -> None:
        """Stop where more samples were damaged than the data module allows."""
        self._check_damage()

    def prediction(self, batch: AffectBatch, output: AffectOutput) -> AffectPrediction:
        """Take the real rows of a batch and what was predicted for them, on the host."""
        read = modality_shares(self.fusion)
        shares = None
        if read is not None:
            with torch.no_grad():
                shares = read(*self.encode_parts(batch))
        return batch_prediction(replace(batch, target=self.asked(batch)), output, shares=shares)

    def _evaluate(self, stage: Stage, batch: AffectBatch, dataloader_idx: int) -> AffectOutput:
        metrics = self.val_metrics if stage == "val" else self.test_metrics
        mean_loss = self.val_loss if stage == "val" else self.test_loss
        damaged = self.val_damaged if stage == "val" else self.test_damaged
        place: str = stage
        if sources := loader_sources(self.trainer, stage):
            scores = cast(StageScores, self.source_scores[f"{stage}{dataloader_idx}"])
            metrics, mean_loss, damaged = scores.metrics, scores.loss, scores.damaged
            place = f"{stage}/{sources[dataloader_idx]}"
        output: AffectOutput = self(batch)
        loss = self.compute_loss(batch, output)
        mean_loss.update(loss.total, loss.weight)
        self.update_metrics(metrics, batch, output)
        # Metric objects, never floats: only their sums are exact over ragged ranks and batches.
        self._log_sums(f"{place}/loss", mean_loss, batch)
        for name, metric in metrics.items(keep_base=True, copy_state=False):
            self._log_sums(f"{place}/{name}", metric, batch)
        self._count_damage(place, damaged, batch)
        return output

    def _log_sums(self, name: str, metric: Metric, batch: AffectBatch) -> None:
        self.log(name, metric, on_step=False, on_epoch=True, batch_size=len(batch), add_dataloader_idx=False)

    def _count_damage(self, place: str, metric: DamageCount, batch: AffectBatch) -> None:
        # Present in every batch or in none: ranks must log the same names.
        if "damaged" in batch.meta:
            metric.update(batch)
            self._log_sums(f"{place}/damaged", metric, batch)

    def _check_damage(self) -> None:
        for module in self.modules():
            if isinstance(module, DamageCount):
                module.check()

    def _named(self, prediction: AffectPrediction, stage: str, dataloader_idx: int) -> AffectPrediction:
        """Tell apart samples of several sources, whose keys may be the same."""
        sources = loader_sources(self.trainer, stage)
        if not sources:
            return prediction
        return prediction._replace(keys=[f"{sources[dataloader_idx]}/{key}" for key in prediction.keys])

    # --------------------------------------------------------------------------------- checkpoints

    def save_hyperparameters(
        self,
        *args: object,
        ignore: Sequence[str] | str | None = None,
        frame: FrameType | None = None,
        logger: bool = True,
    ) -> None:
        """Keep the plain constructor values; ready-made parts are only named.

        Lightning would keep a deep copy of every module and a checkpoint that needs pickle.
        """
        current = inspect.currentframe()
        frame = frame or (current.f_back if current is not None else None)
        values, outermost = constructor_values(frame, self)
        skipped = [name for name, value in values.items() if not is_plain(plain(value))]
        ignored = [ignore] if isinstance(ignore, str) else list(ignore or ())
        self._injected = tuple(name for name in sorted(outermost) if name in skipped)
        super().save_hyperparameters(*args, ignore=[*ignored, *skipped], frame=frame, logger=logger)
        if "_instantiator" in self.hparams:
            # LightningCLI gave the class paths that the parts were made from: these are plain.
            super().save_hyperparameters(*args, ignore=ignored, frame=frame, logger=logger)

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Leave only what loads with ``weights_only=True``, and add the record."""
        for key in ("hyper_parameters", "datamodule_hyper_parameters"):
            stored = plain(checkpoint.get(key))
            if isinstance(stored, dict):
                checkpoint[key] = {name: value for name, value in stored.items() if is_plain(value)}
        for key in ("hparams_type", "datamodule_hparams_type"):
            checkpoint.pop(key, None)
        kept = checkpoint.get("hyper_parameters")
        names = kept if isinstance(kept, dict) else {}
        sums = [0.0, 0.0] if self._epoch_complete else self.train_loss.sums()
        checkpoint[KEY] = CheckpointRecord(
            version=affectkit.__version__,
            injected=tuple(name for name in self._injected if name not in names),
            label_space=self.label_space,
            epoch_loss=(sums[0], sums[1]),
            task=f"{type(self).__module__}.{type(self).__qualname__}",
            pictures=shown_pictures(self._trainer),
            reading=stated_reading(self._trainer),
        ).to_plain()
        place = unloadable(checkpoint)
        if place is not None:
            raise TypeError(
                f"The checkpoint would not load with weights_only=True because of {place}: keep only plain "
                "values and tensors in the state of callbacks, data modules and on_save_checkpoint."
            )

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Name a missing part and refuse another order of labels, before any weight is loaded."""
        record = CheckpointRecord.of(checkpoint)
        if record is None:
            return
        record.check_parts(self._injected, task=type(self).__name__)
        record.check_labels(self.label_space)
        self.train_loss.restore(list(record.epoch_loss))

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path | IO[bytes],
        map_location: MapLocation = None,
        hparams_file: str | Path | None = None,
        strict: bool | None = None,
        weights_only: bool | None = True,
        **kwargs: object,
    ) -> Self:
        """Build the task from a checkpoint; nothing in the file is executed.

        Args:
            checkpoint_path: The file.
            map_location: Device for the weights.
            hparams_file: YAML of hyper-parameters to use instead of the stored ones.
            strict: Whether weights must fit exactly.
            weights_only: False would let the file run code; only for files of your own.
            kwargs: Constructor arguments: parts that had been given, or values to change.

        Raises:
            MissingPartError: If the task had been given a part that is missing in ``kwargs``.
            LabelSpaceMismatchError: If the labels stand in another order.
        """
        if isinstance(checkpoint_path, (str, Path)) and Path(checkpoint_path).is_file() and weights_only:
            record = CheckpointRecord.peek(checkpoint_path)
            if record is not None:
                record.check_parts(kwargs, task=cls.__name__)
        loaded: Self = super().load_from_checkpoint(
            checkpoint_path, map_location, hparams_file, strict, weights_only, **{**cls.WHEN_LOADED, **kwargs}
        )
        return loaded
