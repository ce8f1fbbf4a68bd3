from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from affectkit.adapters.visualness import VisualnessScorer
from affectkit.encoders.clip import clip_base
from affectkit.losses import NullTargetContrastiveLoss
from affectkit.types import AffectOutput, Head, LossTerms, Target

TEXTS = ["a red scarf on a chair", "nothing was decided", "two smiling people", "maybe later"]
PRESENT = torch.tensor([True, False, True, False])
LABEL = torch.tensor([1, 0, 1, 0])


def build(**options: object) -> VisualnessScorer:
    return VisualnessScorer(clip_base("tiny"), **options)  # type: ignore[arg-type]


def pictures(scorer: VisualnessScorer) -> torch.Tensor:
    size = scorer.base.image.image_size
    return torch.randn(4, 3, *size, generator=torch.Generator().manual_seed(0))


def test_the_score_is_one_minus_the_cosine_to_the_null_picture() -> None:
    scorer = build()
    with torch.no_grad():
        null = scorer.base.encode_image(scorer.null.picture(scorer.base)).pooled[0]
        text = scorer.base.encode_text(scorer.base.tokenize(TEXTS))
        expected = 1 - F.cosine_similarity(text, null.expand_as(text))
    torch.testing.assert_close(scorer.score(TEXTS), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(scorer.score(TEXTS, batch_size=3), expected, rtol=0, atol=1e-6)
    head: Head = scorer
    output = head(scorer.encode_texts(TEXTS))
    assert output.dims is not None and output.logits is not None
    torch.testing.assert_close(output.dims[:, 0], expected, rtol=0, atol=1e-6)
    assert scorer.score([]).shape == (0,)


def test_the_threshold_decides_the_class_and_is_saved() -> None:
    scorer = build()
    scores = scorer.score(TEXTS)
    middle = float(scores.sort().values[1:3].mean())
    scorer.set_threshold(middle)
    output: AffectOutput = scorer(scorer.encode_texts(TEXTS))
    assert output.logits is not None
    assert torch.equal(output.logits.argmax(-1), (scores > middle).long())
    other = build(seed=9)
    other.load_state_dict(scorer.state_dict())
    assert torch.equal(other.score(TEXTS), scores) and float(other.threshold) == pytest.approx(middle)


def test_views_are_what_the_loss_compares() -> None:
    scorer = build()
    images = pictures(scorer)
    output = scorer.contrast(TEXTS, images, PRESENT)
    assert output.views is not None
    views = output.views
    with torch.no_grad():
        shown = F.normalize(scorer.base.encode_image(images[PRESENT]).pooled, dim=-1)
    torch.testing.assert_close(views["image"][PRESENT], shown, rtol=0, atol=1e-5)
    torch.testing.assert_close(views["image"][1], views["null"])
    torch.testing.assert_close(views["scale"], scorer.base.logit_scale.exp())
    spoiled = images.clone()
    spoiled[~PRESENT] = torch.nan
    again = scorer.contrast(TEXTS, spoiled, PRESENT)
    assert again.views is not None and torch.equal(again.views["image"], views["image"])


@pytest.mark.parametrize("null", ["noise", "vector"])
def test_training_moves_the_null_picture_with_the_tower(null: str) -> None:
    torch.manual_seed(0)
    scorer = build(null=null).train()
    loss = NullTargetContrastiveLoss()
    images = pictures(scorer)
    optimizer = torch.optim.AdamW([p for p in scorer.parameters() if p.requires_grad], lr=1e-3)
    before = scorer.contrast(TEXTS, images, PRESENT)
    totals = []
    for _ in range(12):
        terms: LossTerms = loss(scorer.contrast(TEXTS, images, PRESENT), Target(label=LABEL))
        optimizer.zero_grad()
        torch.autograd.backward(terms.total)
        optimizer.step()
        totals.append(terms.total.item())
    after = scorer.contrast(TEXTS, images, PRESENT)
    assert before.views is not None and after.views is not None
    assert not torch.equal(before.views["null"], after.views["null"])
    assert totals[-1] < 0.5 * totals[0]
    scores = scorer.score(TEXTS)
    assert scores[LABEL == 1].min() > scores[LABEL == 0].max()
    assert scorer.training  # scoring leaves the mode as it was


def test_a_batch_without_any_picture() -> None:
    for null in ("noise", "vector"):
        scorer = build(null=null)
        output = scorer.contrast(TEXTS, pictures(scorer), torch.zeros(4, dtype=torch.bool))
        assert output.views is not None
        torch.testing.assert_close(output.views["image"], output.views["null"].expand(4, -1))


def test_what_is_trained() -> None:
    scorer = build(trained=("text",))
    names = {name for name, p in scorer.named_parameters() if p.requires_grad}
    assert names and all(name.startswith("base.text.") for name in names)
    twin = copy.deepcopy(scorer)
    assert torch.equal(twin.score(TEXTS), scorer.score(TEXTS))
    with pytest.raises(ValueError, match=r"trained=\['all'\]"):
        build(trained=("all",))


def test_long_texts_are_read_as_far_as_the_model_reads() -> None:
    scorer = build()
    long = " ".join(["smile"] * 500)
    tokens = scorer.tokens([long, "a face"])
    assert int(tokens.end[0]) < tokens.ids.shape[1] and int(tokens.end[0]) > tokens.ids.shape[1] - 6
    with pytest.raises(ValueError, match="no token at all"):
        scorer.score(["", "a face"])
