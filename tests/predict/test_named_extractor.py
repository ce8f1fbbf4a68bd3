from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
import torch

from affectkit._optional import MissingExtraError
from affectkit.predict import ExtractError, named_extractor


@pytest.mark.parametrize("modality", ["text", "visual", "audio"])
def test_tiny_is_there_for_every_modality(modality: str) -> None:
    one, two = named_extractor(modality), named_extractor(modality, "tiny")
    assert one.modality == modality
    assert one.identity == two.identity and one.out_dim > 0


def test_a_transformers_model_gives_the_same_features_in_another_process(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    encoder = named_extractor("text", str(tmp_path))
    assert encoder.out_dim == 8
    wide = named_extractor("text", str(tmp_path), layers="all", pooling="max")
    assert wide.out_dim == 16 and " pooling=max layers=0,1 combine=concat " in wide.identity
    assert str(tmp_path.parent) not in encoder.identity
    again = pickle.loads(pickle.dumps(encoder))
    assert again.identity == encoder.identity
    assert torch.equal(again(["so", "what now"]), encoder(["so", "what now"]))


def test_only_text_knows_other_names() -> None:
    with pytest.raises(ExtractError, match="no visual encoder 'resnet'"):
        named_extractor("visual", "resnet")


def test_layers_and_pooling_are_for_transformers_models() -> None:
    with pytest.raises(ExtractError, match="only transformers models"):
        named_extractor("text", "tiny", layers=(-1,))
    with pytest.raises(ExtractError, match="only transformers models"):
        named_extractor("audio", pooling="max")


def test_a_folder_without_a_model_is_named_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ExtractError, match="cannot be loaded") as caught:
        named_extractor("text", str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_missing_extra_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"affectkit\[text\]"):
        named_extractor("text", "some/model")
