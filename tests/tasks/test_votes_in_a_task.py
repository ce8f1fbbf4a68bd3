"""Heads that predict the distribution of votes, in tasks over data that have votes, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from cat_dim_items import graph_file, task_of, trainer, write
from torch import Tensor, nn

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import FeatureDataModule, MixedDataModule
from affectkit.heads import LabelDistributionHead, MultiHead, SeparateHeads
from affectkit.labels import LabelSpace, affect_scale
from affectkit.losses import CCCLoss, ClassificationLoss, VoteDistributionLoss, WeightedSum
from affectkit.tasks import CategoricalDimensionalTask
from affectkit.tasks.vote_agreement import predicts_distribution
from affectkit.types import AffectOutput

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

#: Labels that lie on the wheel, from which the head takes its anchors.
SPACE = LabelSpace("wheel3.v1", ("neutral", "happy", "sad"))


def data(folder: Path, *, votes: int) -> FeatureDataModule:
    root = write(folder / f"votes{votes}", space=SPACE, scale=affect_scale("va.unit"), votes=votes)
    return FeatureDataModule(root, batch_size=24)


def task(folder: Path, **options: Any) -> CategoricalDimensionalTask:
    return task_of(graph_file(folder, SPACE), **{"head": "label_distribution", **options})


#: Samples of the split; the rows after them only fill its batch.
ROWS = 9


def first(module: FeatureDataModule) -> AffectBatch:
    module.setup("validate")
    batch = next(iter(module.val_dataloader()))
    assert isinstance(batch, AffectBatch)
    return batch


def emotion(model: CategoricalDimensionalTask, batch: AffectBatch) -> tuple[float, Tensor]:
    """The share of the categories in the loss, and the log-probabilities."""
    output: AffectOutput = model.eval()(batch)
    assert output.logits is not None
    return float(model.compute_loss(batch, output).terms["emotion"]), output.logits[
        :ROWS
    ].detach().log_softmax(1)


def test_votes_are_learned_where_there_are_some_and_labels_elsewhere(tmp_path: Path) -> None:
    batch = first(data(tmp_path, votes=4))
    label, votes = batch.target.label, batch.target.distribution
    assert label is not None and votes is not None
    found, chances = emotion(task(tmp_path), batch)
    rows = []
    for row in range(ROWS):
        shares = votes[row] / votes[row].sum() if row < 4 else nn.functional.one_hot(label[row], 3)
        rows.append(-float((shares * chances[row]).sum()))
    assert found == pytest.approx(sum(rows) / ROWS, abs=1e-6)
    by_label = -float(chances.gather(1, label[:ROWS].unsqueeze(1)).mean())
    assert abs(found - by_label) > 0.01


@pytest.mark.parametrize("given", [False, True])
def test_without_votes_it_is_the_cross_entropy_of_the_labels(given: bool, tmp_path: Path) -> None:
    batch = first(data(tmp_path, votes=0))
    assert batch.target.distribution is None and batch.target.label is not None
    own = WeightedSum({"emotion": ClassificationLoss(3), "dimensions": CCCLoss()}) if given else None
    found, chances = emotion(task(tmp_path, loss=own), batch)
    expected = -float(chances.gather(1, batch.target.label[:ROWS].unsqueeze(1)).mean())
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_run_learns_what_most_voted_and_a_loss_of_labels_does_not(tmp_path: Path) -> None:
    module = data(tmp_path, votes=24)
    batch = first(module)
    labels = WeightedSum({"emotion": ClassificationLoss(3), "dimensions": CCCLoss()})
    for loss, shift in ((None, 1), (labels, 0)):
        model = task(tmp_path, loss=loss, dimension_weight=0.0 if loss is None else 1.0, lr=0.05)
        trainer(tmp_path, epochs=40, check_val_every_n_epoch=40).fit(model, module)
        output: AffectOutput = model.eval()(batch)
        assert output.logits is not None and batch.target.label is not None
        assert torch.equal(output.logits[:ROWS].argmax(1), (batch.target.label[:ROWS] + shift) % 3)


def test_what_reads_labels_alone_is_refused_where_there_are_votes(tmp_path: Path) -> None:
    voted, bare = data(tmp_path, votes=2), data(tmp_path, votes=0)
    for options in ({"class_weights": "balanced"}, {"label_smoothing": 0.1}):
        told = r"CategoricalDimensionalTask would train the head LabelDistributionHead, .* set class_weights"
        for module in (voted, MixedDataModule({"one": bare, "two": voted})):
            with pytest.raises(ValueError, match=told) as caught:
                trainer(tmp_path).fit(task(tmp_path, **options), module)
            assert "\n" not in str(caught.value)
        trainer(tmp_path).fit(task(tmp_path, **options), bare)
        # To evaluate a model that was trained so is no mistake, and a head of labels has nothing to lose.
        trainer(tmp_path).validate(task(tmp_path, **options), voted, verbose=False)
        trainer(tmp_path).fit(task(tmp_path, head="separate", **options), voted)


def test_a_head_of_ones_own_says_what_it_predicts(tmp_path: Path) -> None:
    class Mine(SeparateHeads):
        predicts_distribution = True

    mine, other = Mine(8, num_classes=3, num_dims=2), SeparateHeads(8, num_classes=3, num_dims=2)
    kinds = [
        [type(part) for part in task(tmp_path, head=head).loss.modules()]  # type: ignore[attr-defined]
        for head in (mine, other)
    ]
    assert VoteDistributionLoss in kinds[0] and ClassificationLoss not in kinds[0]
    assert ClassificationLoss in kinds[1] and VoteDistributionLoss not in kinds[1]
    assert predicts_distribution(MultiHead(LabelDistributionHead(8, 3), {"other": other}))
    assert not predicts_distribution(MultiHead(other, {"other": LabelDistributionHead(8, 3)}))
