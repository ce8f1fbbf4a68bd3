from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from affectkit.data import AffectBatch, MixedDataModule, TextDataModule
from affectkit.data.modules import DataModuleError
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.labels import affect_scale, label_space

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "so", "very", "good"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
    place = tmp_path_factory.mktemp("tokenizer")
    (place / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(place / "vocab.txt")).save_pretrained(place)
    return str(place)


def write(root: Path, *, rated: bool = False, texts: int = 24, kind: str = "text") -> str:
    """Texts of one to four words; with several labels, or with affect dimensions."""
    template = Manifest(
        name="texts",
        kind="text" if kind == "text" else "image",
        label_space=None if rated else label_space("goemotions7.ekman"),
        dims=affect_scale("vad.emobank") if rated else None,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template) as writer:
        for split, size in (("train", texts), ("val", 3), ("test", 2)):
            for number in range(size):
                words = "so " + "very " * (number * 7 % 4) + "good"
                record: ItemRecord = {"id": str(number), "label": None, "text": words}
                if rated:
                    record["dims"] = [3.0, 2.0, 1.0 + number / size]
                else:
                    record["multilabel"] = [number % 7]
                writer.add_item(split, f"{split}{number}", record)
    return str(root)


def batches(data: TextDataModule | MixedDataModule) -> list[AffectBatch]:
    return cast("list[AffectBatch]", list(data.train_dataloader()))


def test_batches_hold_ids_masks_texts_and_targets(tmp_path: Path, tokenizer: str) -> None:
    data = TextDataModule(write(tmp_path / "set"), tokenizer, batch_size=4)
    (batch,) = cast("list[AffectBatch]", list(data.val_dataloader()))
    assert batch.meta["text"][:2] == ["so good", "so very very very good"]  # type: ignore[index]
    assert batch.inputs["text"].tolist()[0] == [2, 4, 6, 3, 0, 0, 0]
    assert batch.masks["text"].sum(1).tolist() == [4, 7, 6, 6] and batch.valid.tolist() == [True] * 3 + [
        False
    ]
    target = batch.target
    assert target.label is None and target.multilabel is not None
    assert target.multilabel[:3].argmax(1).tolist() == [0, 1, 2] and data.feature_dims == {}
    short = TextDataModule(write(tmp_path / "cut"), tokenizer, batch_size=4, max_length=5)
    (cut,) = cast("list[AffectBatch]", list(short.val_dataloader()))
    assert cut.inputs["text"].shape == (4, 5)


def test_texts_of_like_length_stand_together_and_none_is_lost(tmp_path: Path, tokenizer: str) -> None:
    root = write(tmp_path / "set")
    sorted_, plain = (
        batches(TextDataModule(root, tokenizer, batch_size=6, bucket_by_length=bucket))
        for bucket in (True, False)
    )
    keys = [sorted(key for batch in found for key in batch.keys) for found in (sorted_, plain)]
    assert keys[0] == keys[1] == sorted(f"train{number}" for number in range(24))
    padding = [sum(int((~batch.masks["text"]).sum()) for batch in found) for found in (sorted_, plain)]
    assert padding[0] == 0 < padding[1]
    lanes = TextDataModule(root, tokenizer, batch_size=8, shuffle="lanes", lanes=2)
    assert len(batches(lanes)) == 3


def test_two_workers_make_the_same_batches(tmp_path: Path, tokenizer: str) -> None:
    root = write(tmp_path / "set")
    here = batches(TextDataModule(root, tokenizer, batch_size=8))
    there = batches(
        TextDataModule(root, tokenizer, batch_size=8, num_workers=2, multiprocessing_context="fork")
    )
    for one, two in zip(here, there, strict=True):
        assert one.keys == two.keys and torch.equal(one.inputs["text"], two.inputs["text"])


def test_a_source_of_several_labels_mixes_with_one_of_dimensions(tmp_path: Path, tokenizer: str) -> None:
    data = MixedDataModule(
        {
            "labelled": TextDataModule(write(tmp_path / "labels"), tokenizer, batch_size=4),
            "rated": TextDataModule(write(tmp_path / "dims", rated=True, texts=8), tokenizer, batch_size=4),
        },
        weights={"labelled": 1, "rated": 1},
        evaluate=["labelled", "rated"],
    )
    evaluated = [batch for loader in cast("list[Any]", data.val_dataloader()) for batch in loader]
    for batch in [*batches(data), *evaluated]:
        target = batch.target
        assert target.label is None and target.multilabel is not None and target.dims is not None
        assert target.multilabel.shape == (4, 7) and target.dims.shape == (4, 3)
        labelled = batch.meta["source"] == "labelled"
        assert bool(target.dims.isnan().all()) == labelled != bool(target.multilabel.isnan().all())
    assert len(evaluated) == 2


def test_a_damaged_text_is_masked(tmp_path: Path, tokenizer: str) -> None:
    template = Manifest(
        name="texts", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    with DatasetWriter(tmp_path / "set", template) as writer:
        for number in range(4):
            record: ItemRecord = {"id": str(number), "label": None, "text": "so good"}
            if number == 2:
                del record["text"]
            writer.add_item("train", f"train{number}", record)
    with pytest.raises(ShardError, match=r"train2.*no text"):
        batches(TextDataModule(str(tmp_path / "set"), tokenizer, batch_size=4))
    data = TextDataModule(str(tmp_path / "set"), tokenizer, batch_size=4, damage="mask", max_damaged=1)
    with pytest.warns(UserWarning, match="train2"):
        (batch,) = batches(data)
    weight = batch.target.weight
    assert weight is not None and weight[batch.keys.index("train2")] == 0 and weight.sum() == 3


def test_words_are_hidden_in_training_alone_and_anew_in_each_epoch(tmp_path: Path, tokenizer: str) -> None:
    data = TextDataModule(write(tmp_path / "set"), tokenizer, batch_size=24, word_dropout=0.5)
    loader = data.train_dataloader()
    (first,), (second,) = cast("list[AffectBatch]", list(loader)), cast("list[AffectBatch]", list(loader))
    again = TextDataModule(write(tmp_path / "again"), tokenizer, batch_size=24, word_dropout=0.5)
    (same,) = batches(again)
    heard = [
        dict(zip(batch.keys, cast("list[str]", batch.meta["text"]), strict=True))
        for batch in (first, second, same)
    ]
    assert heard[0] == heard[2] != heard[1]
    words = " ".join(heard[0].values()).split()
    assert 15 < words.count(data.tokenizer.mask_token) < 70 and len(words) == 84
    (val,) = cast("list[AffectBatch]", list(data.val_dataloader()))
    assert [len(text.split()) for text in cast("list[str]", val.meta["text"])[:3]] == [2, 5, 4]
    assert data.tokenizer.mask_token not in " ".join(cast("list[str]", val.meta["text"]))
    with pytest.raises(ValueError, match="probability=1"):
        TextDataModule(str(tmp_path / "set"), tokenizer, word_dropout=1)


def test_other_kinds_are_refused(tmp_path: Path, tokenizer: str) -> None:
    with pytest.raises(DataModuleError, match="TextDataModule reads"):
        TextDataModule(write(tmp_path / "pictures", kind="image"), tokenizer).setup("fit")
    with pytest.raises(FileNotFoundError, match="TextTokenizer found no folder"):
        TextDataModule(write(tmp_path / "set"), str(tmp_path / "nowhere"))
