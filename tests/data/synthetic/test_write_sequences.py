"""Made-up recordings: what they hold, and what modalities have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.data.modules import FeatureDataModule
from affectkit.data.shards import read_manifest
from affectkit.data.synthetic import SEQUENCE_WIDTHS, write_synthetic_sequences


def split_of(folder: Path, split: str = "train") -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Means of all recordings by modality, who has which, and what the target holds."""
    data = FeatureDataModule(str(folder), batch_size=512, predict_split=split)
    (batch,) = list(data.predict_dataloader())
    found = batch.target.label if batch.target.label is not None else batch.target.multilabel
    assert found is not None
    real = batch.valid
    return (
        {name: rows[real] for name, rows in batch.inputs.items()},
        {name: flags[real] for name, flags in batch.present.items()},
        found[real],
    )


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_synthetic_sequences(tmp_path / name, train=6, val=2, test=2, seed=seed)
    bytes_of = {
        name: {path.name: path.read_bytes() for path in sorted((tmp_path / name).rglob("*.tar"))}
        for name in "abc"
    }
    assert bytes_of["a"] == bytes_of["b"] and bytes_of["a"] and bytes_of["a"] != bytes_of["c"]
    manifest = read_manifest(tmp_path / "a")
    assert manifest.synthetic and {name: spec.dim for name, spec in manifest.features.items()} == dict(
        SEQUENCE_WIDTHS
    )


def explained(source: Tensor, found: Tensor) -> float:
    """Share of the variance of ``found`` that a linear map of ``source`` explains."""
    design = torch.cat([source, torch.ones(len(source), 1)], dim=1)
    rest = found - design @ torch.linalg.lstsq(design, found).solution
    return float(1 - rest.square().sum() / (found - found.mean(0)).square().sum())


@pytest.mark.parametrize(("private", "low", "high"), [(0.0, 0.8, 1.0), (2.0, 0.2, 0.5)])
def test_modalities_share_one_vector_beside_their_own(
    private: float, low: float, high: float, tmp_path: Path
) -> None:
    write_synthetic_sequences(tmp_path / "a", train=300, val=2, test=2, missing=0.2, private=private)
    inputs, present, label = split_of(tmp_path / "a")
    assert set(label.tolist()) == set(range(8))
    flags = torch.stack([present[name] for name in SEQUENCE_WIDTHS], dim=1)
    assert bool(flags.any(1).all()) and 0.15 < float((~flags).float().mean()) < 0.25
    both = present["audio"] & present["text"]
    audio, text = inputs["audio"][both], inputs["text"][both]
    assert low < explained(audio, text) < high
    assert explained(audio, text.roll(1, 0)) < 0.15


def test_recordings_of_several_labels(tmp_path: Path) -> None:
    write_synthetic_sequences(tmp_path / "a", train=60, val=2, test=2, label_space="mosei6.sdk")
    _, _, labels = split_of(tmp_path / "a")
    assert set(labels.sum(1).tolist()) == {1.0, 2.0}


@pytest.mark.parametrize("wrong", [{"steps": 1}, {"noise": -1.0}, {"private": -1.0}, {"missing": 1.0}])
def test_numbers_that_are_not_allowed(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write_synthetic_sequences got steps="):
        write_synthetic_sequences(tmp_path / "a", **wrong)  # type: ignore[arg-type]
