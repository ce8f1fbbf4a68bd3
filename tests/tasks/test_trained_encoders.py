"""Encoders out of the checkpoint of another run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from affectkit.tasks.trained_encoders import load_encoders


def encoders(width: int = 3, *, names: tuple[str, ...] = ("audio", "text")) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(2, width) for name in names})


def saved(folder: Path, part: nn.ModuleDict) -> Path:
    state = {f"encoders.{name}": value for name, value in part.state_dict().items()}
    path = folder / "run.ckpt"
    torch.save({"state_dict": {**state, "head.weight": torch.ones(1)}, "epoch": 3}, path)
    return path


def test_every_weight_is_taken(tmp_path: Path) -> None:
    source, target = encoders(), encoders()
    load_encoders(target, saved(tmp_path, source))
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value)


@pytest.mark.parametrize(
    ("other", "first"),
    [
        (encoders(4), "audio.bias"),
        (encoders(names=("audio",)), "text.bias"),
        (encoders(names=("audio", "face", "text")), "face.bias"),
    ],
)
def test_other_encoders_are_refused(other: nn.ModuleDict, first: str, tmp_path: Path) -> None:
    target = encoders()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(ValueError, match=rf"does not hold the encoders audio, text .*first at '{first}'"):
        load_encoders(target, saved(tmp_path, other))
    assert all(torch.equal(value, target.state_dict()[name]) for name, value in before.items())


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no checkpoint"):
        load_encoders(encoders(), tmp_path / "nothing.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(ValueError, match="does not hold the encoders"):
        load_encoders(encoders(), tmp_path / "list.ckpt")
