"""Tasks on stored features read raw texts and dialogues through the encoder of their training, or refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.cli.main import main
from affectkit.data.modules import ConversationDataModule, FeatureDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.store import open_store
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.predict import (
    ConversationPredictor,
    PredictError,
    TextFeaturePredictor,
    TextFeatures,
    extract_features,
    open_predictor,
)
from affectkit.tasks import CategoricalDimensionalTask, ConversationTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TEXTS = ["I am so happy!", "no", "what", "this is much longer than the others are", "well"]
WIDTH = TinyTextEncoder().out_dim


@pytest.fixture(scope="module")
def talks(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of the texts of the synthetic dialogues."""
    out = tmp_path_factory.mktemp("features") / "talks"
    extract_features(corpus, out, encoders={"text": TinyTextEncoder()})
    return out


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of single texts."""
    place = tmp_path_factory.mktemp("lines")
    rows = "".join(f'"{text}",joy,test\n' for text in TEXTS)
    (place / "t.csv").write_text(f"words,emotion,part\n{rows}")
    columns = {"text": "words", "label": "emotion", "split": "part", "label_space": "meld7.official"}
    make_dataset(find_source("csv"), place / "t.csv", out=place / "shards", options=columns)
    extract_features(place / "shards", place / "features", encoders={"text": TinyTextEncoder()})
    return place / "features"


def joint() -> CategoricalDimensionalTask:
    torch.manual_seed(0)
    return CategoricalDimensionalTask(
        "meld7.official", scale="vad.emobank", inputs={"text": WIDTH}, head="separate", hidden_dim=8
    )


def talking(**inputs: int) -> ConversationTask:
    torch.manual_seed(0)
    return ConversationTask("meld7.official", inputs or {"text": WIDTH}, hidden_dim=8)


@pytest.mark.parametrize("mixed", [False, True])
def test_raw_texts_are_stored_features(
    lines: Path, tmp_path: Path, pipeline: Any, kept_run: Callable[..., Path], mixed: bool
) -> None:
    task = joint()
    inner = {"class_path": "affectkit.data.modules.FeatureDataModule", "init_args": {"root": str(lines)}}
    run = (
        kept_run(tmp_path, task, "MixedDataModule", sources={"words": inner})
        if mixed
        else kept_run(tmp_path, task, "FeatureDataModule", root=str(lines))
    )
    expected = pipeline(task, FeatureDataModule(str(lines), batch_size=3))
    predictor = open_predictor(run, batch_size=3, device="cpu")
    assert isinstance(predictor, TextFeaturePredictor)
    (tmp_path / "a.txt").write_text("\n".join(TEXTS))
    for rows in (list(predictor.rows(predictor.find([tmp_path / "a.txt"]))), list(predictor.predict(TEXTS))):
        for row, logits in zip(rows, expected.values(), strict=True):
            assert torch.equal(torch.tensor(row.logits), logits) and len(row.dims) == 3
    assert predictor.features.encoder.identity in predictor.described("runs/x")


def test_raw_dialogues_are_stored_features(
    corpus: Path, talks: Path, tmp_path: Path, kept_run: Callable[..., Path]
) -> None:
    task = talking()
    data = ConversationDataModule(str(talks), batch_size=2, predict_split="train")
    found = cast(
        "list[AffectPrediction]", Trainer(logger=False, enable_progress_bar=False).predict(task, data)
    )
    expected: list[Tensor] = []
    for batch in found:
        assert batch.logits is not None
        expected += [row for one, real in zip(batch.logits, batch.valid, strict=True) for row in one[real]]
    store = open_store(corpus, "train")
    written: list[list[tuple[str, str]]] = []
    for place in range(len(store)):
        record: ConversationRecord = json.loads(bytes(store.get(place)["json"]))
        names = record["speakers"]
        written.append([(names[turn["speaker"]], turn["text"]) for turn in record["utterances"]])
    blocks = ["\n".join(f"{name}: {text}" for name, text in talk) for talk in written]
    (tmp_path / "a.txt").write_text("\n\n".join(blocks))
    run = kept_run(tmp_path / "run", task, "ConversationDataModule", root=str(talks))
    predictor = open_predictor(run, batch_size=2, device="cpu")
    assert isinstance(predictor, ConversationPredictor)
    for rows in (
        list(predictor.rows(predictor.find([corpus], split="train"))),
        list(predictor.rows(predictor.find([tmp_path / "a.txt"]))),
        list(predictor.predict(written)),
    ):
        assert len(rows) == len(expected) > 8 and [row.position for row in rows] == list(range(len(rows)))
        for row, logits in zip(rows, expected, strict=True):
            assert row.error is None and torch.equal(torch.tensor(row.logits), logits)


def test_a_dialogue_that_cannot_be_read_changes_no_other(tmp_path: Path) -> None:
    predictor = ConversationPredictor(talking(), TextFeatures(TinyTextEncoder()), batch_size=3, device="cpu")
    turns = [{"speaker": "A", "text": "hi"}, {"speaker": "B", "text": "you"}]
    talk = {"id": "x", "utterances": turns}
    broken = {"id": "y", "utterances": [*turns, {"speaker": "B"}]}
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, (talk, broken, talk | {"id": "z"}))))
    rows = list(predictor.rows(predictor.find([tmp_path / "a.jsonl"])))
    assert [row.error is None for row in rows] == [True, True, False, False, False, True, True]
    alone = list(predictor.predict([[("A", "hi"), ("B", "you")]]))
    for row, expected in zip(rows[:2] + rows[5:], alone * 2, strict=True):
        torch.testing.assert_close(row.logits, expected.logits)
    # the same dialogue twice in a row is two dialogues
    assert len(list(predictor.predict([[("A", "hi")], [("A", "hi")]]))) == 2


def test_another_encoder_is_refused(
    lines: Path,
    talks: Path,
    tmp_path: Path,
    kept_run: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = kept_run(tmp_path / "a", joint(), "FeatureDataModule", root=str(lines))
    with pytest.raises(PredictError, match=r"of the encoder 'tiny.*and the one that was named is"):
        open_predictor(run, encoder=TinyTextEncoder(out_dim=8))
    assert isinstance(open_predictor(run, encoder=TinyTextEncoder()), TextFeaturePredictor)
    (tmp_path / "a.txt").write_text("hi")
    given = ["predict", str(tmp_path / "a.txt"), "--model", str(run), "--device", "cpu"]
    assert main([*given, "--text-encoder", "tiny"]) == 0
    assert main([*given, "--text-encoder", "./gone"]) == 2
    assert "cannot be loaded" in capsys.readouterr().err
    for options, said in (
        ({"root": "gone"}, "the data set gone that names their encoder is not there"),
        ({"root": str(lines), "views": 2}, "does not let files be turned into"),
        (
            {"sources": {"a": {"class_path": "x.ImageDataModule", "init_args": {"root": "b"}}}},
            "be turned into",
        ),
    ):
        module = "MixedDataModule" if "sources" in options else "FeatureDataModule"
        with pytest.raises(PredictError, match=said):
            open_predictor(kept_run(tmp_path / "b", joint(), module, **cast(Any, options)))
    both = talking(text=WIDTH, audio=4)
    with pytest.raises(PredictError, match="reads features of audio, text, and texts give text alone"):
        open_predictor(kept_run(tmp_path / "c", both, "ConversationDataModule", root=str(talks)))
