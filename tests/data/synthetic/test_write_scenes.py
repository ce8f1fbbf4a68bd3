from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from affectkit.data import AffectBatch, ClipDataModule, ImageDataModule, VisualTextDataModule
from affectkit.data.schema import item_record, parse_json
from affectkit.data.shards import Manifest, ShardError, open_shards, read_manifest
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import (
    EMOTION_ACTION_UNITS,
    write_face_folder,
    write_synthetic_captions,
    write_synthetic_clips,
    write_synthetic_pictures,
)

WRITERS: dict[str, Callable[..., Manifest]] = {
    "clip": write_synthetic_clips,
    "image": write_synthetic_pictures,
    "text": write_synthetic_captions,
}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", WRITERS)
def test_equal_arguments_give_equal_bytes(kind: str, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        written = WRITERS[kind](tmp_path / name, train=3, val=2, test=2, seed=seed)
        assert written == read_manifest(tmp_path / name)
        assert written.kind == kind and written.synthetic and str(tmp_path) not in written.created_by
    assert digests(tmp_path / "a") == digests(tmp_path / "b") != digests(tmp_path / "c")
    with pytest.raises(ShardError, match="already holds"):
        WRITERS[kind](tmp_path / "a", train=3, val=2, test=2)
    WRITERS[kind](tmp_path / "a", train=3, val=2, test=2, seed=2, overwrite=True)
    assert digests(tmp_path / "a") == digests(tmp_path / "c")


def test_splits_share_nothing_and_labels_take_turns(tmp_path: Path) -> None:
    manifest = write_synthetic_pictures(tmp_path / "set", train=14, val=7, test=7)
    assert {split: tuple(counts) for split, counts in manifest.class_counts.items()} == {
        "train": (2,) * 7,
        "val": (1,) * 7,
        "test": (1,) * 7,
    }
    seen: list[bytes] = []
    for split in ("train", "val", "test"):
        store = open_shards(tmp_path / "set", split)
        seen += [bytes(store.get(place)["png"]) for place in range(len(store))]
    assert len(set(seen)) == 28


def test_faces_and_rooms_of_clips_become_streams(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_synthetic_clips(root, train=7, val=7, test=7, lost=0.3)
    store = open_shards(root, "val")
    boxes = [
        box
        for place in range(len(store))
        for box in item_record(parse_json(store.get(place)["json"]))["boxes"]["face"]
    ]
    assert len(boxes) == 56 and 5 < boxes.count(None) < 30
    data = ClipDataModule(str(root), streams=["face", "context"], segments=4, size=24, batch_size=7)
    (batch,) = cast("list[AffectBatch]", list(data.val_dataloader()))
    assert {name: clips.shape for name, clips in batch.inputs.items()} == {
        "face": (7, 4, 3, 24, 24),
        "context": (7, 4, 3, 24, 24),
    }
    assert not batch.inputs["context"][:, :, :, 0].any() and bool(batch.inputs["face"][:, :, :, 0].any())
    assert not bool((batch.inputs["face"][0, 0] == batch.inputs["face"][0, 2]).all())


def test_pictures_and_captions_go_through_their_modules(tmp_path: Path) -> None:
    write_synthetic_pictures(tmp_path / "pictures", train=7, val=7, test=7)
    data = ImageDataModule(str(tmp_path / "pictures"), streams=["face"], size=24, batch_size=7)
    (batch,) = cast("list[AffectBatch]", list(data.val_dataloader()))
    assert batch.inputs["face"].shape == (7, 3, 24, 24)
    write_synthetic_captions(tmp_path / "captions", train=8, val=8, test=8)
    texts = VisualTextDataModule(str(tmp_path / "captions"), size=24, batch_size=8)
    (batch,) = cast("list[AffectBatch]", list(texts.val_dataloader()))
    assert batch.target.label is not None
    assert batch.present["visual"].tolist() == (batch.target.label == 1).tolist() == [False, True] * 4
    written = cast("list[str]", batch.meta["text"])
    assert all(
        ("wall" in text or "room" in text) == visual for text, visual in zip(written, [False, True] * 4)
    )


def test_folders_of_faces_are_what_a_user_has(tmp_path: Path) -> None:
    folder = write_face_folder(tmp_path / "faces", per_class=6, size=32)
    assert sorted(path.name for path in (folder / "val").iterdir()) == sorted(EMOTION_ACTION_UNITS)
    assert [len(list((folder / split / "joy").iterdir())) for split in ("train", "val", "test")] == [4, 1, 1]
    assert digests(folder) == digests(write_face_folder(tmp_path / "again", per_class=6, size=32))
    manifest = make_dataset(find_source("imagefolder"), folder, out=tmp_path / "shards")
    assert sum(manifest.class_counts["train"]) == 28
    with pytest.raises(ShardError):
        write_face_folder(folder, per_class=6)
    with pytest.raises(ValueError, match="at least 3"):
        write_face_folder(tmp_path / "few", per_class=2)


def test_pictures_may_have_values_in_place_of_labels(tmp_path: Path) -> None:
    for targets in ("label", "dims", "both"):
        write_synthetic_pictures(tmp_path / targets, train=7, val=1, test=1, targets=targets)
    rows = {
        targets: [
            item_record(parse_json(store.get(place)["json"]))
            for store in [open_shards(tmp_path / targets, "train")]
            for place in range(len(store))
        ]
        for targets in ("label", "dims", "both")
    }
    manifests = {targets: read_manifest(tmp_path / targets) for targets in rows}
    assert manifests["dims"].label_space is None and manifests["label"].dims is None
    assert manifests["both"].label_space is not None and manifests["both"].dims is not None
    assert [row["label"] for row in rows["both"]] == [row["label"] for row in rows["label"]]
    assert {row["label"] for row in rows["dims"]} == {None}
    assert not any("dims" in row for row in rows["label"])
    values = [row["dims"] for row in rows["dims"]]
    assert values == [row["dims"] for row in rows["both"]]
    # Joy is pleasant and fear is not; neither at more than full intensity.
    joy, fear = (manifests["both"].label_space.index(name) for name in ("joy", "fear"))
    valence = {row["label"]: cast(float, row["dims"][0]) for row in rows["both"]}
    assert 0.5 < valence[joy] <= 0.8 and -0.6 <= valence[fear] < -0.4
    with pytest.raises(ValueError, match="targets='values'"):
        write_synthetic_pictures(tmp_path / "x", targets="values")  # type: ignore[arg-type]
