"""Classifiers of transformers on files: the same logits as transformers itself, and labels by name."""

from __future__ import annotations

import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from affectkit._optional import MissingExtraError
from affectkit.cli.main import main
from affectkit.encoders.transformers_bridge import load_tokenizer, text_model_source
from affectkit.labels import label_space
from affectkit.predict import PredictError, PretrainedPredictor, open_predictor
from affectkit.predict.pretrained.label_columns import label_columns

transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
NAMES = ["joyful", "Anger", "NEU", "sad", "surprise", "fear", "disgusted"]
OURS = ["joy", "anger", "neutral", "sadness", "surprise", "fear", "disgust"]


def labelled(names: list[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}


def save_pictures(folder: Path, names: list[str]) -> Any:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        image_size=16,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        **labelled(names),
    )
    model = transformers.ViTForImageClassification(config).eval()
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return model


def save_sounds(folder: Path, names: list[str], *, mask: bool) -> Any:
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_kernel=(10, 4),
        conv_stride=(5, 4),
        num_feat_extract_layers=2,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        **labelled(names),
    )
    model = transformers.Wav2Vec2ForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000, return_attention_mask=mask)
    extractor.save_pretrained(folder)
    return model


def save_texts(folder: Path, names: list[str], **options: Any) -> Any:
    torch.manual_seed(0)
    tokenizer = load_tokenizer(text_model_source("tiny", owner="test"))
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        **labelled(names),
        **options,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def by_name(rows: list[Any]) -> torch.Tensor:
    """Logits in the order of :data:`NAMES`, looked up by what the labels are called here."""
    order = [list(rows[0].probabilities).index(name) for name in OURS]
    return torch.tensor([[row.logits[place] for place in order] for row in rows])


def test_pictures(tmp_path: Path) -> None:
    model = save_pictures(tmp_path / "m", NAMES)
    draw = np.random.default_rng(0)
    pixels = [draw.integers(0, 256, (20 + n, 30, 3), dtype=np.uint8) for n in range(3)]
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"?")
    predictor = open_predictor(tmp_path / "m", batch_size=4, device="cpu", label_space="meld7.official")
    rows = list(predictor.rows(predictor.find([tmp_path])))
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "m")
    with torch.inference_mode():
        expected = model(**processor(images=[Image.fromarray(p) for p in pixels], return_tensors="pt")).logits
    assert list(rows[0].probabilities) == list(label_space("meld7.official"))
    torch.testing.assert_close(by_name(rows[:3]), expected)
    assert "restore it" in (rows[3].error or "")


@pytest.mark.parametrize("mask", [True, False])
def test_recordings(tmp_path: Path, mask: bool) -> None:
    model = save_sounds(tmp_path / "m", NAMES, mask=mask)
    draw = np.random.default_rng(0)
    waves = []
    for number, length in enumerate((900, 1500)):
        samples = draw.integers(-9000, 9000, length, dtype=np.int16)
        waves.append(samples.astype(np.float32) / 2**15)
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, length, "NONE", ""))
            file.writeframes(samples.tobytes())
    predictor = open_predictor(tmp_path / "m", batch_size=2, device="cpu", label_space="meld7.official")
    assert predictor.batch_size == (2 if mask else 1)
    rows = list(predictor.rows(predictor.find([tmp_path])))
    extractor = transformers.AutoFeatureExtractor.from_pretrained(tmp_path / "m")
    for row, heard in zip(rows, waves, strict=True):
        with torch.inference_mode():
            expected = model(**extractor([heard], sampling_rate=8000, return_tensors="pt")).logits
        torch.testing.assert_close(by_name([row]), expected, atol=1e-5, rtol=1e-4)


def test_texts_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_texts(tmp_path / "m", NAMES)
    texts = ["so happy", "what a long and sad day that was", "“no”"]
    (tmp_path / "a.txt").write_text("\n".join(texts))
    predictor = open_predictor(tmp_path / "m", batch_size=2, device="cpu", label_space="meld7.official")
    rows = list(predictor.rows(predictor.find([tmp_path / "a.txt"])))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    for row, text in zip(rows, texts, strict=True):
        with torch.inference_mode():
            expected = model(**tokenizer([text], return_tensors="pt")).logits
        torch.testing.assert_close(by_name([row]), expected, atol=1e-5, rtol=1e-4)
    given = ["predict", str(tmp_path / "a.txt"), "--model", str(tmp_path / "m"), "--device", "cpu"]
    assert main([*given, "--option", "label_space=meld7.official"]) == 0
    shown = capsys.readouterr()
    assert "labels of meld7.official" in shown.err and shown.out.count("\n") == 4
    assert main([*given, "--every", "1"]) == 2
    assert main([*given, "--option", "label_space=emodb7.letters"]) == 2
    assert "do not fit 'emodb7.letters'" in capsys.readouterr().err


