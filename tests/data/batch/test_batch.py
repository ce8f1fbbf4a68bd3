from __future__ import annotations

import copy
import pickle
from dataclasses import fields

import pytest
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device
from torch import Tensor
from torch.utils.data._utils.pin_memory import pin_memory

from affectkit.data.batch import AffectBatch
from affectkit.types import Target


def full_batch() -> AffectBatch:
    """A batch with every field and every target in use."""
    rows = (2, 3)
    return AffectBatch(
        inputs={"text": torch.rand(*rows, 4), "audio": torch.rand(*rows, 5)},
        valid=torch.tensor([True, False]),
        masks={"utterance": torch.ones(rows, dtype=torch.bool)},
        present={"audio": torch.zeros(rows, dtype=torch.bool)},
        target=Target(
            label=torch.zeros(rows, dtype=torch.int64),
            dims=torch.rand(*rows, 2),
            distribution=torch.rand(*rows, 7),
            multilabel=torch.rand(*rows, 7),
            extra={"sentiment": torch.ones(rows, dtype=torch.int64)},
            weight=torch.ones(rows),
        ),
        speaker=torch.zeros(rows, dtype=torch.int64),
        keys=["a", "b"],
        meta={"positions": [3, 4]},
    )


def tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, AffectBatch):
        return [t for field in fields(value) for t in tensors(getattr(value, field.name))]
    if isinstance(value, dict):
        return [t for item in value.values() for t in tensors(item)]
    if isinstance(value, tuple | list):
        return [t for item in value for t in tensors(item)]
    return []


def test_lightning_moves_every_tensor_and_leaves_the_original() -> None:
    batch = full_batch()
    moved = move_data_to_device(batch, torch.device("meta"))
    assert isinstance(moved, AffectBatch)
    assert len(tensors(moved)) == len(tensors(batch)) == 12
    assert {t.device.type for t in tensors(moved)} == {"meta"}
    assert {t.device.type for t in tensors(batch)} == {"cpu"}
    assert moved.keys == ["a", "b"] and moved.meta == {"positions": [3, 4]}
    assert isinstance(moved.target, Target) and len(moved) == moved.size == 2


def test_absent_fields_stay_absent() -> None:
    batch = AffectBatch(inputs={}, valid=torch.ones(1, dtype=torch.bool)).to("cpu")
    assert batch.speaker is None and batch.target == Target() and len(batch) == 1


def test_torch_pins_every_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[Tensor] = []

    def pin(tensor: Tensor) -> Tensor:
        pinned.append(tensor)
        return tensor.clone()

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    batch = full_batch()
    result: object = pin_memory(batch)  # type: ignore[no-untyped-call]
    assert isinstance(result, AffectBatch)
    assert {t.data_ptr() for t in pinned} == {t.data_ptr() for t in tensors(batch)}
    assert not {t.data_ptr() for t in tensors(result)} & {t.data_ptr() for t in tensors(batch)}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_memory_reaches_a_gpu() -> None:
    batch = full_batch()
    pinned = batch.pin_memory()
    assert all(t.is_pinned() for t in tensors(pinned))
    there = move_data_to_device(pinned, torch.device("cuda"))
    torch.cuda.synchronize()
    assert all(torch.equal(a.cpu(), b) for a, b in zip(tensors(there), tensors(batch), strict=True))


@pytest.mark.parametrize("through", [lambda b: pickle.loads(pickle.dumps(b)), copy.deepcopy])
def test_a_copy_is_equal(through: type) -> None:
    batch = full_batch()
    again: object = through(batch)
    assert isinstance(again, AffectBatch) and again.keys == batch.keys
    assert all(torch.equal(a, b) for a, b in zip(tensors(again), tensors(batch), strict=True))


def test_predictions_cannot_be_written_into_it() -> None:
    with pytest.raises(AttributeError):
        full_batch().logits = torch.zeros(1)  # type: ignore[attr-defined]
