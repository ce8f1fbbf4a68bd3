"""Sentences about classes, zero-shot classification and scaled cosines, against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.adapters import TEMPLATES, ClassText, ZeroShot, cosine_logits
from affectkit.encoders.clip import UnsupportedTowerError, clip_base
from affectkit.types import Encoding

NAMES = ("joy", "deep_sorrow")
SENTENCES = ("a face showing {}.", "somebody full of {} at home.")


@pytest.mark.parametrize("name", ["tiny", "tiny-siglip", "tiny-coca"])
def test_ensembles_are_means_of_unit_features(name: str) -> None:
    base = clip_base(name)
    text = ClassText(base, NAMES, SENTENCES)
    rows: list[Tensor] = []
    for words in ("joy", "deep sorrow"):
        units = []
        for sentence in SENTENCES:
            feature = base.encode_text(base.tokenize([sentence.format(words)]))[0]
            units.append(feature / feature.norm())
        mean = torch.stack(units).mean(dim=0)
        rows.append(mean / mean.norm())
    torch.testing.assert_close(text(base), torch.stack(rows), rtol=0, atol=1e-6)
    assert not list(text.state_dict())


def test_frozen_text_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    base = clip_base("tiny")
    adapter = ZeroShot(base, NAMES).train()
    tower = base.require_text()
    lengths: list[int] = []
    whole = tower.embed

    def counted(ids: Tensor) -> Tensor:
        lengths.append(ids.shape[1])
        return whole(ids)

    monkeypatch.setattr(tower, "embed", counted)
    features = Encoding(torch.randn(4, 32))
    first = adapter(features).logits
    assert torch.equal(adapter(features).logits, first)
    # Once, and only as far as the longest sentence goes.
    assert lengths == [int(adapter.text.end.max()) + 1]
    adapter.rename(["calm", "fear", "awe"])
    assert adapter(features).logits.shape == (4, 3) and len(lengths) == 2


def test_logits_are_scaled_cosines() -> None:
    base = clip_base("tiny-siglip")
    assert base.logit_bias is not None
    features, text = torch.randn(4, 32), torch.randn(3, 32)
    cosine = F.cosine_similarity(features[:, None], text[None], dim=-1)
    scale = float(base.logit_scale.exp())
    torch.testing.assert_close(cosine_logits(features, text, base), scale * cosine - 10)
    torch.testing.assert_close(cosine_logits(features, text, base, temperature=0.01), 100 * cosine)
    own = torch.randn(4, 3, 32)
    each = F.cosine_similarity(features[:, None], own, dim=-1)
    torch.testing.assert_close(cosine_logits(features, own, base), scale * each - 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = cosine_logits(features, text, base)
    assert low.dtype == torch.float32 and torch.equal(low, cosine_logits(features, text, base))


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_named_ensembles(name: str) -> None:
    sentences = TEMPLATES[name]
    assert len(set(sentences)) == len(sentences) and all(text.count("{}") == 1 for text in sentences)
    base = clip_base("tiny")
    adapter = ZeroShot(base, NAMES, templates=name)
    assert torch.equal(adapter.text_features(), ClassText(base, NAMES, sentences)(base))


def test_nothing_is_trained() -> None:
    adapter = ZeroShot(clip_base("tiny"), NAMES, templates=SENTENCES)
    assert not any(parameter.requires_grad for parameter in adapter.parameters())
    assert not adapter.adapts_images and not adapter.encode(torch.rand(1, 3, 32, 32)).pooled.requires_grad


def test_refusals() -> None:
    base = clip_base("tiny")
    with pytest.raises(ValueError, match="no templates 'sean': give one of seen, felt"):
        ZeroShot(base, NAMES, templates="sean")
    with pytest.raises(ValueError, match=r"give sentences with \{\}"):
        ZeroShot(base, NAMES, templates=("a face.",))
    with pytest.raises(ValueError, match="text 2 of 2, '', has no token"):
        ZeroShot(base, ["joy", "_"])
    with pytest.raises(ValueError, match="give at least one, and none twice"):
        ZeroShot(base, ["deep sorrow", "deep_sorrow"])
    base.text = None
    with pytest.raises(UnsupportedTowerError, match="has no text tower"):
        ZeroShot(base, NAMES)
