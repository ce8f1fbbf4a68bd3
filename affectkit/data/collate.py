"""Ragged conversations to one padded batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.schema import (
    ConversationRecord,
    ShardError,
    StoredTensors,
    UtteranceRecord,
    conversation_record,
)
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
        turns = [sample.record["utterances"] for sample in samples]
        lengths = np.array([len(utterances) for utterances in turns], dtype=np.int64)
        mask = np.arange(lengths.max()) < lengths[:, None]
        flat = list(chain.from_iterable(turns))
        inputs, present = self._features(samples, keys, mask)
        label = self._labels(flat, keys, lengths)
        extra = {
            name: _spread(_numbers([u.get("extra", {}).get(name) for u in flat], name), mask)
            for name in self._extra
        }
        return AffectBatch(
            inputs=inputs,
            masks={"utterance": torch.from_numpy(mask)},
            present=present,
            target=Target(
                label=None if label is None else _spread(label, mask),
                dims=self._dims(samples, keys, mask.shape),
                extra=extra or None,
                weight=torch.from_numpy((mask & np.array(valid)[:, None]).astype(np.float32)),
            ),
            valid=torch.tensor(valid, dtype=torch.bool),
            speaker=_spread(self._speakers(samples, flat, lengths), mask, fill=-1),
            keys=list(keys),
            meta=self._meta(samples, positions),
        )

    def _features(
        self, samples: Sequence[ConversationSample], keys: Sequence[str], mask: NDArray[np.bool_]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        inputs: dict[str, Tensor] = {}
        present: dict[str, Tensor] = {}
        for name, dim in self._feature_dims.items():
            # every cell is written once: the stored rows, then zeros behind them
            padded = torch.empty(*mask.shape, dim)
            cells: NDArray[np.float32] = padded.numpy()
            there = mask.copy()
            for row, sample in enumerate(samples):
                if name not in sample.features:
                    cells[row], there[row] = 0.0, False
                    continue
                length = len(sample.record["utterances"])
                self._copy(sample, name, cells[row, :length], key=keys[row])
                cells[row, length:] = 0.0
                mark = sample.features.get(f"{name}.present")
                if mark is not None:
                    there[row, :length] = mark.numpy().astype(np.bool_)
                    # what was stored for an absent utterance is not defined and may be NaN
                    cells[row][~there[row]] = 0.0
            inputs[name], present[name] = padded, torch.from_numpy(there)
        return inputs, present

    @staticmethod
    def _copy(sample: ConversationSample, name: str, out: NDArray[np.float32], *, key: str) -> None:
        features = sample.features
        stored = features if isinstance(features, StoredTensors) else features[name]
        shape = stored.shape(name) if isinstance(stored, StoredTensors) else tuple(stored.shape)
        if shape != out.shape:
            raise ShardError(
                f"Sample {key!r} has {name!r} features of shape {shape} for {len(out)} utterances of width "
                f"{out.shape[1]}: extract the features again."
            )
        if isinstance(stored, StoredTensors):
            stored.copy_into(name, out)
        else:
            torch.from_numpy(out).copy_(stored)

    @staticmethod
    def _speakers(
        samples: Sequence[ConversationSample], flat: Sequence[UtteranceRecord], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        stored = _numbers([u["speaker"] for u in flat], "speaker")
        names = np.array([len(sample.record["speakers"]) for sample in samples])
        if stored.min() < 0 or (stored >= names.repeat(lengths)).any():
            raise ValueError("speaker is a number without a name")
        return stored

    def _labels(
        self, flat: Sequence[UtteranceRecord], keys: Sequence[str], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64] | None:
        if self._label_table is None:
            return None
        stored = _numbers([u["label"] for u in flat], "label")
        if stored.max() >= len(self._label_table):
            row = int(np.arange(len(keys)).repeat(lengths)[stored.argmax()])
            raise ShardError(
                f"Sample {keys[row]!r} has label {stored.max()}, but the label space of its shards "
                f"ends at {len(self._label_table) - 1}: run `affectkit shards check` on them."
            )
        known = stored != IGNORE_LABEL
        stored[known] = self._label_table[stored[known]]
        return stored

    def _dims(
        self, samples: Sequence[ConversationSample], keys: Sequence[str], shape: tuple[int, ...]
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

    def _meta(self, samples: Sequence[ConversationSample], positions: Sequence[int]) -> dict[str, object]:
        meta: dict[str, object] = {"positions": list(positions)}
        if self._difficulty is not None:
            meta["difficulty"] = [float(self._difficulty[position]) for position in positions]
        if self._text:
            meta["text"] = [[u["text"] for u in sample.record["utterances"]] for sample in samples]
        return meta


def _numbers(values: Sequence[int | None], what: str) -> NDArray[np.int64]:
    """Numbers from 0, with -100 for None; a negative number, a float or a text is a ValueError."""
    array = np.array([IGNORE_LABEL if value is None else value for value in values])
    if array.dtype != np.int64 or ((array < 0) & (array != IGNORE_LABEL)).any():
        raise ValueError(f"{what} is {values}, where numbers from 0 are wanted")
    return array


def _spread(values: NDArray[np.int64], mask: NDArray[np.bool_], *, fill: int = IGNORE_LABEL) -> Tensor:
    """Values of all real utterances, row after row, to their cells (B, U)."""
    cells = np.full(mask.shape, fill, dtype=np.int64)
    cells[mask] = values
    return torch.from_numpy(cells)
