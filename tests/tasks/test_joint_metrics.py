"""What a batch of one source says nothing of, is absent for every loss."""

from __future__ import annotations

import torch

from affectkit.labels import label_space
from affectkit.losses import ClassificationLoss, MSELoss, VoteDistributionLoss
from affectkit.tasks.joint_metrics import complete_target
from affectkit.types import AffectOutput, Target


def test_losses_skip_what_a_batch_does_not_know() -> None:
    space = label_space("meld7.official")
    logits = torch.randn(3, 7, requires_grad=True)
    dims = torch.randn(3, 2, requires_grad=True)
    output = AffectOutput(logits, dims)
    target = complete_target(Target(), output, space)
    for loss in (ClassificationLoss(7), VoteDistributionLoss(), MSELoss()):
        terms = loss(output, target)
        assert float(terms.total) == 0.0
    known = torch.full((3, 7), 1 / 7)
    assert complete_target(Target(distribution=known), output, space).distribution is known
