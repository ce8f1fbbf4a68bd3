"""Several data sets in one training run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import DataReading, PictureView, ShardLoader
from affectkit.data.loader.mixed_loader import MixedLoader
from affectkit.data.loader.source_loader import SourceLoader
from affectkit.data.modules.completion import Completion
from affectkit.data.modules.conversation import ConversationDataModule
from affectkit.data.modules.feature_statistics import FeatureStatistics, joined_statistics
from affectkit.data.modules.features import FeatureDataModule
from affectkit.data.modules.image import ImageDataModule
from affectkit.data.modules.own_targets import (
    OwnTargets,
    SourceTargets,
    TargetField,
    check_votes,
    source_targets,
)
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.labels import AffectScale, LabelSpace


class MixedDataModule(LightningDataModule):
    """Trains on several sources with weights or repeat factors; evaluates on one or several of them.

    Every batch is of one source, so a set of pictures and a set of clips can be mixed, or one with
    labels and one with affect dimensions: what a source lacks is filled in as absent (label -100,
    several labels and dimensions NaN, a modality with ``present`` False), and losses skip it. With
    ``accumulate_grad_batches`` an optimizer step sees several sources. All promises of a single
    source hold: the order follows from the seeds and the epoch alone, ranks are equal, and a run
    resumes at any step on any number of ranks. See :class:`~affectkit.data.plan.MixturePlan` for
    how many batches of each source an epoch has.

    Sources may also keep labels and values of their own, for a head each: with ``own_targets`` the
    target of a batch is ``Target.extra[source]``, absent for the other sources, and ``label_space``
    is None; :meth:`source_targets` says what each source has.

    Args:
        sources: Data module of each source; ``batch_size`` and seed are its own.
        repeats: Passes over each source in an epoch, e.g. ``{"small": 3}``; 1 for the others.
        weights: Shares of the epoch's batches, e.g. ``{"faces": 2, "clips": 1}``; instead of
            ``repeats``.
        evaluate: The source whose splits are validated, tested and predicted; the first unless named.
            A list names several: each gets a loader of its own, a task logs ``val/SOURCE/METRIC``,
            and keys of predictions become ``SOURCE/KEY``.
        own_targets: Whether each source keeps labels and values of its own. Labels are taken before
            values; a mapping from sources to ``"label"``, ``"dims"``, ``"distribution"`` or
            ``"multilabel"`` says it for those that have several.
        seed: Seed of the order of sources.

    Raises:
        DataModuleError: If there is no source, or ``evaluate`` or ``own_targets`` names none of them.
    """

    def __init__(
        self,
        # Sources of samples of several kinds, so no one type of sample fits. Not ShardDataModule[Any]: the
        # command line would then know only the options that every source has.
        sources: dict[str, ShardDataModule],  # type: ignore[type-arg]
        *,
        repeats: dict[str, float] | None = None,
        weights: dict[str, float] | None = None,
        evaluate: str | list[str] | None = None,
        own_targets: bool | dict[str, TargetField] = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        first = list(sources)[:1]
        named = first if evaluate is None else [evaluate] if isinstance(evaluate, str) else list(evaluate)
        wrong = next((name for name in named if name not in sources or named.count(name) > 1), None)
        if not named or wrong is not None:
            raise DataModuleError(
                f"MixedDataModule cannot evaluate {wrong or 'nothing'!r} (it has "
                f"{', '.join(sources) or 'none'}): name one or several of its sources, each once."
            )
        self._fields: dict[str, TargetField] = {} if isinstance(own_targets, bool) else dict(own_targets)
        unknown = next((name for name in self._fields if name not in sources), None)
        if unknown is not None:
            raise DataModuleError(
                f"MixedDataModule got own_targets for {unknown!r}, which is none of its sources "
                f"({', '.join(sources)}): correct the name."
            )
        measured = next((name for name, one in sources.items() if one.model_difficulty is not None), None)
        if measured is not None:
            raise DataModuleError(
                f"Source {measured!r} has a difficulty that the model measures before each epoch, and the "
                "passes of a mixture are no epochs: give that source a difficulty of the data."
            )
        self.sources = dict(sources)
        self.seed = seed
        self.has_own_targets = own_targets is not False
        self._repeats = repeats
        self._weights = weights
        self._evaluated = tuple(named)
        self._train: MixedLoader | None = None
        self._resume: Mapping[str, object] | None = None

    @property
    def label_space(self) -> LabelSpace | None:
        """Label space of all sources that have labels; None where none has, or each has its own.

        Raises:
            DataModuleError: If two sources put their labels in different orders.
        """
        found: tuple[str, LabelSpace] | None = None
        for name, source in self._alike.items():
            space = source.label_space
            if space is None:
                continue
            if found is not None and not found[1].same_order(space):
                raise DataModuleError(
                    f"The sources put their labels in different orders. {found[0]!r}: {found[1].order()}. "
                    f"{name!r}: {space.order()}. Set label_space of both to the same name, or own_targets to "
                    "true for a head each."
                )
            found = found or (name, space)
        return None if found is None else found[1]

    @property
    def feature_dims(self) -> dict[str, int]:
        """Width of each modality that any source has.

        Raises:
            DataModuleError: If two sources have a modality in different widths.
        """
        widths: dict[str, int] = {}
        for name, source in self.sources.items():
            for modality, width in source.feature_dims.items():
                if widths.setdefault(modality, width) != width:
                    raise DataModuleError(
                        f"Source {name!r} has {modality!r} features of width {width}, another one of width "
                        f"{widths[modality]}: extract both with the same encoder, or leave them out."
                    )
        return dict(sorted(widths.items()))

    @property
    def affect_scale(self) -> AffectScale | None:
        """Scale of all sources that have affect dimensions; None where none has, or each has its own.

        Raises:
            DataModuleError: If two sources have different scales.
        """
        found: tuple[str, AffectScale] | None = None
        for name, source in self._alike.items():
            scale = source.manifest.dims
            if scale is None:
                continue
            if found is not None and _range(found[1]) != _range(scale):
                raise DataModuleError(
                    f"Sources {found[0]!r} and {name!r} have affect dimensions on different scales "
                    f"({_range(found[1])}; {_range(scale)}): make the shards of both on the same scale, or "
                    "set own_targets to true for a head each."
                )
            found = found or (name, scale)
        return None if found is None else found[1]

    @property
    def num_dims(self) -> int:
        """Number of affect dimensions, 0 where no source has any, or each has its own."""
        scale = self.affect_scale
        return 0 if scale is None else len(scale)

    @property
    def extra_spaces(self) -> dict[str, LabelSpace]:
        """Label spaces of the further targets that any source has, by name.

        Raises:
            DataModuleError: If two sources put the labels of one in different orders.
        """
        found: dict[str, LabelSpace] = {}
        for name, source in self._alike.items():
            for target, space in source.extra_spaces.items():
                if not found.setdefault(target, space).same_order(space):
                    raise DataModuleError(
                        f"Source {name!r} has the target {target!r} in the order {space.order()}, another "
                        f"source in the order {found[target].order()}: make the shards of both alike."
                    )
        return found

    def target_fields(self, source: str = "") -> frozenset[str]:
        """Which targets a source states, the first that is evaluated by default; see its own method."""
        return self.sources[source or self._evaluated[0]].target_fields()

    def annotated_dims(self, split: str) -> tuple[bool, ...]:
        """Whether each affect dimension has a value in a split of any source."""
        rated = [source for source in self._alike.values() if source.affect_scale is not None]
        parts = [source.annotated_dims(split) for source in rated]
        return tuple(any(column) for column in zip(*parts, strict=True))

    @property
    def picture_view(self) -> PictureView | None:
        """How evaluation shows pictures; None where no evaluated source has any, or two differ."""
        evaluated = [self.sources[name] for name in self._evaluated]
        views = [one.picture_view for one in evaluated if isinstance(one, ImageDataModule)]
        return views[0] if views and all(view == views[0] for view in views) else None

    @property
    def reading(self) -> DataReading | None:
        """How evaluation reads a sample; where the evaluated sources read differently, how each does."""
        found = {name: _reading(self.sources[name]) for name in self._evaluated}
        first = found[self._evaluated[0]]
        if all(one == first for one in found.values()):
            return self.sources[self._evaluated[0]].reading
        kept = {name: None if one is None else one.to_plain() for name, one in found.items()}
        return DataReading("MixedDataModule", {"sources": kept})

    def class_counts(self, split: str) -> Tensor:
        """Labelled items per class, int64 (C,); in training as often as an epoch shows them.

        Raises:
            DataModuleError: If no source has labels, or each has its own.
        """
        if self.has_own_targets:
            raise DataModuleError(
                "Each source has labels of its own, which no one order counts: ask source_class_counts."
            )
        labelled = {name: source for name, source in self.sources.items() if source.label_map is not None}
        if not labelled:
            raise DataModuleError("No source has labels to count: do without class weights.")
        if split != "train":
            found = [labelled[name].class_counts(split) for name in self._evaluated if name in labelled]
            if not found:
                raise DataModuleError("No source that is evaluated has labels to count: name another one.")
            return torch.stack(found).sum(dim=0)
        mixture = self._mixed().mixture
        total = torch.zeros(())
        for name, source in labelled.items():
            total = total + source.class_counts(split) * (mixture.shares[name] / mixture.passes[name])
        return total.round().to(torch.int64)

    def source_targets(self) -> dict[str, SourceTargets]:
        """What the batches of each source are compared with, where each keeps its own.

        Raises:
            DataModuleError: If a source has nothing to be compared with, or not what was asked for.
        """
        return {
            name: source_targets(name, source, self._fields.get(name))
            for name, source in self.sources.items()
        }

    def source_class_counts(self, split: str) -> dict[str, Tensor]:
        """Labelled items per class of each source that has labels, each int64 (C,) in its own order."""
        return {
            name: source.class_counts(split)
            for name, source in self.sources.items()
            if source.label_map is not None and split in source.manifest.splits
        }

    def setup(self, stage: str) -> None:
        """Open what ``stage`` needs in every source, and check that the sources agree."""
        for name, source in self.sources.items():
            source.trainer = self.trainer
            if stage == "fit" or name in self._evaluated:
                source.setup(stage)
        _ = self.label_space, self.feature_dims, self.num_dims
        if not self.has_own_targets:
            return
        for name, targets in self.source_targets().items():
            if stage == "fit" and targets.field == "distribution":
                check_votes(name, self.sources[name])

    def train_dataloader(self) -> MixedLoader:
        """Loader of the mixture, at the position of the checkpoint if one was loaded.

        Without a trainer, asking again after an epoch was read to its end gives the next epoch.
        """
        loader = self._mixed()
        if self._resume is not None:
            loader.load_state_dict(self._resume)
            self._resume = None
        elif self.trainer is None and self._train is not None:
            loader.set_epoch(self._train.state_dict()["epoch"])
        self._train = loader
        return loader

    def curriculum_order(self, epoch: int) -> list[tuple[str, float]]:
        """``SOURCE/KEY`` and difficulty of what ``epoch`` may draw from, of the sources with a curriculum.

        A source's curriculum counts the passes over it, of which an epoch may see several.
        """
        opened: dict[str, float] = {}
        for name, turn in sorted({(name, turn) for name, turn, _ in self._places(epoch)}):
            for key, difficulty in self.sources[name].curriculum_order(turn):
                opened[f"{name}/{key}"] = difficulty
        return sorted(opened.items(), key=lambda entry: entry[1])

    def shown_keys(self, epoch: int) -> list[str]:
        """``SOURCE/KEY`` in the order in which ``epoch`` shows them, of the sources with a curriculum."""
        return [
            f"{name}/{self.sources[name].store('train').key(int(place))}"
            for name, _, places in self._places(epoch)
            for place in places
        ]

    def _places(self, epoch: int) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
        following = {name for name, source in self.sources.items() if source.follows_curriculum}
        if not following:
            return iter(())
        loader = self._mixed() if self._train is None else self._train
        return (place for place in loader.places(epoch) if place[0] in following)

    def loader_names(self, stage: str) -> tuple[str, ...]:
        """Source of each loader of ``"val"``, ``"test"`` or ``"predict"``; none without a val split."""
        if stage != "val":
            return self._evaluated
        return tuple(name for name in self._evaluated if "val" in self.sources[name].manifest.splits)

    def val_dataloader(self) -> SourceLoader | list[SourceLoader]:
        """The val split of each source that is evaluated, every sample once."""
        found = {name: self.sources[name].val_dataloader() for name in self.loader_names("val")}
        return self._one_or_several(
            {name: loader for name, loader in found.items() if not isinstance(loader, list)}
        )

    def test_dataloader(self) -> SourceLoader | list[SourceLoader]:
        """The test split of each source that is evaluated, every sample once."""
        return self._one_or_several({name: self.sources[name].test_dataloader() for name in self._evaluated})

    def predict_dataloader(self) -> SourceLoader | list[SourceLoader]:
        """What each source that is evaluated predicts, every sample once."""
        return self._one_or_several(
            {name: self.sources[name].predict_dataloader() for name in self._evaluated}
        )

    def on_after_batch_transfer(self, batch: AffectBatch, dataloader_idx: int) -> AffectBatch:
        """Let the source of a batch change it where it is now, e.g. normalise its pixels."""
        source = self.sources[str(batch.meta["source"])]
        changed: AffectBatch = source.on_after_batch_transfer(batch, dataloader_idx)
        return changed

    def feature_statistics(self) -> dict[str, FeatureStatistics]:
        """Mean and deviation of each modality over the train splits of all sources that have it.

        Every utterance or item counts once, however often an epoch shows its source.

        Raises:
            DataModuleError: If no utterance of a source has a modality that the source states.
        """
        parts = [
            source.feature_statistics()
            for source in self.sources.values()
            if isinstance(source, ConversationDataModule | FeatureDataModule)
        ]
        return {
            name: joined_statistics([part[name] for part in parts if name in part])
            for name in self.feature_dims
        }

    def state_dict(self) -> dict[str, object]:
        """Position of the mixture, in plain values and equal on all ranks."""
        if self._train is not None:
            return {"train": dict(self._train.state_dict())}
        return {} if self._resume is None else {"train": dict(self._resume)}

    def load_state_dict(self, state_dict: Mapping[str, object]) -> None:
        """Keep a position; the next :meth:`train_dataloader` goes there."""
        self._train = None
        self._resume = cast("Mapping[str, object] | None", state_dict.get("train"))

    @property
    def _alike(self) -> dict[str, ShardDataModule[Any]]:
        """The sources that must agree on labels and scales."""
        return {} if self.has_own_targets else self.sources

    def _mixed(self) -> MixedLoader:
        return MixedLoader(
            {name: source.train_dataloader() for name, source in self.sources.items()},
            repeats=self._repeats,
            weights=self._weights,
            seed=self.seed,
            complete=self._completed(),
        )

    def _completed(self) -> Callable[[AffectBatch], AffectBatch]:
        """What makes the batches of all sources alike, in training and in evaluation."""
        completion = Completion(self.feature_dims, labels=self.label_space, num_dims=self.num_dims)
        if not self.has_own_targets:
            return completion
        own = OwnTargets(self.source_targets())
        return lambda batch: own(completion(batch))

    def _one_or_several(self, loaders: Mapping[str, ShardLoader[Any]]) -> SourceLoader | list[SourceLoader]:
        complete = self._completed()
        named = [SourceLoader(loader, source=name, complete=complete) for name, loader in loaders.items()]
        return named[0] if len(named) == 1 else named


def _reading(source: ShardDataModule[Any]) -> DataReading | None:
    """How a source reads, also one of pictures, whose view a checkpoint keeps by itself."""
    if isinstance(source, ImageDataModule):
        return DataReading("ImageDataModule", source.picture_view.to_plain())
    return source.reading


def _range(scale: AffectScale) -> tuple[tuple[str, ...], float, float]:
    """What makes two scales the same, whatever they are called."""
    return scale.axes, scale.low, scale.high
