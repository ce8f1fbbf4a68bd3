"""The student of a distillation: what it learns from, what its checkpoint holds, how it is scored."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from affectkit.data import AffectBatch
from affectkit.data.modules import ImageDataModule, MixedDataModule
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.distill import PrototypeGridError, VAPrototypeGrid
from affectkit.labels import LabelSpace, LabelSpaceMismatchError, UnknownLabelError, label_space
from affectkit.losses import WeightedSum
from affectkit.tasks import CategoricalDimensionalTask, FrozenTeacher, PrototypeDistillTask, TeacherError
from affectkit.types import AffectOutput, Target

SPACE = label_space("ferplus8.official")
#: Seven of its labels in another order, and one that it does not have.
OTHER = LabelSpace("other.v1", ("anger", "boredom", "sadness", "happiness", "fear", "neutral"))
ALONE: dict[str, Any] = {"kd_weight": 0.0, "prototype_weight": 0.0, "geometry_weight": 0.0}


def write(root: Path, space: LabelSpace, sizes: dict[str, int], *, votes: bool | int = False) -> str:
    """Pictures whose brightness tells the label, by name, so that two spaces agree.

    A whole number of votes gives them to that many samples of a split alone.
    """
    names = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "boredom")
    template = Manifest(
        name=space.name,
        kind="image",
        label_space=space,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    generator = np.random.default_rng(0)
    with DatasetWriter(root, template) as writer:
        for split, size in sizes.items():
            for number in range(size):
                label = number % len(space)
                level = 25 * names.index(space.labels[label])
                pixels = (level + generator.integers(0, 6, (16, 16, 3))).astype(np.uint8)
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, format="PNG")
                record: ItemRecord = {"id": f"{number}", "label": label}
                if votes is True or number < votes:
                    record["votes"] = [float(place == label) * 9 + 1 for place in range(len(space))]
                writer.add_item(split, f"{split}{number:03}", record, members={"png": file.getvalue()})
    return str(root)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("faces")
    return write(folder / "set", SPACE, {"train": 32, "val": 16, "test": 16}, votes=True)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("others") / "set", OTHER, {"train": 6, "val": 6, "test": 18})


def images(root: str, **options: Any) -> ImageDataModule:
    return ImageDataModule(root, size=16, crop_scale=None, flip=0, batch_size=8, normalize=False, **options)


def trainer(folder: Path, *, epochs: int = 1) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


def task(**options: Any) -> PrototypeDistillTask:
    torch.manual_seed(0)
    return PrototypeDistillTask(SPACE.name, **{"lr": 3e-3, "schedule": "constant", **options})


@pytest.fixture(scope="module")
def teacher(faces: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained run: its checkpoint."""
    folder = tmp_path_factory.mktemp("teacher")
    run = trainer(folder)
    run.fit(task(**ALONE), datamodule=images(faces))
    run.save_checkpoint(folder / "best.ckpt")
    return str(folder / "best.ckpt")


def a_batch(root: str, **options: Any) -> AffectBatch:
    data = images(root, **options)
    data.setup("fit")
    return next(iter(data.train_dataloader()))


def test_the_loss_is_the_sum_of_its_terms_by_hand(faces: str, tmp_path: Path) -> None:
    grid = VAPrototypeGrid.random(12)
    grid.save(tmp_path / "grid.safetensors")
    model = task(prototypes=str(tmp_path / "grid.safetensors"), geometry_confidence=0.0, geometry_cap=0.0)
    assert isinstance(model.loss, WeightedSum)
    model.loss.set_progress(0.4)
    model.train()
    batch = a_batch(faces)
    logits = torch.randn(8, 8, generator=torch.Generator().manual_seed(3))
    batch.target = batch.target._replace(extra={"teacher_logits": logits})
    output: AffectOutput = model(batch)
    terms = model.compute_loss(batch, output)
    assert output.logits is not None and output.embedding is not None and output.embedding.shape == (8, 12)
    label = batch.target.label
    assert label is not None
    truth = F.cross_entropy(output.logits, label, label_smoothing=0.055)
    imitation = (output.logits - logits).square().mean()
    torch.testing.assert_close(terms.terms["emotion"], truth)
    torch.testing.assert_close(terms.terms["logits"], imitation)
    # Half way up the ramp from 0.2 to 0.6.
    weights = {"emotion": 1.0, "logits": 0.30, "prototypes": 0.12, "geometry": 0.006}
    assert terms.terms.keys() == weights.keys() and float(terms.terms["geometry"]) > 0
    total = sum((weights[name] * term for name, term in terms.terms.items()), torch.tensor(0.0))
    torch.testing.assert_close(terms.total.detach(), total)


