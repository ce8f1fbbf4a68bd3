"""Frozen extractors with random weights: refused where a training begins, unless they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

from affectkit.data import ConversationMediaDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.encoders import (
    LogMelConvEncoder,
    TimmImageEncoder,
    TransformersAudioEncoder,
    TransformersTokenEncoder,
)
from affectkit.tasks import AudioTask, ConversationMediaTask, ConversationTask
from affectkit.tasks.random_extractors import is_untrained

pytest.importorskip("transformers", reason="needs the extra 'text'")
pytest.importorskip("timm", reason="needs the extra 'vision'")
#: The extractor of sound that the tasks below have.
VOICE: dict[str, object] = {"rate": 8000, "num_mels": 16, "widths": [4, 6]}
REFUSED = r"does not train its extractor of 'audio', whose weights are random \(LogMelConvEncoder\)"


def task(**options: object) -> ConversationMediaTask:
    usual = {**VOICE, "media": ["audio"], "hidden_dim": 8, "context_model": "none", "frozen": ["audio"]}
    return ConversationMediaTask("meld7.official", **{**usual, **options})  # type: ignore[arg-type]


def voice() -> LogMelConvEncoder:
    return LogMelConvEncoder(8000, num_mels=16, widths=(4, 6))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ConversationMediaDataModule:
    folder = tmp_path_factory.mktemp("corpus") / "set"
    write_synthetic(folder, train=2, val=1, test=1, seed=0)
    return ConversationMediaDataModule(str(folder), media=["audio"], rate=8000, batch_size=2)


def fit(model: ConversationTask, data: ConversationMediaDataModule, ckpt_path: str | None = None) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1 if ckpt_path is None else 2,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def test_a_frozen_extractor_must_know_something(data: ConversationMediaDataModule) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        fit(task(), data)
    # One that is given ready, in either task.
    with pytest.raises(ValueError, match=REFUSED):
        fit(task(extractors={"audio": voice()}), data)
    own = voice().requires_grad_(False)
    with pytest.raises(ValueError, match=REFUSED):
        fit(ConversationTask("meld7.official", {}, extractors={"audio": own}, hidden_dim=8), data)
    fit(task(frozen=[]), data)
    fit(task(extractor_weights={"audio": "random"}), data)


def test_weights_of_anywhere_are_seen(data: ConversationMediaDataModule, tmp_path: Path) -> None:
    trained = AudioTask("meld7.official", **VOICE)  # type: ignore[arg-type]
    for part in trained.modules():
        if isinstance(part, nn.BatchNorm1d) and part.affine:
            nn.init.uniform_(part.weight)
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "voices.ckpt")
    model = task(extractor_weights={"audio": str(tmp_path / "voices.ckpt")})
    # A training that is resumed, with weights that come from nowhere but its checkpoint.
    fit(model, data).save_checkpoint(tmp_path / "talk.ckpt")
    fit(task(), data, ckpt_path=str(tmp_path / "talk.ckpt"))
    fit(ConversationMediaTask.load_from_checkpoint(tmp_path / "talk.ckpt", extractor_weights={}), data)
    mine = voice()
    mine.load_state_dict(trained.encoders["audio"].state_dict())
    fit(task(extractors={"audio": mine}), data)


@pytest.mark.parametrize("tiny", [["text"], ["visual"], ["audio"]])
def test_tiny_says_itself_that_it_is_random(tiny: list[str]) -> None:
    task(media=tiny, frozen=tiny, audio_encoder="tiny").on_fit_start()
    given = {
        "audio": TransformersAudioEncoder("tiny", rate=8000),
        "text": TransformersTokenEncoder("tiny"),
        "visual": TimmImageEncoder("tiny"),
    }[tiny[0]]
    with pytest.raises(ValueError, match=f"its extractor of '{tiny[0]}', whose weights are random"):
        task(media=tiny, frozen=tiny, audio_encoder="tiny", extractors={tiny[0]: given}).on_fit_start()


def test_random_weights_are_told_by_their_scales() -> None:
    for network in (voice(), TimmImageEncoder("tiny"), TimmImageEncoder("tiny-vit"), nn.LayerNorm(3)):
        assert is_untrained(network)
    text = TransformersTokenEncoder("tiny")
    assert is_untrained(text)
    torch.autograd.backward(text(torch.tensor([[3, 4]])).pooled.square().sum())
    torch.optim.SGD(text.parameters(), lr=1e-3).step()
    assert not is_untrained(text)
    assert not is_untrained(nn.Linear(2, 2))  # nothing tells
