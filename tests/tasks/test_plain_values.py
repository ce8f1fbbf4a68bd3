from __future__ import annotations

import enum
import io
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.data import AttributeDict
from torch import nn

from affectkit.tasks.plain_values import is_plain, plain, unloadable


class _Colour(enum.StrEnum):
    RED = "red"


class _Pair(NamedTuple):
    first: int


PLAIN: list[object] = [
    None,
    True,
    3,
    1.5,
    "text",
    b"bytes",
    [1, (2, {"a": {4}})],
    OrderedDict(a=1),
    torch.ones(2),
    nn.Parameter(torch.ones(2)),
    torch.float32,
    torch.device("cpu"),
    torch.Size([2]),
]
OTHERS: list[object] = [
    _Colour.RED,
    _Pair(1),
    Path("x"),
    np.float64(1.0),
    partial(print, 1),
    nn.Linear,
    nn.Linear(1, 1),
    AttributeDict(a=1),
    {"a": [0, _Colour.RED]},
    {_Colour.RED: 1},
    {_Pair(1)},
]


def _loads(value: object) -> bool:
    """What torch itself says."""
    stream = io.BytesIO()
    try:
        torch.save(value, stream)
        stream.seek(0)
        torch.load(stream, weights_only=True)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_plain_values_load(value: object) -> None:
    assert is_plain(value) and _loads(value)


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_others_do_not_load_and_are_found(value: object) -> None:
    assert not is_plain(value) and not _loads(value)


def test_the_place_is_named() -> None:
    found = unloadable({"callbacks": {"mine": [1, {"path": Path("x")}]}})
    assert found is not None and found.startswith("callbacks.mine[1].path (pathlib.")


def test_mappings_become_dictionaries() -> None:
    value = plain(AttributeDict(a=AttributeDict(b=1), c=[AttributeDict(d=2)]))
    assert value == {"a": {"b": 1}, "c": [{"d": 2}]} and is_plain(value)