def test_votes_are_learned_as_a_distribution(faces: str) -> None:
    model = task(objective="votes", **ALONE).train()
    batch = a_batch(faces)
    output: AffectOutput = model(batch)
    assert output.logits is not None and batch.target.distribution is not None
    shares = batch.target.distribution / batch.target.distribution.sum(1, keepdim=True)
    expected = -(shares * output.logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(model.compute_loss(batch, output).total, expected)


def test_a_batch_without_votes_is_no_end_of_training(tmp_path: Path) -> None:
    root = write(tmp_path / "few", SPACE, {"train": 24, "val": 8, "test": 8}, votes=1)
    model = task(objective="votes", **ALONE)
    # Three batches an epoch, of which one has the only votes.
    trainer(tmp_path, epochs=2).fit(model, datamodule=images(root))
    batch = a_batch(root)
    batch.target = batch.target._replace(distribution=None)
    terms = model.train().compute_loss(batch, model(batch))
    assert float(terms.total.detach()) == 0.0 and float(terms.terms["emotion"]) == 0.0


def test_votes_that_no_sample_has_are_missed_before_training(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare", SPACE, {"train": 8, "val": 8, "test": 8})
    model = task(objective="votes", **ALONE)
    with pytest.raises(ValueError, match="learns from votes, but no sample of the train split has any"):
        trainer(tmp_path).fit(model, datamodule=images(bare))
    with pytest.raises(ValueError, match="learns from votes, but no sample of the train split has any"):
        trainer(tmp_path).fit(model, datamodule=MixedDataModule({"one": images(bare), "two": images(bare)}))
    # To evaluate, none are needed.
    trainer(tmp_path).test(model, datamodule=images(bare), verbose=False)
    few = write(tmp_path / "few", SPACE, {"train": 8, "val": 8, "test": 8}, votes=1)
    trainer(tmp_path).fit(model, datamodule=MixedDataModule({"one": images(bare), "two": images(few)}))


def test_labels_that_no_sample_has_are_missed_before_training(faces: str, tmp_path: Path) -> None:
    dropped = images(faces, label_drop=list(SPACE.labels))
    with pytest.raises(ValueError, match=r"the labels of 'ferplus8\.official', but no sample of the train"):
        trainer(tmp_path).fit(task(**ALONE), datamodule=dropped)


def test_evaluation_is_plain_cross_entropy_and_needs_no_teacher(faces: str, tmp_path: Path) -> None:
    model = task().eval()
    batch = a_batch(faces)
    output: AffectOutput = model(batch)
    assert output.logits is not None and batch.target.label is not None
    expected = F.cross_entropy(output.logits, batch.target.label)
    torch.testing.assert_close(model.compute_loss(batch, output).total, expected)
    results = trainer(tmp_path).test(model, datamodule=images(faces), verbose=False)
    assert {"test/accuracy", "test/macro_f1_all", "test/uar_all", "test/loss"} <= results[0].keys()


def test_a_live_teacher_answers_without_gradient(faces: str, teacher: str) -> None:
    model = task(teacher=teacher).train()
    assert isinstance(model.teacher, FrozenTeacher)
    batch = a_batch(faces)
    output: AffectOutput = model(batch)
    said = model.teacher(batch).logits
    assert said is not None and not said.requires_grad and output.logits is not None
    terms = model.compute_loss(batch, output)
    torch.testing.assert_close(terms.terms["logits"], (output.logits - said).square().mean())
    torch.autograd.backward(terms.total)
    assert all(parameter.grad is None for parameter in model.teacher.task.parameters())
    assert not [name for name, _ in model.named_parameters() if "teacher" in name]
    # It is in evaluation, whatever mode the student is in.
    model.train()
    assert not model.teacher.task.training
    alone = FrozenTeacher(teacher, space=SPACE).task.eval()
    with torch.no_grad():
        own: AffectOutput = alone(batch)
    torch.testing.assert_close(said, own.logits)


def test_a_teacher_does_not_answer_without_one_of_its_inputs(faces: str, tmp_path: Path) -> None:
    two = CategoricalDimensionalTask(
        SPACE.name, "va.unit", inputs={"text": 6}, pictures="visual", head="separate"
    )
    run = trainer(tmp_path)
    run.strategy.connect(two)
    data = images(faces)
    data.setup("fit")
    run.datamodule = data  # type: ignore[attr-defined]
    two.trainer = run
    run.save_checkpoint(tmp_path / "two.ckpt")
    model = task(teacher=str(tmp_path / "two.ckpt")).train()
    batch = a_batch(faces)
    with pytest.raises(TeacherError, match="The teacher reads 'text', but the student's data hold visual"):
        model.compute_loss(batch, model(batch))


def test_a_teacher_in_another_order_is_turned_round(faces: str, teacher: str) -> None:
    turned = LabelSpace("turned.v1", SPACE.labels[::-1])
    batch = a_batch(faces)
    plain, other = (FrozenTeacher(teacher, space=space)(batch).logits for space in (SPACE, turned))
    assert plain is not None and other is not None
    torch.testing.assert_close(other, plain.flip(1))


def test_the_checkpoint_builds_the_task_again_and_holds_no_teacher(
    faces: str, teacher: str, tmp_path: Path
) -> None:
    path = tmp_path / "grid.safetensors"
    VAPrototypeGrid.random(12).save(path)
    model = task(prototypes=str(path), teacher=teacher, class_weights="sqrt")
    run = trainer(tmp_path)
    run.fit(model, datamodule=images(faces))
    run.save_checkpoint(tmp_path / "student.ckpt")
    stored = torch.load(tmp_path / "student.ckpt", weights_only=True)
    assert not [name for name in stored["state_dict"] if "teacher" in name or "prototypes" in name]
    batch = a_batch(faces)
    again = PrototypeDistillTask.load_from_checkpoint(tmp_path / "student.ckpt").eval()
    assert again.grid_version == model.grid_version and again.teacher is not None
    with torch.no_grad():
        expected = model.eval()(batch).logits
        torch.testing.assert_close(again(batch).logits, expected)
    narrow = task(**ALONE)
    with pytest.raises(TeacherError, match=r"to width 12 \(0 = not at all\), and the task here to 0"):
        trainer(tmp_path).test(
            narrow, datamodule=images(faces), ckpt_path=tmp_path / "student.ckpt", verbose=False
        )
    # Other prototypes under the same name are noticed; none at all are enough to predict.
    VAPrototypeGrid.random(12, seed=1).save(path)
    with pytest.raises(TeacherError, match=r"trained with version .*, and the file here is version"):
        PrototypeDistillTask.load_from_checkpoint(tmp_path / "student.ckpt")
    path.unlink()
    with pytest.warns(UserWarning, match="prototypes .* cannot be found: the task is built without"):
        bare = PrototypeDistillTask.load_from_checkpoint(tmp_path / "student.ckpt").eval()
    with torch.no_grad():
        torch.testing.assert_close(bare(batch).logits, expected)


def test_other_data_give_all_class_and_present_only_figures_side_by_side(
    faces: str, others: str, tmp_path: Path
) -> None:
    # Half trained, so that it also answers with labels that the other data do not have.
    model = task(**ALONE)
    trainer(tmp_path, epochs=2).fit(model, datamodule=images(faces))
    model.eval()
    theirs = images(others, label_space=SPACE.name, label_drop=["boredom"])
    both = MixedDataModule({"ferplus": images(faces), "other": theirs}, evaluate=["ferplus", "other"])
    parts = trainer(tmp_path).test(model, datamodule=both, verbose=False)
    found = {name: value for part in parts for name, value in part.items()}
    logits, label = (torch.stack(column) for column in zip(*answers(model, theirs)))
    mapping = OTHER.map_to(SPACE, drop=["boredom"])
    kept = [index for index in mapping.table if index >= 0]
    known = label >= 0
    assert int(known.sum()) == 15
    allowed = torch.full((8,), -torch.inf)
    allowed[kept] = 0.0
    plain, restricted = logits.argmax(1), (logits + allowed).argmax(1)
    for prefix, guess, number in (("", plain, 8), ("present_only_", restricted, 5)):
        recall = {c: (guess[label == c] == c).double().mean() for c in kept}
        assert found[f"test/other/{prefix}accuracy"] == pytest.approx(
            float((guess == label)[known].double().mean()), abs=1e-6
        )
        name = "uar_all" if not prefix else "present_only_uar"
        assert found[f"test/other/{name}"] == pytest.approx(float(sum(recall.values())) / number, abs=1e-6)
    assert found["test/ferplus/present_only_accuracy"] == found["test/ferplus/accuracy"]
    # The same by one data module alone.
    (single,) = trainer(tmp_path).test(model, datamodule=theirs, verbose=False)
    for name in ("accuracy", "macro_f1_all", "uar_all", "present_only_accuracy", "present_only_macro_f1"):
        assert single[f"test/{name}"] == pytest.approx(found[f"test/other/{name}"], abs=1e-6)
    assert single["test/present_only_macro_f1"] != single["test/macro_f1_all"]


@torch.no_grad()
def answers(model: PrototypeDistillTask, data: ImageDataModule) -> list[tuple[Tensor, Tensor]]:
    found = []
    for batch in data.test_dataloader():
        logits = model(batch).logits
        assert batch.target.label is not None
        found += [(row, label) for row, label, real in zip(logits, batch.target.label, batch.valid) if real]
    return found


def test_features_of_a_teacher_are_learned_in_its_width(faces: str, teacher: str) -> None:
    model = task(teacher=teacher, teacher_dim=64, feature_weight=0.5, embedding_dim=10).train()
    batch = a_batch(faces)
    terms = model.compute_loss(batch, model(batch))
    assert 0 <= float(terms.terms["features"]) <= 2
    wrong = task(teacher=teacher, teacher_dim=32, feature_weight=0.5, embedding_dim=10).train()
    with pytest.raises(TeacherError, match="gives features of width 64, and the student was built for 32"):
        wrong.compute_loss(batch, wrong(batch))


def test_bad_input_is_one_sentence(faces: str, teacher: str, tmp_path: Path) -> None:
    VAPrototypeGrid.random(12).save(tmp_path / "grid.safetensors")
    grid = str(tmp_path / "grid.safetensors")
    with pytest.raises(TeacherError, match="features of width 12, and the student's embedding has width 5"):
        task(prototypes=grid, embedding_dim=5)
    with pytest.raises(PrototypeGridError, match="cannot be read as a prototype grid"):
        task(prototypes=str(tmp_path / "none.safetensors"))
    with pytest.raises(TeacherError, match="no run folder with a checkpoint"):
        task(teacher=str(tmp_path))
    with pytest.raises(LabelSpaceMismatchError, match="answers in other labels than the student's"):
        PrototypeDistillTask("meld7.official", teacher=teacher, geometry_weight=0.0)
    with pytest.raises(TeacherError, match="its data hold no 'teacher_logits'"):
        trainer(tmp_path).fit(task(), datamodule=images(faces))
    with pytest.raises(TeacherError, match="saw pictures of 16 pixels a side"):
        model = task(teacher=teacher).train()
        batch = a_batch(faces)
        batch.inputs["visual"] = torch.zeros(8, 3, 24, 24, dtype=torch.uint8)
        model.compute_loss(batch, model(batch))
    with pytest.raises(ValueError, match="set the data module's normalize to false"):
        task(**ALONE)(AffectBatch(inputs={"visual": torch.zeros(1, 3, 16, 16)}, valid=torch.tensor([True])))
    with pytest.raises(ValueError, match="no anchor for 'happiness'"):
        task(prototypes=grid, anchors={"neutral": [0.0, 0.0]})
    with pytest.raises(ValueError, match="weight -1"):
        task(kd_weight=-1.0)
    with pytest.raises(ValueError, match="objective='soft'"):
        task(objective="soft")
    with pytest.raises(ValueError, match="class_weights, which the objective 'votes' does not read"):
        task(objective="votes", class_weights="sqrt")
    with pytest.raises(UnknownLabelError, match="glee"):
        task(geometry_classes=["glee"])


def test_values_of_a_teacher_are_read_on_its_scale(faces: str, tmp_path: Path) -> None:
    VAPrototypeGrid.random(12).save(tmp_path / "grid.safetensors")
    options = {**ALONE, "prototype_weight": 1.0, "prototype_target": "teacher"}
    batch, said = a_batch(faces), torch.linspace(-0.9, 0.9, 16).reshape(8, 2)
    found = []
    for scale, values in (("va.unit", said), ("va.one_to_nine", said * 4 + 5)):
        model = task(prototypes=str(tmp_path / "grid.safetensors"), teacher_scale=scale, **options).train()
        batch.target = batch.target._replace(extra={"teacher_dims": values})
        torch.manual_seed(0)
        found.append(model.compute_loss(batch, model(batch)).terms["prototypes"])
    torch.testing.assert_close(found[0], found[1])


def test_a_listed_order_finds_its_places_on_the_wheel(tmp_path: Path) -> None:
    VAPrototypeGrid.random(12).save(tmp_path / "grid.safetensors")
    options = {**ALONE, "prototype_weight": 1.0, "prototypes": str(tmp_path / "grid.safetensors")}
    output = AffectOutput(logits=torch.zeros(8, 8), embedding=torch.eye(8, 12))
    target = Target(label=torch.arange(8))
    listed = PrototypeDistillTask(", ".join(SPACE), **options)
    found = [model.loss(output, target).terms["prototypes"] for model in (task(**options), listed)]
    assert torch.equal(*found)


def test_own_anchors_move_the_goal(tmp_path: Path) -> None:
    VAPrototypeGrid.random(12).save(tmp_path / "grid.safetensors")
    grid = str(tmp_path / "grid.safetensors")
    middle = {name: [0.0, 0.0] for name in SPACE}
    output = AffectOutput(logits=torch.zeros(8, 8), embedding=torch.eye(8, 12))
    target = Target(label=torch.arange(8))
    values = []
    for anchors in (None, middle):
        model = task(**{**ALONE, "prototype_weight": 1.0}, prototypes=grid, anchors=anchors)
        values.append(model.loss(output, target).terms["prototypes"])
    assert not torch.allclose(values[0], values[1])
