"""A missing optional package is one sentence with the pip line; a broken one is passed on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from affectkit._optional import MissingExtraError, require


def test_missing_package_names_the_pip_line() -> None:
    with pytest.raises(MissingExtraError, match=r'pip install "affectkit\[audio\]"'):
        require("no_such_sound_library", extra="audio", purpose="Reading FLAC files")


def test_installed_package_is_returned() -> None:
    assert require("json", extra="text", purpose="Nothing").loads("1") == 1


def test_error_inside_an_installed_package_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("import a_dependency_that_is_gone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_dependency_that_is_gone") as caught:
        require("half_installed", extra="audio", purpose="Reading FLAC files")
    assert not isinstance(caught.value, MissingExtraError)
    assert "half_installed" not in sys.modules
