"""Pictures in folders of labels."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from affectkit.data.schema import ShardError
from affectkit.data.sources import SourceError, find_source, make_dataset
from affectkit.data.store import check_dataset


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (9, 9, 9)).save(buffer, format="PNG" if path.suffix == ".png" else "JPEG")
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    for name in ("train/happy/a.png", "train/happy/b/a.jpg", "train/angry/a.png", "valid/happy/c.JPEG"):
        picture(folder / name)
    (folder / "train" / "happy" / "notes.md").write_text("not a picture")
    return folder


def test_names_give_labels_and_splits(faces: Path, tmp_path: Path) -> None:
    manifest = make_dataset(find_source("imagefolder"), faces, out=tmp_path / "out")
    assert manifest.label_space is not None
    assert (manifest.label_space.name, manifest.label_space.labels) == (
        "folders2.alphabetical",
        ("angry", "happy"),
    )
    assert manifest.class_counts == {"train": (1, 2), "val": (0, 1)}
    assert check_dataset(tmp_path / "out").problems == ()


def test_labels_go_by_name_into_a_registered_space(faces: Path, tmp_path: Path) -> None:
    options = {"label_space": "affectnet7.alphabetical", "name": "mine"}
    manifest = make_dataset(find_source("imagefolder"), faces, out=tmp_path / "out", options=options)
    assert manifest.name == "mine"
    assert manifest.class_counts["train"] == (1, 0, 0, 2, 0, 0, 0)
    keys = [s.key for s in find_source("imagefolder").configured(faces, options).read(faces)]
    assert keys == ["angry/a_png", "happy/a_png", "happy/b/a_jpg", "happy/c_JPEG"]


def test_without_splits_all_is_train(tmp_path: Path) -> None:
    picture(tmp_path / "joy" / "1.png")
    assert [s.split for s in find_source("imagefolder").read(tmp_path)] == ["train"]


def test_what_is_wrong_is_named(faces: Path, tmp_path: Path) -> None:
    source = find_source("imagefolder")
    with pytest.raises(ShardError, match="is multi-label"):
        source.configured(faces, {"label_space": "goemotions7.ekman"})
    picture(faces / "train" / "elated" / "1.png")
    with pytest.raises(SourceError, match="elated: its name is none of"):
        list(source.configured(faces, {"label_space": "fer7.official"}).read(faces))
    (faces / "train" / "happy" / "a.png").write_bytes(b"")
    with pytest.raises(SourceError, match=r"a\.png: the picture is empty"):
        list(source.read(faces))
    picture(faces / "extra" / "1.png")
    with pytest.raises(SourceError, match="extra: it lies beside folders of splits"):
        source.configured(faces, {})
    (tmp_path / "none" / "happy").mkdir(parents=True)
    with pytest.raises(SourceError, match="holds no picture"):
        list(source.read(tmp_path / "none"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(SourceError, match="its folders are no labels"):
        source.configured(tmp_path / "bare", {})
    with pytest.raises(SourceError, match="it is no folder"):
        source.configured(faces / "train" / "angry" / "a.png", {})


def test_a_file_says_how_hard_the_pictures_are(faces: Path, tmp_path: Path) -> None:
    names = ["train/angry/a.png", "train/happy/a.png", "train/happy/b/a.jpg", "valid/happy/c.JPEG"]
    table = tmp_path / "losses.csv"
    table.write_text("path,difficulty\n" + "".join(f"{name},{i / 4}\n" for i, name in enumerate(names)))
    source = find_source("imagefolder")
    found = list(source.configured(faces, {"difficulty": str(table)}).read(faces))
    assert [sample.record.get("difficulty") for sample in found] == [0.0, 0.25, 0.5, 0.75]
    manifest = make_dataset(source, faces, out=tmp_path / "out", options={"difficulty": str(table)})
    assert manifest.created_by.endswith("--option difficulty=losses.csv")
    assert check_dataset(tmp_path / "out").problems == ()
    # Another number makes another shard, though no picture has changed.
    table.write_text(table.read_text().replace("0.25", "9"))
    again = make_dataset(
        source, faces, out=tmp_path / "out", options={"difficulty": str(table)}, overwrite=True
    )
    assert again.fingerprint("train") != manifest.fingerprint("train")
    table.write_text("path,difficulty\ntrain/angry/a.png,1\n")
    with pytest.raises(SourceError, match=r"losses\.csv: it has no row for 'train/happy/a\.png'; add one"):
        list(source.configured(faces, {"difficulty": str(table)}).read(faces))
    with pytest.raises(SourceError, match="it cannot be read"):
        source.configured(faces, {"difficulty": str(tmp_path / "absent.csv")})
