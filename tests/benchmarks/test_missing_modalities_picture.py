"""The picture of hidden modalities from stored figures."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from affectkit.report.figures import RobustnessPoint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "quality"))
    yield importlib.import_module("missing_modalities_picture")


def test_panels_hold_what_was_measured(script: ModuleType, tmp_path: Path) -> None:
    rows = [
        {
            "system": "sum",
            "hidden": hidden,
            "missing": missing,
            "metric": "weighted F1",
            "value": score,
            "sd": 1.0,
        }
        for hidden, missing, score in ((0.3, 0.5, 40.0), (0.0, 0.5, 37.0), (0.0, 0.0, 60.0), (0.3, 0.0, 61.0))
    ]
    gains = [
        {"system": "sum", "missing": missing, "metric": "gain of hiding", "value": value}
        for missing, value in ((0.0, 1.0), (0.5, 3.0))
    ]
    found = script.curves({"rows": rows + gains})
    assert found == {
        "sum\n+3.0 at 50%": {
            "nothing hidden in training": [RobustnessPoint(0.0, 60.0, 1.0), RobustnessPoint(0.5, 37.0, 1.0)],
            "30% hidden in training": [RobustnessPoint(0.0, 61.0, 1.0), RobustnessPoint(0.5, 40.0, 1.0)],
        }
    }
    (tmp_path / "found.json").write_text(json.dumps({"rows": rows + gains}))
    script.main([str(tmp_path / "found.json"), "--out", str(tmp_path / "found.png")])
    assert (tmp_path / "found.png").read_bytes()[:4] == b"\x89PNG"
