"""A label-graph head in tasks of conversations and of sound: trained, kept rows refreshed, loaded again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning import Trainer, seed_everything

from affectkit.data import AudioDataModule, ConversationDataModule
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import write_emodb_folder
from affectkit.encoders import LogMelConvEncoder
from affectkit.graph import LabelGraph
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.labels import label_space
from affectkit.losses import ClassificationLoss, UncertaintyWeightedSum
from affectkit.tasks import AudioTask, ConversationTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def head() -> CategoricalDimensionalGraphHead:
    graph = LabelGraph.from_anchors(label_space("meld7.official"))
    return CategoricalDimensionalGraphHead(8, graph, embedding_dim=5, hidden_dims=(6,))


def loss() -> UncertaintyWeightedSum:
    return UncertaintyWeightedSum({"emotion": ClassificationLoss(7)})


def quiet(epochs: int) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def test_it_trains_and_comes_back(conversations: str, tmp_path: Path) -> None:
    seed_everything(0)
    module = head()
    task = ConversationTask(
        "meld7.official", {"text": 6}, hidden_dim=8, context_model="none", head=module, loss=loss(), lr=0.05
    )
    before = module.label_rows().detach().clone()
    data = ConversationDataModule(conversations, batch_size=4)
    trainer = quiet(2)
    trainer.fit(task, data)
    module.eval()
    with torch.no_grad():
        rows = module.label_rows()
        assert torch.equal(rows, module.network()) and not torch.allclose(rows, before)
    assert any("log_variance" in name for name, _ in task.named_parameters())
    trained = next(p for name, p in task.named_parameters() if name.endswith("log_variance"))
    assert bool(trained.detach().any())
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = ConversationTask.load_from_checkpoint(
        tmp_path / "last.ckpt", head=head(), loss=loss(), weights_only=True
    )
    assert isinstance(again.head, CategoricalDimensionalGraphHead)
    with torch.no_grad():
        torch.testing.assert_close(again.head.eval().label_rows(), rows, rtol=0, atol=0)


def test_it_trains_behind_waveforms(tmp_path: Path) -> None:
    write_emodb_folder(tmp_path / "emodb", speakers=4, versions=2, seconds=0.4)
    splits = {"val": "05", "test": "06"}
    make_dataset(find_source("emodb"), tmp_path / "emodb", out=tmp_path / "shards", options=splits)
    seed_everything(0)
    graph = LabelGraph.from_anchors(label_space("emodb7.letters"))
    heard = LogMelConvEncoder(8000, num_mels=16, widths=(4, 6))
    module = CategoricalDimensionalGraphHead(
        heard.out_dim, graph, embedding_dim=5, hidden_dims=(6,), bias=True
    )
    task = AudioTask("emodb7.letters", rate=8000, lr=0.03, encoder=heard, head=module)
    data = AudioDataModule(str(tmp_path / "shards"), rate=8000, batch_size=8)
    before = {name: p.detach().clone() for name, p in task.named_parameters()}
    trainer = quiet(4)
    trainer.fit(task, data)
    still = [name for name, p in task.named_parameters() if torch.equal(p, before[name])]
    # No recording was absent, so nothing was learnt in its place.
    assert still == ["fusion.absent.0"]
    assert module.bias is not None and bool(module.bias[:7].ne(0).all())
    assert {"val/accuracy", "val/loss"} <= set(trainer.callback_metrics)
    # Seven kinds of voices: to know nothing costs 1.95.
    assert float(trainer.callback_metrics["train/loss"]) < 1.9
