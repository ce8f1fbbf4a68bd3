"""CoOp against the official numbers, against a prompt put together by hand, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import numpy as np
import open_clip
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters import CoOp
from affectkit.adapters.prompt_layout import ContextPosition
from affectkit.encoders.clip import ClipBase, clip_base
from affectkit.encoders.clip.base_name import BaseName
from affectkit.encoders.clip.open_clip_bridge import wrap_model

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("happy", "deeply_sad", "angry")
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VISION = {"image_size": 8, "layers": 2, "width": 64, "head_width": 64, "patch_size": 4}


def arrays_of(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def close(value: Tensor, reference: Tensor) -> None:
    """The tolerance of float32 golden vectors: 1e-5 of the largest reference number."""
    assert value.shape == reference.shape
    assert float((value.detach() - reference).abs().max()) <= 1e-5 * float(reference.abs().max())


def official_base(arrays: dict[str, Tensor]) -> ClipBase:
    """The tiny official CLIP in open_clip's own class; its embeddings are read off the stored prompts."""
    model: nn.Module = open_clip.CLIP(8, VISION, TEXT, quick_gelu=True)
    weights = arrays_of("coop_end_csc")
    state = {name.removeprefix("clip/"): value for name, value in weights.items() if name.startswith("clip/")}
    table = torch.zeros(49408, 16)
    rest = arrays["tokenized_prompts"].shape[1] - arrays["token_suffix"].shape[1]
    table[arrays["tokenized_prompts"][:, 0]] = arrays["token_prefix"][:, 0]
    table[arrays["tokenized_prompts"][:, rest:]] = arrays["token_suffix"]
    loaded = model.load_state_dict({**state, "token_embedding.weight": table}, strict=False)
    assert not loaded.missing_keys and not loaded.unexpected_keys
    return wrap_model(model, TEXT, name=BaseName("official"))


@pytest.mark.golden
@pytest.mark.parametrize("name", ["end_unified", "end_csc", "middle_csc", "front_unified"])
def test_reproduces_the_official_numbers(name: str) -> None:
    arrays = arrays_of(f"coop_{name}")
    position, kind = name.split("_")
    base = official_base(arrays)
    adapter = CoOp(
        base,
        NAMES,
        num_context=3,
        position=cast(ContextPosition, position),
        class_specific=kind == "csc",
    )
    adapter.context.data.copy_(arrays["ctx"])
    prompts: Tensor = adapter.layout(base.require_text(), adapter.context)
    close(prompts, arrays["prompts"][:, : prompts.shape[1]])
    assert prompts.shape[1] == int(arrays["tokenized_prompts"].argmax(1).max()) + 1
    features = adapter.encode(arrays["image"])
    close(features.pooled, arrays["image_features"])
    close(adapter.text_features(), arrays["text_features"])
    logits = adapter(features).logits
    assert logits is not None
    close(logits, arrays["logits"])
    loss = F.cross_entropy(logits, arrays["label"])
    close(loss, arrays["loss"])
    torch.autograd.backward(loss)
    assert adapter.context.grad is not None
    close(adapter.context.grad, arrays["grad_ctx"])


@pytest.mark.golden
def test_words_start_the_vectors_as_in_the_official_code() -> None:
    arrays = arrays_of("coop_ctxinit")
    base = clip_base("tiny")
    words = "a photo of a"
    ids = base.tokenize([f"{words} {name.replace('_', ' ')}." for name in NAMES]).ids
    assert torch.equal(ids, arrays["tokenized_prompts"])
    narrow: nn.Module = open_clip.CLIP(8, VISION, TEXT)
    table = narrow.get_parameter("token_embedding.weight")
    with torch.no_grad():
        table[torch.tensor([320, 1125, 539, 320])] = arrays["init_rows"]
    adapter = CoOp(wrap_model(narrow, TEXT, name=BaseName("narrow")), NAMES, words=words)
    assert torch.equal(adapter.context.detach(), arrays["ctx"])


