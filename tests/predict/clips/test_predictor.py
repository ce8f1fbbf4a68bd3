"""Predictions on clips are those of the training pipeline, also on parts of a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from affectkit.cli.main import main
from affectkit.data.decode import VideoFrames
from affectkit.data.loader import StreamSpec
from affectkit.data.modules import ClipDataModule
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import write_synthetic_clips
from affectkit.predict import ClipPredictor, ClipView, PredictError, find_clips, open_predictor
from affectkit.tasks import AudioTask, PromptTuningTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Films(NamedTuple):
    """Videos as files, the same in shards."""

    files: Path
    shards: Path


def small(**options: Any) -> PromptTuningTask:
    torch.manual_seed(0)
    return PromptTuningTask("meld7.official", adapter="coop", frames=3, **options)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, write_video: Callable[..., Path]) -> Films:
    place = tmp_path_factory.mktemp("films")
    rows = "file,emotion,part\n"
    for number, frames in enumerate((20, 7, 2, 11, 9)):
        write_video(place / f"{number}.mp4", frames=frames, seed=number)
        rows += f"{number}.mp4,joy,test\n"
    (place / "t.csv").write_text(rows)
    columns = {"media": "file", "label": "emotion", "split": "part", "label_space": "meld7.official"}
    make_dataset(find_source("csv"), place / "t.csv", out=place / "shards", options=columns)
    (place / "t.csv").unlink()
    return Films(place, place / "shards")


@pytest.mark.parametrize("streams", [None, ["face", "context"]])
def test_files_and_shards_give_the_same_bits(
    films: Films, tmp_path: Path, pipeline: Any, kept_run: Callable[..., Path], streams: list[str] | None
) -> None:
    task = small() if streams is None else small(streams=streams)
    options: dict[str, Any] = {"segments": 3, "size": 32, "normalize": False, "streams": streams}
    run = kept_run(tmp_path, task, "ClipDataModule", **options)
    expected = list(pipeline(task, ClipDataModule(str(films.shards), batch_size=2, **options)).values())
    predictor = open_predictor(run, batch_size=2, device="cpu")
    assert isinstance(predictor, ClipPredictor) and predictor.view.normalization is None
    for paths in ([films.shards], sorted(films.files.glob("*.mp4"))):
        rows = list(predictor.rows(predictor.find(paths)))
        assert [row.error for row in rows] == [None] * 5
        for row, logits in zip(rows, expected, strict=True):
            assert torch.equal(torch.tensor(row.logits), logits)
    assert (
        "face and context" in predictor.described("runs/x").replace("context and face", "face and context")
    ) is (streams is not None)


def test_frames_in_folders_are_clips(tmp_path: Path, pipeline: Any) -> None:
    write_synthetic_clips(tmp_path / "shards", train=1, val=1, test=3, frames=5)
    task = small()
    view = ClipView(3, 32, normalization=None)
    predictor = ClipPredictor(task, view, batch_size=2, device="cpu")
    data = ClipDataModule(str(tmp_path / "shards"), segments=3, size=32, normalize=False, batch_size=2)
    expected = list(pipeline(task, data).values())
    arrays = []
    for number, item in enumerate(predictor.find([tmp_path / "shards"])):
        members = item.read()
        folder = tmp_path / "frames" / f"clip{number}"
        folder.mkdir(parents=True)
        names = sorted(name for name in members if name.startswith("frame"))
        for place, name in enumerate(names):  # 8, 9, 10: numbers, not letters, give the order
            (folder / f"{place + 8}.png").write_bytes(members[name])
        arrays.append(np.stack([np.asarray(Image.open(folder / f"{p + 8}.png")) for p in range(5)]))
    found = predictor.find([tmp_path / "frames"])
    assert [Path(item.path).name for item in found] == ["clip0", "clip1", "clip2"]
    for rows in (list(predictor.rows(found)), list(predictor.predict(arrays))):
        for row, logits in zip(rows, expected, strict=True):
            assert row.error is None and torch.equal(torch.tensor(row.logits), logits)
    with pytest.raises(PredictError, match=r"uint8 of shape \(2, 2, 3\): give uint8 pixels"):
        list(predictor.predict([np.zeros((2, 2, 3), dtype=np.uint8)]))


def test_parts_are_clips_of_their_frames(films: Films) -> None:
    predictor = ClipPredictor(small(), ClipView(3, 32, normalization=None), batch_size=2, device="cpu")
    film = films.files / "0.mp4"  # 20 frames, 10 a second
    items = predictor.find([film], every=0.8)
    assert [item.part for item in items] == ["frames 0 to 7", "frames 8 to 15", "frames 16 to 19"]
    assert [item.start for item in items] == pytest.approx([0.0, 0.8, 1.6])
    assert [item.stop for item in items] == pytest.approx([0.8, 1.6, 2.0])
    rows = list(predictor.rows(items))
    pixels = np.stack(list(VideoFrames(film.read_bytes()).read(range(20))))
    parts = list(predictor.predict([pixels[0:8], pixels[8:16], pixels[16:20]]))
    for row, part in zip(rows, parts, strict=True):
        assert row.logits == part.logits and row.data == rows[0].data
    with pytest.raises(PredictError, match="Parts of 0 seconds were asked for"):
        predictor.find([film], every=0.0)


def test_what_is_no_clip_is_a_row_or_an_error(
    films: Films, tmp_path: Path, kept_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = kept_run(tmp_path / "run", small(), "ClipDataModule", segments=3, size=32, normalize=False)
    for name in ("a.mp4", "b.avi", "c.wav"):
        (tmp_path / name).write_bytes(b"?")
    given = [str(tmp_path / name) for name in ("a.mp4", "b.avi", "c.wav")]
    for every in ([], ["--every", "0.5"]):
        out = tmp_path / "p.csv"
        assert (
            main(["predict", *given, "--model", str(run), *every, "--out", str(out), "--device", "cpu"]) == 1
        )
        bad = out.read_text().splitlines()[1:]
        assert "is damaged" in bad[0] and "Errno" not in bad[0] and "<none>" not in bad[0]
        assert "`ffmpeg -i b.avi b.mp4`" in bad[1] and "ends in '.wav'" in bad[2]
    assert "3 whole frames of each, brought to 32 x 32 pixels" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    with pytest.raises(PredictError, match="holds no mp4, m4v or mov, and no frames of a clip"):
        find_clips([tmp_path / "empty"])
    with pytest.raises(PredictError, match="No clip was named"):
        find_clips([])
    task = AudioTask("emodb7.letters", rate=8000, num_mels=16, widths=[4, 6])
    with pytest.raises(PredictError, match="AudioTask reads audio, and clips give visual"):
        ClipPredictor(task, ClipView())


def test_a_view_is_what_the_configuration_says(tmp_path: Path, kept_run: Callable[..., Path]) -> None:
    options: dict[str, Any] = {"streams": ["face"], "box_margin": {"face": 5}, "segments": 3, "size": 32}
    run = kept_run(tmp_path / "a", small(streams=["face"]), "ClipDataModule", **options)
    view = ClipPredictor.from_checkpoint(run, device="cpu").view
    assert view == ClipView(3, 32, (StreamSpec("face", "stretch", 5),), "imagenet")
    run = kept_run(tmp_path / "b", small(), "ClipDataModule", size=None, normalization="loud")
    with pytest.raises(PredictError, match="states normalization='loud'"):
        open_predictor(run)
    run = kept_run(tmp_path / "c", small(), "ClipDataModule", streams=["face"], fit={"hand": "crop"})
    with pytest.raises(PredictError, match="cannot be followed"):
        open_predictor(run)
