"""A head of basic emotions that answers with compound ones."""

from __future__ import annotations

import pytest
import torch

from affectkit.functional import compound_scores
from affectkit.heads import ClassificationHead, CompoundFromBasic, DimensionalHead
from affectkit.labels import LabelSpace
from affectkit.types import AffectOutput, Encoding


def test_scores_of_the_pairs_beside_the_basic_ones() -> None:
    torch.manual_seed(0)
    inner = ClassificationHead(6, 7)
    head = CompoundFromBasic(inner, "fer7.official", "cexprdb7.abaw", rule="min")
    features = Encoding(torch.randn(3, 5, 6))
    plain: AffectOutput = inner(features)
    output: AffectOutput = head(features)
    assert output.logits is not None and plain.logits is not None and output.extra is not None
    assert torch.equal(output.extra["basic"], plain.logits)
    assert torch.equal(output.logits, compound_scores(plain.logits, head.pairs, rule="min"))
    # fear and surprise
    assert head.pairs[0] == (2, 5)
    assert set(head.state_dict()) == {f"head.{name}" for name in inner.state_dict()}


def test_pairs_of_ones_own() -> None:
    awe = LabelSpace("mixed2.mine", ("awe", "outrage"))
    pairs = [("fear", "surprise"), ("anger", "disgust")]
    head = CompoundFromBasic(ClassificationHead(6, 7), "fer7.official", awe, pairs=pairs)
    assert head.pairs == ((2, 5), (0, 1))
    with pytest.raises(ValueError, match="1 pairs for the 2 labels"):
        CompoundFromBasic(ClassificationHead(6, 7), "fer7.official", awe, pairs=pairs[:1])


def test_heads_that_do_not_fit_are_refused() -> None:
    features = Encoding(torch.zeros(2, 6))
    for inner in (ClassificationHead(6, 5), DimensionalHead(6, 7)):
        with pytest.raises(ValueError, match="one logit for each"):
            CompoundFromBasic(inner, "fer7.official", "cexprdb7.abaw")(features)
    with pytest.raises(ValueError, match="rule='max'"):
        CompoundFromBasic(ClassificationHead(6, 7), "fer7.official", "cexprdb7.abaw", rule="max")  # type: ignore[arg-type]
