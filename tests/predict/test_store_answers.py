"""Answers of a teacher beside the pictures: exact, resumable, in the order of the data's labels."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from affectkit.data.loader import PictureView
from affectkit.data.loader.taught import TaughtReader
from affectkit.data.modules import ImageDataModule
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest, open_shards, read_manifest
from affectkit.distill import PrototypeGridError
from affectkit.labels import LabelSpace, LabelSpaceMismatchError, ValenceArousalWheel, label_space
from affectkit.predict import ExtractError, PictureTeacher, make_prototypes, store_teacher_answers
from affectkit.types import AffectOutput

SPACE = label_space("meld7.official")
TURNED = LabelSpace("turned.v1", SPACE.labels[::-1])
SIZES = {"train": 9, "val": 7, "test": 3}


@dataclass(frozen=True)
class Mean:
    """A teacher that can be checked by hand: logit c is c times the mean brightness. Pickles."""

    width: int = 5
    logits: bool = True

    def __call__(self, inputs: dict[str, Tensor]) -> AffectOutput:
        mean = inputs["visual"].float().mean((1, 2, 3)) / 255
        scores = mean.unsqueeze(1) * torch.arange(float(len(SPACE)))
        return AffectOutput(
            logits=scores if self.logits else None,
            dims=torch.stack([mean, -mean], 1),
            embedding=torch.stack([mean + place for place in range(self.width)], 1),
        )


def teacher(space: LabelSpace | None = SPACE) -> PictureTeacher:
    return PictureTeacher(Mean(), view=PictureView(8), identity="mean brightness", label_space=space)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures") / "set"
    template = Manifest(
        name="flat", kind="image", label_space=SPACE, licence=Licence("CC0", "synthetic"), created_by="a test"
    )
    with DatasetWriter(root, template, shard_samples=4) as writer:
        for split, size in SIZES.items():
            for number in range(size):
                file = io.BytesIO()
                pixels = np.full((10, 10, 3), 20 * number, dtype=np.uint8)
                Image.fromarray(pixels).save(file, format="PNG")
                votes = [0.0] * 7
                votes[number % 7] = 3.0
                votes[0] += 1.0
                record: ItemRecord = {"id": f"{number}", "label": number % 7, "votes": votes}
                writer.add_item(split, f"{split}{number}", record, members={"png": file.getvalue()})
    return root


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def taught(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("taught") / "out"
    report = store_teacher_answers(pictures, out, teacher=teacher(), unit_samples=2)
    assert report == (True, 11, 0)
    return out


def test_a_sample_keeps_what_it_had_and_gets_the_answers(pictures: Path, taught: Path) -> None:
    before, after = open_shards(pictures, "val"), open_shards(taught, "val")
    assert [after.key(place) for place in range(7)] == [before.key(place) for place in range(7)]
    for place in range(7):
        old, new = before.get(place), after.get(place)
        assert {name: bytes(data) for name, data in new.items() if name != "safetensors"} == {
            name: bytes(data) for name, data in old.items()
        }
    manifest = read_manifest(taught)
    assert {name: spec.dim for name, spec in manifest.features.items()} == {
        "teacher_logits": 7,
        "teacher_dims": 2,
        "teacher_embedding": 5,
    }
    assert manifest.class_counts == read_manifest(pictures).class_counts


def test_the_bytes_do_not_depend_on_who_did_the_work(pictures: Path, taught: Path, tmp_path: Path) -> None:
    for rank in (1, 0, 2):
        shared = store_teacher_answers(
            pictures, tmp_path / "ranks", teacher=teacher(), unit_samples=2, rank=rank, world_size=3
        )
    assert shared.finished
    assert files(tmp_path / "ranks") == files(taught)
    again = store_teacher_answers(pictures, tmp_path / "ranks", teacher=teacher(), unit_samples=2)
    assert again == (True, 0, 0)


@pytest.mark.distributed
def test_spawned_jobs_give_the_same_bytes(pictures: Path, taught: Path, tmp_path: Path) -> None:
    store_teacher_answers(pictures, tmp_path / "jobs", teacher=teacher(), unit_samples=2, jobs=2)
    assert files(tmp_path / "jobs") == files(taught)


def test_after_a_stop_only_what_is_missing_is_done(pictures: Path, taught: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_teacher_answers(pictures, tmp_path / "out", teacher=teacher(), unit_samples=2, progress=stop)
    assert not (tmp_path / "out").exists()
    report = store_teacher_answers(pictures, tmp_path / "out", teacher=teacher(), unit_samples=2)
    assert report == (True, 7, 4) and files(tmp_path / "out") == files(taught)


def batch_of(root: Path, **options: object) -> tuple[dict[str, Tensor], list[str]]:
    data = ImageDataModule(str(root), size=8, batch_size=3, normalize=False, **options)  # type: ignore[arg-type]
    data.setup("fit")
    for batch in data.examples_dataloader("val"):
        extra = batch.target.extra
        assert extra is not None
        return dict(extra), batch.keys
    raise AssertionError


def test_answers_come_with_the_batch(taught: Path) -> None:
    extra, keys = batch_of(taught)
    means = torch.tensor([20.0 * int(key.removeprefix("val")) for key in keys]) / 255
    torch.testing.assert_close(extra["teacher_dims"], torch.stack([means, -means], 1))
    torch.testing.assert_close(extra["teacher_logits"], means.unsqueeze(1) * torch.arange(7.0))


def test_answers_survive_the_random_views_of_training(taught: Path) -> None:
    data = ImageDataModule(str(taught), size=8, batch_size=3, normalize=False)
    data.setup("fit")
    for batch in data.train_dataloader():
        means = torch.tensor([20.0 * int(key.removeprefix("train")) for key in batch.keys]) / 255
        assert batch.target.extra is not None
        torch.testing.assert_close(batch.target.extra["teacher_dims"][:, 0], means)
        assert batch.inputs["visual"].shape == (3, 3, 8, 8)


def test_logits_stand_in_the_order_of_the_run(taught: Path) -> None:
    plain, _ = batch_of(taught)
    turned, _ = batch_of(taught, label_space="meld7.merbench")
    order = [SPACE.index(name) for name in label_space("meld7.merbench")]
    assert order != list(range(7))
    torch.testing.assert_close(turned["teacher_logits"], plain["teacher_logits"][:, order])


def test_probabilities_of_merged_labels_add_up(taught: Path) -> None:
    merge = {"disgust": "negative", "fear": "negative", "sadness": "negative", "anger": "negative"}
    merge |= {"joy": "positive", "surprise": "positive"}
    plain, _ = batch_of(taught)
    merged, _ = batch_of(taught, label_space="sentiment3.mmsa", label_merge=merge)
    whole = plain["teacher_logits"].softmax(1)
    space = label_space("sentiment3.mmsa")
    expected = torch.zeros(3, 3)
    for place, name in enumerate(SPACE):
        expected[:, space.index(merge.get(name, name))] += whole[:, place]
    torch.testing.assert_close(merged["teacher_logits"].softmax(1), expected)


def test_a_teacher_of_another_order_is_stored_in_that_of_the_data(pictures: Path, tmp_path: Path) -> None:
    store_teacher_answers(pictures, tmp_path / "out", teacher=teacher(space=TURNED))
    extra, keys = batch_of(tmp_path / "out")
    means = torch.tensor([20.0 * int(key.removeprefix("val")) for key in keys]) / 255
    torch.testing.assert_close(extra["teacher_logits"], means.unsqueeze(1) * torch.arange(7.0).flip(0))


def test_prototypes_lie_where_labels_votes_or_the_teacher_say(taught: Path) -> None:
    wheel = ValenceArousalWheel()
    by_label = make_prototypes(taught, split="val", cells=5)
    assert int(by_label.counts.sum()) == 7 and by_label.feature_dim == 5
    by_votes = make_prototypes(taught, split="val", place="votes", cells=9)
    points = torch.tensor([wheel.point(name) for name in SPACE], dtype=torch.float64)
    # Three of four votes are for the label, one is for neutral, which lies in the middle.
    assert int(by_votes.counts.sum()) == 7
    mean = points * torch.tensor([[1.0], *[[0.75]] * 6])
    column = ((mean[:, 0] + 1) / 2 * 9).ceil().long() - 1
    assert by_votes.counts.reshape(9, 9).sum(1).tolist() == column.bincount(minlength=9).tolist()
    by_teacher = make_prototypes(taught, split="val", place="teacher", cells=1)
    rows = torch.stack(
        [torch.tensor([20.0 * number / 255 + place for place in range(5)]) for number in range(7)]
    )
    expected = torch.nn.functional.normalize(torch.nn.functional.normalize(rows, dim=1).mean(0), dim=0)
    torch.testing.assert_close(by_teacher.prototypes[0], expected)


@dataclass(frozen=True)
class Nine:
    """The teacher of above, its values on 1 to 9, and off that by ``beyond``. Pickles."""

    beyond: float = 0.0

    def __call__(self, inputs: dict[str, Tensor]) -> AffectOutput:
        mean = inputs["visual"].float().mean((1, 2, 3)) / 255
        place = torch.stack([mean, -mean], 1) * 4 + 5
        return AffectOutput(
            dims=place.masked_fill(place < 5, 1.0 - self.beyond),
            embedding=torch.stack([mean + number for number in range(5)], 1),
        )


def test_values_of_a_teacher_are_read_on_its_scale(pictures: Path, tmp_path: Path) -> None:
    for name, beyond in (("nine", 0.0), ("rounded", 0.001), ("off", 0.1)):
        source = PictureTeacher(Nine(beyond), view=PictureView(8), identity=name)
        store_teacher_answers(pictures, tmp_path / name, teacher=source)
    grids = [
        make_prototypes(tmp_path / name, place="teacher", cells=3, teacher_scale="va.one_to_nine")
        for name in ("nine", "rounded")
    ]
    # Brightness 20 n of 255: up to a third in the middle column, from there in the right one.
    for grid in grids:
        assert grid.counts.reshape(3, 3).sum(1).tolist() == [0, 5, 2]
    with pytest.raises(ExtractError, match=r"outside scale 'va\.one_to_nine', 1\.\.9: name the teacher's"):
        make_prototypes(tmp_path / "off", place="teacher", teacher_scale="va.one_to_nine")
    with pytest.raises(ExtractError, match=r"outside scale 'va\.unit', -1\.\.1: name the teacher's scale"):
        make_prototypes(tmp_path / "nine", place="teacher")


def test_refusals(pictures: Path, taught: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ExtractError, match="already holds teacher_dims"):
        store_teacher_answers(taught, out, teacher=teacher())
    with pytest.raises(LabelSpaceMismatchError, match="answers in other labels than the student's"):
        store_teacher_answers(pictures, out, teacher=teacher(space=label_space("ferplus8.official")))
    with pytest.raises(ExtractError, match="7 logits without naming their labels"):
        store_teacher_answers(pictures, out, teacher=teacher(space=None))
    nothing = PictureTeacher(lambda inputs: AffectOutput(), view=PictureView(8), identity="mute")
    with pytest.raises(ExtractError, match="answered one picture with nothing"):
        store_teacher_answers(pictures, out, teacher=nothing)
    with pytest.raises(ExtractError, match="is the source itself"):
        store_teacher_answers(pictures, pictures, teacher=teacher())
    with pytest.raises(ExtractError, match="jobs=0"):
        store_teacher_answers(pictures, out, teacher=teacher(), jobs=0)
    with pytest.raises(ExtractError, match="holds no features of a teacher"):
        make_prototypes(pictures)
    with pytest.raises(ExtractError, match="nothing that the place 'dims' could be read from"):
        make_prototypes(taught, place="dims")


def test_labels_that_no_stored_logit_is_about_are_refused(taught: Path) -> None:
    data = ImageDataModule(str(taught), label_space="ferplus8.official", label_merge={}, size=8, batch_size=3)
    with pytest.raises(LabelSpaceMismatchError, match="the run has the label 'contempt' as well"):
        data.setup("fit")


@dataclass(frozen=True)
class Fickle:
    """Another width for each number of pictures, or a number that is none."""

    broken: bool

    def __call__(self, inputs: dict[str, Tensor]) -> AffectOutput:
        rows = len(inputs["visual"])
        if self.broken:
            return AffectOutput(embedding=torch.full((rows, 3), torch.nan))
        return AffectOutput(embedding=torch.zeros(rows, rows))


@pytest.mark.parametrize("broken", [True, False])
def test_a_fickle_teacher_is_caught(pictures: Path, tmp_path: Path, broken: bool) -> None:
    fickle = PictureTeacher(Fickle(broken), view=PictureView(8), identity="fickle")
    with pytest.raises(ExtractError, match=r"gave teacher_embedding of shape .* correct its output"):
        store_teacher_answers(pictures, tmp_path / "out", teacher=fickle, unit_samples=2)


def test_answers_that_are_gone_are_named(pictures: Path, tmp_path: Path) -> None:
    reader = TaughtReader(PictureView(8).decoder(), {"teacher_logits": 7})
    with pytest.raises(ShardError, match=r"'teacher_logits' of shape None where the manifest states \(7,\)"):
        reader(open_shards(pictures, "val").get(0))


def test_no_sample_with_a_place_is_no_grid(pictures: Path, tmp_path: Path) -> None:
    template = replace(read_manifest(pictures), shards=())
    store = open_shards(pictures, "val")
    with DatasetWriter(tmp_path / "bare", template) as writer:
        members = {name: bytes(data) for name, data in store.get(0).items() if name != "json"}
        writer.add_item("val", "a", {"id": "a", "label": None}, members=members)
    store_teacher_answers(tmp_path / "bare", tmp_path / "out", teacher=teacher())
    with pytest.raises(PrototypeGridError, match="No feature of the prototype grid has valence"):
        make_prototypes(tmp_path / "out")
