"""Dimensions of rows and of segments."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from affectkit.conversation import BcLSTM
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.fusion import FeatureTokenAttention, ModalityDropout
from affectkit.heads import BinnedDimensionalHead, DimensionalHead
from affectkit.losses import BinnedDimensionLoss, CCCLoss
from affectkit.predict import extract_features, named_extractor
from affectkit.tasks import DimensionalTask
from affectkit.types import AffectOutput

INPUTS = {"sound": 5, "appearance": 7}


def film(*, hole: float = 0.0) -> AffectBatch:
    generator = torch.Generator().manual_seed(0)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    inputs = {name: torch.randn(2, 6, width, generator=generator) for name, width in INPUTS.items()}
    present = {"sound": mask & (torch.arange(6) != 2), "appearance": mask}
    inputs["sound"][:, 2] = hole
    inputs["appearance"][1, 4:] = hole
    return AffectBatch(inputs=inputs, masks={"utterance": mask}, present=present, valid=mask[:, 0])


def test_options_choose_the_parts() -> None:
    plain = DimensionalTask("va.unit", INPUTS, hidden_dim=8)
    assert isinstance(plain.fusion, FeatureTokenAttention) and plain.context is None
    assert isinstance(plain.head, DimensionalHead) and plain.head.bounds is None
    full = DimensionalTask(
        "vad.emobank",
        INPUTS,
        hidden_dim=8,
        bins=5,
        tolerance=2,
        context_model="bc_lstm",
        context="both",
        context_dim=3,
        modality_dropout=0.2,
    )
    assert isinstance(full.fusion, ModalityDropout) and isinstance(full.context, BcLSTM)
    assert full.context.out_dim == 6 and isinstance(full.loss, BinnedDimensionLoss)
    assert isinstance(full.head, BinnedDimensionalHead) and full.head.centres.tolist() == pytest.approx(
        [1.4, 2.2, 3.0, 3.8, 4.6]
    )
    assert {"bin_accuracy", "bin_accuracy_within_2", "ccc_dominance"} <= set(full.test_metrics)
    assert isinstance(DimensionalTask("va.unit", INPUTS, loss="ccc").loss, CCCLoss)
    with pytest.raises(ValueError, match="loss='mae'"):
        DimensionalTask("va.unit", INPUTS, loss="mae")  # type: ignore[arg-type]


@pytest.mark.parametrize("context", ["past", "both"])
def test_segments_see_what_they_may(context: str) -> None:
    torch.manual_seed(0)
    task = DimensionalTask(
        "va.unit",
        INPUTS,
        hidden_dim=8,
        context_model="bc_lstm",
        context=context,  # type: ignore[arg-type]
    ).eval()
    batch, other = film(), film(hole=torch.nan)
    changed = film()
    changed.inputs["appearance"][0, 4] += 1
    with torch.no_grad():
        one, absent, later = (task(each) for each in (batch, other, changed))
    assert isinstance(one, AffectOutput) and one.dims is not None and one.dims.shape == (2, 6, 2)
    # What is absent or beyond the end is never looked at.
    real = batch.masks["utterance"]
    assert torch.equal(one.dims[real], absent.dims[real])
    moved = (one.dims[0] != later.dims[0]).any(dim=-1)
    assert moved.tolist() == ([False] * 4 + [True] * 2 if context == "past" else [True] * 6)
    assert torch.equal(one.dims[1], later.dims[1])


def test_another_scale_is_refused_and_statistics_are_taken(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "corpus", train=4, val=2, test=2)
    extractor = {"audio": named_extractor("audio")}
    extract_features(tmp_path / "corpus", tmp_path / "features", encoders=extractor)
    data = ConversationDataModule(str(tmp_path / "features"), batch_size=2, pin_memory=False)

    def fit(task: DimensionalTask) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Trainer(
                accelerator="cpu",
                max_epochs=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=tmp_path,
            ).fit(task, data)

    with pytest.raises(ValueError, match=r"valence, arousal, dominance from -1 to 1.*'va.unit'"):
        fit(DimensionalTask("vad.unit", {"audio": 84}))
    task = DimensionalTask("va.unit", {"audio": 84}, hidden_dim=4, standardize=True)
    fit(task)
    mean = data.feature_statistics()["audio"].mean
    torch.testing.assert_close(task.encoders["audio"].mean, mean.float())
