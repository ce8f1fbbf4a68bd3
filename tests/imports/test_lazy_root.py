"""The package root: rooms on demand, a typed marker, one version."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files

import pytest

import affectkit


def test_version_is_that_of_the_distribution() -> None:
    assert affectkit.__version__ == version("affectkit")


def test_marker_for_type_checkers_is_shipped() -> None:
    assert files("affectkit").joinpath("py.typed").is_file()


def test_rooms_load_on_first_use() -> None:
    code = "import affectkit; print(affectkit.labels.label_space('meld7.official').labels[4])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "joy"


def test_every_public_name_exists() -> None:
    for name in affectkit.__all__:
        assert getattr(affectkit, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'emotions'"):
        _ = affectkit.emotions
