"""Fusions: what becomes of their output, and of the shares they deal out, as modalities vanish."""

from __future__ import annotations

from itertools import combinations

import torch
from mechanism_canvas import CURVES, DIVERGING, MUTED, Picture, label, number, panels, styled
from torch import Tensor, nn

from affectkit.fusion import modality_shares
from affectkit.types import Encoding

#: Rows over which a change is averaged.
ROWS = 64


def fusion_picture(name: str, fusion: nn.Module, widths: dict[str, int]) -> Picture:
    """Run a fusion on every subset of its modalities.

    Args:
        name: Its class.
        fusion: The fusion, as a contract case builds it.
        widths: Width of each modality.
    """
    generator = torch.Generator().manual_seed(0)
    parts: dict[str, Encoding] = {}
    for key in sorted(widths):
        tokens = torch.randn(ROWS, 5, widths[key], generator=generator)
        parts[key] = Encoding(tokens.mean(1) * 5**0.5, tokens=tokens)
    subsets = [each for size in range(len(widths), -1, -1) for each in combinations(sorted(widths), size)]
    titles = [" and ".join(each) if each else "none" for each in subsets]
    read = modality_shares(fusion)
    outputs: list[Tensor] = []
    shares: list[dict[str, float]] = []
    with torch.no_grad():
        for subset in subsets:
            present = {key: torch.full((ROWS,), key in subset) for key in parts}
            result: Encoding = fusion(parts, present)
            outputs.append(result.pooled)
            if read is not None:
                shares.append({key: float(value.mean()) for key, value in read(parts, present).items()})
    whole = outputs[0]
    change = [float((each - whole).norm(dim=-1).mean() / whole.norm(dim=-1).mean()) for each in outputs]
    first = torch.stack([each[0] for each in outputs])
    limit = float(first.abs().max()) or 1.0
    with styled():
        names = ["output of one row", "change of the output", *(["shares"] if shares else [])]
        drawn, axes = panels(names, widths=(1.2, 1.1, 1.0)[: len(names)])
        drawn_image = axes[0].pcolormesh(first.flip(0), cmap=DIVERGING, vmin=-limit, vmax=limit)
        bar = drawn.colorbar(drawn_image, ax=axes[0], shrink=0.85)
        bar.outline.set_visible(False)
        axes[0].grid(False)
        places = [len(subsets) - 1 - row for row in range(len(subsets))]
        axes[0].set_yticks([place + 0.5 for place in places], titles)
        label(axes[0], "feature of the output", "present")
        axes[1].barh(places, change, color=CURVES[1], height=0.55)
        for place, value in zip(places, change, strict=True):
            axes[1].annotate(
                number(value),
                (value, place),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes[1].set_yticks(places, titles if len(names) == 2 else [""] * len(places))
        axes[1].set_ylim(-0.6, len(subsets) - 0.4)
        axes[1].margins(x=0.2)
        axes[1].set_xlabel("distance / length of all")
        if shares:
            left = [0.0] * len(subsets)
            for colour, key in zip(CURVES, sorted(widths)):
                sizes = [share[key] for share in shares]
                axes[2].barh(places, sizes, left=left, color=colour, height=0.55, label=key)
                left = [a + b for a, b in zip(left, sizes, strict=True)]
            axes[2].set_yticks(places, [""] * len(places))
            axes[2].set_ylim(-0.6, len(subsets) - 0.4)
            axes[2].set_xlabel("share")
            axes[2].legend(loc="upper left", bbox_to_anchor=(0, -0.22), ncols=2, fontsize=8)
        axes[1].axvline(0, color=MUTED, linewidth=0.8)
    words = [f"{title}: {number(value)}" for title, value in zip(titles, change, strict=True)]
    alt = f"{name} with modalities missing. Change of its output against all present: {', '.join(words)}."
    if shares:
        alt += (
            " With all present the shares are "
            + ", ".join(f"{key} {number(value)}" for key, value in sorted(shares[0].items()))
            + "."
        )
    return Picture(
        drawn, alt, f"An untrained {name} on {ROWS} random rows, with each subset of its modalities present."
    )
