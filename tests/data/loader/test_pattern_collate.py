"""Local binary patterns stand beside the pixels that a model sees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectkit.data import ClipDataModule, ImageDataModule
from affectkit.data.loader import PictureView
from affectkit.data.synthetic import write_synthetic_clips, write_synthetic_pictures
from affectkit.functional import local_binary_pattern


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("faces") / "shards"
    write_synthetic_pictures(root, train=8, val=4, test=4)
    return str(root)


@pytest.mark.parametrize("streams", [None, ["face"]])
def test_codes_are_those_of_the_turned_and_cut_pixels(faces: str, streams: list[str] | None) -> None:
    name = "visual" if streams is None else "face"
    data = ImageDataModule(
        faces, size=24, flip=1.0, batch_size=4, streams=streams, patterns=True, normalization="none"
    )
    plain = ImageDataModule(faces, size=24, flip=1.0, batch_size=4, streams=streams)
    batch, other = next(iter(data.train_dataloader())), next(iter(plain.train_dataloader()))
    assert list(batch.inputs) == [name, f"{name}_lbp"] == list(data.picture_view.inputs)
    pixels, codes = batch.inputs[name], batch.inputs[f"{name}_lbp"]
    # Training has cut, resized and flipped them before.
    assert torch.equal(pixels, other.inputs[name])
    assert codes.dtype == torch.uint8 and torch.equal(codes, local_binary_pattern(pixels))
    # Only then is anything normalised.
    moved = data.on_after_batch_transfer(batch, 0)
    torch.testing.assert_close(moved.inputs[f"{name}_lbp"], codes / 255)


@pytest.mark.parametrize("streams", [None, ["face", "context"]])
def test_every_frame_of_a_clip_has_codes_of_its_own(tmp_path: Path, streams: list[str] | None) -> None:
    write_synthetic_clips(tmp_path / "clips", train=4, val=2, test=2, frames=4, height=36, width=54)
    names = streams or ["visual"]
    given = {"segments": 3, "size": 24, "flip": 1.0, "batch_size": 4, "streams": streams}
    data = ClipDataModule(str(tmp_path / "clips"), patterns=True, normalization="none", **given)  # type: ignore[arg-type]
    plain = ClipDataModule(str(tmp_path / "clips"), **given)  # type: ignore[arg-type]
    batch, other = next(iter(data.train_dataloader())), next(iter(plain.train_dataloader()))
    assert set(batch.inputs) == {*names, *(f"{name}_lbp" for name in names)} and set(other.inputs) == {*names}
    for name in names:
        pixels, codes = batch.inputs[name], batch.inputs[f"{name}_lbp"]
        assert torch.equal(pixels, other.inputs[name]) and codes.shape == (4, 3, 3, 24, 24)
        for clip, frames in zip(pixels, codes):
            for frame, found in zip(clip, frames):
                assert torch.equal(found, local_binary_pattern(frame))
    moved = data.on_after_batch_transfer(batch, 0)
    assert all(moved.inputs[name].is_floating_point() for name in moved.inputs)


def test_a_checkpoint_keeps_that_patterns_were_seen(tmp_path: Path) -> None:
    view = ImageDataModule(str(tmp_path), size=24, patterns=True).picture_view
    assert view.patterns and PictureView.from_plain(view.to_plain()) == view
    older = view.to_plain()
    del older["patterns"]
    assert PictureView.from_plain(older) == view._replace(patterns=False)
    with pytest.raises(ValueError, match="use a whole checkpoint"):
        PictureView.from_plain({**view.to_plain(), "patterns": "yes"})
