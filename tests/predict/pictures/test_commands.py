"""`affectkit predict PATH...` and `affectkit typical`, and which `predict` is meant."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from affectkit.cli.main import is_training, main
from affectkit.data.loader import PictureView, StreamSpec
from affectkit.predict import PicturePredictor, find_pictures, most_typical
from affectkit.tasks import PromptTuningTask


@pytest.mark.parametrize(
    ("arguments", "training"),
    [
        (["predict", "--config", "recipe:coop"], True),
        (["predict", "--config=recipe:coop", "--ckpt_path", "best"], True),
        (["predict", "-c", "mine.yaml"], True),
        (["predict", "a.jpg", "--model", "runs/coop"], False),
        (["predict", "--help"], False),
        (["fit"], True),
        (["typical", "joy", "a.jpg", "--model", "x"], False),
        ([], False),
    ],
)
def test_which_predict_is_meant(arguments: list[str], training: bool) -> None:
    assert is_training(arguments) is training


def test_help_names_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    shown = capsys.readouterr().out
    assert "PATH" in shown and "--config recipe:coop" in shown and "Whole frames" in shown


def test_a_table_and_the_same_on_the_screen(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"?")
    folder = shutil.copytree(trained.files / "test", tmp_path / "test")
    (folder / "film.mp4").write_bytes(b"?")
    given = ["predict", str(bad), str(folder), "--model", str(trained.run), "--device", "cpu"]
    assert main([*given, "--out", str(tmp_path / "p.csv")]) == 0
    shown = capsys.readouterr()
    assert "8 pictures, 1 could not be read (column error)" in shown.out
    assert "whole frames, brought to 32 x 32 pixels" in shown.err
    assert "passed over in folders, among which pictures are looked for: 1 .mp4; a file" in shown.err
    assert main(given) == 0
    assert capsys.readouterr().out == (tmp_path / "p.csv").read_text()
    assert main([*given[:2], *given[3:]]) == 1  # nothing could be read
    header, row = csv.reader(capsys.readouterr().out.splitlines())
    assert header == ["path", "label", "top", "entropy", "region", "model", "data", "error"]
    assert row[0] == str(bad)


def test_errors_are_one_sentence(trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = str(next((trained.files / "test").rglob("*.png")))
    for more, said in (
        ([picture, "--model", str(tmp_path)], "holds no checkpoint"),
        ([str(tmp_path / "no"), "--model", str(trained.run)], "There is no file or folder"),
        ([picture, "--model", str(trained.run), "--task", "absent.Task"], "cannot be imported"),
        ([picture, "--model", str(trained.run), "--task", "pathlib.Path"], "is no task"),
        ([picture, "--model", str(trained.run), "--option", "base"], "has no value"),
        ([picture, "--model", str(trained.run), "--option", "sed=1"], "no option 'sed': write seed"),
        ([picture, "--model", str(trained.run), "--task", "affectkit.tasks.AudioTask"], "not by AudioTask"),
        ([picture, "--model", str(trained.run), "--encoder", "tiny"], "leave encoder out"),
        *(
            (
                [picture, "--model", "no", flag, f"{name}=x.y"],
                f"{flag} cannot set {name}, which is no value of the",
            )
            for flag, name in (
                *(
                    ("--option", name)
                    for name in ("batch_size", "device", "encoder", "threshold", "view", "task")
                ),
                *(("--part", name) for name in ("batch_size", "model", "demonstrations", "calibrated")),
            )
        ),
        ([picture, "--model", "no", "--option", "batch_size=3"], "the task: use --batch-size N."),
        ([picture, "--model", "no", "--encoder", "tiny", "--part", "encoder=x.y"], "use --encoder NAME."),
        ([picture, "--model", str(trained.run), "--option", "path=3"], "has no option 'path'"),
        # before the model is looked for
        ([picture, "--model", "no", "--out", str(tmp_path / "a.xlsx")], "ends in '.xlsx': end its name in"),
        ([picture, "--model", "no", "--out", str(tmp_path / "no" / "a.csv")], "since there is no folder"),
    ):
        assert main(["predict", *more]) == 2
        error = capsys.readouterr().err
        assert said in error and "Traceback" not in error
    # What another command has no flag for is left to the task to know.
    for option, said in (("device=x", "use --device NAME"), ("encoder=x", "has no option 'encoder'")):
        assert main(["typical", "joy", picture, "--model", str(trained.run), "--option", option]) == 2
        assert said in capsys.readouterr().err
    assert main(["typical", "rage?", picture, "--model", str(trained.run)]) == 2
    assert "no label 'rage?'" in capsys.readouterr().err
    assert main(["typical", "joy", picture, "--model", str(trained.run), "--out", "a.gif"]) == 2
    assert "end in .png" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["probability", "logit"])
def test_typical_pictures_on_a_sheet(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    out = tmp_path / "sheet.png"
    given = ["typical", "happiness", str(trained.shards), "--model", str(trained.run), "--device", "cpu"]
    assert main([*given, "--count", "3", "--by", by, "--out", str(out)]) == 0
    shown = [line.split()[2] for line in capsys.readouterr().out.splitlines()[:-1]]
    predictor = PicturePredictor.from_checkpoint(trained.run, device="cpu")
    rows = list(predictor.predict(find_pictures([trained.shards])))
    best = most_typical(rows, "joy", count=3, by="logit" if by == "logit" else "probability")
    assert shown == [row.path for row in best] and len(shown) == 3
    with Image.open(out) as sheet:
        assert np.asarray(sheet.convert("L")).std() > 0


def test_what_was_shown_is_said() -> None:
    task = PromptTuningTask("meld7.official", adapter="zero_shot", streams=["face", "context"])
    view = PictureView(32, (StreamSpec("context", "letterbox"), StreamSpec("face", "stretch", 20.0)))
    text = PicturePredictor(task, view, device="cpu").described("runs/x")
    assert "trained on context and face: of a file, which has no boxes, each is the whole frame" in text
