"""Categories and dimensions in one task: training, mixtures, checks, checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import torch
from cat_dim_items import OWN, SEVERAL, batch_of, graph_file, task_of, trainer, write
from lightning.pytorch import LightningDataModule
from lightning.pytorch.strategies import DDPStrategy

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import (
    ConversationDataModule,
    FeatureDataModule,
    ImageDataModule,
    MixedDataModule,
)
from affectkit.data.schema import ShardError
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.encoders import IdentityEncoder, ProjectionEncoder, TimmImageEncoder
from affectkit.fusion import SumFusion
from affectkit.graph import (
    LabelGraphError,
    random_label_embeddings,
    write_label_embeddings,
)
from affectkit.heads import CategoricalDimensionalGraphHead, SeparateHeads
from affectkit.labels import LabelSpace, affect_scale
from affectkit.losses import (
    ClassificationLoss,
    MSELoss,
    MultilabelLoss,
    WeightedSum,
)
from affectkit.tasks import CategoricalDimensionalTask
from affectkit.types import AffectOutput, Target

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

# ------------------------------------------------------------------------------------------- training


def test_it_learns_both_and_comes_back_without_its_files(tmp_path: Path) -> None:
    scale = affect_scale("va.unit")
    data = FeatureDataModule(write(tmp_path / "set", scale=scale), batch_size=8)
    graph = graph_file(tmp_path)
    names = (*OWN.labels, *scale.axes)
    write_label_embeddings(tmp_path / "vectors.safetensors", names, random_label_embeddings(names, 7))
    task = task_of(
        graph,
        label_vectors=str(tmp_path / "vectors.safetensors"),
        label_vector_dim=None,
        standardize=True,
        bounded=True,
        class_weights="balanced",
    )
    run = trainer(tmp_path, epochs=20, check_val_every_n_epoch=20)
    run.fit(task, data)
    (found,) = run.test(task, data, verbose=False)
    assert found["test/accuracy"] > 0.8 and found["test/ccc_valence"] > 0.8
    assert {"test/uar_present", "test/macro_f1", "test/pearson", "test/rmse", "test/sagr"} <= set(found)
    encoder = task.encoders["text"]
    assert isinstance(encoder, ProjectionEncoder) and bool(encoder.deviation.ne(1).any())
    run.save_checkpoint(tmp_path / "last.ckpt")
    (tmp_path / "graph.safetensors").unlink()
    (tmp_path / "vectors.safetensors").unlink()
    again = CategoricalDimensionalTask.load_from_checkpoint(tmp_path / "last.ckpt")
    assert again.label_space == OWN and again.scale == scale
    batch = batch_of("text")
    with torch.no_grad():
        one, two = task.eval()(batch), again.eval()(batch)
    assert torch.equal(one.logits, two.logits) and torch.equal(one.dims, two.dims)
    assert bool((two.dims.abs() <= 1).all())
    # And a checkpoint of the task that came back is as whole.
    facts = again.report_facts()
    assert facts["head"] == "CategoricalDimensionalGraphHead" and facts["graph"] == "by hand"


def test_labels_of_ones_own_come_back_with_another_head(tmp_path: Path) -> None:
    scale = affect_scale("va.unit")
    data = FeatureDataModule(write(tmp_path / "set", scale=scale), batch_size=8)
    task, run = task_of(graph_file(tmp_path), head="separate"), trainer(tmp_path)
    run.fit(task, data)
    run.save_checkpoint(tmp_path / "last.ckpt")
    (tmp_path / "graph.safetensors").unlink()
    again = CategoricalDimensionalTask.load_from_checkpoint(tmp_path / "last.ckpt")
    assert again.label_space == OWN and isinstance(again.head, SeparateHeads)
    assert "graph" not in again.report_facts()


@pytest.mark.parametrize("several", [False, True])
def test_two_sources_of_which_each_knows_one(several: bool, tmp_path: Path) -> None:
    space, scale = SEVERAL if several else OWN, affect_scale("va.unit")
    data = MixedDataModule(
        {
            "words": FeatureDataModule(write(tmp_path / "a", space=space), batch_size=6),
            "values": FeatureDataModule(write(tmp_path / "b", space=None, scale=scale), batch_size=6),
        },
        evaluate=["words", "values"],
    )
    task = task_of(graph_file(tmp_path, space), dimension_loss="mse", task_weights="uncertainty")
    run = trainer(tmp_path, epochs=30, accumulate_grad_batches=2, check_val_every_n_epoch=30)
    run.fit(task, data)
    found = {name: float(value) for name, value in run.callback_metrics.items()}
    assert found["val/words/macro_f1"] > 0.8 and found["val/values/ccc_valence"] > 0.8
    # What a source knows nothing of is not scored, rather than 0.
    assert not any("ccc" in name for name in found if name.startswith("val/words"))
    assert not any("f1" in name or "accuracy" in name for name in found if name.startswith("val/values"))
    assert {"val/words/loss", "val/values/loss"} <= set(found)
    run.save_checkpoint(tmp_path / "last.ckpt")
    again = CategoricalDimensionalTask.load_from_checkpoint(tmp_path / "last.ckpt")
    assert again.label_space == space


def test_pictures_and_stored_features_are_fused(tmp_path: Path) -> None:
    task = CategoricalDimensionalTask(
        "meld7.official",
        "va.unit",
        inputs={"text": 6},
        pictures="visual",
        hidden_dim=8,
        fusion="concat",
        head="separate",
    ).eval()
    assert task.input_dims == {"text": 6}
    batch = batch_of("text")
    batch.inputs["visual"] = torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8)
    batch.present["visual"] = torch.tensor([True, True, False, True])
    output: AffectOutput = task(batch)
    assert output.logits is not None and output.logits.shape == (4, 7)
    other = AffectBatch(inputs=dict(batch.inputs), valid=batch.valid, present=batch.present)
    other.inputs["visual"] = batch.inputs["visual"].clone()
    other.inputs["visual"][2] = 0
    again: AffectOutput = task(other)
    torch.testing.assert_close(again.logits, output.logits)
    other.inputs["visual"] = batch.inputs["visual"].float()
    with pytest.raises(ValueError, match=r"set the data module's normalize to false"):
        task(other)


def test_pictures_are_trained(tmp_path: Path) -> None:
    write_synthetic_pictures(tmp_path / "set", train=14, val=7, test=7, targets="both", height=36, width=54)
    data = ImageDataModule(str(tmp_path / "set"), batch_size=7, size=32, normalize=False)
    task = CategoricalDimensionalTask("meld7.official", "va.unit", pictures="visual", head="multi_task")
    run = trainer(tmp_path)
    run.fit(task, data)
    assert {"val/accuracy", "val/ccc_arousal"} <= set(run.callback_metrics)


def test_the_file_of_the_backbone_is_not_needed_again(tmp_path: Path) -> None:
    torch.manual_seed(1)
    torch.save(TimmImageEncoder("tiny").network.state_dict(), tmp_path / "w.pt")
    write_synthetic_pictures(tmp_path / "set", train=14, val=7, test=7, targets="both", height=36, width=54)
    data = ImageDataModule(str(tmp_path / "set"), batch_size=7, size=32, normalize=False)
    weights = str(tmp_path / "w.pt")
    task = CategoricalDimensionalTask(
        "meld7.official", "va.unit", pictures="visual", backbone_weights=weights, head="separate"
    )
    run = trainer(tmp_path)
    run.fit(task, data)
    run.save_checkpoint(tmp_path / "last.ckpt")
    (tmp_path / "w.pt").unlink()
    again = CategoricalDimensionalTask.load_from_checkpoint(tmp_path / "last.ckpt").eval()
    batch = next(iter(data.test_dataloader()))
    with torch.no_grad():
        torch.testing.assert_close(again(batch).logits, task.eval()(batch).logits)
    with pytest.raises(FileNotFoundError, match=r"w\.pt"):
        CategoricalDimensionalTask.load_from_checkpoint(tmp_path / "last.ckpt", backbone_weights=weights)


def test_a_checkpoint_on_another_scale_is_refused(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "set", scale=affect_scale("va.unit")), batch_size=8)
    task = task_of(graph_file(tmp_path), head="separate", bounded=True)
    run = trainer(tmp_path)
    run.fit(task, data)
    run.save_checkpoint(tmp_path / "last.ckpt")
    load = CategoricalDimensionalTask.load_from_checkpoint
    told = r"trained on valence, arousal from -1 to 1, and the task here has .* from 1 to 9"
    with pytest.raises(ValueError, match=told):
        load(tmp_path / "last.ckpt", scale="va.one_to_nine")
    # One without the record, as older ones, is taken as it is.
    stored = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert stored["affectkit"].pop("scale") == {"axes": ["valence", "arousal"], "low": -1.0, "high": 1.0}
    torch.save(stored, tmp_path / "old.ckpt")
    assert load(tmp_path / "old.ckpt", scale="va.one_to_nine").scale.high == 9


def test_utterances_of_conversations_by_themselves(synthetic_features: Path, tmp_path: Path) -> None:
    data = ConversationDataModule(str(synthetic_features), batch_size=8, modalities=["text", "audio"])
    task = CategoricalDimensionalTask(
        "meld7.official",
        "va.unit",
        inputs={"text": 128, "audio": 84},
        hidden_dim=8,
        head="label_distribution",
        standardize=True,
    )
    run = trainer(tmp_path)
    run.fit(task, data)
    assert {"val/weighted_f1", "val/ccc_valence"} <= set(run.callback_metrics)
    batch = next(iter(data.val_dataloader()))
    assert isinstance(batch, AffectBatch)
    output: AffectOutput = task.eval()(batch)
    real = batch.masks["utterance"]
    assert output.dims is not None and output.dims.shape == (*real.shape, 2)


class Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


def fit_mixture(folder: str, out: str, ranks: int) -> None:
    data = MixedDataModule(
        {
            "words": FeatureDataModule(f"{folder}/words", batch_size=6),
            "values": FeatureDataModule(f"{folder}/values", batch_size=6),
        },
        evaluate=["words", "values"],
    )
    task = task_of(f"{folder}/graph.safetensors", dimension_loss="ccc_mixed", task_weights="uncertainty")
    strategy = DDPStrategy(process_group_backend="gloo") if ranks > 1 else "auto"
    run = trainer(Path(out), epochs=2, devices=ranks, strategy=strategy)
    run.fit(task, data)
    if run.is_global_zero:
        found = {name: float(value) for name, value in run.callback_metrics.items() if "val/" in name}
        torch.save({"weights": task.state_dict(), "scores": found}, Path(out) / f"{ranks}.pt")


@pytest.mark.distributed
def test_two_ranks_train_and_score_a_mixture_as_one(forked: Forked, tmp_path: Path) -> None:
    write(tmp_path / "words", space=OWN)
    write(tmp_path / "values", space=None, scale=affect_scale("va.unit"))
    graph_file(tmp_path)
    for ranks in (1, 2):
        assert set(forked(fit_mixture, str(tmp_path), str(tmp_path), ranks, ranks=ranks)) == {0}
    one, two = (torch.load(tmp_path / f"{ranks}.pt", weights_only=True) for ranks in (1, 2))
    assert one["scores"].keys() == two["scores"].keys()
    assert {"val/words/macro_f1", "val/values/ccc_valence"} <= set(one["scores"])
    for name, value in one["scores"].items():
        assert two["scores"][name] == pytest.approx(value, abs=1e-5, nan_ok=True), name
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, atol=1e-5, rtol=1e-4)


# --------------------------------------------------------------------------- checks before training


def fit(task: CategoricalDimensionalTask, data: LightningDataModule, folder: Path) -> None:
    trainer(folder).fit(task, data)


def test_a_graph_over_other_labels_than_the_datas_is_named(tmp_path: Path) -> None:
    turned = LabelSpace("turned3.v1", ("happy", "calm", "sad"))
    data = FeatureDataModule(write(tmp_path / "set", space=turned, scale=affect_scale("va.unit")))
    with pytest.raises(LabelGraphError, match=r"graph is over 'own3.v1'.*but the data over 'turned3.v1'"):
        fit(task_of(graph_file(tmp_path)), data, tmp_path)


def test_another_scale_than_the_datas_is_named(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "set", scale=affect_scale("va.one_to_nine")))
    with pytest.raises(ValueError, match=r"from -1 to 1, but its data valence, arousal from 1 to 9"):
        fit(task_of(graph_file(tmp_path)), data, tmp_path)


def test_a_target_that_no_sample_has_is_named(tmp_path: Path) -> None:
    scale, graph = affect_scale("va.unit"), graph_file(tmp_path)
    for name, options, words in (
        ("a", {"labelled": False, "scale": scale}, "no sample of the train split has a label"),
        ("b", {"space": None, "scale": scale}, "no sample of the train split has a label"),
        (
            "c",
            {"scale": scale, "rated": (True, False)},
            "no sample of the train split has a value of arousal",
        ),
        ("d", {}, "has a value of valence: add a source that has it"),
    ):
        data = FeatureDataModule(write(tmp_path / name, **options), batch_size=8)
        with pytest.raises(ValueError, match=words):
            fit(task_of(graph), data, tmp_path)


def test_a_trained_task_is_tested_on_labels_alone(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "set"), batch_size=4)
    (found,) = trainer(tmp_path).test(task_of(graph_file(tmp_path)), data, verbose=False)
    assert "test/accuracy" in found and not any("ccc" in name for name in found)


def test_a_value_outside_the_declared_scale_stops_the_training(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", scale=affect_scale("va.one_to_nine"))
    manifest = Path(folder) / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace('"high": 9.0', '"high": 1.0').replace('"low": 1.0', '"low": -1.0'), encoding="utf-8"
    )
    assert manifest.read_text(encoding="utf-8") != text
    with pytest.raises(ShardError, match=r"but its scale runs from -1 to 1"):
        fit(task_of(graph_file(tmp_path)), FeatureDataModule(folder, batch_size=8), tmp_path)


# --------------------------------------------------------------------------------------- own parts


def test_parts_of_ones_own_take_their_places(tmp_path: Path) -> None:
    task = CategoricalDimensionalTask(
        "affectnet7.official",
        "va.affectnet",
        encoders={"text": IdentityEncoder(6), "audio": IdentityEncoder(6)},
        fusion=SumFusion({"text": 6, "audio": 6}),
        head=SeparateHeads(6, num_classes=7, num_dims=2),
        loss=WeightedSum({"a": ClassificationLoss(7), "b": MSELoss()}),
    )
    batch = batch_of("text", "audio")
    batch.target = Target(label=torch.tensor([1, 2, 3, 4]), weight=torch.ones(4))
    assert float(task.compute_loss(batch, task(batch)).terms["b"]) == 0.0
    head = CategoricalDimensionalGraphHead(8, "affectnet7", embedding_dim=4, hidden_dims=(4,))
    other = task_of("affectnet7", head=head)
    assert other.head is head


def test_several_labels_are_binary(tmp_path: Path) -> None:
    task = task_of(graph_file(tmp_path, SEVERAL))
    assert isinstance(task.loss, WeightedSum) and isinstance(task.loss.losses["emotion"], MultilabelLoss)
    assert set(task.val_metrics) >= {"macro_f1", "micro_f1", "ccc"} and "accuracy" not in task.val_metrics
