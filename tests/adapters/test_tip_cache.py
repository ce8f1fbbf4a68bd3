"""The cache of a Tip-Adapter: what goes in, from which loaders, and back from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from affectkit.adapters.tip_cache import TipCache, build_tip_cache, load_tip_cache, save_tip_cache
from affectkit.data import AffectBatch
from affectkit.distributed import rank
from affectkit.types import Encoding, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

ROWS = 7
FEATURES = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 2, 1, 0, 2, 2, 0])


class AugmentingLoader:
    """Rows that look a little different in each pass, as ``AffectBatch`` in another order each time."""

    def __init__(self, *, keyed: bool, shuffled: bool, rows: list[int] | None = None) -> None:
        self.keyed, self.shuffled, self.epoch = keyed, shuffled, 0
        self.rows = list(range(ROWS)) if rows is None else rows

    def view(self, row: int, epoch: int) -> Tensor:
        return FEATURES[row] * (1 + epoch) + epoch * FEATURES[row].flip(0)

    def __iter__(self) -> Iterator[AffectBatch]:
        order = self.rows
        if self.shuffled:
            turn = (3 * self.epoch) % len(order)
            order = order[turn:] + order[:turn]
        rows = [*order, order[0]]  # a filling row at the end
        for start in range(0, len(rows), 3):
            part = rows[start : start + 3]
            valid = torch.tensor([start + place < len(order) for place in range(len(part))])
            yield AffectBatch(
                inputs={"visual": torch.stack([self.view(row, self.epoch) for row in part])},
                valid=valid,
                target=Target(label=LABELS[part], weight=valid.float()),
                keys=[f"row{row}" for row in part] if self.keyed else [],
            )
        self.epoch += 1


def no_encoding(images: Tensor) -> Encoding:
    raise AssertionError("features are not encoded again")


def by_label(cache: TipCache) -> list[tuple[int, list[float]]]:
    """Rows in one order, to compare caches as sets."""
    rows = zip(cache.values.argmax(-1).tolist(), cache.keys.tolist())
    return sorted((int(label), [round(number, 5) for number in key]) for label, key in rows)


def expected_keys(passes: int) -> Tensor:
    loader = AugmentingLoader(keyed=True, shuffled=False)
    means = [
        sum((loader.view(row, epoch) for epoch in range(passes)), torch.zeros(4)) / passes
        for row in range(ROWS)
    ]
    return functional.normalize(torch.stack(means), dim=-1)


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize(("keyed", "shuffled"), [(True, True), (True, False), (False, False)])
def test_keys_are_averaged_before_they_are_normalised(passes: int, keyed: bool, shuffled: bool) -> None:
    loader = AugmentingLoader(keyed=keyed, shuffled=shuffled)
    cache = build_tip_cache(loader, no_encoding, num_classes=5, passes=passes)
    assert cache.keys.shape == (ROWS, 4) and cache.values.shape == (ROWS, 5)
    truth = TipCache(expected_keys(passes), functional.one_hot(LABELS, 5).float())
    assert by_label(cache) == by_label(truth)
    # The other order, scaling each view first, gives other numbers here.
    views = [
        functional.normalize(AugmentingLoader(keyed=True, shuffled=False).view(0, e), dim=-1) for e in (0, 1)
    ]
    assert not torch.allclose(
        functional.normalize(views[0] + views[1], dim=-1), expected_keys(2)[0], atol=1e-3
    )


def test_order_of_a_keyed_loader_does_not_matter() -> None:
    forward = build_tip_cache(AugmentingLoader(keyed=True, shuffled=False), no_encoding, num_classes=3)
    backward = AugmentingLoader(keyed=True, shuffled=False, rows=list(reversed(range(ROWS))))
    turned = build_tip_cache(backward, no_encoding, num_classes=3)
    assert torch.equal(forward.keys, turned.keys) and torch.equal(forward.values, turned.values)


def test_shuffled_rows_without_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="does not shuffle, or batches with keys"):
        build_tip_cache(AugmentingLoader(keyed=False, shuffled=True), no_encoding, num_classes=3, passes=2)


def test_pictures_are_encoded_and_unlabelled_rows_left_out() -> None:
    def encode(images: Tensor) -> Encoding:
        assert not torch.is_grad_enabled()
        return Encoding(images.flatten(1))

    images = torch.rand(3, 3, 2, 2)
    cache = build_tip_cache([(images, torch.tensor([1, -100, 0]))], encode, num_classes=2)
    assert torch.equal(cache.keys, functional.normalize(images[[0, 2]].flatten(1), dim=-1))
    assert cache.values.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def gathered() -> TipCache:
    """Each rank reads its share of the rows, one of them twice."""
    loader = AugmentingLoader(keyed=True, shuffled=False, rows=[0, 1, 2, 3] if rank() == 0 else [3, 4, 5, 6])
    return build_tip_cache(loader, no_encoding, num_classes=3, passes=2)


@pytest.mark.distributed
def test_ranks_share_one_cache(run_ranks: RunRanks) -> None:
    alone = build_tip_cache(
        AugmentingLoader(keyed=True, shuffled=False), no_encoding, num_classes=3, passes=2
    )
    for cache in run_ranks(gathered):
        torch.testing.assert_close(cache.keys, alone.keys)
        assert torch.equal(cache.values, alone.values)


def test_refusals() -> None:
    rows = [(FEATURES, LABELS)]
    with pytest.raises(ValueError, match=r"outside 0\.\.1 \(the highest is 2\)"):
        build_tip_cache(rows, no_encoding, num_classes=2)
    with pytest.raises(ValueError, match="passes=0"):
        build_tip_cache(rows, no_encoding, num_classes=3, passes=0)
    with pytest.raises(ValueError, match="gone over from the start"):
        build_tip_cache(iter(rows), no_encoding, num_classes=3, passes=2)
    with pytest.raises(ValueError, match="has a label"):
        build_tip_cache([(FEATURES, torch.full((ROWS,), -100))], no_encoding, num_classes=3)
    with pytest.raises(ValueError, match=r"torch\.uint8 pixels: normalise them"):
        build_tip_cache(
            [(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]))], no_encoding, num_classes=3
        )
    with pytest.raises(ValueError, match=r"no input 'face', only \['visual'\]"):
        build_tip_cache(
            AugmentingLoader(keyed=True, shuffled=False), no_encoding, num_classes=3, modality="face"
        )
    unlabelled = AffectBatch(inputs={"visual": FEATURES}, valid=torch.ones(ROWS, dtype=torch.bool))
    with pytest.raises(ValueError, match="no labels"):
        build_tip_cache([unlabelled], no_encoding, num_classes=3)


def test_a_file_gives_back_the_cache_of_the_same_classes_and_weights(tmp_path: Path) -> None:
    cache = build_tip_cache([(FEATURES, LABELS)], no_encoding, num_classes=3)
    path = tmp_path / "caches" / "tip.safetensors"
    size = save_tip_cache(path, cache, class_names=["a", "b", "c"], digest="0123")
    assert path.stat().st_size == size and [entry.name for entry in path.parent.iterdir()] == [path.name]
    again = load_tip_cache(path, class_names=["a", "b", "c"], digest="0123")
    assert torch.equal(again.keys, cache.keys) and torch.equal(again.values, cache.values)
    with pytest.raises(ValueError, match=r"of the classes \['a', 'b', 'c'\]"):
        load_tip_cache(path, class_names=["a", "c", "b"], digest="0123")
    with pytest.raises(ValueError, match="made with other weights"):
        load_tip_cache(path, class_names=["a", "b", "c"], digest="4567")
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_tip_cache(tmp_path / "nothing", class_names=["a"], digest="0123")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load_tip_cache(path, class_names=["a", "b", "c"], digest="0123")
