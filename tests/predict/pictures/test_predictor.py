"""Predictions on files are those of the training pipeline, whatever lies beside them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor, nn

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.decode import DecodeError
from affectkit.data.loader import PictureView
from affectkit.data.modules import ImageDataModule
from affectkit.fusion import MeanFusion
from affectkit.heads import ClassificationHead, DimensionalHead
from affectkit.labels import LabelSpace
from affectkit.losses import ClassificationLoss
from affectkit.predict import PicturePredictor, PredictError, Prediction, PredictItem, find_pictures
from affectkit.predict.pictures.picture_item import picture_item
from affectkit.tasks import AffectTask, ConversationTask, PromptTuningTask
from affectkit.types import Encoding, Head

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "use_distributed_sampler": False,
}


VIEW = PictureView(32, normalization="clip")


class Patches(nn.Module):
    """A convolution, whose last bits depend on how its input lies in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 7, stride=4)

    @property
    def out_dim(self) -> int:
        return 5

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        maps: Tensor = self.layer(x)
        return Encoding(maps.tanh().mean(dim=(2, 3)))


def float_task(head: Head | None = None, names: tuple[str, ...] = ("visual",)) -> AffectTask:
    torch.manual_seed(0)
    return AffectTask(
        {name: Patches() for name in names},
        fusion=MeanFusion(dict.fromkeys(names, 5)),
        head=head or ClassificationHead(5, 7),
        loss=ClassificationLoss(7),
        label_space="meld7.official",
    )


def by_the_pipeline(task: AffectTask, data: ImageDataModule) -> dict[str, Tensor]:
    found = Trainer(**QUIET).predict(task, data)
    logits: dict[str, Tensor] = {}
    for batch in cast("list[AffectPrediction]", found):
        assert batch.logits is not None
        logits |= dict(zip(batch.keys, batch.logits, strict=True))
    return logits


@pytest.mark.parametrize("streams", [None, ["face", "context"]])
@pytest.mark.parametrize(("normalize", "size"), [(False, 32), (True, 32), (True, 40)])
def test_files_and_shards_give_the_same_bits(
    trained: Any, normalize: bool, size: int, streams: list[str] | None
) -> None:
    if normalize:
        task = float_task(names=tuple(streams or ["visual"]))
    else:
        task = PromptTuningTask("meld7.official", adapter="clip_lora", streams=streams)
    data = ImageDataModule(
        str(trained.shards),
        batch_size=4,
        size=size,
        normalize=normalize,
        normalization="half",
        streams=streams,
    )
    expected = by_the_pipeline(task, data)
    predictor = PicturePredictor(task, data.picture_view, batch_size=4, device="cpu")
    for folder in (trained.files / "test", trained.shards):
        rows = list(predictor.predict(find_pictures([folder])))
        assert [row.error for row in rows] == [None] * 7 == [None] * len(expected)
        for row, (key, logits) in zip(rows, expected.items(), strict=True):
            assert Path(row.path).stem in key
            assert torch.equal(torch.tensor(row.logits), logits)
            assert list(row.probabilities.values()) == logits.double().softmax(dim=0).tolist()
            assert row.label == list(row.probabilities)[int(logits.argmax())]


def test_a_checkpoint_knows_its_pictures(trained: Any) -> None:
    data = ImageDataModule(str(trained.shards), batch_size=4, size=32, normalize=False)
    task = PromptTuningTask.load_from_checkpoint(trained.run / "checkpoints" / "best.ckpt")
    expected = by_the_pipeline(task, data)
    predictor = PicturePredictor.from_checkpoint(trained.run, batch_size=4, device="cpu")
    assert predictor.view == PictureView(32)
    assert predictor.label_space is not None and predictor.label_space.name == "meld7.official"
    rows = list(predictor.predict(find_pictures([trained.files / "test"])))
    assert [row.logits for row in rows] == [tuple(logits.tolist()) for logits in expected.values()]


def test_arrays_are_files(trained: Any) -> None:
    predictor = PicturePredictor(float_task(), PictureView(32, normalization="imagenet"), device="cpu")
    files = sorted((trained.files / "test").rglob("*.png"))
    arrays = [np.array(Image.open(path)) for path in files]
    tensors = [torch.from_numpy(pixels) for pixels in arrays]
    expected = [row.logits for row in predictor.predict(files)]
    assert [row.logits for row in predictor.predict(arrays)] == expected
    assert [row.logits for row in predictor.predict(tensors)] == expected
    with pytest.raises(PredictError, match=r"float32 of shape \(3, 4, 4\)"):
        list(predictor.predict([torch.zeros(3, 4, 4)]))


def test_a_picture_alone_is_a_picture_in_company(trained: Any) -> None:
    predictor = PicturePredictor(float_task(), PictureView(32, normalization="none"), device="cpu")
    files = sorted((trained.files / "test").rglob("*.png"))
    together = [row.logits for row in predictor.predict(files[:1] * 8)]
    (alone,) = predictor.predict(files[:1])
    assert alone.logits == together[0]


