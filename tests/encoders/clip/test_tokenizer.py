"""Token ids, where texts end, and texts that a model cannot read."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.encoders.clip import ClipBase, ClipTokenizer, UnsupportedTowerError, clip_base
from affectkit.encoders.clip.open_clip_bridge import model_tokenizer


def test_ids_end_and_padding() -> None:
    base = clip_base("tiny")
    ids, end = base.tokenize(["happy", "a photo of a cat!"])
    assert ids.shape == (2, 77) and ids.dtype == torch.int64
    assert end.tolist() == [2, 7] and torch.equal(ids.argmax(dim=1), end)
    assert ids[0, :4].tolist() == [49406, 900, 49407, 0]


def test_the_end_is_the_mark_and_not_the_largest_id() -> None:
    base = clip_base("tiny")
    # In CLIP's vocabulary "!" has the id of padding.
    ids, end = base.tokenize(["! !"])
    assert ids[0, :5].tolist() == [49406, 256, 256, 49407, 0] and int(end[0]) == 3


def test_words_may_have_larger_ids_than_the_end_mark() -> None:
    def encode(texts: list[str], length: int) -> Tensor:
        rows = [[1, *(10 + len(word) for word in text.split()), 2] for text in texts]
        return torch.tensor([row + [0] * (length - len(row)) for row in rows])

    marked = ClipTokenizer(encode, context_length=6, end_id=2, pad_id=0)
    assert marked(["a bc", "a"]).end.tolist() == [3, 2] and marked.prefix == 1
    # Without an end mark the last token that is no padding counts.
    endless = ClipTokenizer(
        lambda texts, length: encode(texts, length).where(encode(texts, length) != 2, 0),
        context_length=6,
        end_id=None,
        pad_id=0,
    )
    assert endless.prefix == 1 and endless(["a bc"]).end.tolist() == [2]


def test_a_model_without_a_start_mark() -> None:
    base = clip_base("tiny-siglip")
    ids, end = base.tokenize(["Happy, sad."])
    assert base.require_text().prefix == 0
    assert ids[0, :4].tolist() == [900, 3719, 49407, 49407] and int(end[0]) == 2


def test_counts_leave_the_marks_out() -> None:
    tokenizer = clip_base("tiny").tokenizer
    assert tokenizer is not None
    assert tokenizer.count(["happy", "deeply sad"]) == [1, 2]
    assert copy.deepcopy(tokenizer) is tokenizer


def test_refusals() -> None:
    base = clip_base("tiny")
    with pytest.raises(ValueError, match=r"text 2 of 2, 'happy happy .*\.\.\.', has 102 tokens .* reads 77"):
        base.tokenize(["happy", "happy " * 100])
    with pytest.raises(ValueError, match="text 1 of 1, '  ', has no token at all"):
        base.tokenize(["  "])
    assert base.tokenize(["happy " * 75]).end.tolist() == [76]


def test_a_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"could not be loaded \(.*\): it needs a folder"):
        model_tokenizer({"hf_tokenizer_name": str(tmp_path / "absent")})
    with pytest.raises(UnsupportedTowerError, match="the tokenizer mode 'clips'"):
        model_tokenizer({"hf_tokenizer_name": "absent", "tokenizer_mode": "clips"})
    with pytest.raises(UnsupportedTowerError, match=r"with \['reduction_mask'\] drops words"):
        model_tokenizer({"tokenizer_kwargs": {"reduction_mask": "simple"}})


def test_a_model_without_a_text_tower() -> None:
    whole = clip_base("tiny")
    base = ClipBase(
        image=whole.image,
        text=None,
        tokenizer=None,
        logit_scale=whole.logit_scale,
        logit_bias=None,
        normalization=whole.normalization,
        name="pictures",
    )
    for ask in (base.require_text, lambda: base.tokenize(["happy"])):
        with pytest.raises(UnsupportedTowerError, match="'pictures' has no text tower"):
            ask()
    assert base.encode_image(torch.zeros(1, 3, 32, 32)).pooled.shape == (1, 32)


def test_towers_must_share_a_space() -> None:
    whole, other = clip_base("tiny"), clip_base("tiny-resnet")
    text = whole.require_text()
    text.out_dim = 8
    with pytest.raises(ValueError, match=r"widths 32 \(image\) and 8 \(text\)"):
        ClipBase(
            image=other.image,
            text=text,
            tokenizer=whole.tokenizer,
            logit_scale=whole.logit_scale,
            logit_bias=None,
            normalization=whole.normalization,
            name="mixed",
        )
