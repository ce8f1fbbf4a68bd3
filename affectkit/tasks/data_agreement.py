"""Whether a task and its data speak of the same labels and inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from affectkit.data.loader import DataReading, PictureView
from affectkit.data.modules import FeatureStatistics, SourceTargets
from affectkit.labels import LabelSpace, LabelSpaceMismatchError


@runtime_checkable
class DescribesData(Protocol):
    """A data module that says what it holds, as those of :mod:`affectkit.data.modules` do."""

    @property
    def label_space(self) -> LabelSpace | None:
        """Order of the labels in its batches."""
        ...

    @property
    def feature_dims(self) -> Mapping[str, int]:
        """Width of the features of each modality."""
        ...

    def class_counts(self, split: str) -> Tensor:
        """How often each label occurs in a split, in the order of ``label_space``."""
        ...


@runtime_checkable
class MeasuresFeatures(Protocol):
    """A data module that knows the mean and deviation of its training features."""

    def feature_statistics(self) -> Mapping[str, FeatureStatistics]:
        """Mean and deviation of each modality's columns."""
        ...


@runtime_checkable
class NamesLoaders(Protocol):
    """A data module that may evaluate several sources, each by a loader of its own."""

    def loader_names(self, stage: str) -> Sequence[str]:
        """Name of the source of each loader of ``"val"``, ``"test"`` or ``"predict"``, in their order."""
        ...


def loader_sources(trainer: Trainer, stage: str) -> Sequence[str]:
    """Name of the source of each loader of a stage, where sources are told apart; else nothing."""
    data: object = getattr(trainer, "datamodule", None)
    names = data.loader_names(stage) if isinstance(data, NamesLoaders) else ()
    # one source of several whose targets differ is named as well
    return names if len(names) > 1 or keeps_own_targets(data) else ()


@runtime_checkable
class KeepsOwnTargets(Protocol):
    """A data module whose sources may keep labels and values of their own, each for a head."""

    @property
    def has_own_targets(self) -> bool:
        """Whether they do."""
        ...

    def source_targets(self) -> Mapping[str, SourceTargets]:
        """What the batches of each source are compared with."""
        ...

    def source_class_counts(self, split: str) -> Mapping[str, Tensor]:
        """How often each label of each source occurs in a split."""
        ...


def keeps_own_targets(data: object) -> TypeGuard[KeepsOwnTargets]:
    """Whether each source of a data module keeps labels and values of its own."""
    return isinstance(data, KeepsOwnTargets) and data.has_own_targets


@runtime_checkable
class ShowsPictures(Protocol):
    """A data module of pictures, as :class:`~affectkit.data.modules.ImageDataModule`."""

    @property
    def picture_view(self) -> PictureView | None:
        """How evaluation shows a picture; None where it shows none."""
        ...


def shown_pictures(trainer: Trainer | None) -> PictureView | None:
    """How evaluation shows a picture of the trainer's data; None where it shows none."""
    data: object = getattr(trainer, "datamodule", None)
    return data.picture_view if isinstance(data, ShowsPictures) else None


@runtime_checkable
class SaysHowItReads(Protocol):
    """A data module that says how raw files are read as its samples are."""

    @property
    def reading(self) -> DataReading | None:
        """How evaluation reads a sample; None where raw files cannot be read that way."""
        ...


def stated_reading(trainer: Trainer | None) -> DataReading | None:
    """How evaluation reads a sample of the trainer's data; None where it does not say.

    A data module of one's own may read otherwise than the one it derives from, and cannot be named.
    """
    data: object = getattr(trainer, "datamodule", None)
    shipped = type(data).__module__.startswith("affectkit.")
    return data.reading if shipped and isinstance(data, SaysHowItReads) else None


def check_agreement(
    data: DescribesData,
    *,
    labels: LabelSpace | None,
    dims: Mapping[str, int | None],
    task: str,
    fitting: bool,
) -> None:
    """Compare the labels and inputs of a task with those of its data.

    In training, stored modalities that the task does not read are named once, by the first rank.

    Args:
        data: The data module.
        labels: The task's labels.
        dims: The modalities that the task reads, with their widths where it knows them.
        task: Name of the task, for the message.
        fitting: In training every modality must be there; a trained task may be evaluated on data
            that lack one.

    Raises:
        LabelSpaceMismatchError: If the orders of labels differ; both are printed.
        ValueError: If a modality is missing in training, or has another width.
    """
    space = data.label_space
    if labels is not None and space is not None and not labels.same_order(space):
        raise LabelSpaceMismatchError(
            f"{task} and its data put their labels in different orders. "
            f"Task, {labels.name!r}: {labels.order()}. Data, {space.name!r}: {space.order()}. "
            f"Set the data module's label_space to {labels.name!r}: it maps stored labels by name."
        )
    widths = data.feature_dims
    for name, dim in dims.items():
        if name not in widths:
            if fitting:
                raise ValueError(
                    f"{task} reads {name!r}, but the data hold {', '.join(sorted(widths)) or 'no features'}: "
                    "correct the task's inputs, or choose shards that have this modality."
                )
        elif dim is not None and widths[name] != dim:
            raise ValueError(
                f"{task} expects {name!r} features of width {dim}, but the data have {widths[name]}: "
                f"set inputs.{name} to {widths[name]}, or choose the shards that the task was built for."
            )
    unread = sorted(set(widths) - set(dims))
    # A task that reads no stored features at all uses them elsewhere, e.g. to look up examples.
    if fitting and dims and unread:
        rank_zero_info(
            f"{task} does not read {', '.join(map(repr, unread))} of its data: give it an encoder for each, "
            "or leave them out of the data module's modalities, which saves the loading."
        )
