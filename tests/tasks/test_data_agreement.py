"""What a task says of its data before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.data.loader import DataReading
from affectkit.labels import LabelSpace, label_space
from affectkit.tasks import data_agreement
from affectkit.tasks.data_agreement import check_agreement, stated_reading

SPACE = label_space("meld7.official")


class Data:
    """Data with three modalities."""

    label_space: LabelSpace | None = SPACE
    feature_dims: Mapping[str, int] = {"visual": 4, "audio": 3, "text": 6}

    def class_counts(self, split: str) -> Tensor:
        return torch.ones(7)


def said(monkeypatch: pytest.MonkeyPatch, dims: Mapping[str, int | None], *, fitting: bool) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(data_agreement, "rank_zero_info", found.append)
    check_agreement(Data(), labels=SPACE, dims=dims, task="MyTask", fitting=fitting)
    return found


def test_modalities_without_an_encoder_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = said(monkeypatch, {"text": 6}, fitting=True)
    assert line.startswith("MyTask does not read 'audio', 'visual' of its data: give it an encoder for each")
    # All are read; a trained task may leave out what it likes; one of raw inputs looks up examples by them.
    assert said(monkeypatch, {"text": None, "audio": 3, "visual": 4}, fitting=True) == []
    assert said(monkeypatch, {"text": 6}, fitting=False) == []
    assert said(monkeypatch, {}, fitting=True) == []


def test_a_data_module_of_ones_own_does_not_say_how_files_are_read() -> None:
    class Shipped:
        reading = DataReading("TextDataModule", {"tokenizer": "tiny"})

    class Stub:
        def __init__(self, datamodule: object) -> None:
            self.datamodule = datamodule

    own = Shipped()
    assert stated_reading(cast(Trainer, Stub(own))) is None
    Shipped.__module__ = "affectkit.data.modules.text"
    assert stated_reading(cast(Trainer, Stub(own))) == Shipped.reading
    assert stated_reading(None) is None
