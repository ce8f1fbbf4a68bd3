"""Values at electrodes as a picture of the head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.distill.electrodes import electrode_positions, layout_electrodes
from affectkit.functional import thin_plate_weights


class TopographicMap(nn.Module):
    """The smoothest picture through the values at the electrodes, seen from above with the nose on top.

    It is one matrix product, whose matrix is made once; beside the head pixels are 0.

    Args:
        layout: Name of a layout, e.g. ``"dreamer14"``, ``"ten_twenty19"`` or ``"biosemi64"``, or names of
            electrodes in the order of the channels.
        size: Pixels along each side.

    Shape:
        - values: (..., E)
        - output: (..., size, size)

    Raises:
        ValueError: If the layout is unknown, or values have another number of channels.

    Examples:
        >>> picture = TopographicMap("dreamer14", size=9)(torch.ones(2, 14))
        >>> picture.shape, round(picture[0, 4, 4].item(), 4), picture[0, 0, 0].item()
        (torch.Size([2, 9, 9]), 1.0, 0.0)
    """

    weights: Tensor

    def __init__(self, layout: str | Sequence[str], *, size: int = 32) -> None:
        super().__init__()
        if size < 2:
            raise ValueError(f"TopographicMap got size={size}: give at least 2 pixels along each side.")
        self.electrodes = layout_electrodes(layout)
        self.size = size
        axis = (2 * torch.arange(size, dtype=torch.float64) + 1 - size) / size
        # Rows of a picture run from the top, where the nose is.
        y, x = torch.meshgrid(-axis, axis, indexing="ij")
        pixels = torch.stack([x.flatten(), y.flatten()], 1)
        weights = thin_plate_weights(electrode_positions(self.electrodes), pixels)
        inside = torch.linalg.vector_norm(pixels, dim=1) <= 1
        self.register_buffer("weights", (weights * inside.unsqueeze(1)).float())

    def forward(self, values: Tensor) -> Tensor:
        """Draw ``values`` (..., E)."""
        if values.shape[-1] != len(self.electrodes):
            raise ValueError(
                f"TopographicMap got values of {values.shape[-1]} channels for {len(self.electrodes)} "
                f"electrodes ({' '.join(self.electrodes[:4])} ...): give one value an electrode, in their "
                "order."
            )
        values = values.to(torch.promote_types(values.dtype, torch.float32))
        with torch.autocast(values.device.type, enabled=False):
            flat: Tensor = values @ self.weights.to(values.dtype).T
        return flat.reshape(*values.shape[:-1], self.size, self.size)
