from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from affectkit.data import AffectBatch, ClipDataModule, ImageDataModule
from affectkit.data.decode import NormalizePixels
from affectkit.data.modules import DataModuleError
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.encoders.clip import NORMALIZATIONS
from affectkit.labels import label_space

HEIGHT, WIDTH, FRAMES, SIZE = 40, 60, 8, 16
Members = Mapping[str, bytes]


def frame(number: int, *, blue: int = 0) -> bytes:
    """Red grows to the right, green downwards, blue tells the frames apart."""
    across, down = np.broadcast_arrays(np.arange(WIDTH) * 4, np.arange(HEIGHT)[:, None] * 6)
    pixels = np.stack([across, down, np.full_like(across, blue + 10 * number)], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def write(root: Path, records: Mapping[str, ItemRecord], members: Members, *, kind: str = "clip") -> str:
    template = Manifest(
        name="people",
        kind="clip" if kind == "clip" else "image",
        label_space=label_space("raer5.clip_caer"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template) as writer:
        for split in ("train", "val"):
            for key, record in records.items():
                own = {ext: data[:60] for ext, data in members.items()} if key == "damaged" else members
                writer.add_item(split, f"{split}-{key}", record, members=own)
    return str(root)


CLIP = {f"frame-{number:03}.png": frame(number) for number in range(FRAMES)}


def only(data: ClipDataModule | ImageDataModule, split: str = "val") -> AffectBatch:
    loader = data.val_dataloader() if split == "val" else data.train_dataloader()
    (batch,) = cast("list[AffectBatch]", list(loader))
    return batch


def edges(clip: Tensor) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is seen, in pixels of the stored frame."""
    red, green = clip[0].float() / 4, clip[1].float() / 6
    return (
        round(red[SIZE // 2, 0].item()),
        round(green[0, SIZE // 2].item()),
        round(red[SIZE // 2, -1].item()),
        round(green[-1, SIZE // 2].item()),
    )


def test_faces_are_cut_with_a_margin_frame_by_frame_and_the_context_gets_bars(tmp_path: Path) -> None:
    faces: list[list[float] | None] = [[25, 22, 35, 30]] * FRAMES
    faces[3] = None
    record: ItemRecord = {
        "id": "a",
        "label": 1,
        "boxes": {"face": faces, "context": [[0, 10, 60, 40]]},
    }
    root = write(tmp_path / "set", {"a": record}, CLIP)
    data = ClipDataModule(
        root, streams=["face", "context"], segments=4, size=SIZE, batch_size=1, box_margin={"face": 5.0}
    )
    batch = only(data)
    face, context = batch.inputs["face"][0], batch.inputs["context"][0]
    assert set(batch.inputs) == {"face", "context"} and face.shape == context.shape == (4, 3, SIZE, SIZE)
    assert face[:, 2, 8, 8].tolist() == context[:, 2, 8, 8].tolist() == [10, 30, 50, 70]
    assert edges(face[0]) == (20, 17, 39, 34)
    assert edges(face[1]) == (2, 1, 57, 38)  # not found: the whole frame
    bars = context[0].amax((0, 2)) == 0
    assert bars.tolist() == [True] * 4 + [False] * 8 + [True] * 4
    assert context[0, 1, 4:12, 8].min() >= 6 * 10
    default = ClipDataModule(root, streams=["face"], segments=4, size=SIZE, batch_size=1)
    assert edges(only(default).inputs["face"][0, 0]) == (6, 3, 53, 38)  # 20 pixels, cut off below


def test_streams_may_have_members_of_their_own(tmp_path: Path) -> None:
    own = {f"face-{number:03}.png": frame(number, blue=100) for number in range(FRAMES)}
    record: ItemRecord = {"id": "a", "label": 1}
    root = write(tmp_path / "set", {"a": record}, {**CLIP, **own})
    batch = only(ClipDataModule(root, streams=["face", "context"], segments=2, size=SIZE, batch_size=1))
    assert batch.inputs["face"][0, :, 2, 8, 8].tolist() == [120, 160]
    assert batch.inputs["context"][0, :, 2, 8, 8].tolist() == [20, 60]
    uneven = {**CLIP, "face-000.png": frame(0)}
    other = write(tmp_path / "uneven", {"a": record}, uneven)
    with pytest.raises(ShardError, match=r"different numbers of frames.*'context' 8, 'face' 1"):
        only(ClipDataModule(other, streams=["face", "context"], size=SIZE, batch_size=1))
    bare = write(tmp_path / "bare", {"a": record}, own)
    with pytest.raises(ShardError, match="no frames of 'context' and none to cut it from"):
        only(ClipDataModule(bare, streams=["face", "context"], size=SIZE, batch_size=1))


def flips(data: ClipDataModule) -> list[tuple[bool, bool]]:
    """Of each sample of three epochs, whether its face and its context are swapped."""
    found = []
    for _ in range(3):
        for batch in cast("list[AffectBatch]", list(data.train_dataloader())):
            for row in range(len(batch)):
                swapped = [
                    bool(batch.inputs[name][row, 0, 0, 8, 2] > batch.inputs[name][row, 0, 0, 8, -3])
                    for name in ("face", "context")
                ]
                found.append((swapped[0], swapped[1]))
    return found


def test_views_are_tied_unless_it_is_said(tmp_path: Path) -> None:
    records: dict[str, ItemRecord] = {
        str(number): {"id": str(number), "label": 0, "boxes": {"face": [[20, 10, 40, 30]]}}
        for number in range(8)
    }
    root = write(tmp_path / "set", records, CLIP)
    streams = ["face", "context"]
    tied = flips(ClipDataModule(root, streams=streams, segments=2, size=SIZE, batch_size=8))
    assert {one == other for one, other in tied} == {True} and {one for one, _ in tied} == {True, False}
    free = flips(ClipDataModule(root, streams=streams, segments=2, size=SIZE, batch_size=8, tied=False))
    assert {one == other for one, other in free} == {True, False}


def test_windows_and_turns_are_of_the_whole_clip(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"a": {"id": "a", "label": 0}}, CLIP)
    data = ClipDataModule(
        root, streams=["visual"], segments=4, size=SIZE, batch_size=1, rotation=4.0, flip=0.0
    )
    turned = only(data, "train").inputs["visual"][0]
    level = only(data).inputs["visual"][0]
    difference = (turned[0, :2].int() - level[0, :2].int()).abs()
    assert 0 < difference.float().mean() < 12
    assert torch.equal(turned[0, :2], turned[3, :2])
    cut = ClipDataModule(
        root, streams=["visual"], segments=4, size=SIZE, batch_size=1, crop_scale=(0.2, 0.3), flip=0.0
    )
    window = only(cut, "train").inputs["visual"][0]
    left, top, right, bottom = edges(window[0])
    assert 0.1 < (right - left) * (bottom - top) / (HEIGHT * HEIGHT) < 0.4
    assert torch.equal(window[0, :2], window[3, :2])
    # A whole frame is cut to its centred square, in training as in evaluation.
    plain = ClipDataModule(root, streams=["visual"], segments=4, size=SIZE, batch_size=1, flip=0.0)
    assert edges(only(plain).inputs["visual"][0, 0]) == edges(only(plain, "train").inputs["visual"][0, 0])
    assert edges(only(plain).inputs["visual"][0, 0])[0] == pytest.approx(11, abs=1)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_views_do_not_depend_on_workers(tmp_path: Path, workers: int) -> None:
    records: dict[str, ItemRecord] = {str(i): {"id": str(i), "label": 0} for i in range(4)}
    root = write(tmp_path / "set", records, CLIP)
    batches = [
        only(
            ClipDataModule(
                root,
                streams=["context", "face"],
                segments=2,
                size=SIZE,
                batch_size=4,
                rotation=4.0,
                crop_scale=(0.5, 1.0),
                num_workers=count,
            ),
            "train",
        )
        for count in (0, workers)
    ]
    assert batches[0].keys == batches[1].keys
    for name in ("face", "context"):
        assert torch.equal(batches[0].inputs[name], batches[1].inputs[name])


def test_a_damaged_clip_is_masked_in_every_stream(tmp_path: Path) -> None:
    records: dict[str, ItemRecord] = {key: {"id": key, "label": 1} for key in ("a", "damaged", "z")}
    root = write(tmp_path / "set", records, CLIP)
    streams = ["face", "context"]
    with pytest.raises(ShardError, match=r"val-damaged.*damaged"):
        only(ClipDataModule(root, streams=streams, size=SIZE, batch_size=3))
    data = ClipDataModule(root, streams=streams, size=SIZE, batch_size=3, damage="mask", max_damaged=1)
    with pytest.warns(UserWarning, match="val-damaged"):
        batch = only(data)
    assert batch.target.weight is not None and batch.target.label is not None
    assert batch.target.weight.tolist() == [1, 0, 1] and batch.target.label.tolist() == [1, -100, 1]
    for name in streams:
        assert not batch.inputs[name][1].any()
        assert bool(batch.inputs[name][0].any()) and torch.equal(batch.inputs[name][0], batch.inputs[name][2])


def test_pictures_have_streams_too(tmp_path: Path) -> None:
    record: ItemRecord = {"id": "a", "label": 1, "box": [25, 22, 35, 30]}
    root = write(tmp_path / "set", {"a": record}, {"png": frame(1)}, kind="image")
    batch = only(
        ImageDataModule(root, streams=["face", "context"], size=SIZE, batch_size=1, box_margin={"face": 0.0})
    )
    assert batch.inputs["face"].shape == batch.inputs["context"].shape == (1, 3, SIZE, SIZE)
    assert edges(batch.inputs["face"][0]) == (25, 22, 34, 29)


@pytest.mark.parametrize("kind", ["clip", "image"])
@pytest.mark.parametrize("name", ["clip", "imagenet", "half", "none"])
def test_normalisation_by_name_for_every_stream(tmp_path: Path, kind: str, name: str) -> None:
    members = CLIP if kind == "clip" else {"png": frame(1)}
    root = write(tmp_path / "set", {"a": {"id": "a", "label": 1}}, members, kind=kind)
    module = ClipDataModule if kind == "clip" else ImageDataModule
    data = module(root, streams=["face", "context"], size=SIZE, batch_size=1, normalization=name)  # type: ignore[arg-type]
    batch = only(data)
    raw = dict(batch.inputs)
    done = data.on_after_batch_transfer(batch, 0)
    mean, std = NORMALIZATIONS[name]  # type: ignore[index]
    for stream, pixels in raw.items():
        expected: Tensor = NormalizePixels(mean, std)(pixels)
        assert torch.equal(done.inputs[stream], expected)
    if name == "none":
        assert torch.allclose(done.inputs["face"], raw["face"] / 255, atol=1e-6)


def test_refusals(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"a": {"id": "a", "label": 1}}, CLIP)
    with pytest.raises(DataModuleError, match="name each stream once"):
        ClipDataModule(root, streams=["face", "face"])
    with pytest.raises(DataModuleError, match=r"the options name \['body'\]"):
        ClipDataModule(root, streams=["face"], fit={"body": "crop"})
    with pytest.raises(DataModuleError, match="fit='zoom'"):
        ClipDataModule(root, streams=["face"], fit={"face": "zoom"})  # type: ignore[dict-item]
    with pytest.raises(DataModuleError, match="give the data module a size"):
        ClipDataModule(root, streams=["face"], size=None)
    with pytest.raises(DataModuleError, match="are for streams"):
        ClipDataModule(root, rotation=4.0)
    short: ItemRecord = {"id": "a", "label": 1, "boxes": {"face": [None, None]}}
    other = write(tmp_path / "short", {"a": short}, CLIP)
    with pytest.raises(ShardError, match="2 boxes of 'face' for 8 frames"):
        only(ClipDataModule(other, streams=["face"], size=SIZE, batch_size=1))
    outside: ItemRecord = {"id": "a", "label": 1, "boxes": {"face": [[100, 0, 120, 9]]}}
    third = write(tmp_path / "outside", {"a": outside}, CLIP)
    with pytest.raises(ShardError, match=r"val-a.*holds no pixel"):
        only(ClipDataModule(third, streams=["face"], size=SIZE, batch_size=1))
