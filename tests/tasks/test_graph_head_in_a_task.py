"""A label-graph head in a conversation task: trained, kept rows refreshed, loaded again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning import Trainer, seed_everything

from affectkit.data import ConversationDataModule
from affectkit.graph import LabelGraph
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.labels import label_space
from affectkit.losses import ClassificationLoss, UncertaintyWeightedSum
from affectkit.tasks import ConversationTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def head() -> CategoricalDimensionalGraphHead:
    graph = LabelGraph.from_anchors(label_space("meld7.official"))
    return CategoricalDimensionalGraphHead(8, graph, embedding_dim=5, hidden_dims=(6,))


def loss() -> UncertaintyWeightedSum:
    return UncertaintyWeightedSum({"emotion": ClassificationLoss(7)})


def test_it_trains_and_comes_back(conversations: str, tmp_path: Path) -> None:
    seed_everything(0)
    module = head()
    task = ConversationTask(
        "meld7.official", {"text": 6}, hidden_dim=8, context_model="none", head=module, loss=loss(), lr=0.05
    )
    before = module.label_rows().detach().clone()
    data = ConversationDataModule(conversations, batch_size=4)
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
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
