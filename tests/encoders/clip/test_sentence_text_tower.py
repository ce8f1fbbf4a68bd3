"""A sentence encoder as text tower, on a tiny random model that the test saves itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from affectkit.adapters import CoOp, MaPLe
from affectkit.encoders.clip import ClipBase, SentenceTextTower, UnsupportedTowerError
from affectkit.encoders.clip.base_name import BaseName
from affectkit.encoders.clip.open_clip_bridge import random_model, wrap_model
from affectkit.encoders.clip.tiny_models import TINY_MODELS

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "photo", "of", "joy", "deep", "sorrow", "."]
TEXTS = ["joy", "a photo of deep sorrow."]


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
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    transformers.BertModel(config).save_pretrained(place)
    return place


def both(folder: Path) -> tuple[Any, ClipBase]:
    config: dict[str, Any] = {
        **TINY_MODELS["tiny"],
        "text_cfg": {
            "hf_model_name": str(folder),
            "hf_tokenizer_name": str(folder),
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": "linear",
            "context_length": 24,
        },
    }
    model: Any = random_model(config, activation="gelu", seed=0).eval()
    return model, wrap_model(copy.deepcopy(model), config["text_cfg"], name=BaseName("sentences"))


@torch.no_grad()
def test_equals_open_clip_and_may_be_cut(folder: Path) -> None:
    model, base = both(folder)
    tower = base.require_text()
    assert isinstance(tower, SentenceTextTower) and tower.prefix == 1 and tower.width == 16
    ids, end = base.tokenize(TEXTS)
    assert ids.shape == (2, 24) and end.tolist() == [2, 7]
    expected: Tensor = model.encode_text(ids)
    embeddings = tower.embed(ids)
    torch.testing.assert_close(tower(embeddings, end), expected)
    torch.testing.assert_close(tower(embeddings, end, cut=False), expected)
    torch.testing.assert_close(tower(embeddings[:, :8], end, cut=False), expected)
    # It looks in both directions, at real tokens alone.
    assert not tower.causal and tower.cuttable
    changed = embeddings.clone()
    changed[0, 2] += torch.randn(16)
    assert not torch.allclose(tower(changed, end)[0], expected[0], atol=1e-3)


def test_its_weights_come_from_the_folder(folder: Path) -> None:
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
    _, base = both(folder)
    stored: Any = transformers.AutoModel.from_pretrained(str(folder))
    table: Tensor = stored.get_input_embeddings().weight
    assert torch.equal(base.require_text().embed(torch.arange(len(WORDS))), table)


@torch.no_grad()
def test_prompts_run_through_it(folder: Path) -> None:
    _, base = both(folder)
    adapter = CoOp(base, ["joy", "deep sorrow"], words="a photo of")
    expected = base.encode_text(base.tokenize(["a photo of joy.", "a photo of deep sorrow."]))
    torch.testing.assert_close(adapter.text_features(), expected, rtol=1e-5, atol=1e-5)


def test_deep_prompts_replace_inputs_and_leave_no_trace(folder: Path) -> None:
    _, base = both(folder)
    tower = base.require_text()
    assert isinstance(tower, SentenceTextTower)
    ids, end = base.tokenize(TEXTS)
    seen: list[Tensor] = []
    second = tower.transformer.encoder.layer[1]
    with torch.no_grad():
        plain: Tensor = tower(tower.embed(ids), end)
    prompt = torch.randn(2, 16)
    adapter = MaPLe(base, ["joy", "deep sorrow"], words=None, depth=2)
    with torch.no_grad():
        adapter.deep[0].copy_(prompt)
        features = adapter.text_features()
        # A hook that is there for longer comes first, and so sees what is replaced.
        handle = second.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        again: Tensor = tower(tower.embed(ids), end)
        handle.remove()
    assert torch.equal(again, plain) and not any(bool((x[:, 1:3] == prompt).all()) for x in seen)
    assert not second._forward_pre_hooks
    assert features.shape == (2, 32)
    torch.autograd.backward(adapter.text_features().sum())
    assert adapter.deep[0].grad is not None and bool(adapter.deep[0].grad.any())


def test_a_family_without_a_list_of_layers_is_refused(folder: Path) -> None:
    _, base = both(folder)
    tower = base.require_text()
    ids, end = base.tokenize(TEXTS)
    setattr(tower.get_submodule("transformer.encoder"), "layer", None)  # noqa: B010
    with pytest.raises(UnsupportedTowerError, match="BertModel has no list of layers"):
        tower(tower.embed(ids), end, deep=[torch.zeros(2, 16)])
