"""Encoders without labels: who learns from what, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import FeatureDataModule
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.data.synthetic import SEQUENCE_WIDTHS, write_synthetic_sequences
from affectkit.encoders import ProjectionEncoder
from affectkit.labels import label_space
from affectkit.losses import ClassificationLoss, MultilabelLoss, PairwiseContrastiveLoss
from affectkit.tasks import ContrastiveStage, ContrastiveTask
from affectkit.types import AffectOutput, Target

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]
INPUTS = {"text": 4, "audio": 5}
SHARDS = dict(SEQUENCE_WIDTHS)


def made(
    stage: ContrastiveStage = "online",
    *,
    space: str = "ravdess8.official",
    inputs: dict[str, int] | None = None,
    mode: Literal["infonce", "official"] = "infonce",
    weights: str | None = None,
    class_weights: Literal["none", "balanced"] = "none",
    positive_weight: list[float] | None = None,
    decay_every: int = 0,
) -> ContrastiveTask:
    torch.manual_seed(0)
    return ContrastiveTask(
        space,
        inputs or INPUTS,
        stage=stage,
        encoder_weights=weights,
        channels=[8],
        feature_dim=8,
        hidden_dim=16,
        projection_dim=8,
        mode=mode,
        class_weights=class_weights,
        positive_weight=positive_weight,
        optimizer="adamw",
        lr=0.05 if stage == "probe" else 0.01,
        decay_every=decay_every,
        decay=0.5,
    )


def recordings(*, hole: float = 0.0) -> AffectBatch:
    """Five recordings in two views; the second lacks audio, the fourth text, the last is padding."""
    random = torch.Generator().manual_seed(1)
    inputs = {name: torch.randn(5, 2, 8, width, generator=random) for name, width in INPUTS.items()}
    masks = {name: torch.arange(8) < torch.tensor([8, 5, 8, 2, 8]).view(5, 1, 1) for name in INPUTS}
    masks = {name: mask.repeat(1, 2, 1) for name, mask in masks.items()}
    present = {name: torch.ones(5, dtype=torch.bool) for name in INPUTS}
    for name, row in (("audio", 1), ("text", 3)):
        masks[name][row] = False
        present[name][row] = False
    inputs = {name: values.masked_fill(~masks[name].unsqueeze(-1), hole) for name, values in inputs.items()}
    weight = torch.tensor([1.0, 1, 1, 1, 0])
    target = Target(label=torch.tensor([0, 3, -100, 1, 5]), weight=weight)
    return AffectBatch(inputs=inputs, masks=masks, present=present, valid=weight > 0, target=target)


def gradients(task: ContrastiveTask, part: str) -> dict[str, bool]:
    """Which weights of a part would move."""
    return {
        name: parameter.grad is not None and bool(parameter.grad.any())
        for name, parameter in task.get_submodule(part).named_parameters()
    }


def test_the_contrast_is_that_of_the_projected_views() -> None:
    task, batch = made(), recordings()
    output: AffectOutput = task(batch)
    assert output.views is not None and output.logits is not None and output.logits.shape == (5, 8)
    views: dict[str, Tensor] = {}
    for name in INPUTS:
        encoder, head = task.encoders[name], task.projections[name]
        assert isinstance(head, nn.Sequential) and [type(layer) for layer in head] == [
            nn.Linear,
            nn.ReLU,
            nn.Linear,
        ]
        views[name] = torch.stack(
            [
                head(encoder(batch.inputs[name][:, view], batch.masks[name][:, view]).pooled)
                for view in range(2)
            ],
            dim=1,
        )
        torch.testing.assert_close(output.views[name], views[name])
        assert torch.equal(output.views[f"{name}.present"], batch.present[name])
    flags = {f"{name}.present": flag for name, flag in batch.present.items()}
    terms = task.compute_loss(batch, output).terms
    contrast = PairwiseContrastiveLoss(["audio", "text"], temperature=0.07)
    expected = contrast(AffectOutput(views={**views, **flags}), Target(weight=batch.target.weight))
    # two of the four real rows have both modalities; all terms are over the four
    assert float(expected.weight) == 2
    torch.testing.assert_close(terms["contrast"], expected.total.detach() * 2 / 4)
    # the classifier reads the mean of the views
    read = {name: task.encoders[name](batch.inputs[name][0], batch.masks[name][0]).pooled for name in INPUTS}
    features = torch.cat([read["audio"].mean(0), read["text"].mean(0)])
    classifier = task.head.get_submodule("classifier")  # type: ignore[attr-defined]
    torch.testing.assert_close(output.logits[0], classifier(features))


def test_no_label_reaches_an_encoder() -> None:
    task, batch = made(), recordings()
    emotion = next(part for part in task.modules() if isinstance(part, ClassificationLoss))
    torch.autograd.backward(emotion(task(batch), batch.target).total)
    assert not any(gradients(task, "encoders").values()) and not any(gradients(task, "projections").values())
    assert all(gradients(task, "head").values()) and all(gradients(task, "fusion").values())
    # nor does the contrast train what reads the labels
    task.zero_grad(set_to_none=True)
    contrast = next(part for part in task.modules() if isinstance(part, PairwiseContrastiveLoss))
    torch.autograd.backward(contrast(task(batch), batch.target).total)
    assert all(gradients(task, "encoders").values()) and all(gradients(task, "projections").values())
    assert not any(gradients(task, "head").values()) and not any(gradients(task, "fusion").values())


@pytest.mark.parametrize(
    ("stage", "moves"),
    [
        ("online", {"encoders", "projections", "fusion", "head"}),
        ("encoders", {"encoders", "projections"}),
        ("probe", {"fusion", "head"}),
    ],
)
def test_what_a_stage_trains(stage: ContrastiveStage, moves: set[str]) -> None:
    task, batch = made(stage), recordings()
    torch.autograd.backward(task.compute_loss(batch, task(batch)).total)
    parts = {name.split(".")[0] for name, parameter in task.named_parameters() if parameter.grad is not None}
    trained = {name.split(".")[0] for name, parameter in task.named_parameters() if parameter.requires_grad}
    assert parts == trained == moves
    assert task.train().encoders.training == (stage != "probe")
    assert bool(len(task.val_metrics)) == (stage != "encoders")
    assert task.report_facts()["stage"] == stage


@pytest.mark.parametrize("stage", ["online", "probe"])
def test_what_is_absent_is_never_seen(stage: ContrastiveStage) -> None:
    task = made(stage).eval()
    results = []
    for hole in (0.0, torch.nan):
        batch = recordings(hole=hole)
        output: AffectOutput = task(batch)
        terms = task.compute_loss(batch, output)
        task.zero_grad()
        torch.autograd.backward(terms.total)
        grads = [p.grad.clone() for p in task.parameters() if p.grad is not None]
        results.append([terms.total.detach(), *grads, output.logits])
    for one, other in zip(*results, strict=True):
        assert one is not None and bool(one.isfinite().all())
        torch.testing.assert_close(one, other)


def test_features_without_time_are_one_view() -> None:
    task = made()
    rows = AffectBatch(
        inputs={name: torch.randn(4, width) for name, width in INPUTS.items()},
        valid=torch.ones(4, dtype=torch.bool),
        target=Target(label=torch.arange(4)),
    )
    output: AffectOutput = task(rows)
    assert output.views is not None and output.views["text"].shape == (4, 1, 8)
    assert bool(task.compute_loss(rows, output).total.isfinite())
    with pytest.raises(ValueError, match="one view of each row with mode='official'"):
        official = made(mode="official")
        official.compute_loss(rows, official(rows))


def test_data_of_an_evaluation_may_lack_a_modality() -> None:
    task, whole, bare = made().eval(), recordings(), recordings()
    del bare.inputs["audio"], bare.masks["audio"], bare.present["audio"]
    whole.present["audio"][:] = False
    hidden, lacking = task(whole), task(bare)
    torch.testing.assert_close(lacking.logits, hidden.logits)
    # no row has a pair, so that the loss is the classifier's alone
    terms = task.compute_loss(bare, lacking)
    assert float(terms.terms["contrast"]) == 0 and float(terms.total) == float(terms.terms["emotion"]) > 0
    with pytest.raises(KeyError, match="has an encoder for 'audio', but the batch holds text"):
        task.train()(bare)


def test_conversations_are_refused() -> None:
    batch = recordings()
    batch.masks["utterance"] = torch.ones(5, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"got conversations.*FeatureDataModule"):
        made()(batch)


def test_encoders_of_your_own() -> None:
    task = ContrastiveTask(
        "ravdess8.official",
        {"audio": 5},
        encoders={"text": ProjectionEncoder(4, 9)},
        channels=[6],
        feature_dim=6,
        projection_dim=8,
    )
    assert task.input_dims == {"audio": 5, "text": None}
    batch = AffectBatch(
        inputs={"text": torch.randn(3, 4), "audio": torch.randn(3, 5)},
        valid=torch.ones(3, dtype=torch.bool),
        target=Target(label=torch.arange(3)),
    )
    output: AffectOutput = task(batch)
    assert output.views is not None and output.views["text"].shape == (3, 1, 8)
    assert task.head.get_submodule("classifier").in_features == 15  # type: ignore[attr-defined]


def test_several_labels_a_recording() -> None:
    task = made(space="mosei6.sdk", positive_weight=[1.0, 2, 3, 4, 5, 6])
    loss = next(part for part in task.modules() if isinstance(part, MultilabelLoss))
    assert loss.positive_weight is not None and loss.positive_weight.tolist() == [1, 2, 3, 4, 5, 6]
    assert sorted(map(str, task.val_metrics)) == ["balanced_accuracy", "macro_f1", "micro_f1"]
    batch = recordings()
    batch.target = Target(multilabel=torch.ones(5, 6), weight=batch.target.weight)
    output: AffectOutput = task(batch)
    task.update_metrics(task.val_metrics, batch, output)
    assert output.logits is not None
    found = (output.logits[:4] > 0).float().mean()  # of labels that all hold, the share that was found
    torch.testing.assert_close(task.val_metrics["balanced_accuracy"].compute().float(), found)


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="stage='both'"):
        made("both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="and weights for 'probe' alone"):
        made("online", weights="a.ckpt")
    with pytest.raises(ValueError, match="two modalities or more"):
        made(inputs={"text": 4})
    with pytest.raises(ValueError, match=r"class_weights='balanced' for 'mosei6\.sdk'"):
        made(space="mosei6.sdk", class_weights="balanced")
    with pytest.raises(ValueError, match="1 positive weights for the 8 labels"):
        made(positive_weight=[1.0])
    with pytest.raises(ValueError, match="decay_every=-1"):
        made(decay_every=-1)
    with pytest.raises(ValueError, match="a network for 'face', and it builds encoders of audio, text"):
        ContrastiveTask("ravdess8.official", INPUTS, networks={"face": "conv"})


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("sequences") / "shards"
    write_synthetic_sequences(folder, train=160, val=16, test=160)
    return str(folder)


def data(root: str, *, batch_size: int = 32) -> FeatureDataModule:
    steps = dict.fromkeys(SHARDS, 10)
    return FeatureDataModule(root, views=2, view_steps=steps, batch_size=batch_size)


def trainer(folder: Path, epochs: int) -> Trainer:
    return Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def test_encoders_without_labels_then_a_probe(shards: str, tmp_path: Path) -> None:
    untrained, trained = made("encoders", inputs=SHARDS), made("encoders", inputs=SHARDS)
    scores = {}
    for name, task, epochs in (("untrained", untrained, 0), ("trained", trained, 12)):
        run = trainer(tmp_path, epochs)
        run.fit(task, data(shards))
        run.save_checkpoint(tmp_path / f"{name}.ckpt")
        probe = made("probe", inputs=SHARDS, weights=str(tmp_path / f"{name}.ckpt"))
        reader = trainer(tmp_path, 12)
        reader.fit(probe, data(shards))
        for key, value in probe.encoders.state_dict().items():
            assert torch.equal(value, task.encoders.state_dict()[key]), key
        scores[name] = reader.test(probe, data(shards), verbose=False)[0]["test/uar_present"]
        reader.save_checkpoint(tmp_path / "probe.ckpt")
    # Labels trained the same classifier on both; the contrast alone makes the difference.
    assert scores["trained"] > scores["untrained"] + 0.1
    # A probe needs the encoders' file to be fitted and for nothing else.
    (tmp_path / "trained.ckpt").unlink()
    again = ContrastiveTask.load_from_checkpoint(tmp_path / "probe.ckpt")
    tested = trainer(tmp_path, 1).test(again, data(shards), verbose=False)
    assert tested[0]["test/uar_present"] == pytest.approx(scores["trained"])
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint .*trained\.ckpt"):
        trainer(tmp_path, 1).fit(again, data(shards))
    with pytest.raises(ValueError, match="stage='probe' and no encoder_weights"):
        trainer(tmp_path, 1).fit(made("probe", inputs=SHARDS), data(shards))


def test_training_without_any_label(tmp_path: Path) -> None:
    template = Manifest(
        name="unlabelled",
        kind="clip",
        label_space=label_space("ravdess8.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={name: FeatureSpec(width, "float32", "none") for name, width in INPUTS.items()},
        synthetic=True,
    )
    with DatasetWriter(tmp_path / "shards", template) as writer:
        for split in ("train", "val", "test"):
            for number in range(8):
                record: ItemRecord = {"id": str(number), "label": None}
                features = {name: torch.randn(6, width) for name, width in INPUTS.items()}
                writer.add_item(split, f"{split}{number}", record, features=features)
    task, run = made("encoders"), trainer(tmp_path, 1)
    before = {key: value.clone() for key, value in task.state_dict().items()}
    run.fit(task, FeatureDataModule(str(tmp_path / "shards"), views=2, batch_size=4))
    after = task.state_dict()
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert {"encoders", "projections"} <= moved and not {"head", "fusion"} & moved
    assert bool(run.callback_metrics["val/loss"].isfinite()) and not any(
        "uar" in key for key in run.callback_metrics
    )


def test_only_the_train_split_trains(shards: str, tmp_path: Path) -> None:
    task, run = made(inputs=SHARDS), trainer(tmp_path, 1)
    before = {key: value.clone() for key, value in task.named_parameters()}
    run.validate(task, data(shards), verbose=False)
    run.test(task, data(shards), verbose=False)
    for key, value in task.named_parameters():
        assert torch.equal(value, before[key]) and value.grad is None


def test_the_rate_falls_by_epochs_and_classes_are_weighed(shards: str, tmp_path: Path) -> None:
    task = made(inputs=SHARDS, decay_every=2, class_weights="balanced")
    run = trainer(tmp_path, 4)
    run.fit(task, data(shards))
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * 0.25)
    loss = next(part for part in task.modules() if isinstance(part, ClassificationLoss))
    weights = loss.class_weight
    counts = data(shards).class_counts("train")
    assert weights is not None and int(weights.argmax()) == int(counts.argmin())
