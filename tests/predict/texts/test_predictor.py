"""Predictions on texts are those of the training pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affectkit.cli.main import main
from affectkit.data.modules import TextDataModule
from affectkit.data.sources import find_source, make_dataset
from affectkit.encoders import TransformersTokenEncoder
from affectkit.predict import PredictError, TextPredictor, TextView, open_predictor
from affectkit.tasks import AudioTask, CategoricalDimensionalTask, DialogueTextTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TEXTS = ["I am so happy!", "“Well…” no", "what", "this is much longer than the others are, all of it", " no "]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, kept_run: Callable[..., Path]) -> Path:
    torch.manual_seed(0)
    task = DialogueTextTask("meld7.official", "tiny")
    return kept_run(tmp_path_factory.mktemp("run"), task, "TextDataModule", tokenizer="tiny", max_length=24)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts")
    lines = "".join(f'"{text}",joy,test\n' for text in TEXTS)
    (place / "t.csv").write_text(f"words,emotion,part\n{lines}")
    columns = {"text": "words", "label": "emotion", "split": "part", "label_space": "meld7.official"}
    make_dataset(find_source("csv"), place / "t.csv", out=place / "shards", options=columns)
    return place / "shards"


@pytest.mark.parametrize("kind", ["fine-tuned", "joint"])
def test_files_and_shards_give_the_same_bits(
    run: Path, shards: Path, tmp_path: Path, pipeline: Any, kind: str
) -> None:
    if kind == "fine-tuned":
        predictor = open_predictor(run, batch_size=3, device="cpu")
    else:
        torch.manual_seed(0)
        task = CategoricalDimensionalTask(
            "meld7.official",
            scale="vad.emobank",
            head="separate",
            encoders={"text": TransformersTokenEncoder("tiny")},
        )
        predictor = TextPredictor(task, TextView("tiny", 24), batch_size=3, device="cpu")
    assert isinstance(predictor, TextPredictor) and predictor.view == TextView("tiny", 24)
    data = TextDataModule(str(shards), "tiny", max_length=24, batch_size=3)
    expected = list(pipeline(predictor.task, data).values())
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n")
    found = [predictor.find([shards]), predictor.find([tmp_path])]
    for rows in (*map(list, map(predictor.rows, found)), list(predictor.predict(TEXTS))):
        assert [row.error for row in rows] == [None] * 5
        for row, logits in zip(rows, expected, strict=True):
            assert torch.equal(torch.tensor(row.logits), logits)
            if kind == "joint":
                assert list(row.dims) == ["valence", "arousal", "dominance"]


def test_a_text_alone_is_a_text_in_company(run: Path) -> None:
    predictor = TextPredictor.from_checkpoint(run, device="cpu")
    together = list(predictor.predict(TEXTS))
    for text, row in zip(TEXTS, together, strict=True):
        (alone,) = predictor.predict([text])
        torch.testing.assert_close(alone.logits, row.logits)


def test_the_command_reads_subtitles_and_says_what_is_wrong(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:01,500 --> 00:00:02,000\nI am so happy!\n")
    (tmp_path / "b.jsonl").write_text('{"text": "what"}\n{"words": "what"}\n')
    (tmp_path / "c.txt").write_bytes(b"\xff")
    (tmp_path / "d.mp4").write_bytes(b"?")
    given = [str(tmp_path), str(tmp_path / "d.mp4"), "--model", str(run), "--device", "cpu"]
    assert main(["predict", *given, "--out", str(tmp_path / "p.csv")]) == 0
    assert "5 texts, 3 could not be read" in capsys.readouterr().out
    header, first, second, *bad = (tmp_path / "p.csv").read_text().splitlines()
    assert header.startswith("path,part,start,stop,text,label,p_neutral,")
    assert first.startswith(f"{tmp_path}/a.srt,cue 1,1.500,2.000,I am so happy!,")
    assert second.startswith(f"{tmp_path}/b.jsonl,line 1,,,what,")
    assert "Line 2 holds no text" in bad[0] and "not UTF-8" in bad[1] and "ends in '.mp4'" in bad[2]


def test_what_reads_no_text_is_refused(run: Path, tmp_path: Path) -> None:
    task = AudioTask("emodb7.letters", rate=8000, num_mels=16, widths=[4, 6])
    with pytest.raises(PredictError, match="AudioTask reads audio, and texts give text"):
        TextPredictor(task, TextView("tiny"))
    with pytest.raises(PredictError, match=r"tokenizer '\./gone' of the training is not there"):
        TextPredictor.from_checkpoint(run, view=TextView("./gone"))
