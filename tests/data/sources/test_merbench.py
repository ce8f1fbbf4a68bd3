from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from affectkit.data.schema import ShardError
from affectkit.data.shards import FeatureSpec
from affectkit.data.sources import SourceError
from affectkit.data.sources.merbench import MERBENCH

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mer"
    for place in ("features/roberta", "features/faces/clip_1", "features/faces/clip.2"):
        (folder / place).mkdir(parents=True)
    np.savez_compressed(
        folder / "label.npz",
        train_corpus=np.array({"clip_1": {"emo": "happy", "val": 1.5}}, dtype=object),
        test1_corpus=np.array({"clip.2": {"emo": 0, "val": -10}}, dtype=object),
    )
    (folder / "transcription.csv").write_text("name,english\nclip_1,Hello.\n")
    np.save(folder / "features" / "roberta" / "clip_1.npy", np.arange(3, dtype=np.float64))
    np.save(folder / "features" / "roberta" / "clip.2.npy", np.ones((1, 2, 3)))
    for i in range(2):
        np.save(folder / "features" / "faces" / "clip_1" / f"{i}.npy", np.full(4, i, dtype=np.float32))
    np.save(folder / "features" / "faces" / "clip.2" / "0.npy", np.zeros(4, dtype=np.float32))
    return folder


OPTIONS = {"text": "features/roberta", "visual": "features/faces", "scale": "sentiment.mosi"}


def test_labels_words_and_features(folder: Path, made: Made) -> None:
    manifest, found = made(MERBENCH, folder, OPTIONS)
    assert manifest.kind == "features"
    assert manifest.class_counts == {"train": (0, 0, 1, 0, 0, 0), "test1": (1, 0, 0, 0, 0, 0)}
    assert manifest.features == {
        "text": FeatureSpec(3, "float32", "roberta"),
        "visual": FeatureSpec(4, "float32", "faces"),
    }
    assert found["train"]["clip_1"][0] == {"id": "clip_1", "label": 2, "text": "Hello.", "dims": [1.5]}
    assert found["test1"]["clip_2"][0] == {"id": "clip.2", "label": 0, "dims": [None]}
    samples = {s.key: s.features for s in MERBENCH.configured(folder, OPTIONS).read(folder)}
    assert samples["clip_1"]["text"].equal(torch.tensor([0.0, 1.0, 2.0]))
    assert samples["clip_2"]["text"].equal(torch.ones(2, 3))
    assert samples["clip_1"]["visual"].equal(torch.tensor([[0.0] * 4, [1.0] * 4]))


def test_without_features_it_is_text(folder: Path, made: Made) -> None:
    manifest, found = made(MERBENCH, folder)
    assert (manifest.kind, manifest.dims, manifest.features) == ("text", None, {})
    assert found["train"]["clip_1"][0] == {"id": "clip_1", "label": 2, "text": "Hello."}


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([np.nan, 0, 0]), "not finite"),
        (np.array([1, 2, 3]), "int64, not finite"),
        (np.array([None], dtype=object), "no plain array"),
        (np.zeros((2, 2, 3)), "not finite"),
    ],
)
def test_a_feature_that_cannot_be_used_is_named(
    folder: Path, array: np.typing.NDArray[np.generic], words: str
) -> None:
    path = folder / "features" / "roberta" / "clip_1.npy"
    np.save(path, array)
    source = MERBENCH.configured(folder, {"visual": "features/faces"})
    assert len(list(source.read(folder))) == 2
    with pytest.raises(SourceError, match=words) as caught:
        list(MERBENCH.configured(folder, OPTIONS).read(folder))
    assert caught.value.file == path


def test_a_missing_feature_or_folder_is_named(folder: Path) -> None:
    (folder / "features" / "roberta" / "clip_1.npy").unlink()
    with pytest.raises(SourceError, match=r"clip_1\.npy: there is no such feature"):
        list(MERBENCH.configured(folder, OPTIONS).read(folder))
    with pytest.raises(SourceError, match="no features NAME"):
        MERBENCH.configured(folder, {"audio": "features/none"})


def test_unknown_orders_are_refused(folder: Path, refused: Refused) -> None:
    with pytest.raises(ShardError, match="No label space is registered as 'mer9'"):
        MERBENCH.configured(folder, {"space": "mer9"})
    (folder / "label.npz").unlink()
    refused(MERBENCH, folder, at=folder / "label.npz", row=None, words="cannot be read")
