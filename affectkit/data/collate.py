"""Ragged conversations to one padded batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.schema import ConversationRecord, ShardError, conversation_record
from affectkit.types import IGNORE_LABEL, Target

SampleT_contra = TypeVar("SampleT_contra", contravariant=True)


class Collate(Protocol[SampleT_contra]):
    """Samples to a batch; must pickle, since it travels to worker processes."""

    def __call__(
        self,
        samples: Sequence[SampleT_contra],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``; all arguments have one entry a row."""
        ...


@dataclass(slots=True, frozen=True)
class ConversationSample:
    """One conversation as read.

    Args:
        record: Its utterances.
        features: Tensors (U, D) by modality; ``NAME.present`` (U,) marks utterances that have it.
    """

    record: ConversationRecord
    features: Mapping[str, Tensor]


class ConversationCollate:
    """Pads conversations to the longest of the batch and marks what is real.

    Args:
        feature_dims: Modalities to put into ``inputs``, with their widths.
        label_table: For each stored label the label of the run (-100 = dropped); None where the
            data has no labels, and then ``target.label`` is None.
        num_dims: Number V of affect dimensions, 0 where there are none.
        extra: Names of further labels to put into ``target.extra``.
        difficulty: Difficulty of each sample of the store; goes into ``meta["difficulty"]``.
        text: Put the utterances themselves into ``meta["text"]``.

    Shape:
        - inputs[m]: (B, U, D) float32, zero on padding and where the modality is missing.
        - masks["utterance"], present[m]: (B, U) bool.
        - target.label, target.extra[name]: (B, U) int64, -100 where absent and on padding.
        - target.dims: (B, U, V) float32, NaN where absent and on padding.
        - target.weight: (B, U) float32, 1 on real utterances of valid rows, else 0.
        - speaker: (B, U) int64, -1 on padding.

    Raises:
        ShardError: If a record is malformed, features do not fit the utterances, or a label is not in
            ``label_table``.
    """

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        *,
        label_table: Sequence[int] | None,
        num_dims: int = 0,
        extra: Sequence[str] = (),
        difficulty: Sequence[float] | None = None,
        text: bool = False,
    ) -> None:
        self._feature_dims = dict(sorted(feature_dims.items()))
        self._label_table = None if label_table is None else np.asarray(label_table, dtype=np.int64)
        self._num_dims = num_dims
        self._extra = tuple(extra)
        self._difficulty = None if difficulty is None else np.asarray(difficulty, dtype=np.float64)
        self._text = text

    def __call__(
        self,
        samples: Sequence[ConversationSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Pad and join ``samples``."""
        try:
            return self._join(samples, keys, positions, valid)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            # Checking every field of every record beforehand would take as long as all the rest. What
            # is read is checked as arrays; if something is wrong, the full check says what.
            for key, sample in zip(keys, samples, strict=True):
                conversation_record(sample.record, where=f"Sample {key!r}")
            if isinstance(error, ShardError):
                raise
            raise ShardError(
                f"Sample {' or '.join(map(repr, keys))} is malformed ({error}): run `affectkit shards check` "
                f"on its shards."
            ) from error

    def _join(
        self,
        samples: Sequence[ConversationSample],
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        lengths = np.array([len(sample.record["utterances"]) for sample in samples], dtype=np.int64)
        shape = (len(samples), int(lengths.max()))
        mask = np.arange(shape[1]) < lengths[:, None]
        speaker = np.full(shape, -1, dtype=np.int64)
        for row, sample in enumerate(samples):
            speakers = [u["speaker"] for u in sample.record["utterances"]]
            speaker[row, : lengths[row]] = _numbers(speakers, "speaker", size=len(sample.record["speakers"]))
        weight = (mask & np.array(valid, dtype=np.bool_)[:, None]).astype(np.float32)
        inputs, present = self._features(samples, keys, shape)
        return AffectBatch(
            inputs=inputs,
            masks={"utterance": torch.from_numpy(mask)},
            present=present,
            target=Target(
                label=self._labels(samples, keys, shape),
                dims=self._dims(samples, keys, shape),
                extra=self._extras(samples, shape),
                weight=torch.from_numpy(weight),
            ),
            valid=torch.tensor(valid, dtype=torch.bool),
            speaker=torch.from_numpy(speaker),
            keys=list(keys),
            meta=self._meta(samples, positions),
        )

    def _features(
        self, samples: Sequence[ConversationSample], keys: Sequence[str], shape: tuple[int, int]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        inputs: dict[str, Tensor] = {}
        present: dict[str, Tensor] = {}
        for name, dim in self._feature_dims.items():
            padded = torch.zeros(*shape, dim)
            there = torch.zeros(shape, dtype=torch.bool)
            for row, sample in enumerate(samples):
                stored = sample.features.get(name)
                if stored is None:
                    continue
                length = len(sample.record["utterances"])
                if stored.shape != (length, dim):
                    raise ShardError(
                        f"Sample {keys[row]!r} has {name!r} features of shape {tuple(stored.shape)} for "
                        f"{length} utterances of width {dim}: extract the features again."
                    )
                padded[row, :length] = stored
                mark = sample.features.get(f"{name}.present")
                if mark is None:
                    there[row, :length] = True
                    continue
                there[row, :length] = mark.to(torch.bool)
                # what was stored for an absent utterance is not defined and may be NaN
                padded[row][~there[row]] = 0.0
            inputs[name], present[name] = padded, there
        return inputs, present

    def _labels(
        self, samples: Sequence[ConversationSample], keys: Sequence[str], shape: tuple[int, int]
    ) -> Tensor | None:
        if self._label_table is None:
            return None
        label = np.full(shape, IGNORE_LABEL, dtype=np.int64)
        for row, sample in enumerate(samples):
            stored = _numbers([u["label"] for u in sample.record["utterances"]], "label")
            if stored.max() >= len(self._label_table):
                raise ShardError(
                    f"Sample {keys[row]!r} has label {stored.max()}, but the label space of its shards "
                    f"ends at {len(self._label_table) - 1}: run `affectkit shards check` on them."
                )
            known = stored != IGNORE_LABEL
            stored[known] = self._label_table[stored[known]]
            label[row, : len(stored)] = stored
        return torch.from_numpy(label)

    def _dims(
        self, samples: Sequence[ConversationSample], keys: Sequence[str], shape: tuple[int, int]
    ) -> Tensor | None:
        if not self._num_dims:
            return None
        dims = np.full((*shape, self._num_dims), np.nan, dtype=np.float32)
        for row, sample in enumerate(samples):
            for place, utterance in enumerate(sample.record["utterances"]):
                values = utterance.get("dims")
                if values is None:
                    continue
                if len(values) != self._num_dims:
                    raise ShardError(
                        f"Sample {keys[row]!r} has {len(values)} affect dimensions in utterance {place}, but "
                        f"its scale has {self._num_dims}: run `affectkit shards check` on its shards."
                    )
                dims[row, place] = [np.nan if value is None else value for value in values]
        return torch.from_numpy(dims)

    def _extras(
        self, samples: Sequence[ConversationSample], shape: tuple[int, int]
    ) -> dict[str, Tensor] | None:
        if not self._extra:
            return None
        found: dict[str, Tensor] = {}
        for name in self._extra:
            values = np.full(shape, IGNORE_LABEL, dtype=np.int64)
            for row, sample in enumerate(samples):
                utterances = sample.record["utterances"]
                stored = [u.get("extra", {}).get(name) for u in utterances]
                values[row, : len(utterances)] = _numbers(stored, name)
            found[name] = torch.from_numpy(values)
        return found

    def _meta(self, samples: Sequence[ConversationSample], positions: Sequence[int]) -> dict[str, object]:
        meta: dict[str, object] = {"positions": list(positions)}
        if self._difficulty is not None:
            meta["difficulty"] = [float(self._difficulty[position]) for position in positions]
        if self._text:
            meta["text"] = [[u["text"] for u in sample.record["utterances"]] for sample in samples]
        return meta


def _numbers(values: Sequence[int | None], what: str, *, size: int | None = None) -> NDArray[np.int64]:
    """Numbers from 0, below ``size`` if given, with -100 for None; a float or a text is a ValueError."""
    array = np.array([IGNORE_LABEL if value is None else value for value in values])
    wrong = (array < 0) & (array != IGNORE_LABEL) if array.dtype == np.int64 else np.True_
    if wrong.any() or (size is not None and not 0 <= array.min() <= array.max() < size):
        raise ValueError(f"{what} is {values}, where numbers from 0 are wanted")
    return array
