"""Samples with the answers of a teacher that were stored beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.data.loader.batch_view import Decode, Transform
from affectkit.data.schema import ShardError
from affectkit.data.schema.stored_tensors import StoredTensors
from affectkit.labels import LabelMap, LabelSpaceMismatchError

#: What is stored of a teacher, by the names under which losses look for it.
TEACHER_ANSWERS: Final = ("teacher_dims", "teacher_embedding", "teacher_logits")

SampleT = TypeVar("SampleT")


@dataclass(slots=True, frozen=True)
class TaughtSample(Generic[SampleT]):
    """A sample, and the answers (D,) to it by name."""

    sample: SampleT
    answers: Mapping[str, Tensor]


class TaughtReader(Generic[SampleT]):
    """Reads a sample with its answers.

    Args:
        decode: Reads the sample itself.
        widths: Width of each answer, as the manifest states it.

    Raises:
        ShardError: If an answer is missing or has another width.
    """

    def __init__(self, decode: Decode[SampleT], widths: Mapping[str, int]) -> None:
        self._decode = decode
        self._widths = dict(sorted(widths.items()))

    def __call__(self, members: Mapping[str, memoryview]) -> TaughtSample[SampleT]:
        """Read ``members``."""
        stored = StoredTensors(members["safetensors"]) if "safetensors" in members else {}
        for name, width in self._widths.items():
            shape = tuple(stored[name].shape) if name in stored else None
            if shape != (width,):
                raise ShardError(
                    f"The sample has {name!r} of shape {shape} where the manifest states ({width},): store "
                    "the teacher's answers anew with `affectkit teach`."
                )
        return TaughtSample(self._decode(members), {name: stored[name] for name in self._widths})


class TaughtTransform(Generic[SampleT]):
    """Changes the sample and leaves the answers as they are.

    Args:
        transform: Change of the sample itself.
    """

    def __init__(self, transform: Transform[SampleT]) -> None:
        self._transform = transform

    def __call__(self, sample: TaughtSample[SampleT], *, generator: torch.Generator) -> TaughtSample[SampleT]:
        """Change ``sample``; all chance comes from ``generator``."""
        return TaughtSample(self._transform(sample.sample, generator=generator), sample.answers)


class TaughtCollate(Generic[SampleT]):
    """Joins samples, and puts their answers into ``Target.extra``.

    Args:
        collate: Joins the samples themselves.
        labels: From the labels of the data, in whose order logits are stored, to those of the run. Logits
            of labels that are merged become the logarithm of the sum of their exponentials, so that
            probabilities add up; those of dropped labels are left out.

    Shape:
        - target.extra["teacher_logits"]: (B, C) in the order of the run
        - target.extra["teacher_dims"], target.extra["teacher_embedding"]: (B, V), (B, D)

    Raises:
        LabelSpaceMismatchError: If a label of the run has no stored logit.
    """

    def __init__(self, collate: Collate[SampleT], labels: LabelMap | None) -> None:
        self._collate = collate
        self._columns: list[list[int]] | None = None
        if labels is not None and not labels.is_identity:
            self._columns = answer_columns(labels)

    def __call__(
        self,
        samples: Sequence[TaughtSample[SampleT]],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        batch = self._collate([each.sample for each in samples], keys=keys, positions=positions, valid=valid)
        answers = {name: torch.stack([each.answers[name] for each in samples]) for name in samples[0].answers}
        if "teacher_logits" in answers and self._columns is not None:
            logits = answers["teacher_logits"]
            answers["teacher_logits"] = torch.stack(
                [
                    logits[:, places].logsumexp(1) if len(places) > 1 else logits[:, places[0]]
                    for places in self._columns
                ],
                dim=1,
            )
        batch.target = batch.target._replace(extra={**(batch.target.extra or {}), **answers})
        return batch


def answer_columns(labels: LabelMap) -> list[list[int]]:
    """Stored columns that each label of the run is made of.

    Raises:
        LabelSpaceMismatchError: If a label has none.
    """
    columns = [
        [stored for stored, place in enumerate(labels.table) if place == wanted]
        for wanted in range(len(labels.target))
    ]
    bare = [label for label, places in zip(labels.target, columns, strict=True) if not places]
    if bare:
        raise LabelSpaceMismatchError(
            f"The stored answers of the teacher are about {labels.source.order()}, and the run has the label "
            f"{bare[0]!r} as well: run in the label space of the data, or store answers of a teacher of the "
            "run's labels with such data."
        )
    return columns
