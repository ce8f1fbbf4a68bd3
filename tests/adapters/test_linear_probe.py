"""The linear probe against its formula."""

from __future__ import annotations

import functools

import pytest
import torch

from affectkit.adapters.linear_probe import LinearProbe
from affectkit.encoders.clip import ClipBase, clip_base
from affectkit.types import AffectOutput, Encoding

NAMES = ("joy", "anger", "fear")
X = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))


@functools.cache
def base_of(name: str) -> ClipBase:
    """A base that several tests read and none changes."""
    return clip_base(name)


def test_equals_the_formula() -> None:
    probe = LinearProbe(base_of("tiny"), NAMES, scale=7.0)
    assert torch.equal(probe(Encoding(X)).logits, torch.zeros(5, 3))  # undecided at the start
    torch.nn.init.normal_(probe.classifier.weight)
    torch.nn.init.normal_(probe.classifier.bias)
    output: AffectOutput = probe(Encoding(X))
    unit = X / X.square().sum(-1, keepdim=True).sqrt()
    expected = 7.0 * (unit @ probe.classifier.weight.T + probe.classifier.bias)
    assert output.logits is not None and output.embedding is not None
    torch.testing.assert_close(output.logits, expected)
    torch.testing.assert_close(output.embedding, unit)
    torch.testing.assert_close(probe(Encoding(3 * X)).logits, expected)  # length says nothing


def test_only_the_classifier_learns_and_pictures_run_without_a_graph() -> None:
    probe = LinearProbe(base_of("tiny"), NAMES)
    learning = {name for name, parameter in probe.named_parameters() if parameter.requires_grad}
    assert learning == {"classifier.weight", "classifier.bias"}
    assert not probe.encode(torch.rand(2, 3, 32, 32)).pooled.requires_grad
    assert not probe.adapts_images and probe.class_names == NAMES


def test_other_names_are_refused() -> None:
    probe = LinearProbe(base_of("tiny"), NAMES)
    probe.rename(list(NAMES))
    with pytest.raises(ValueError, match="train a new one"):
        probe.rename(["joy", "fear", "anger"])
    with pytest.raises(ValueError, match="none twice"):
        LinearProbe(base_of("tiny"), ["joy", "joy"])
    with pytest.raises(ValueError, match="scale=0"):
        LinearProbe(base_of("tiny"), NAMES, scale=0)
