"""Which pictures a path means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from affectkit.data.synthetic import write_synthetic_captions
from affectkit.predict import PredictError, find_pictures
from affectkit.predict.pictures.picture_item import item_pixels


def test_folders_are_walked_in_order(trained: Any, tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.PNG", "a.jpg", ".hidden.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_pictures([tmp_path / "notes.txt", tmp_path])
    assert [Path(item.path).name for item in found] == ["notes.txt", "a.jpg", "10.PNG", "2.png"]
    assert {item.region for item in found} == {"whole frame"}


def test_shards_are_a_set_of_pictures(trained: Any) -> None:
    items = find_pictures([trained.shards], split="train", shows_boxes=True)
    assert len(items) == 4 and all(item.path.startswith("train/") for item in items)
    assert {item.region for item in items} == {"boxes of the data set"}
    files = sorted((trained.files / "train").rglob("*.*"))
    for item, path in zip(items, files, strict=True):
        if path.suffix == ".png":
            np.testing.assert_array_equal(item_pixels(item), np.array(Image.open(path)))


def test_places_that_hold_no_pictures(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(PredictError, match=r"There is no file or folder .*nowhere"):
        find_pictures([tmp_path / "nowhere"])
    with pytest.raises(PredictError, match="holds no jpg, png or webp"):
        find_pictures([tmp_path])
    with pytest.raises(PredictError, match="No picture was named"):
        find_pictures([])
    with pytest.raises(PredictError, match="pictures in 'val' were asked for"):
        find_pictures([trained.shards], split="val")
    write_synthetic_captions(tmp_path / "texts", train=4, val=4, test=4)
    with pytest.raises(PredictError, match="holds 'text' in train, val, test"):
        find_pictures([tmp_path / "texts"])
