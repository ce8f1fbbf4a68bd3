"""A task that was built with ready parts predicts where they are given again, also by the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch

from affectkit.cli.main import main
from affectkit.heads import ClassificationHead
from affectkit.predict import PredictError, open_predictor
from affectkit.tasks import DialogueTextTask
from affectkit.types import Encoder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
WIDTH = cast(Encoder, DialogueTextTask("meld7.official", "tiny").encoders["text"]).out_dim


@pytest.fixture
def run(tmp_path: Path, kept_run: Callable[..., Path]) -> Path:
    torch.manual_seed(0)
    task = DialogueTextTask("meld7.official", "tiny", head=ClassificationHead(WIDTH, 7, hidden_dim=5))
    (tmp_path / "a.txt").write_text("I am so happy!\n")
    (tmp_path / "ready_parts_of_mine.py").write_text(
        "from affectkit.heads import ClassificationHead\n\n\n"
        f"def make_head():\n    return ClassificationHead({WIDTH}, 7, hidden_dim=5)\n\n\n"
        "ready = make_head()\nnumber = 3\n"
    )
    return kept_run(tmp_path / "run", task, "TextDataModule", tokenizer="tiny")


def test_parts_are_asked_for_and_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        PredictError, match=r"with ready parts \(head\).*`open_predictor\(model, head=\.\.\.\)`"
    ):
        open_predictor(run, device="cpu")
    predictor = open_predictor(run, device="cpu", head=ClassificationHead(WIDTH, 7, hidden_dim=5))
    (row,) = predictor.rows(predictor.find([run.parent / "a.txt"]))
    monkeypatch.syspath_prepend(str(run.parent))
    given = ["predict", str(run.parent / "a.txt"), "--model", str(run), "--device", "cpu"]
    for path in ("ready_parts_of_mine.make_head", "ready_parts_of_mine.ready"):
        assert main([*given, "--part", f"head={path}"]) == 0
        assert f"{row.top:.6f}" in capsys.readouterr().out
    for options, said in (
        ([], "name what makes head, `--part head=MODULE.FUNCTION`"),
        (["--part", "head"], "The part 'head' has no place"),
        (["--part", "head=absent_module.make"], "The part 'absent_module.make' cannot be imported"),
        (["--part", "head=ready_parts_of_mine.number"], "which is nothing that can be called"),
        (["--part", "head=affectkit.heads.ClassificationHead"], "name a class or function that needs no"),
    ):
        assert main([*given, *options]) == 2
        assert said in capsys.readouterr().err
