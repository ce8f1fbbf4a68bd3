from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import pytest
import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import LoaderStateError, ShardLoader
from affectkit.data.loader.mixed_loader import MixedLoader
from affectkit.data.shards import Licence, Manifest


class Numbers:
    """A store whose samples are their own positions."""

    split = "train"

    def __init__(self, name: str, counts: Sequence[int]) -> None:
        self.name = name
        self.counts = counts
        self.fingerprint = f"{name}{list(counts)}"
        self.manifest = Manifest(
            name=name,
            kind="text",
            label_space=None,
            licence=Licence("CC0", "synthetic"),
            created_by="a test",
        )

    def __len__(self) -> int:
        return sum(self.counts)

    def key(self, position: int) -> str:
        return f"{self.name}{position}"

    def describe(self, position: int) -> str:
        return self.key(position)

    def get(self, position: int) -> dict[str, memoryview]:
        return {"txt": memoryview(str(position).encode())}


def decode(members: Mapping[str, memoryview]) -> int:
    return int(bytes(members["txt"]))


def draw(sample: int, *, generator: torch.Generator) -> int:
    return int(torch.randint(1_000_000, (), generator=generator))


def collate(
    samples: Sequence[int], *, keys: Sequence[str], positions: Sequence[int], valid: Sequence[bool]
) -> AffectBatch:
    return AffectBatch(
        inputs={"drawn": torch.tensor(samples)}, valid=torch.tensor(valid), keys=list(keys), meta={}
    )


def mixed(
    *,
    rank: int = 0,
    world_size: int = 1,
    num_workers: int = 0,
    repeats: Mapping[str, float] | None = None,
    context: Literal["fork", "spawn"] | None = None,
    seed: int = 0,
    small: Sequence[int] = (5,),
) -> MixedLoader:
    # batch sizes differ: clips take more room than faces
    sizes: dict[str, tuple[Sequence[int], int]] = {"big": ((3, 0, 8, 1, 10), 4), "small": (small, 2)}
    loaders = {
        name: ShardLoader(
            Numbers(name, counts),
            decode,
            collate=collate,
            global_batch=batch,
            seed=seed,
            transform=draw,
            rank=rank,
            world_size=world_size,
            num_workers=num_workers,
            multiprocessing_context=context,
        )
        for name, (counts, batch) in sizes.items()
    }
    return MixedLoader(loaders, repeats=repeats or {"small": 1.5}, seed=seed)


Shown = list[tuple[object, list[str], list[int]]]


def shown(loader: MixedLoader, epochs: int = 3) -> Shown:
    return [
        (batch.meta["source"], batch.keys, batch.inputs["drawn"].tolist())
        for _ in range(epochs)
        for batch in loader
    ]


def test_an_epoch_has_the_stated_share_of_each_source() -> None:
    loader = mixed()
    batches = shown(loader)
    assert len(loader) == 8 and len(batches) == 24
    for epoch in range(3):
        assert Counter(source for source, _, _ in batches[8 * epoch : 8 * epoch + 8]) == {
            "big": 5,
            "small": 3,
        }
    assert all(key.startswith(str(source)) for source, keys, _ in batches for key in keys)
    # within a pass over a source no sample comes twice
    for name, length in (("big", 5), ("small", 2)):
        mine = [keys for source, keys, _ in batches if source == name]
        for start in range(0, len(mine), length):
            keys = [key for row in mine[start : start + length] for key in row]
            assert len(keys) == len(set(keys))
    assert batches[:8] != batches[8:16]


@pytest.mark.parametrize(("workers", "context"), [(1, "fork"), (1, "spawn")])
def test_workers_change_nothing(workers: int, context: Literal["fork", "spawn"]) -> None:
    assert shown(mixed(num_workers=workers, context=context)) == shown(mixed())


def test_ranks_share_out_every_batch() -> None:
    whole = shown(mixed())
    first, second = (shown(mixed(rank=rank, world_size=2)) for rank in range(2))
    joined = [(s, a + b, x + y) for (s, a, x), (t, b, y) in zip(first, second, strict=True) if s == t]
    assert joined == whole


@pytest.mark.parametrize("workers", [0, 1])
def test_resume_at_every_batch(workers: int) -> None:
    loader = mixed()
    whole, states = [], []
    for _ in range(2):
        for batch in loader:
            states.append(json.dumps(loader.state_dict()))
            whole.append((batch.meta["source"], batch.keys, batch.inputs["drawn"].tolist()))
    for number, state in enumerate(states) if workers == 0 else [(3, states[3])]:
        other = mixed(num_workers=workers, context="fork" if workers else None)
        other.load_state_dict(json.loads(state))
        position = divmod(number + 1, len(other))
        assert (other.state_dict()["epoch"], other.state_dict()["batches"]) == position
        other.sampler.set_epoch(position[0])  # as Lightning does
        after = shown(other, epochs=2 - position[0])
        assert after == whole[number + 1 :], number


def test_a_loop_that_was_left_early_is_begun_again() -> None:
    loader = mixed()
    next(iter(loader))
    assert shown(loader, epochs=1) == shown(mixed(), epochs=1)


def test_a_position_of_another_mixture_is_refused() -> None:
    state = mixed().state_dict()
    with pytest.raises(LoaderStateError, match="shares"):
        mixed(repeats={"small": 2.0}).load_state_dict(state)
    with pytest.raises(LoaderStateError, match="seed"):
        mixed(seed=1).load_state_dict(state)
    with pytest.raises(LoaderStateError, match=r"'small'.*fingerprint of the data"):
        mixed(small=(4, 1)).load_state_dict(state)
    with pytest.raises(LoaderStateError, match="not one of this mixture"):
        mixed().load_state_dict({**state, "batches": 9})
    with pytest.raises(LoaderStateError, match="not one of this mixture"):
        mixed().load_state_dict({"version": 1, "epoch": 0, "samples": 0})
