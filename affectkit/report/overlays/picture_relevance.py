"""How much each place of a picture speaks for a label of a task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.report.overlays.picture_network import PictureNetwork
from affectkit.report.overlays.place_relevance import grad_cam, token_relevance
from affectkit.report.overlays.recorded_pass import NetworkCall, recorded_pass
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput

#: A coarser map says little about where.
_FINE: Final = 4


class PictureRelevance(NamedTuple):
    """What one call of a picture network saw, and what of it spoke for a label.

    Attributes:
        call: Number of the call among all of the sample.
        network: Where in the task the network is.
        method: ``"Grad-CAM"`` or ``"token relevance"``.
        pixels: (N, 3, H, W), from 0 to 1: a picture, or the frames of a clip.
        relevance: (N, h, w), not negative.
    """

    call: int
    network: str
    method: str
    pixels: Tensor
    relevance: Tensor


def picture_relevance(
    task: AffectTask, batch: AffectBatch, label: int, *, networks: Sequence[PictureNetwork]
) -> list[PictureRelevance]:
    """Relevance of places for a label of a sample, for each call of its picture networks.

    Of a network with maps it is Grad-CAM of its deepest stage of 4 x 4 places or more, of a transformer
    the relevance of the tokens that its last block reads. The score is the logit less the mean of the
    other labels': what speaks for all labels alike, as much of a picture does for CLIP, tells none of them.

    Args:
        task: The task; it is left in evaluation.
        batch: One sample: how several pictures of a task belong to several samples, it does not tell.
        label: Number of the label.
        networks: Its networks, by :func:`picture_networks`.

    Raises:
        ValueError: If the batch is no single sample, or the task gives it no logits.
    """
    with torch.enable_grad(), recorded_pass(networks) as calls:
        output: AffectOutput = task.eval()(batch)
    if len(batch) != 1 or output.logits is None or output.logits.ndim != 2:
        shape = None if output.logits is None else tuple(output.logits.shape)
        raise ValueError(
            f"Relevance of places got {len(batch)} samples with logits of shape {shape}: give one sample "
            "with (1, C)."
        )
    values = [value for call in calls for value in (*call.maps, *call.tokens)]
    if not values:
        return []
    slopes = torch.autograd.grad(_against_others(output.logits[0], label), values, allow_unused=True)
    known = {id(value): slope for value, slope in zip(values, slopes, strict=True) if slope is not None}
    found = []
    for number, call in enumerate(calls):
        relevance = _of_maps(call, known) if call.maps else _of_tokens(call, known)
        if relevance is not None:
            pixels = shown_pixels(call.pixels, call.network).cpu()
            method = "Grad-CAM" if call.maps else "token relevance"
            found.append(PictureRelevance(number, call.network.name, method, pixels, relevance.float().cpu()))
    return found


def _against_others(logits: Tensor, label: int) -> Tensor:
    others = len(logits) - 1
    return logits[label] - (logits.sum() - logits[label]) / others if others else logits[label]


def shown_pixels(pixels: Tensor, network: PictureNetwork) -> Tensor:
    """Normalised pixels as they are looked at, from 0 to 1."""
    mean, std = (
        torch.tensor(part, device=pixels.device)[:, None, None]
        for part in (network.normalization.mean, network.normalization.std)
    )
    return (pixels.detach().float() * std + mean).clamp(0, 1)


def _of_maps(call: NetworkCall, slopes: dict[int, Tensor]) -> Tensor | None:
    pairs = []
    for value in call.maps:
        if id(value) in slopes:
            both = (value.detach(), slopes[id(value)])
            pairs.append(tuple(one.movedim(-1, 1) for one in both) if call.network.channels_last else both)
    if not pairs:
        return None
    fine = [pair for pair in pairs if min(pair[0].shape[2:]) >= _FINE]
    # The deepest of those that are fine enough; else the finest there is.
    maps, gradients = fine[-1] if fine else max(pairs, key=lambda pair: min(pair[0].shape[2:]))
    return grad_cam(maps, gradients)


def _of_tokens(call: NetworkCall, slopes: dict[int, Tensor]) -> Tensor | None:
    network = call.network
    for value in reversed(call.tokens):
        if id(value) not in slopes:
            continue
        whole = token_relevance(value.detach(), slopes[id(value)])[:, network.prefix :]
        side = math.isqrt(whole.shape[1])
        rows, columns = network.grid or (side, side)
        # Behind the places may stand prompts.
        if 0 < rows * columns <= whole.shape[1]:
            return whole[:, : rows * columns].reshape(-1, rows, columns)
    return None