def test_bad_files_are_rows_and_change_no_other(trained: Any, tmp_path: Path) -> None:
    good = sorted((trained.files / "test").rglob("*.png"))[:3]
    whole = good[0].read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "header.png").write_bytes(whole[:10])
    (tmp_path / "renamed.jpg").write_bytes(whole)
    (tmp_path / "notes.txt").write_text("no picture")
    bad = [tmp_path / name for name in ("half.png", "header.png", "renamed.jpg", "notes.txt", "absent.png")]
    mixed = [bad[0], good[0], bad[1], bad[2], good[1], bad[3], bad[4], good[2]]
    predictor = PicturePredictor(float_task(), VIEW, batch_size=2, device="cpu")
    rows = list(predictor.predict(mixed))
    assert [row.path for row in rows] == [str(path) for path in mixed]
    assert [row.position for row in rows] == list(range(8))
    errors = [row.error or "" for row in rows]
    assert all("restore it" in errors[place] for place in (0, 2, 3))
    assert "not that of a jpg, png or webp" in errors[5] and "cannot be read" in errors[6]
    assert all(error.count(". ") == 0 and not error.startswith("Sample") for error in errors)
    assert rows[0].label is None and rows[0].probabilities == {} and rows[0].logits == ()
    for row, path in zip((rows[1], rows[4], rows[7]), good, strict=True):
        (expected,) = predictor.predict([path])
        assert row.error is None
        torch.testing.assert_close(row.logits, expected.logits)


def test_pictures_are_asked_for_as_they_are_needed(trained: Any) -> None:
    file = next((trained.files / "test").rglob("*.png"))
    asked = 0

    def endless() -> Iterator[Path]:
        nonlocal asked
        while True:
            asked += 1
            yield file

    predictor = PicturePredictor(float_task(), VIEW, batch_size=3, device="cpu")
    rows: Iterator[Prediction] = predictor.predict(endless())
    for _ in range(4):
        next(rows)
    # what is shown, what is next, and as many batches again as are read at once
    assert asked <= 3 * (2 + 2 * predictor.readers)


def test_two_readers_open_files_in_turn_and_never_together(trained: Any) -> None:
    files = sorted((trained.files / "test").rglob("*.png"))[:3]
    opened: list[int] = []
    inside = 0

    def item(number: int) -> PredictItem:
        known = picture_item(files[number % len(files)])

        def read() -> Mapping[str, memoryview]:
            nonlocal inside
            inside += 1
            assert inside == 1
            time.sleep(0.001)
            opened.append(number)
            inside -= 1
            if number == 7:
                raise DecodeError("Damaged.")
            return known.read()

        return known._replace(read=read)

    predictor = PicturePredictor(float_task(), VIEW, batch_size=2, device="cpu")
    assert predictor.readers == 2
    rows = list(predictor.rows([item(number) for number in range(17)]))
    assert [row.position for row in rows] == list(range(17))
    assert sorted(opened) == list(range(17))
    assert [row.position for row in rows if row.error is not None] == [7]
    predictor.readers = 1
    for row, alone in zip(rows, predictor.rows([item(number) for number in range(17)]), strict=True):
        assert row == alone


def test_values_get_their_names(trained: Any) -> None:
    torch.manual_seed(0)
    task = PromptTuningTask(
        None, adapter="zero_shot", objective="mse", axes=["valence", "arousal"], head_dims=[4]
    )
    (row, *_) = PicturePredictor(task, PictureView(32)).predict(find_pictures([trained.files / "test"]))
    assert list(row.dims) == ["valence", "arousal"] and row.label is None and row.probabilities == {}
    unnamed = float_task(DimensionalHead(5, 2))
    (row, *_) = PicturePredictor(unnamed, VIEW).predict(find_pictures([trained.files / "test"]))
    assert list(row.dims) == ["value0", "value1"]


def test_labels_without_a_space_are_numbers(trained: Any) -> None:
    task = float_task()
    task.label_space = None
    (row, *_) = PicturePredictor(task, VIEW).predict(find_pictures([trained.files / "test"]))
    assert list(row.probabilities) == list("0123456")


def test_what_reads_no_pictures_is_refused() -> None:
    task = ConversationTask("meld7.official", {"text": 4})
    with pytest.raises(PredictError, match=r"ConversationTask reads text, and pictures give visual"):
        PicturePredictor(task, PictureView(32))
    with pytest.raises(PredictError, match="batch_size is 0"):
        PicturePredictor(float_task(), PictureView(32), batch_size=0)


def test_labels_that_hold_together_have_a_probability_each(trained: Any) -> None:
    task = float_task()
    task.label_space = LabelSpace("seven.test", tuple("abcdefg"), kind="multilabel")
    predictor = PicturePredictor(task, VIEW)
    predictor.threshold = 0.52
    assert predictor.manner == "sigmoid, labels from 0.52 on"
    for row in predictor.predict(find_pictures([trained.files / "test"])):
        chances = torch.tensor(row.logits).double().sigmoid()
        assert list(row.probabilities.values()) == pytest.approx(chances.tolist())
        assert row.labels == tuple(name for name, p in zip("abcdefg", chances, strict=True) if p >= 0.52)
        assert row.label == "abcdefg"[int(chances.argmax())] and row.labels is not None
        apart = -(chances * chances.log() + (1 - chances) * (1 - chances).log()).sum()
        assert row.entropy == pytest.approx(float(apart))
