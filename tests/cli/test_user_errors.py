"""Which errors are said in one sentence, and which show where they come from."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.cli.main import is_user_error
from affectkit.losses import ClassificationLoss


def caught(call: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as info:
        call()
    return info.value


def ours(statement: str, name: str) -> Callable[[], object]:
    """A function of the package with one statement."""
    source = f"def made_up():\n    {statement}\n"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Callable[[], object]] = {}
    exec(compile(source, name, "exec"), {"__name__": "affectkit.made_up"}, namespace)
    return namespace["made_up"]


def test_what_we_refuse_is_said_and_what_breaks_is_shown(tmp_path: Path) -> None:
    refused = caught(lambda: ClassificationLoss(3, label_smoothing=2.0))
    assert type(refused) is ValueError and is_user_error(refused)
    assert is_user_error(caught((tmp_path / "absent").read_text))
    assert is_user_error(caught(ours("raise ValueError('No.')", "refuses.py")))
    assert not is_user_error(caught(ours("one, = 1, 2", "breaks.py")))
    assert not is_user_error(caught(ours("raise KeyError('x')", "lacks.py")))
    assert not is_user_error(caught(lambda: int("x")))
