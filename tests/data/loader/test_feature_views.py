"""Stretches of stored features: where they lie, what fills up, what is absent."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import item_target
from affectkit.data.loader.feature_views import FeatureViews, FeatureViewsCollate
from affectkit.data.loader.item_features import ItemFeatures
from affectkit.data.schema import ShardError
from affectkit.data.shards import FeatureSpec, Licence, Manifest
from affectkit.labels import LabelSpace

SPACE = LabelSpace("three.v1", ("calm", "happy", "sad"))
MANIFEST = Manifest(
    name="made-up",
    kind="clip",
    label_space=SPACE,
    licence=Licence("CC0", "synthetic"),
    created_by="a test",
    features={"audio": FeatureSpec(2, "float32", "none"), "text": FeatureSpec(1, "float32", "none")},
    synthetic=True,
)


def item(**features: Tensor) -> ItemFeatures:
    return ItemFeatures({"id": "one", "label": 1}, features)


def joined(samples: list[ItemFeatures], *, views: int, steps: Mapping[str, int]) -> AffectBatch:
    target = item_target(MANIFEST, SPACE.map_to(SPACE))
    collate = FeatureViewsCollate({"text": 1, "audio": 2}, target, views=views, steps=steps)
    numbers = range(len(samples))
    return collate(
        samples, keys=[str(n) for n in numbers], positions=list(numbers), valid=[True for _ in numbers]
    )


def counted(length: int, width: int) -> Tensor:
    """Features whose every step holds its own number, from 1."""
    return torch.arange(1.0, length + 1).unsqueeze(1).expand(length, width).clone()


def test_even_views_begin_at_the_ends_and_short_items_stay_whole() -> None:
    long, short = item(audio=counted(9, 2), text=counted(5, 1)), item(audio=counted(2, 2), text=torch.ones(1))
    batch = joined([long, short], views=3, steps={"audio": 4})
    assert batch.inputs["audio"].shape == (2, 3, 4, 2) and batch.inputs["text"].shape == (2, 3, 5, 1)
    assert batch.inputs["audio"][0, :, :, 0].tolist() == [[1, 2, 3, 4], [4, 5, 6, 7], [6, 7, 8, 9]]
    assert batch.masks["audio"][0].all()
    assert batch.inputs["audio"][1, :, :, 0].tolist() == [[1, 2, 0, 0]] * 3
    assert batch.masks["audio"][1].tolist() == [[True, True, False, False]] * 3
    # not named in steps: whole; without time: one step
    assert batch.inputs["text"][0, 2, :, 0].tolist() == [1, 2, 3, 4, 5]
    assert batch.masks["text"][1].sum(-1).tolist() == [1, 1, 1]
    assert batch.target.label is not None and batch.target.label.tolist() == [1, 1]


def test_one_view_lies_in_the_middle() -> None:
    batch = joined([item(audio=counted(9, 2), text=counted(1, 1))], views=1, steps={"audio": 3})
    assert batch.inputs["audio"][0, 0, :, 0].tolist() == [4, 5, 6]


def test_drawn_views_lie_at_one_place_in_every_modality_and_reach_both_ends() -> None:
    draw, starts = FeatureViews(2), []
    for seed in range(200):
        sample = draw(
            item(audio=counted(8, 2), text=counted(32, 1)), generator=torch.Generator().manual_seed(seed)
        )
        assert sample.places is not None and len(sample.places) == 2
        batch = joined([sample], views=2, steps={"audio": 4, "text": 16})
        audio, text = batch.inputs["audio"][0, :, 0, 0] - 1, batch.inputs["text"][0, :, 0, 0] - 1
        # 5 starts of audio, 17 of text, each the same share of the way
        torch.testing.assert_close(audio / 5, text / 17, rtol=0, atol=0.2)
        starts += audio.tolist()
    assert set(starts) == {0, 1, 2, 3, 4}
    again = draw(item(), generator=torch.Generator().manual_seed(3)).places
    assert again == draw(item(), generator=torch.Generator().manual_seed(3)).places
    assert again != draw(item(), generator=torch.Generator().manual_seed(4)).places


def test_no_step_is_an_absent_modality() -> None:
    samples = [item(audio=torch.zeros(0, 2)), item(audio=counted(3, 2), text=torch.ones(1, 1)), item()]
    batch = joined(samples, views=2, steps={})
    assert batch.present["audio"].tolist() == [False, True, False]
    assert batch.present["text"].tolist() == [False, True, False]
    assert not batch.masks["audio"][[0, 2]].any() and not batch.inputs["audio"][[0, 2]].any()
    nobody = joined([item()], views=2, steps={})
    assert nobody.inputs["text"].shape == (1, 2, 1, 1) and not nobody.masks["text"].any()


def test_another_width_is_named() -> None:
    with pytest.raises(ShardError, match=r"'0' has 'audio' features of shape \(4, 3\)"):
        joined([item(audio=torch.zeros(4, 3))], views=2, steps={})
