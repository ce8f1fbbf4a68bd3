"""`affectkit card` and `affectkit export` on a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from affectkit.cli.main import main
from affectkit.share import load_pretrained, read_export_note
from affectkit.tasks import AudioTask


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small task that learnt nothing."""
    folder = tmp_path_factory.mktemp("runs") / "voices" / "now"
    values = {"label_space": "emodb7.letters", "rate": 8000, "num_mels": 8, "widths": [4]}
    torch.manual_seed(0)
    task = AudioTask(**values)  # type: ignore[arg-type]
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(folder / "checkpoints" / "best.ckpt")
    config = {
        "model": {"class_path": "affectkit.tasks.AudioTask", "init_args": values},
        "data": {
            "class_path": "affectkit.data.modules.AudioDataModule",
            "init_args": {"root": "shards/voices", "rate": 8000, "crop_seconds": 0.3},
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def test_a_card_lies_in_the_run_folder(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(run_folder)]) == 0
    text = (run_folder / "model_card.md").read_text(encoding="utf-8")
    assert "pipeline_tag: audio-classification" in text and "# voices" in text
    assert "](ethics.md)" in text and (run_folder / "ethics.md").is_file()
    assert str(run_folder / "model_card.md") in capsys.readouterr().out


def test_a_folder_for_the_hub(run_folder: Path, tmp_path: Path) -> None:
    assert main(["card", str(run_folder), "--save", str(tmp_path / "hub")]) == 0
    assert "# voices" in (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    again = load_pretrained(tmp_path / "hub")
    task = AudioTask.load_from_checkpoint(run_folder / "checkpoints" / "best.ckpt")
    mine, theirs = task.state_dict(), again.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_an_export_says_what_it_reads_and_how_far_it_is(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "voices.pt2"
    assert (
        main(["export", str(run_folder), "--to", "torch-export", "--out", str(out), "--length", "800"]) == 0
    )
    said = capsys.readouterr().out
    assert "reads:    audio, float32 batch x 800: waveform at 8000 Hz" in said
    assert "gives:    logits" in said and "on batches of 1 and 5 rows" in said
    assert read_export_note(out)["preparation"] == {"rate": 8000}


def test_errors_are_one_sentence(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AFFECTKIT_DEBUG", raising=False)
    assert main(["card", str(tmp_path)]) == 2
    assert main(["export", str(tmp_path), "--to", "onnx", "--out", str(tmp_path / "a.onnx")]) == 2
    said = capsys.readouterr().err
    assert said.count("affectkit: error:") == said.count("\n") == 2
    with pytest.raises(SystemExit):
        main(["export", str(run_folder), "--to", "onnx", "--out", "a.onnx", "--length", "0"])