def test_labels_are_mapped_by_name_or_refused() -> None:
    found = label_columns(NAMES, model="m", renamed={}, space="meld7.official")
    assert [NAMES[column] for column in found.columns] == [
        "NEU",
        "surprise",
        "fear",
        "sad",
        "joyful",
        "disgusted",
        "Anger",
    ]
    # a registered space with the same labels is found, with the model's order where there is one
    for name in ("meld7.official", "meld7.merbench"):
        again = label_columns(list(label_space(name)), model="m", renamed={})
        assert again.columns == tuple(range(7)) and again.space.same_order(label_space(name))
    with pytest.raises(PredictError, match="calls labels 'LABEL_0', 'LABEL_1', which no"):
        label_columns(["LABEL_0", "joy", "LABEL_1"], model="m", renamed={})
    own = label_columns(["LABEL_0", "joy"], model="m", renamed={"LABEL_0": "boredom"})
    assert own.space.labels == ("boredom", "joy") and own.space.name == "m.id2label"
    for names, renamed, space, said in (
        (["joy"], {"x": "joy"}, None, "has no label 'x' to rename"),
        (["joy", "Joy"], {}, None, "are no label space"),
        (NAMES[:-1], {}, "meld7.official", "name a label space with the same labels"),
        ([*NAMES, "awe"], {}, "meld7.official", "do not fit 'meld7.official'"),
        ([*NAMES[1:], "joy", "happiness"], {}, "meld7.official", "would silently become one"),
    ):
        with pytest.raises(PredictError, match=said):
            label_columns(names, model="m", renamed=renamed, space=space)


def test_labels_that_hold_together_have_a_probability_each(tmp_path: Path) -> None:
    names = ["joy", "love", "fear"]
    save_texts(tmp_path / "a", names, problem_type="multi_label_classification")
    predictor = open_predictor(tmp_path / "a", device="cpu", threshold=0.4)
    assert predictor.label_space is not None and predictor.label_space.kind == "multilabel"
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    for row in predictor.rows(predictor.find([tmp_path / "a.txt"])):
        chances = torch.tensor(row.logits).double().sigmoid().tolist()
        assert list(row.probabilities) == names
        assert list(row.probabilities.values()) == pytest.approx(chances)
        assert row.labels == tuple(name for name, p in zip(names, chances, strict=True) if p >= 0.4)


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    save_texts(tmp_path / "a", ["joy", "fear"], problem_type="regression")
    with pytest.raises(PredictError, match="is made for regression"):
        PretrainedPredictor.from_pretrained(str(tmp_path / "a"))
    transformers.BertConfig(architectures=["BertForMaskedLM"]).save_pretrained(tmp_path / "b")
    with pytest.raises(PredictError, match="is BertForMaskedLM: name a classifier of pictures"):
        open_predictor(tmp_path / "b")
    with pytest.raises(PredictError, match="or write hf:nobody/nothing"):
        open_predictor("nobody/nothing")


def test_says_what_needs_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name == "transformers":
                raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    (tmp_path / "config.json").write_text("{}")
    monkeypatch.delitem(sys.modules, "transformers")
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=r'^Predicting with a classifier .*"affectkit\[text\]"'):
        open_predictor(str(tmp_path))


@pytest.mark.parametrize(("names", "space"), [(["F", "female"], "man,female"), (["child", "adult"], "a,b")])
def test_people_are_not_sorted_by_sensitive_attributes(names: list[str], space: str, tmp_path: Path) -> None:
    save_texts(tmp_path / "model", names)
    renamed: dict[str, Any] = dict(zip(names, space.split(","), strict=True))
    with pytest.raises(PredictError, match="affectkit sorts nobody by sensitive attributes"):
        open_predictor(tmp_path / "model", label_space=space, **renamed)
