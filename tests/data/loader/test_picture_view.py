"""How pictures are shown survives a checkpoint, and a damaged one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.data.loader import PictureView, StreamSpec
from affectkit.data.modules import ClipDataModule, ImageDataModule, MixedDataModule


def test_there_and_back() -> None:
    view = PictureView(48, (StreamSpec("face", "stretch", 20.0), StreamSpec("context", "letterbox")), "half")
    assert PictureView.from_plain(view.to_plain()) == view
    assert view.inputs == ("face", "context")
    assert PictureView.from_plain(PictureView().to_plain()) == PictureView()


@pytest.mark.parametrize(
    "change",
    [
        {"size": "32"},
        {"size": 0},
        {"size": True},
        {"normalization": "other"},
        {"streams": None},
        {"streams": [["face", "fold", 0.0]]},
        {"streams": [["face", "crop"]]},
        {"streams": [[1, "crop", 0.0]]},
    ],
)
def test_damaged_views_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="use a whole checkpoint"):
        PictureView.from_plain({**PictureView(32).to_plain(), **change})


def test_data_modules_say_how_they_show_pictures(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert ImageDataModule(root, size=40, normalization="clip").picture_view == PictureView(
        40, normalization="clip"
    )
    faces = ImageDataModule(root, size=40, normalize=False, streams=["face"])
    assert faces.picture_view == PictureView(40, (StreamSpec("face", "stretch", 20.0),))
    clips = ClipDataModule(root)
    assert (
        MixedDataModule({"clips": clips, "faces": faces}, evaluate="faces").picture_view == faces.picture_view
    )
    assert MixedDataModule({"clips": clips, "faces": faces}).picture_view is None
