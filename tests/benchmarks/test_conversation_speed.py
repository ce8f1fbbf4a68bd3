"""The speed benchmark of conversation models on short conversations."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from affectkit.conversation import CONTEXTS, MODALITY_CONTEXTS

ROOT = Path(__file__).parents[2]
PARTS = ("count_work", "conversation_loops", "conversation")


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(ROOT / "benchmarks" / "speed"))
        yield importlib.import_module(PARTS[-1])
        for name in PARTS:
            sys.modules.pop(name, None)
    torch.set_num_threads(threads)


def test_models_are_timed_in_both_modes(bench: ModuleType, tmp_path: Path) -> None:
    chosen = ["bc_lstm", "transformer, window 10"]
    bench.main(["--quick", "--out", str(tmp_path / "found.json"), "--models", *chosen])
    found = json.loads((tmp_path / "found.json").read_text())
    cells = {(row["model"], row["mode"], row["turns"], row["system"]) for row in found["rows"]}
    for model in chosen:
        for turns in (4, 12):
            assert (model, "streaming", turns, "ConversationStream") in cells
            for mode in ("streaming", "training"):
                assert {(model, mode, turns, "affectkit"), (model, mode, turns, "loop")} <= cells
    for row in found["rows"]:
        assert row["value"] > 0 and row["n"] == 2
        assert ("times loop" in row) == (row["system"] == "affectkit")
    assert set(found["growth"]) == {
        f"{model}, {mode}" for model in chosen for mode in ("streaming", "training")
    }
    assert found["command"].endswith("conversation.py --quick --models bc_lstm transformer, window 10")
    kept = {row["turns"]: row["kept_numbers"] for row in found["rows"] if row.get("kept_numbers")}
    assert set(kept) == {4, 12}


def test_every_named_model_has_a_row_and_equals_its_loop(bench: ModuleType) -> None:
    labels = bench.models()
    missing = {*CONTEXTS, *MODALITY_CONTEXTS} - {name for name, _ in labels.values()}
    assert missing <= set(bench.NEED_GEOMETRIC)
    for label in labels:
        bench.check_equal(label, torch.device("cpu"))


def test_what_differs_is_not_timed(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    loops = sys.modules["conversation_loops"]

    def wrong(model: object, talk: object) -> torch.Tensor:
        result: torch.Tensor = loops._lstm_loop(model, talk)
        return result * 1.001

    monkeypatch.setattr(bench, "loop_of", lambda model: ("wrong", wrong))
    with pytest.raises(AssertionError, match="bc_lstm: the straightforward way is off"):
        bench.check_equal("bc_lstm", torch.device("cpu"))


def test_growth_compares_the_ends(bench: ModuleType) -> None:
    rows = [
        {"system": "loop", "mode": "streaming", "model": "m", "turns": turns, "value": value}
        for turns, value in ((30, 50.0), (10, 100.0), (100, 20.0))
    ]
    assert bench.growth(rows) == {"m, streaming": {"loop": 5.0}}
