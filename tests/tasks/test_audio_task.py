from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.data import AffectBatch, AudioDataModule
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import write_emodb_folder
from affectkit.encoders import LogMelConvEncoder
from affectkit.heads import LabelDistributionHead
from affectkit.losses import ClassificationLoss, SupervisedContrastiveLoss, TripletMarginLoss
from affectkit.tasks import AudioTask
from affectkit.tasks.metric_objective import MetricObjective
from affectkit.types import AffectOutput, LossTerms, Target

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
    pytest.mark.filterwarnings("ignore:.*tensorboard.*"),
]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("voices")
    write_emodb_folder(folder / "emodb", speakers=4, versions=2, seconds=0.4)
    splits = {"val": "05", "test": "06"}
    make_dataset(find_source("emodb"), folder / "emodb", out=folder / "shards", options=splits)
    return str(folder / "shards")


def small(**options: object) -> AudioTask:
    torch.manual_seed(0)
    return AudioTask(
        "emodb7.letters",
        **{"rate": 8000, "num_mels": 16, "widths": [4, 6], "lr": 0.01, **options},  # type: ignore[arg-type]
    )


def batch() -> AffectBatch:
    waves = torch.rand(6, 3000, generator=torch.Generator().manual_seed(0)) - 0.5
    lengths = torch.tensor([3000, 2000, 3000, 1000, 10, 0])
    return AffectBatch(
        inputs={"audio": waves},
        masks={"audio": torch.arange(3000) < lengths.unsqueeze(1)},
        present={"audio": lengths > 0},
        valid=torch.ones(6, dtype=torch.bool),
        target=Target(label=torch.tensor([0, 0, 1, 1, 2, -100]), weight=torch.ones(6)),
    )


def trainer(epochs: int = 2, **options: object) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("triplet_batch_hard", TripletMarginLoss(0.3, mining="batch_hard")),
        ("triplet_semi_hard", TripletMarginLoss(0.3, mining="semi_hard")),
        ("triplet_batch_all", TripletMarginLoss(0.3, mining="batch_all")),
        ("supervised_contrastive", SupervisedContrastiveLoss(temperature=0.2)),
    ],
)
def test_the_loss_is_the_sum_by_rows(
    name: MetricObjective, peer: TripletMarginLoss | SupervisedContrastiveLoss
) -> None:
    task = small(metric_loss=name, metric_weight=0.7, margin=0.3, temperature=0.2).eval()
    data = batch()
    output: AffectOutput = task(data)
    terms = task.compute_loss(data, output)
    plain, metric = (loss(output, data.target) for loss in (ClassificationLoss(7), peer))
    assert isinstance(plain, LossTerms) and isinstance(metric, LossTerms)
    # One divisor: the six rows that are not filling.
    wanted = (plain.total * plain.weight + 0.7 * metric.total * metric.weight) / 6
    torch.testing.assert_close(terms.total, wanted)
    assert set(terms.terms) == {"emotion", "metric"}


def test_silence_and_an_empty_recording_have_finite_answers_and_gradients() -> None:
    data = batch()
    data.inputs["audio"][3] = 0.0
    task = small(metric_loss="triplet_batch_hard").train()
    output: AffectOutput = task(data)
    assert output.logits is not None and bool(output.logits.isfinite().all())
    torch.autograd.backward(task.compute_loss(data, output).total)
    gradients = [p.grad for p in task.parameters() if p.grad is not None]
    assert gradients and all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_fit_test_and_reload_from_the_checkpoint_alone(shards: str, tmp_path: Path) -> None:
    data = AudioDataModule(shards, rate=8000, batch_size=14)
    task = small(metric_loss="supervised_contrastive", class_weights="balanced")
    run = trainer()
    run.fit(task, datamodule=data)
    (scores,) = run.test(task, datamodule=data, verbose=False)
    assert {"test/uar_present", "test/loss"} <= set(scores)
    run.save_checkpoint(tmp_path / "a.ckpt")
    again = AudioTask.load_from_checkpoint(tmp_path / "a.ckpt").eval()
    torch.testing.assert_close(again(batch()).logits, task.eval()(batch()).logits)
    assert again.report_facts()["encoder"] == "LogMelConvEncoder"


def test_a_run_with_an_encoder_of_ones_own_and_a_step_of_ones_own(shards: str) -> None:
    class QuietTask(AudioTask):
        def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
            terms = super().compute_loss(batch, output)
            assert output.embedding is not None
            size: Tensor = output.embedding.square().mean()
            return terms._replace(total=terms.total + 0.1 * size)

    encoder = LogMelConvEncoder(8000, num_mels=12, widths=(5,), normalization="recording")
    before = encoder.network.convolutions[0].weight.clone()  # type: ignore[operator]
    task = QuietTask("emodb7.letters", rate=8000, encoder=encoder)
    trainer(1, limit_val_batches=0).fit(task, datamodule=AudioDataModule(shards, rate=8000, batch_size=14))
    assert not torch.equal(encoder.network.convolutions[0].weight, before)  # type: ignore[arg-type]


def test_another_rate_than_the_data_is_refused_in_one_sentence(shards: str) -> None:
    with pytest.raises(ValueError, match=r"hears 8000 samples .* to 16000: set the data module's rate"):
        trainer().fit(small(), datamodule=AudioDataModule(shards, batch_size=14))
    with pytest.raises(ValueError, match=r"rate=16000 and an encoder of sound at 8000 Hz: set rate to 8000"):
        AudioTask("emodb7.letters", encoder=LogMelConvEncoder(8000, num_mels=16))


def test_a_head_of_distributions_wants_a_loss_where_there_are_votes(
    shards: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = AudioDataModule(shards, rate=8000, batch_size=14)
    head = LabelDistributionHead(48, 7)
    trainer(1, limit_val_batches=0).fit(small(head=head), datamodule=module)
    monkeypatch.setattr(AudioDataModule, "has_votes", lambda self, split: split == "train")
    told = "AudioTask would train the head LabelDistributionHead, .* have votes: give VoteDistributionLoss"
    with pytest.raises(ValueError, match=told):
        trainer(1).fit(small(head=head), datamodule=module)
    trainer(1, limit_val_batches=0).fit(small(head=head, loss=ClassificationLoss(7)), datamodule=module)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no metric loss 'triplet'"):
        small(metric_loss="triplet")
    with pytest.raises(ValueError, match="metric_weight is -1"):
        small(metric_loss="triplet_batch_hard", metric_weight=-1.0)
    with pytest.raises(ValueError, match="give 'none', 'balanced' or 'sqrt'"):
        small(class_weights="some")
    with pytest.raises(ValueError, match="loss of your own together with"):
        small(loss=ClassificationLoss(7), label_smoothing=0.1)
