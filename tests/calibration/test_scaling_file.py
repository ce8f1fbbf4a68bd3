"""A scaling lies beside its checkpoint, and belongs to no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectkit.calibration import (
    LogitScaling,
    ScalingFileError,
    TemperatureScaling,
    VectorScaling,
    fit_scaling,
    load_scaling,
    save_scaling,
    scaling_path,
)

LABELS = ("calm", "glad", "cross")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "best.ckpt"
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("scaling", [TemperatureScaling(), VectorScaling(3)], ids=lambda s: type(s).__name__)
def test_what_is_loaded_scales_as_what_was_saved(checkpoint: Path, scaling: LogitScaling) -> None:
    logits = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    fit_scaling(scaling, 3 * logits, torch.arange(30) % 3)
    path = save_scaling(checkpoint, scaling, labels=LABELS, rows=30)
    assert path == scaling_path(checkpoint) == checkpoint.with_name("best.scaling.safetensors")
    stored = load_scaling(checkpoint)
    assert stored is not None and stored.labels == LABELS
    assert torch.equal(stored.scaling(logits), scaling(logits))
    assert not torch.equal(stored.scaling(logits), logits)


def test_other_weights_have_no_scaling(checkpoint: Path) -> None:
    assert load_scaling(checkpoint) is None
    save_scaling(checkpoint, TemperatureScaling(), labels=LABELS, rows=3)
    checkpoint.write_bytes(b"trained on")
    with pytest.raises(ScalingFileError, match="was fitted for other weights"):
        load_scaling(checkpoint)
    with pytest.raises(FileNotFoundError):
        save_scaling(checkpoint.with_name("absent.ckpt"), TemperatureScaling(), labels=LABELS, rows=3)


def test_damage_is_told(checkpoint: Path) -> None:
    path = save_scaling(checkpoint, VectorScaling(3), labels=LABELS[:2], rows=3)
    with pytest.raises(ScalingFileError, match="does not fit its 2 labels"):
        load_scaling(checkpoint)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ScalingFileError, match="cannot be read"):
        load_scaling(checkpoint)
    save_scaling(checkpoint, torch.nn.Identity(), labels=LABELS, rows=3)  # type: ignore[arg-type]
    with pytest.raises(ScalingFileError, match="holds no scaling"):
        load_scaling(checkpoint)
