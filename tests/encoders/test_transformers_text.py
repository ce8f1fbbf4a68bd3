"""The transformers bridge on a tiny random model that the test saves itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from affectkit._optional import MissingExtraError
from affectkit.encoders import FeatureExtractor, TransformersTextEncoder

TEXTS = ["oh no !", "great", "that is great , is n't it ?", "", "no no no no no no no", "oh"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "oh", "no", "!", "great", "that", "is", "it", "?", ","]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
    place = tmp_path_factory.mktemp("weights") / "tiny-bert"
    place.mkdir()
    (place / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(place / "vocab.txt")).save_pretrained(place)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    transformers.BertModel(config).save_pretrained(place)
    return place


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_equals_one_text_at_a_time(folder: Path, pooling: Literal["mean", "cls", "max"]) -> None:
    encoder = TransformersTextEncoder(
        str(folder), pooling=pooling, layers=(-1, -2), max_length=8, batch_size=4
    )
    result = encoder(TEXTS)
    assert result.shape == (len(TEXTS), 16) and result.dtype == torch.float32
    for row, text in zip(result, TEXTS):
        token = encoder.tokenizer(text, truncation=True, max_length=8, return_tensors="pt")
        with torch.no_grad():
            states = encoder.model(**token, output_hidden_states=True).hidden_states
        hidden = ((states[-1] + states[-2]) / 2)[0]
        expected = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0)}[pooling]
        torch.testing.assert_close(row, expected, rtol=0, atol=2e-6)


def test_batching_and_order_do_not_matter(folder: Path) -> None:
    one = TransformersTextEncoder(str(folder), batch_size=1, max_length=16)
    many = TransformersTextEncoder(str(folder), batch_size=64, max_length=16)
    torch.testing.assert_close(one(TEXTS), many(TEXTS), rtol=0, atol=2e-6)
    torch.testing.assert_close(many(TEXTS[::-1]), many(TEXTS).flip(0), rtol=0, atol=2e-6)
    assert torch.equal(many(TEXTS), many(TEXTS))
    assert many([]).shape == (0, 16)


def test_normalize_and_identity(folder: Path) -> None:
    plain = TransformersTextEncoder(str(folder), max_length=16)
    unit: FeatureExtractor = TransformersTextEncoder(str(folder), max_length=16, normalize=True)
    assert isinstance(unit, TransformersTextEncoder) and unit.modality == "text" and unit.out_dim == 16
    torch.testing.assert_close(unit(TEXTS), torch.nn.functional.normalize(plain(TEXTS)))
    again = TransformersTextEncoder(str(folder), max_length=16)
    assert plain.identity == again.identity != unit.identity
    assert plain.identity.startswith("transformers:tiny-bert pooling=mean layers=-1 ")
    assert str(folder.parent) not in plain.identity
    with torch.no_grad():
        next(again.model.parameters()).add_(1.0)
    assert again.identity != plain.identity


def test_weights_stay_frozen(folder: Path) -> None:
    encoder = TransformersTextEncoder(str(folder), max_length=16)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder(["oh"]).requires_grad
    encoder.train()
    assert torch.equal(encoder(TEXTS), encoder(TEXTS))


def test_refusals(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="found no folder"):
        TransformersTextEncoder(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="found no folder"):
        TransformersTextEncoder("./nowhere")
    with pytest.raises(ValueError, match="numbers from -4 to 3"):
        TransformersTextEncoder(str(folder), layers=(4,))
    with pytest.raises(ValueError, match="'mean', 'cls' or 'max'"):
        TransformersTextEncoder(str(folder), pooling="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_size=0"):
        TransformersTextEncoder(str(folder), batch_size=0)
    with pytest.raises(TypeError, match="item of type int"):
        TransformersTextEncoder(str(folder), max_length=16)(["oh", 3])


def test_missing_package_names_the_pip_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name.split(".")[0] == "transformers":
                raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    for name in [name for name in sys.modules if name.split(".")[0] == "transformers"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=r'pip install "affectkit\[text\]"'):
        TransformersTextEncoder(str(folder))
