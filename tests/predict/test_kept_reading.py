"""A checkpoint alone says how raw files are read; the configuration of its run is for older ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from PIL import Image
from torch import Tensor

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.cli.main import main
from affectkit.conversation.prompts import PromptTemplate
from affectkit.data.loader import DataReading
from affectkit.data.modules import (
    AudioDataModule,
    ClipDataModule,
    ConversationDataModule,
    ConversationPromptDataModule,
    DialogueTextDataModule,
    FeatureDataModule,
    ImageDataModule,
    MixedDataModule,
    TextDataModule,
)
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.store import open_store
from affectkit.data.synthetic import write_emodb_folder
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.predict import (
    PicturePredictor,
    PredictError,
    TextPredictor,
    TextView,
    extract_features,
    open_predictor,
)
from affectkit.tasks import (
    AffectTask,
    AudioTask,
    CategoricalDimensionalTask,
    CheckpointRecord,
    ConversationLLMTask,
    DialogueTextTask,
    PromptTuningTask,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}
MELD = {"label_space": "meld7.official"}
TEMPLATE = PromptTemplate("Choose among {labels}.", "{context}\n\n{question}", {"question": "And {speaker}?"})


class Case(NamedTuple):
    """What was trained, on what, and the same samples as raw files."""

    task: AffectTask
    data: LightningDataModule
    files: Sequence[Path]


def sounds(place: Path, write_video: Callable[..., Path], corpus: Path) -> Case:
    write_emodb_folder(place / "emodb", speakers=4, versions=1, seconds=0.4)
    options = {"val": "05", "test": "06"}
    make_dataset(find_source("emodb"), place / "emodb", out=place / "shards", options=options)
    store = open_store(place / "shards", "test")
    files = {path.stem: path for path in (place / "emodb").rglob("*.wav")}
    data = AudioDataModule(str(place / "shards"), rate=8000, max_seconds=0.3, batch_size=4)
    task = AudioTask("emodb7.letters", rate=8000, num_mels=16, widths=[4, 6])
    return Case(task, data, [files[store.key(number)] for number in range(len(store))])


def clips(place: Path, write_video: Callable[..., Path], corpus: Path) -> Case:
    rows = "file,emotion,part\n"
    for number, frames in enumerate((9, 7, 4)):
        write_video(place / f"{number}.mp4", frames=frames, seed=number)
        rows += f"{number}.mp4,joy,test\n"
    (place / "t.csv").write_text(rows)
    columns = {"media": "file", "label": "emotion", "split": "part", **MELD}
    make_dataset(find_source("csv"), place / "t.csv", out=place / "shards", options=columns)
    options: dict[str, Any] = {"streams": ["face"], "fit": {"face": "letterbox"}, "box_margin": {"face": 4}}
    options |= {"segments": 3, "size": 32, "normalize": False, "patterns": True, "batch_size": 2}
    data = ClipDataModule(str(place / "shards"), **options)
    task = PromptTuningTask("meld7.official", adapter="coop", frames=3, streams=["face"])
    return Case(task, data, sorted(place.glob("*.mp4")))


def texts(place: Path, write_video: Callable[..., Path], corpus: Path) -> Case:
    said = ["I am so happy!", "what", "this is much longer than the others are, all of it"]
    (place / "t.csv").write_text("words,part\n" + "".join(f'"{text}",test\n' for text in said))
    columns = {"text": "words", "split": "part"}
    make_dataset(find_source("csv"), place / "t.csv", out=place / "shards", options=columns)
    (place / "a.txt").write_text("\n".join(said))
    data = TextDataModule(str(place / "shards"), "tiny", max_length=12, batch_size=2)
    return Case(DialogueTextTask("meld7.official", "tiny"), data, [place / "a.txt"])


def scripts(place: Path, corpus: Path) -> list[Path]:
    store = open_store(corpus, "test")
    records = [json.loads(bytes(store.get(number)["json"])) for number in range(len(store))]
    (place / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return [place / "a.jsonl"]


def dialogues(place: Path, write_video: Callable[..., Path], corpus: Path) -> Case:
    options: dict[str, Any] = {"budget": 150, "past": 1, "future": 0, "names": False, "batch_size": 4}
    data = DialogueTextDataModule(str(corpus), "tiny", **options, **cast(Any, MELD))
    return Case(DialogueTextTask("meld7.official", "tiny"), data, scripts(place, corpus))


def prompts(place: Path, write_video: Callable[..., Path], corpus: Path) -> Case:
    options: dict[str, Any] = {"template": TEMPLATE, "context_window": 1, "max_tokens": 300, "batch_size": 4}
    words = ["calm", "surprised", "afraid", "sad", "glad", "disgusted", "angry"]
    data = ConversationPromptDataModule(str(corpus), "tiny", label_words=words, **options, **cast(Any, MELD))
    task = ConversationLLMTask("meld7.official", "tiny", lora_rank=2, label_words=words)
    return Case(task, data, scripts(place, corpus))


def features(place: Path, write_video: Callable[..., Path], corpus: Path) -> Case:
    raw = texts(place, write_video, corpus)
    extract_features(place / "shards", place / "features", encoders={"text": TinyTextEncoder()})
    source = FeatureDataModule(str(place / "features"), batch_size=2)
    task = CategoricalDimensionalTask(
        "meld7.official", scale="vad.emobank", inputs={"text": TinyTextEncoder().out_dim}, head="separate"
    )
    return Case(task, MixedDataModule({"words": source}), raw.files)


CASES = (sounds, clips, texts, dialogues, prompts, features)


def saved(case: Case, path: Path) -> list[Tensor]:
    """Logits of all samples; the checkpoint is written by the trainer that gave them."""
    trainer = Trainer(**QUIET)
    found = cast("list[AffectPrediction]", trainer.predict(case.task, case.data))
    trainer.save_checkpoint(path, weights_only=True)
    rows: list[Tensor] = []
    for batch in found:
        assert batch.logits is not None
        rows += list(batch.logits)
    return rows


@pytest.mark.parametrize("make", CASES, ids=lambda make: str(make.__name__))
def test_a_checkpoint_alone_predicts_raw_files(
    make: Callable[..., Case], tmp_path: Path, write_video: Callable[..., Path], corpus: Path
) -> None:
    torch.manual_seed(0)
    (tmp_path / "data").mkdir()
    case = make(tmp_path / "data", write_video, corpus)
    expected = saved(case, tmp_path / "alone.ckpt")
    for name in ("shards", "features"):  # nothing of the training is left but the checkpoint
        if (tmp_path / "data" / name).exists():
            (tmp_path / "data" / name).rename(tmp_path / f"gone {name}")
    predictor = open_predictor(
        tmp_path / "alone.ckpt", batch_size=2 if len(expected) < 4 else 4, device="cpu"
    )
    rows = list(predictor.rows(predictor.find(case.files)))
    assert [row.error for row in rows] == [None] * len(expected) and len(rows) >= 3
    for row, logits in zip(rows, expected, strict=True):
        assert torch.equal(torch.tensor(row.logits), logits)


def test_of_sources_that_read_differently_one_is_named(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    torch.manual_seed(0)
    case = texts(tmp_path / "data", lambda: tmp_path, corpus)
    root = str(tmp_path / "data" / "shards")

    def mixed(lengths: dict[str, int], evaluate: list[str]) -> MixedDataModule:
        made = {name: TextDataModule(root, "tiny", max_length=n, batch_size=2) for name, n in lengths.items()}
        return MixedDataModule(cast(Any, made), evaluate=evaluate)

    alike = mixed({"a": 12, "b": 12}, ["a", "b"])
    assert alike.reading == alike.sources["a"].reading
    saved(Case(case.task, mixed({"a": 12, "b": 20}, ["b"]), case.files), tmp_path / "one.ckpt")
    assert open_predictor(tmp_path / "one.ckpt", device="cpu").things == "texts"
    record = CheckpointRecord.peek(tmp_path / "one.ckpt")
    assert record is not None and record.reading is not None and record.reading.options["max_length"] == 20
    trainer = Trainer(**QUIET)
    trainer.predict(case.task, mixed({"a": 12, "b": 20}, ["a", "b"]))
    trainer.save_checkpoint(tmp_path / "two.ckpt", weights_only=True)
    with pytest.raises(PredictError, match=r"on sources that read differently \(a, b\), so nothing says"):
        open_predictor(tmp_path / "two.ckpt")
    with pytest.raises(PredictError, match=r"was evaluated on a, b, and 'c' is none of its sources: name an"):
        open_predictor(tmp_path / "two.ckpt", source="c")
    with pytest.raises(
        PredictError, match="not evaluated on sources that read differently: leave the source"
    ):
        open_predictor(tmp_path / "one.ckpt", source="b")
    opened = {name: open_predictor(tmp_path / "two.ckpt", device="cpu", source=name) for name in ("a", "b")}
    for name, length in (("a", 12), ("b", 20)):
        predictor = opened[name]
        assert isinstance(predictor, TextPredictor) and predictor.view == TextView("tiny", length)
        assert predictor.manner == f"softmax, files read as those of source {name!r}"
    same = list(opened["b"].rows(opened["b"].find(case.files)))
    one = open_predictor(tmp_path / "one.ckpt", device="cpu")
    assert [row.logits for row in same] == [row.logits for row in one.rows(one.find(case.files))]
    given = ["predict", *map(str, case.files), "--model", str(tmp_path / "two.ckpt"), "--device", "cpu"]
    assert main([*given, "--source", "a", "--out", str(tmp_path / "p.csv")]) == 0
    assert main(given) == 2 and "`--source NAME`" in capsys.readouterr().err


def test_pictures_that_are_shown_differently_have_no_one_view(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / "in" / name / "joy").mkdir(parents=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "in" / name / "joy" / "a.png")
    options = {"label_space": "meld7.official"}
    make_dataset(find_source("imagefolder"), tmp_path / "in", out=tmp_path / "shards", options=options)

    def mixed(second: int) -> MixedDataModule:
        sizes = {"a": 16, "b": second}
        made = {
            name: ImageDataModule(str(tmp_path / "shards"), size=size, normalize=False)
            for name, size in sizes.items()
        }
        return MixedDataModule(cast(Any, made), evaluate=["a", "b"])

    assert mixed(16).reading is None and mixed(16).picture_view == mixed(16).sources["a"].picture_view  # type: ignore[attr-defined]
    found = mixed(32)
    assert found.picture_view is None and found.reading is not None
    assert list(cast("dict[str, object]", found.reading.options["sources"])) == ["a", "b"]
    trainer = Trainer(**QUIET)
    trainer.strategy.connect(PromptTuningTask("meld7.official"))
    trainer.save_checkpoint(tmp_path / "two.ckpt", weights_only=True)
    stored = torch.load(tmp_path / "two.ckpt", weights_only=True)
    stored["affectkit"]["reading"] = found.reading.to_plain()
    torch.save(stored, tmp_path / "two.ckpt")
    for name, size in (("a", 16), ("b", 32)):
        predictor = open_predictor(tmp_path / "two.ckpt", device="cpu", source=name)
        assert isinstance(predictor, PicturePredictor) and predictor.view.size == size
    (row,) = predictor.rows(predictor.find([tmp_path / "in" / "test"]))
    assert row.error is None and len(row.logits) == 7


def test_conversations_of_features_say_their_encoders(tmp_path: Path, corpus: Path) -> None:
    extract_features(corpus, tmp_path / "talks", encoders={"text": TinyTextEncoder()})
    data = ConversationDataModule(str(tmp_path / "talks"))
    assert data.reading == DataReading(
        "ConversationDataModule", {"encoders": {"text": TinyTextEncoder().identity}}
    )


def test_an_older_checkpoint_needs_its_configuration(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "data").mkdir()
    torch.manual_seed(0)
    case = texts(tmp_path / "data", lambda: tmp_path, corpus)
    saved(case, tmp_path / "new.ckpt")
    stored = torch.load(tmp_path / "new.ckpt", weights_only=True)
    record = CheckpointRecord.peek(tmp_path / "new.ckpt")
    assert record is not None and record.reading == cast(TextDataModule, case.data).reading
    (tmp_path / "config.yaml").write_text(
        "data: {class_path: a.TextDataModule, init_args: {tokenizer: ./gone}}"
    )
    assert open_predictor(tmp_path / "new.ckpt").things == "texts"  # what the checkpoint keeps goes first
    del stored["affectkit"]["reading"]
    torch.save(stored, tmp_path / "old.ckpt")
    with pytest.raises(PredictError, match=r"tokenizer '\./gone' of the training is not there"):
        open_predictor(tmp_path / "old.ckpt")
    (tmp_path / "config.yaml").unlink()
    with pytest.raises(PredictError, match=r"does not say how raw files are read, and has no config\.yaml"):
        open_predictor(tmp_path / "old.ckpt")
    stored["affectkit"]["reading"] = {"module": 3}
    torch.save(stored, tmp_path / "bad.ckpt")
    with pytest.raises(PredictError, match=r"stored reading of data is damaged"):
        open_predictor(tmp_path / "bad.ckpt")


def test_wrong_values_name_the_checkpoint(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "data").mkdir()
    saved(texts(tmp_path / "data", lambda: tmp_path, corpus), tmp_path / "a.ckpt")
    stored = torch.load(tmp_path / "a.ckpt", weights_only=True)
    stored["affectkit"]["reading"]["options"]["max_length"] = "long"
    torch.save(stored, tmp_path / "a.ckpt")
    with pytest.raises(PredictError, match=r"The checkpoint .*a\.ckpt states max_length='long' for TextData"):
        open_predictor(tmp_path / "a.ckpt")
