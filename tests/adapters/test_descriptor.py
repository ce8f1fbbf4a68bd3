"""Vectors before descriptors: what the prompt is, and other descriptors later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectkit.adapters import (
    DescriptorPrompts,
    cosine_logits,
    load_adapter,
    make_adapter,
    save_adapter,
)
from affectkit.encoders.clip import clip_base
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "clipcaer_model.npz"
NAMES = ("neutral", "enjoyment", "confusion")
SENTENCES = ("relaxed mouth, open eyes", "smile with raised eyebrows", "furrowed brows, chin on palm")


@pytest.mark.golden
def test_tokens_are_those_of_the_official_prompt() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        official = torch.from_numpy(stored["tokenized_prompts"])
    adapter = DescriptorPrompts(clip_base("tiny"), NAMES, descriptors=SENTENCES, num_context=4)
    ids, end = adapter.layout.ids, adapter.layout.end
    assert torch.equal(end, official.argmax(dim=1))
    assert torch.equal(ids[:, 0], official[:, 0]) and torch.equal(ids[:, 5:], official[:, 5 : ids.shape[1]])
    assert adapter.layout.place.tolist() == [[1, 2, 3, 4]] * 3


def test_vectors_that_are_words_give_the_features_of_the_words() -> None:
    base = clip_base("tiny")
    adapter = DescriptorPrompts(base, NAMES, descriptors=SENTENCES, num_context=2)
    words = base.require_text().embed(base.tokenize(["red cats"]).ids)[0, 1:3]
    with torch.no_grad():
        adapter.context.copy_(words.expand(3, -1, -1))
    expected = base.encode_text(base.tokenize([f"red cats {text}" for text in SENTENCES]))
    torch.testing.assert_close(adapter.text_features(), expected, rtol=0, atol=2e-6)


def test_temperature_replaces_the_scale_of_the_model() -> None:
    base = clip_base("tiny")
    features = torch.randn(2, 32)
    fixed = DescriptorPrompts(base, NAMES, temperature=0.01)
    expected = cosine_logits(features, fixed.text_features(), base, temperature=0.01)
    torch.testing.assert_close(fixed(Encoding(features)).logits, expected)
    with pytest.raises(ValueError, match="temperature=0"):
        DescriptorPrompts(base, NAMES, temperature=0.0)


def test_names_stand_for_missing_sentences_and_can_change() -> None:
    base = clip_base("tiny")
    adapter = DescriptorPrompts(base, NAMES)
    adapter.rename(["a", "b", "c"], SENTENCES)
    fresh = DescriptorPrompts(base, ["a", "b", "c"], descriptors=SENTENCES)
    fresh.load_state_dict(adapter.state_dict())
    assert torch.equal(adapter.text_features(), fresh.text_features())
    assert adapter.class_names == ("a", "b", "c") and adapter.descriptors == SENTENCES
    with pytest.raises(ValueError, match="each of 3 classes and was given 2 names"):
        adapter.rename(["a", "b"])
    with pytest.raises(ValueError, match="3 classes were given 2 descriptors"):
        DescriptorPrompts(base, NAMES, descriptors=SENTENCES[:2])


def test_sentences_by_name_are_put_in_the_order_of_the_classes() -> None:
    base = clip_base("tiny")
    expected = DescriptorPrompts(base, ["deep_sorrow", "joy"], descriptors=("tears", "a smile"))
    by_name = DescriptorPrompts(
        base, ["deep_sorrow", "joy"], descriptors={"joy": "a smile", "deep sorrow": "tears"}
    )
    assert torch.equal(by_name.layout.ids, expected.layout.ids)
    assert by_name.descriptors == {"joy": "a smile", "deep sorrow": "tears"}
    by_name.rename(["joy", "deep_sorrow"], {"joy": "a smile", "deep_sorrow": "tears"})
    assert torch.equal(by_name.layout.ids, expected.layout.ids.flip(0))
    for sentences, message in (
        ({"joy": "a"}, "no sentence for 'fear': give one for each of the classes joy, fear"),
        ({"joy": "a", "fear": "b", "awe": "c"}, "a sentence for 'awe': give"),
        ({"joy": "a", "Fear": "b"}, "a sentence for 'Fear' and none for 'fear'"),
    ):
        with pytest.raises(ValueError, match=message):
            DescriptorPrompts(base, ["joy", "fear"], descriptors=sentences)


def test_sentences_by_name_come_back_from_a_file(tmp_path: Path) -> None:
    adapter = make_adapter("descriptor", clip_base("tiny"), ["a", "b"], descriptors={"b": "two", "a": "one"})
    save_adapter(tmp_path / "adapter.safetensors", adapter)
    again = load_adapter(tmp_path / "adapter.safetensors")
    assert isinstance(again, DescriptorPrompts) and isinstance(adapter, DescriptorPrompts)
    assert again.descriptors == {"b": "two", "a": "one"}
    assert torch.equal(again.layout.ids, adapter.layout.ids)
