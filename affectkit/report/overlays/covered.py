"""What becomes of an answer when the places that are said to matter are covered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.data.batch import AffectBatch
from affectkit.report.overlays.picture_network import PictureNetwork
from affectkit.report.overlays.picture_relevance import PictureRelevance
from affectkit.report.overlays.recorded_pass import recorded_pass
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput

#: Share of the places that is covered.
SHARE: Final = 0.2


class Covered(NamedTuple):
    """Probability of a label for a sample.

    Attributes:
        whole: With nothing covered.
        most: With the fifth of the places covered that has the most relevance.
        least: With the fifth covered that has the least.
    """

    whole: float
    most: float
    least: float


def covered_probabilities(
    task: AffectTask,
    batch: AffectBatch,
    label: int,
    shown: Sequence[PictureRelevance],
    *,
    networks: Sequence[PictureNetwork],
) -> Covered:
    """Probability of a label when places are painted over with the mean colour of their picture.

    A map that says what matters makes covering the most relevant places cost more than covering the least.

    Args:
        task: The task; it is left in evaluation.
        batch: One sample.
        label: Number of the label.
        shown: Its relevance, by :func:`~affectkit.report.overlays.picture_relevance`.
        networks: The networks, by :func:`~affectkit.report.overlays.picture_networks`.
    """
    masks = {one.call: (_most(one.relevance), _most(-one.relevance)) for one in shown}

    def probability(which: int | None) -> float:
        def change(call: int, pixels: Tensor) -> Tensor:
            return pixels if which is None or call not in masks else _painted(pixels, masks[call][which])

        with torch.no_grad(), recorded_pass(networks, change=change):
            output: AffectOutput = task.eval()(batch)
        assert output.logits is not None, "there was relevance for a logit"
        return output.logits[0].softmax(-1)[label].item()

    return Covered(probability(None), probability(0), probability(1))


def _most(relevance: Tensor) -> Tensor:
    """The fifth of the places of each picture with the highest values, as a mask (N, H, W).

    Maps are 0 over wide parts: among equal places some are drawn, since the first would always be the top.
    """
    flat = relevance.flatten(1)
    drawn = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0)).to(flat.device)
    order = drawn[flat[:, drawn].argsort(dim=1, descending=True, stable=True)]
    mask = torch.zeros_like(flat, dtype=torch.bool)
    mask.scatter_(1, order[:, : max(1, round(SHARE * flat.shape[1]))], True)
    return mask.view_as(relevance)


def _painted(pixels: Tensor, mask: Tensor) -> Tensor:
    wide = F.interpolate(mask[:, None].float().to(pixels.device), size=pixels.shape[2:], mode="nearest") > 0.5
    return torch.where(wide, pixels.mean((2, 3), keepdim=True), pixels)
