"""A task that was built with ready parts predicts where they are given again, also by the command."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch

from affectkit.cli.main import main
from affectkit.encoders import LogMelConvEncoder
from affectkit.heads import ClassificationHead
from affectkit.predict import PredictError, SoundPredictor, open_predictor
from affectkit.tasks import AudioTask, DialogueTextTask
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


def test_an_encoder_can_be_a_ready_part(
    tmp_path: Path, kept_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag of the same name is for stored features."""
    made = "LogMelConvEncoder(8000, num_mels=16, widths=[4, 6])"
    (tmp_path / "heard_by_mine.py").write_text(
        f"from affectkit.encoders import LogMelConvEncoder\n\n\ndef make():\n    return {made}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    torch.manual_seed(0)
    encoder = LogMelConvEncoder(8000, num_mels=16, widths=[4, 6])
    run = kept_run(
        tmp_path / "run",
        AudioTask("emodb7.letters", rate=8000, encoder=encoder),
        "AudioDataModule",
        rate=8000,
    )
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(range(256)) * 20)
    given = ["predict", str(tmp_path / "a.wav"), "--model", str(run), "--device", "cpu"]
    assert main([*given, "--part", "encoder=heard_by_mine.make", "--out", str(tmp_path / "p.csv")]) == 0
    assert (tmp_path / "p.csv").read_text().count("a.wav") == 1
    predictor = open_predictor(run, device="cpu", encoder=encoder)
    assert isinstance(predictor, SoundPredictor)
    with pytest.raises(PredictError, match="leave encoder out"):
        open_predictor(run, device="cpu", encoder="tiny")
