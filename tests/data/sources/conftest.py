"""What tests of sources share: small pictures, a whole conversion, and a refused row."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from PIL import Image

from affectkit.data.shards import Manifest, open_shards
from affectkit.data.sources import Source, SourceError, UnverifiedLayoutWarning, make_dataset
from affectkit.data.store import check_dataset

Sample = dict[str, Any]


class Made(Protocol):
    """Convert, check, and return the manifest and each split's records and member names by key."""

    def __call__(
        self, source: Source, folder: Path, options: Mapping[str, str] | None = None
    ) -> tuple[Manifest, dict[str, dict[str, tuple[Sample, list[str]]]]]: ...


class Refused(Protocol):
    """Expect an error at a file and row, in words."""

    def __call__(self, source: Source, folder: Path, *, at: Path, row: int | None, words: str) -> None: ...


@pytest.fixture
def picture() -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (len(path.name) % 256, 90, 20)).save(path)
        return path

    return write


@pytest.fixture
def frames(picture: Callable[[Path], Path]) -> Callable[[Path, int], None]:
    def write(folder: Path, count: int) -> None:
        for number in range(1, count + 1):
            picture(folder / f"{number}.jpg")

    return write


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(
        source: Source, folder: Path, options: Mapping[str, str] | None = None
    ) -> tuple[Manifest, dict[str, dict[str, tuple[Sample, list[str]]]]]:
        out = tmp_path / "made"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            manifest = make_dataset(source, folder, out=out, options=options)
        told = [item for item in caught if issubclass(item.category, UnverifiedLayoutWarning)]
        assert bool(told) == (not source.verified)
        assert check_dataset(out).problems == ()
        found: dict[str, dict[str, tuple[Sample, list[str]]]] = {}
        for split in manifest.splits:
            store = open_shards(out, split)
            members = {store.key(i): store.get(i) for i in range(len(store))}
            found[split] = {
                key: (json.loads(bytes(parts["json"])), sorted(set(parts) - {"json"}))
                for key, parts in members.items()
            }
        return manifest, found

    return make


@pytest.fixture
def refused() -> Refused:
    def expect(source: Source, folder: Path, *, at: Path, row: int | None, words: str) -> None:
        with pytest.raises(SourceError, match=words) as caught:
            list(source.configured(folder, {}).read(folder))
        assert caught.value.file == at
        assert caught.value.row == row

    return expect
