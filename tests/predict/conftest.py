from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.synthetic import write_synthetic


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic set of four, one and one conversations in which some faces and voices are missing."""
    folder = tmp_path_factory.mktemp("source") / "corpus"
    write_synthetic(folder, train=4, val=1, test=1, seed=0, missing=0.2)
    return folder


@pytest.fixture
def digests() -> Callable[[Path], dict[str, str]]:
    """SHA-256 of every file in a folder."""

    def digest(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return digest
