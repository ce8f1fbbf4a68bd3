"""The transformers bridge on a tiny random model that the test saves itself."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch

from affectkit._optional import MissingExtraError
from affectkit.encoders import FeatureExtractor, TransformersTextEncoder

TEXTS = ["oh no !", "great", "that is great , is n't it ?", "", "no no no no no no no", "oh"]


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_equals_one_text_at_a_time(folder: Path, pooling: Literal["mean", "cls", "max"]) -> None:
    encoder = TransformersTextEncoder(
        str(folder), pooling=pooling, layers=(-1, -2), max_length=8, batch_size=4
    )
    result = encoder(TEXTS)
    assert result.shape == (len(TEXTS), 16) and result.dtype == torch.float32
    for row, text in zip(result, TEXTS):
        token = encoder.tokens.tokenizer(text, truncation=True, max_length=8, return_tensors="pt")
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


def test_layers_side_by_side_are_the_single_layers(folder: Path) -> None:
    every = TransformersTextEncoder(str(folder), layers="all", combine="concat", max_length=8)
    singles = [TransformersTextEncoder(str(folder), layers=(layer,), max_length=8) for layer in range(4)]
    assert every.out_dim == 4 * 16 and every.layers == (0, 1, 2, 3)
    torch.testing.assert_close(every(TEXTS), torch.cat([single(TEXTS) for single in singles], dim=1))
    some = TransformersTextEncoder(str(folder), layers=(3, 0), combine="concat", max_length=8)
    torch.testing.assert_close(some(TEXTS), torch.cat([singles[3](TEXTS), singles[0](TEXTS)], dim=1))
    assert len({e.identity for e in (every, some, *singles)}) == 6


def test_typographic_punctuation_is_read_as_ascii_unless_switched_off(folder: Path) -> None:
    curly, plain = ["oh \u2014 no\u2026"], ["oh - no..."]
    encoder = TransformersTextEncoder(str(folder), max_length=8)
    assert torch.equal(encoder(curly), encoder(plain))
    raw = TransformersTextEncoder(str(folder), max_length=8, ascii_punctuation=False)
    assert not torch.equal(raw(curly), raw(plain))
    assert raw.identity != encoder.identity


def test_pickled_it_is_loaded_anew_and_gives_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    encoder = TransformersTextEncoder(
        folder.name, layers=(0, -1), combine="concat", pooling="max", max_length=8, batch_size=2
    )
    sent = pickle.dumps(encoder)
    assert len(sent) < 1000
    monkeypatch.chdir("/")
    again: TransformersTextEncoder = pickle.loads(sent)
    assert again.identity == encoder.identity and again.batch_size == 2
    assert torch.equal(again(TEXTS), encoder(TEXTS))


def test_changed_weights_do_not_travel_unnoticed(folder: Path) -> None:
    encoder = TransformersTextEncoder(str(folder))
    with torch.no_grad():
        next(encoder.model.parameters()).add_(1.0)
    with pytest.raises(ValueError, match="save changed weights to a folder"):
        pickle.loads(pickle.dumps(encoder))


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
    with pytest.raises(ValueError, match="'mean' or 'concat'"):
        TransformersTextEncoder(str(folder), combine="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layers='each'"):
        TransformersTextEncoder(str(folder), layers="each")  # type: ignore[arg-type]
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