@pytest.mark.parametrize("position", ["end", "middle", "front"])
@pytest.mark.parametrize("name", ["tiny", "tiny-siglip", "tiny-coca"])
def test_vectors_that_are_words_give_the_features_of_the_words(
    name: str, position: Literal["end", "middle", "front"]
) -> None:
    base = clip_base(name)
    adapter = CoOp(base, ["happy", "deeply sad"], words="full of red cats", position=position)
    sentences = {
        "end": ["full of red cats happy.", "full of red cats deeply sad."],
        "middle": ["full of happy red cats.", "full of deeply sad red cats."],
        "front": ["happy full of red cats.", "deeply sad full of red cats."],
    }[position]
    expected = base.encode_text(base.tokenize(sentences))
    torch.testing.assert_close(adapter.text_features(), expected, rtol=0, atol=2e-6)


def test_later_words_stay_words() -> None:
    base = clip_base("tiny")
    adapter = CoOp(base, ["happy"], num_context=2, words="a photo of a")
    expected = base.encode_text(base.tokenize(["a photo of a happy."]))
    torch.testing.assert_close(adapter.text_features(), expected, rtol=0, atol=2e-6)
    assert adapter.context.shape == (2, 32)


def test_each_class_has_its_own_vectors_only_when_asked() -> None:
    base = clip_base("tiny")
    shared, own = CoOp(base, NAMES), CoOp(base, NAMES, class_specific=True, words="a photo of a")
    assert shared.context.shape == (16, 32) and own.context.shape == (3, 4, 32)
    before = own.text_features().detach()
    with torch.no_grad():
        own.context[1] += torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    moved = (own.text_features().detach() - before).abs().amax(dim=1)
    assert (moved > 1e-4).tolist() == [False, True, False]


def test_only_the_vectors_are_trained_and_stored() -> None:
    adapter = CoOp(clip_base("tiny"), NAMES)
    assert [name for name, value in adapter.named_parameters() if value.requires_grad] == ["context"]
    assert [name for name in adapter.state_dict() if not name.startswith("base.")] == ["context"]


def test_other_names_after_training() -> None:
    base = clip_base("tiny")
    adapter = CoOp(base, NAMES, num_context=4)
    adapter.eval()
    with torch.no_grad():
        adapter.text_features()
        adapter.rename(["calm", "tense", "very_bored", "proud"])
        renamed = adapter.text_features()
    fresh = CoOp(base, ["calm", "tense", "very bored", "proud"], num_context=4)
    fresh.load_state_dict(adapter.state_dict())
    torch.testing.assert_close(renamed, fresh.text_features().detach())
    assert adapter.class_names == ("calm", "tense", "very_bored", "proud")
    own = CoOp(base, NAMES, class_specific=True)
    own.rename(["a", "b", "c"])
    with pytest.raises(ValueError, match="3 classes and was given 2 names"):
        own.rename(["a", "b"])


def test_refusals() -> None:
    base = clip_base("tiny")
    with pytest.raises(ValueError, match="needs 79 positions and the text tower has 77"):
        CoOp(base, ["happy"], num_context=75)
    with pytest.raises(ValueError, match="has no token at all"):
        CoOp(base, ["happy", " "])
    with pytest.raises(ValueError, match="none twice"):
        CoOp(base, ["happy", "happy"])
    with pytest.raises(ValueError, match="4 tokens for 5 prompt vectors"):
        CoOp(base, ["happy"], num_context=5, words="a photo of a")
    with pytest.raises(ValueError, match="fewer at position 'end'"):
        CoOp(base, ["happy"], num_context=2, words="a photo of a", position="front")
    with pytest.raises(ValueError, match="'end', 'middle' or 'front'"):
        CoOp(base, ["happy"], position="back")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has 201 tokens where the model reads 77"):
        CoOp(base, ["happy " * 199])
