from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from affectkit.data.schema import ShardError
from affectkit.data.shards import FeatureSpec
from affectkit.data.sources.mmsa import MMSA

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

Part = dict[str, Any]


def part(split: str, count: int) -> Part:
    generator = np.random.default_rng(count)
    audio = generator.normal(size=(count, 6, 5)).astype(np.float32)
    audio[0, 1, 2] = -np.inf
    mask = np.zeros((count, 3, 4))
    mask[:, 1, :3] = 1
    vision = np.zeros((count, 7, 2), dtype=np.float32)
    vision[:, 2:5] = 1 + generator.random((count, 3, 2))
    return {
        "id": [f"{split}$_${i}" for i in range(count)],
        "raw_text": np.array([f"words {i}" for i in range(count)]),
        "text": generator.normal(size=(count, 4, 3)).astype(np.float32),
        "text_bert": mask,
        "audio": audio,
        "audio_lengths": [2] * count,
        "vision": vision,
        "annotations": ["Negative", "Neutral", "Positive"][:count],
        "regression_labels": np.array([-1.2, 0.0, 3.0])[:count],
        "classification_labels": [0.0, 1.0, 2.0][:count],
    }


@pytest.fixture
def content() -> dict[str, Part]:
    return {"train": part("a", 3), "valid": part("b", 2), "test": part("c", 1)}


def save(folder: Path, content: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "unaligned.pkl"
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def test_features_over_time_without_padding(tmp_path: Path, content: dict[str, Part], made: Made) -> None:
    save(tmp_path / "mosi", content)
    manifest, found = made(MMSA, tmp_path / "mosi")
    assert manifest.class_counts == {"train": (1, 1, 1), "val": (1, 1, 0), "test": (1, 0, 0)}
    assert manifest.features == {
        "text": FeatureSpec(3, "float32", "MMSA text"),
        "audio": FeatureSpec(5, "float32", "MMSA audio"),
        "visual": FeatureSpec(2, "float32", "MMSA vision"),
    }
    record, members = found["train"]["a___0"]
    assert record == {"id": "a$_$0", "label": 0, "text": "words 0", "dims": [-1.2]}
    assert members == ["safetensors"]
    source = MMSA.configured(tmp_path / "mosi", {})
    first = next(source.read(tmp_path / "mosi"))
    train = content["train"]
    assert first.features["text"].equal(torch.from_numpy(train["text"][0, :3]))
    assert first.features["visual"].equal(torch.from_numpy(train["vision"][0, 2:5]))
    expected = train["audio"][0, :2].copy()
    expected[1, 2] = 0
    assert first.features["audio"].equal(torch.from_numpy(expected))


def test_the_file_itself_and_the_scale_of_sims(tmp_path: Path, content: dict[str, Part], made: Made) -> None:
    for values in content.values():
        values["regression_labels"] = values["regression_labels"] / 3
        for view in "TAV":
            values[f"regression_labels_{view}"] = np.full(len(values["id"]), 0.5)
    manifest, found = made(MMSA, save(tmp_path / "sims", content), {"scale": "sims"})
    assert manifest.dims is not None and (manifest.dims.low, manifest.dims.high) == (-1, 1)
    assert found["val"]["b___0"][0]["meta"] == {"sentiment_t": 0.5, "sentiment_a": 0.5, "sentiment_v": 0.5}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("id", ["a", "a", "b"], "clip 'a' occurs twice"),
        ("raw_text", ["one"], "no raw_text for every clip"),
        ("regression_labels", np.array([0.0, 1, 4]), r"train, clip 'a\$_\$2': sentiment 4 lies outside"),
        ("regression_labels", np.array([0.0, 1, np.nan]), "no number in regression_labels"),
        ("annotations", ["Negative", "Mixed", "Positive"], "annotations other than negative"),
        ("audio", np.zeros((3, 5)), r"no audio of \(clips, steps, width\)"),
        ("vision", np.zeros((2, 7, 2)), "no vision"),
    ],
)
def test_a_malformed_field_is_named(
    tmp_path: Path, content: dict[str, Part], refused: Refused, field: str, value: object, words: str
) -> None:
    content["train"][field] = value
    path = save(tmp_path / "mosi", content)
    refused(MMSA, tmp_path / "mosi", at=path, row=None, words=words)


def test_another_pickle_is_refused(tmp_path: Path, content: dict[str, Part], refused: Refused) -> None:
    path = save(tmp_path / "mosi", {"train": content["train"]})
    refused(MMSA, tmp_path / "mosi", at=path, row=None, words="no part 'valid'")
    save(tmp_path / "mosi", {"train": torch.zeros(2)})
    refused(MMSA, tmp_path / "mosi", at=path, row=None, words="asks for torch")
    (tmp_path / "mosi" / "second.pkl").write_bytes(b"")
    refused(MMSA, tmp_path / "mosi", at=tmp_path / "mosi", row=None, words="2 files")


def test_another_scale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="scale=meld of 'mmsa' is none of mosi, sims"):
        MMSA.configured(tmp_path, {"scale": "meld"})
