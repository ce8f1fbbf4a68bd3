"""How much of the time somebody looks at something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn


class GazeRatio(nn.Module):
    r"""Share of gaze samples that lie in a region, 0 to 1.

    .. math:: R = \frac{|\{t : g_t \in \Omega_t\}|}{|\{t : g_t \text{ known}\}|}

    Gaze and region are in the same unit, by default in widths and heights of the frame from its upper
    left corner, so that the whole frame is (0, 0, 1, 1). A blink is NaN. Edges belong to the region.

    Args:
        region: Left, top, right, bottom.
        blinks: ``"skip"`` leaves them out; ``"outside"`` counts them as looking elsewhere, so that the
            divisor is the number of all samples.

    Shape:
        - gaze: (..., T, 2), x and y
        - region: (4,), or (..., T, 4) where it moves, e.g. a face; NaN where it is not on screen
        - output: (...), NaN where no sample is known, as absent values are marked

    Raises:
        ValueError: If the region has no extent, or gaze is no sequence of points.

    Examples:
        >>> nan = float("nan")
        >>> gaze = torch.tensor([[0.5, 0.5], [1.2, 0.5], [nan, nan], [0.1, 0.9]])
        >>> round(GazeRatio()(gaze).item(), 4), GazeRatio(blinks="outside")(gaze).item()
        (0.6667, 0.5)
    """

    def __init__(
        self,
        region: Sequence[float] = (0.0, 0.0, 1.0, 1.0),
        *,
        blinks: Literal["skip", "outside"] = "skip",
    ) -> None:
        super().__init__()
        box = tuple(float(edge) for edge in region)
        if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]) or blinks not in ("skip", "outside"):
            raise ValueError(
                f"GazeRatio got region={box} and blinks={blinks!r}: give left, top, right and bottom with "
                "left < right and top < bottom, and 'skip' or 'outside'."
            )
        self.region = box
        self.blinks = blinks

    def forward(self, gaze: Tensor, region: Tensor | None = None) -> Tensor:
        """Measure ``gaze`` against ``region``, by default that of the constructor."""
        if gaze.ndim < 2 or gaze.shape[-1] != 2 or gaze.shape[-2] == 0:
            raise ValueError(
                f"GazeRatio got gaze of shape {tuple(gaze.shape)}: give (..., T, 2), x and y of at least one "
                "sample."
            )
        box = gaze.new_tensor(self.region) if region is None else region.to(gaze)
        if box.shape not in ((4,), (*gaze.shape[:-1], 4)):
            raise ValueError(
                f"GazeRatio got a region of shape {tuple(box.shape)} for gaze of shape {tuple(gaze.shape)}: "
                "give (4,), or four edges for each sample."
            )
        known = ~gaze.isnan().any(-1)
        # Comparisons with NaN are False: neither a blink nor a region off screen is looked at.
        inside = ((gaze >= box[..., :2]) & (gaze <= box[..., 2:])).all(-1)
        counted = known if self.blinks == "skip" else torch.ones_like(known)
        number = counted.sum(-1)
        ratio = inside.sum(-1) / number.clamp(min=1)
        return torch.where(known.any(-1), ratio, torch.nan).to(gaze.dtype)
