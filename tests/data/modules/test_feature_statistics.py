"""Mean and deviation of the features of the train split."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.data.modules import ConversationDataModule, DataModuleError, feature_statistics
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.labels import label_space


@given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=8), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_any_cut_into_blocks_gives_the_numbers_of_all_rows(sizes: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(sum(sizes), 3, generator=generator) * torch.tensor([1.0, 50.0, 0.0]) + 7.0
    found = feature_statistics(torch.split(rows, sizes), dim=3)
    assert found.rows == len(rows) and found.mean.dtype == found.deviation.dtype == torch.float64
    if len(rows):
        exact = rows.double()
        torch.testing.assert_close(found.mean, exact.mean(0), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(found.deviation, exact.std(0, correction=0), rtol=1e-9, atol=1e-9)


def test_a_large_mean_costs_no_digits() -> None:
    # In float32, or as a mean of squares less a square of means, nothing would be left of this.
    rows = 1e8 + torch.tensor([[0.0], [8.0], [16.0]])
    found = feature_statistics([rows[:1], rows[1:]], dim=1)
    assert found.deviation.item() == pytest.approx((128 / 3) ** 0.5, rel=1e-6)


def _write(folder: Path, present: list[list[int] | None]) -> str:
    """Conversations of three utterances; utterance u of sample i has 10 i + u as its feature, or 99."""
    template = Manifest(
        name="gaps",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"audio": FeatureSpec(1, "float32", "none")},
    )
    with DatasetWriter(folder, template) as writer:
        for split, offset in (("train", 0.0), ("val", 500.0)):
            for number, marks in enumerate(present):
                utterances = [
                    {"id": str(place), "text": "x", "speaker": 0, "label": place} for place in range(3)
                ]
                features: dict[str, torch.Tensor] = {}
                if marks is not None:
                    mark = torch.tensor(marks, dtype=torch.uint8)
                    rows = offset + 10.0 * number + torch.arange(3.0)
                    features["audio"] = rows.masked_fill(mark == 0, 99.0).unsqueeze(1)
                    features["audio.present"] = mark
                writer.add_conversation(
                    split,
                    f"{split}{number}",
                    {"id": str(number), "speakers": ["a"], "utterances": utterances},  # type: ignore[typeddict-item]
                    features=features,
                )
    return str(folder)


def test_of_a_data_module_they_are_those_of_the_train_rows_that_are_there(tmp_path: Path) -> None:
    data = ConversationDataModule(_write(tmp_path / "set", [[1, 0, 1], None, [0, 1, 0], [0, 0, 0]]))
    found = data.feature_statistics()
    rows = torch.tensor([0.0, 2.0, 21.0], dtype=torch.float64)
    assert set(found) == {"audio"} and found["audio"].rows == 3
    torch.testing.assert_close(found["audio"].mean, rows.mean(0, keepdim=True))
    torch.testing.assert_close(found["audio"].deviation, rows.std(0, correction=0, keepdim=True))
    assert data.feature_statistics() is found


def test_a_modality_that_no_utterance_has_is_an_error(tmp_path: Path) -> None:
    data = ConversationDataModule(_write(tmp_path / "set", [[0, 0, 0], [0, 0, 0]]))
    with pytest.raises(DataModuleError, match=r"No utterance .* has 'audio' features"):
        data.feature_statistics()


def test_all_columns_of_all_modalities(dialogues: str) -> None:
    data = ConversationDataModule(dialogues)
    batch = next(iter(ConversationDataModule(dialogues, batch_size=13, shuffle="none").train_dataloader()))
    rows = batch.inputs["text"][batch.masks["utterance"]].double()
    found = data.feature_statistics()
    torch.testing.assert_close(found["text"].mean, rows.mean(0))
    torch.testing.assert_close(found["text"].deviation, rows.std(0, correction=0))
    assert found["audio"].rows == found["text"].rows == len(rows)
    assert set(ConversationDataModule(dialogues, modalities=["text"]).feature_statistics()) == {"text"}
