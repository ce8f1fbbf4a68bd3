"""An emotion with attributes: stages, masked losses, metrics by attribute, checks, checkpoints."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch.nn import functional as F

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ImageDataModule, MixedDataModule
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import write_emoset_folder
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.encoders import TimmImageEncoder, TimmStageEncoder
from affectkit.heads import MultiAttributeHead
from affectkit.labels import LabelSpaceMismatchError, label_space
from affectkit.losses import ClassificationLoss
from affectkit.tasks import MultiAttributeTask
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.types import AffectOutput, Target

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*layout"),
]

ATTRIBUTES = {"brightness": 11, "scene": 6, "object": 7}


@pytest.fixture(scope="module")
def emoset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("emoset")
    write_emoset_folder(folder / "source", train=24, val=8, test=8, height=36, width=54)
    make_dataset(find_source("emoset"), folder / "source", out=folder / "shards")
    return str(folder / "shards")


def data_of(folder: str, **options: Any) -> ImageDataModule:
    return ImageDataModule(folder, batch_size=8, size=32, normalize=False, crop_scale=None, **options)


def task_of(**options: Any) -> MultiAttributeTask:
    given: dict[str, Any] = {
        "attributes": ATTRIBUTES,
        "several": ["object"],
        "stages": {"brightness": 1, "scene": -2},
        "feature_dim": 4,
    }
    return MultiAttributeTask("emoset8.official", **{**given, **options})


def trainer(folder: Path) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


def test_it_trains_on_pictures_and_comes_back(emoset: str, tmp_path: Path) -> None:
    task = task_of(class_weights="sqrt")
    run = trainer(tmp_path)
    run.fit(task, data_of(emoset))
    (found,) = run.test(task, data_of(emoset), verbose=False)
    assert {
        "test/accuracy",
        "test/accuracy_of_brightness",
        "test/uar_present_of_scene",
        "test/macro_f1_of_object",
        "test/micro_f1_of_object",
        "test/loss",
    } <= set(found)
    run.save_checkpoint(tmp_path / "last.ckpt")
    again = MultiAttributeTask.load_from_checkpoint(tmp_path / "last.ckpt").eval()
    batch = next(iter(data_of(emoset).test_dataloader()))
    with torch.no_grad():
        one, two = task.eval()(batch), again(batch)
    assert torch.equal(one.logits, two.logits)
    assert one.extra is not None and torch.equal(one.extra["object"], two.extra["object"])


def test_the_file_of_the_backbone_is_not_needed_again(emoset: str, tmp_path: Path) -> None:
    torch.save(TimmImageEncoder("tiny").network.state_dict(), tmp_path / "w.pt")
    task, run = task_of(backbone_weights=str(tmp_path / "w.pt")), trainer(tmp_path)
    run.fit(task, data_of(emoset))
    run.save_checkpoint(tmp_path / "last.ckpt")
    (tmp_path / "w.pt").unlink()
    again = MultiAttributeTask.load_from_checkpoint(tmp_path / "last.ckpt").eval()
    batch = next(iter(data_of(emoset).test_dataloader()))
    with torch.no_grad():
        assert torch.equal(task.eval()(batch).logits, again(batch).logits)


def test_each_attribute_reads_its_stage() -> None:
    task = task_of()
    head, encoder = task.head, task.encoders["visual"]
    assert isinstance(head, MultiAttributeHead) and isinstance(encoder, PixelEncoder)
    network = encoder.encoder
    assert isinstance(network, TimmStageEncoder)
    # stage 1, the last but one and the last of the five of "tiny"
    widths = network.stage_dims
    assert list(widths) == ["stage1", "stage3", "stage4"]
    one, three = widths["stage1"], widths["stage1"] + widths["stage3"]
    assert head.columns == {
        "brightness": (0, one),
        "object": (three, three + widths["stage4"]),
        "scene": (one, three),
    }
    assert head.emotion_columns == (three, three + widths["stage4"])


def test_the_loss_is_masked_and_averaged_over_attributes() -> None:
    task = task_of(attribute_weight=0.6)
    draw = torch.Generator().manual_seed(0)
    output = AffectOutput(
        logits=torch.randn(3, 8, generator=draw),
        extra={name: torch.randn(3, size, generator=draw) for name, size in ATTRIBUTES.items()},
    )
    objects = torch.zeros(3, 7)
    objects[0, 2] = 1.0
    objects[1] = torch.nan
    target = Target(
        label=torch.tensor([1, 5, 2]),
        extra={
            "brightness": torch.tensor([3, -100, -100]),
            "scene": torch.tensor([-100, -100, -100]),
            "object": objects,
        },
        weight=torch.ones(3),
    )
    batch = AffectBatch(inputs={}, valid=torch.ones(3, dtype=torch.bool), target=target)
    assert output.logits is not None and output.extra is not None and target.label is not None
    rows = F.cross_entropy(output.logits, target.label, reduction="sum")
    bright = F.cross_entropy(output.extra["brightness"][:1], torch.tensor([3]), reduction="sum")
    known = torch.tensor([0, 2])
    binary = F.binary_cross_entropy_with_logits(
        output.extra["object"][known], objects[known], reduction="none"
    ).mean(1)
    expected = (rows + 0.6 / 3 * (bright + binary.sum())) / 3
    torch.testing.assert_close(task.compute_loss(batch, output).total, expected)


def test_metrics_are_those_of_each_attribute() -> None:
    task = task_of()
    scene = torch.eye(6)[[0, 1, 2]] * 5
    output = AffectOutput(logits=torch.eye(8)[:3], extra={"scene": scene})
    target = Target(
        label=torch.tensor([0, 1, 3]), extra={"scene": torch.tensor([0, -100, 1])}, weight=torch.ones(3)
    )
    batch = AffectBatch(inputs={}, valid=torch.ones(3, dtype=torch.bool), target=target)
    task.update_metrics(task.val_metrics, batch, output)
    assert float(task.val_metrics["accuracy_of_scene"].compute()) == 0.5
    assert float(task.val_metrics["accuracy"].compute()) == pytest.approx(2 / 3)


def write_plain(folder: Path, *, splits: tuple[str, ...]) -> str:
    """Pictures with an emotion alone."""
    template = Manifest(
        name="plain",
        kind="image",
        label_space=label_space("emoset8.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        synthetic=True,
    )
    with DatasetWriter(folder, template) as writer:
        for number, split in enumerate(splits):
            pixels = np.full((32, 32, 3), 20 * number, dtype=np.uint8)
            record: ItemRecord = {"id": str(number), "label": number % 8}
            writer.add_item(split, f"s{number}", record, members={"png": png_bytes(pixels)})
    return str(folder)


def test_the_only_loader_is_scored_by_what_its_own_source_has(emoset: str, tmp_path: Path) -> None:
    plain = write_plain(tmp_path / "plain", splits=("train",) * 8 + ("test",) * 2)
    for name in ("plain", "emoset"):  # whichever is evaluated first: plain has no val split
        order = [name, "emoset" if name == "plain" else "plain"]
        data = MixedDataModule({"emoset": data_of(emoset), "plain": data_of(plain)}, evaluate=order)
        run = trainer(tmp_path)
        run.validate(task_of(), data, verbose=False)
        assert {"val/accuracy", "val/accuracy_of_scene"} <= set(run.callback_metrics)


def test_attributes_in_another_order_are_refused(emoset: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(emoset, other)
    manifest = json.loads((other / "manifest.json").read_text(encoding="utf-8"))
    manifest["extra_spaces"]["brightness"]["labels"].reverse()
    (other / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    task, checkpoint = task_of(), tmp_path / "last.ckpt"
    run = trainer(tmp_path)
    run.fit(task, data_of(emoset))
    run.save_checkpoint(checkpoint)
    words = r"'brightness' in another order .*: 0 0\.0, .* Data: 0 1\.0, 1 0\.9, .* the shards anew"
    again = MultiAttributeTask.load_from_checkpoint(checkpoint)
    for trained in (task, again):
        with pytest.raises(LabelSpaceMismatchError, match=words):
            trainer(tmp_path).test(trained, data_of(str(other)), verbose=False)
        with pytest.raises(LabelSpaceMismatchError, match=words):
            trainer(tmp_path).fit(trained, data_of(str(other)))
    # a new task, whose weights and orders come with the run
    with pytest.raises(LabelSpaceMismatchError, match=words):
        trainer(tmp_path).test(task_of(), data_of(str(other)), ckpt_path=str(checkpoint), verbose=False)
    with pytest.raises(LabelSpaceMismatchError, match=words):
        trainer(tmp_path).fit(task_of(), data_of(str(other)), ckpt_path=str(checkpoint))
    # Still that of the training after it was refused, and saved again.
    later = trainer(tmp_path)
    later.test(again, data_of(emoset), verbose=False)
    later.save_checkpoint(tmp_path / "again.ckpt")
    with pytest.raises(LabelSpaceMismatchError, match=words):
        third = MultiAttributeTask.load_from_checkpoint(tmp_path / "again.ckpt")
        trainer(tmp_path).validate(third, data_of(str(other)), verbose=False)


def test_a_source_without_attributes_is_mixed_in(emoset: str, tmp_path: Path) -> None:
    write_plain(tmp_path / "plain", splits=("train",) * 8 + ("val",) * 2 + ("test",) * 2)
    data = MixedDataModule(
        {"emoset": data_of(emoset), "plain": data_of(str(tmp_path / "plain"))}, evaluate=["emoset", "plain"]
    )
    assert set(data.extra_spaces) >= set(ATTRIBUTES)
    task, run = task_of(), trainer(tmp_path)
    run.fit(task, data)
    found = set(run.callback_metrics)
    assert {"val/plain/accuracy", "val/emoset/accuracy_of_scene"} <= found
    # What a source knows nothing of is not scored, rather than 0.
    assert not any("_of_" in name for name in found if name.startswith("val/plain"))
    batch = next(iter(data_of(str(tmp_path / "plain")).test_dataloader()))
    terms = task.compute_loss(batch, task(batch)).terms
    assert float(terms["emotion"]) > 0 and all(float(terms[name]) == 0 for name in ATTRIBUTES)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attributes": {}}, r"the attributes none"),
        ({"several": ["smell"]}, r"options of smell"),
        ({"stages": {"smell": 1}}, r"options of smell"),
        ({"attributes": {"emotion": 3}, "several": [], "stages": {}}, r"none called 'emotion'"),
        ({"attribute_weight": -1.0}, r"attribute_weight=-1.0"),
        ({"class_weights": "cube"}, r"class_weights='cube'"),
        ({"loss": ClassificationLoss(8), "label_smoothing": 0.1}, r"a loss of your own"),
        ({"stages": {"scene": 9}}, r"has no stages"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        task_of(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"attributes": {"smell": 3}, "several": [], "stages": {}},
            r"'smell', which the data lack \(they have brightness, .*scene\)",
        ),
        ({"attributes": {**ATTRIBUTES, "scene": 254}}, r"'scene' 254 values, but the data have 6"),
        ({"several": []}, r"'object' as one value a sample, but .* is multilabel: add it to several"),
        ({"several": ["object", "scene"]}, r"'scene' as several values a sample.*take it out of several"),
    ],
)
def test_attributes_that_the_data_lack_are_named(
    emoset: str, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        trainer(tmp_path).fit(task_of(**options), data_of(emoset))


def test_what_no_training_sample_has_is_named(emoset: str, tmp_path: Path) -> None:
    """The same pictures without the labels, or without one attribute, of the train split."""
    for name, words in (
        ("label", "learns the labels of 'emoset8.official', but no sample of the train split has one"),
        ("scene", "learns 'scene', but no sample of the train split has a value of it"),
    ):
        old = ImageDataModule(emoset)
        with DatasetWriter(tmp_path / name, replace(old.manifest, shards=())) as writer:
            for split in ("train", "val"):
                store = old.store(split)
                for position in range(len(store)):
                    members = {key: bytes(value) for key, value in store.get(position).items()}
                    record: ItemRecord = json.loads(members.pop("json"))
                    if split == "train" and name == "label":
                        record["label"] = None
                    elif split == "train":
                        record["extra"].pop(name, None)
                    writer.add_item(split, store.key(position), record, members=members)
        with pytest.raises(ValueError, match=words):
            trainer(tmp_path).fit(task_of(), data_of(str(tmp_path / name)))
