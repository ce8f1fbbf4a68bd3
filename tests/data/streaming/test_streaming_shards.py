"""Streaming: lengths equal on ranks, repeatable draws, whole samples, and nothing that can execute code."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from affectkit.data.decode import decode_sample
from affectkit.data.schema import ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest, index_foreign
from affectkit.data.streaming import StreamingShards

TEMPLATE = Manifest(
    name="texts", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
)


def first(samples: list[str]) -> str:
    return samples[0]


def decode(members: Mapping[str, bytes]) -> str:
    return f"{members['txt'].decode()} {members['cls'].decode()}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with DatasetWriter(tmp_path / "set", TEMPLATE, shard_samples=3) as writer:
        for i in range(10):
            writer.add("train", f"k{i}", {"txt": f"text {i}".encode(), "cls": b"%d" % i})
    return tmp_path / "set"


def stream(
    root: Path,
    *,
    epoch_samples: int = 40,
    seed: int = 0,
    buffer: int = 5,
    rank: int = 0,
    world_size: int = 1,
    epoch: int = 0,
) -> StreamingShards[str]:
    found = StreamingShards(
        root,
        "train",
        decode=decode,
        epoch_samples=epoch_samples,
        seed=seed,
        buffer=buffer,
        rank=rank,
        world_size=world_size,
    )
    found.set_epoch(epoch)
    return found


def test_an_epoch_has_its_length_on_every_rank(root: Path) -> None:
    ranks = [stream(root, epoch_samples=41, rank=rank, world_size=2) for rank in range(2)]
    assert [len(rank) for rank in ranks] == [20, 20]
    assert [len(list(rank)) for rank in ranks] == [20, 20]
    assert list(ranks[0]) != list(ranks[1])


def test_samples_are_whole_and_drawn_again(root: Path) -> None:
    counts = Counter(stream(root, epoch_samples=300))
    assert set(counts) == {f"text {i} {i}" for i in range(10)}
    assert max(counts.values()) > 30 > min(counts.values())  # with replacement: no epoch in the exact sense


def test_draws_follow_seed_and_epoch(root: Path) -> None:
    assert list(stream(root)) == list(stream(root))
    assert len({tuple(stream(root, seed=seed, epoch=epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_the_buffer_mixes_across_shards(root: Path) -> None:
    plain, mixed = list(stream(root, buffer=1)), list(stream(root, buffer=9))
    numbers = [int(text.split()[1]) for text in plain[:3]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))  # a shard from front to back
    assert mixed != plain


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_share_the_epoch(root: Path, workers: int) -> None:
    samples = stream(root, epoch_samples=19)
    loader: DataLoader[str] = DataLoader(
        samples, batch_size=1, num_workers=workers, collate_fn=first, multiprocessing_context="fork"
    )
    assert len(list(loader)) == len(loader) == 19


def test_pickles_in_foreign_tars_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path(tmp_path / "executed").touch, ()  # type: ignore[return-value]

    with tarfile.open(tmp_path / "train-000000.tar", "w") as archive:
        for name, content in {"a.txt": b"safe", "a.pyd": pickle.dumps(Payload()), "a.pth": b"x"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    index_foreign(tmp_path, TEMPLATE, ignore=("pyd", "pth"))
    samples = list(StreamingShards(tmp_path, "train", decode=decode_sample, epoch_samples=2))
    assert samples == [{"txt": "safe"}] * 2
    assert not (tmp_path / "executed").exists()


def test_damage_is_an_error_that_names_the_place(root: Path) -> None:
    path = root / "train-00000.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:1024])
    with pytest.raises(ShardError, match=r"train-00000\.tar has 1024 bytes"):
        list(stream(root))
    path.write_bytes(whole[:2048] + bytes(len(whole) - 2048))  # the size is right, samples are missing
    with pytest.raises(ShardError, match=r"train-00000\.tar gave \d samples and the manifest states 3"):
        list(stream(root))
    path.write_bytes(b"x" * 700 + whole[700:1024] + b"x" * 512 + whole[1536:])
    with pytest.raises(ShardError, match=r"train-00000\.tar (is damaged|gave)"):
        list(stream(root))

    def refuse(members: Mapping[str, bytes]) -> str:
        raise ShardError("The text is no text.")

    path.write_bytes(whole)
    with pytest.raises(ShardError, match=r"Sample 'k\d': The text is no text"):
        list(StreamingShards(root, "train", decode=refuse, epoch_samples=1))


def test_impossible_numbers_are_errors(root: Path, tmp_path: Path) -> None:
    for options in ({"rank": 2, "world_size": 2}, {"epoch_samples": 1, "world_size": 2}, {"buffer": 0}):
        with pytest.raises(ShardError, match="cannot stream"):
            stream(root, **options)
    with pytest.raises(ShardError, match="has no split 'test'"):
        StreamingShards(root, "test", decode=decode, epoch_samples=1)
