"""The picture networks inside a task, and where in them places can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from affectkit.encoders import TimmImageEncoder, TimmStageEncoder
from affectkit.encoders.clip import ClipBase
from affectkit.encoders.clip.pixel_normalization import PixelNormalization


class PictureNetwork(NamedTuple):
    """One network that reads pixels.

    Attributes:
        name: Where in the task it is.
        whole: The network with its weights.
        entry: Module whose first argument is the pixels.
        stages: Modules from early to late that give maps, one or a list of them; of a transformer, the last
            block, which reads tokens.
        prefix: Tokens before those of the places.
        grid: Rows and columns of the places of a transformer; None where they make a square.
        channels_last: Whether maps come as (N, H, W, C).
        normalization: What was done to the pixels.
    """

    name: str
    whole: nn.Module
    entry: nn.Module
    stages: tuple[nn.Module, ...]
    prefix: int
    grid: tuple[int, int] | None
    channels_last: bool
    normalization: PixelNormalization


def picture_networks(task: nn.Module) -> list[PictureNetwork]:
    """The networks of timm and image towers of CLIP in a task, in its order; others are left out."""
    found: list[PictureNetwork] = []
    for name, module in task.named_modules():
        if isinstance(module, TimmStageEncoder):
            found.append(_network(name, module, module.network, [module.network], module.normalization))
        elif isinstance(module, TimmImageEncoder):
            stages = _stages(module.network)
            found += [_network(name, module, module.network, stages, module.normalization)] if stages else []
        elif isinstance(module, ClipBase):
            tower = _clip_tower(f"{name}.image".lstrip("."), module)
            found += [] if tower is None else [tower]
    return found


def _clip_tower(name: str, base: ClipBase) -> PictureNetwork | None:
    visual: Any = base.image.visual
    trunk = getattr(visual, "trunk", None)
    if isinstance(trunk, nn.Module):  # a network of timm inside open_clip
        stages = _stages(trunk)
        return _network(name, visual, trunk, stages, base.normalization) if stages else None
    grid: tuple[int, int] | None
    if hasattr(visual, "transformer"):
        stages, prefix = [visual.transformer.resblocks[-1]], 1
        grid = (int(visual.grid_size[0]), int(visual.grid_size[1]))
    else:
        layers = [getattr(visual, f"layer{number}", None) for number in range(1, 5)]
        stages, prefix, grid = [layer for layer in layers if layer is not None], 0, None
    if not stages:
        return None
    # Adapters call the parts of a tower, and not always the tower.
    return PictureNetwork(
        name=name,
        whole=visual,
        entry=visual.conv1,
        stages=tuple(stages),
        prefix=prefix,
        grid=grid,
        channels_last=False,
        normalization=base.normalization,
    )


def _network(
    name: str,
    entry: nn.Module,
    network: nn.Module,
    stages: Sequence[nn.Module],
    normalization: PixelNormalization,
) -> PictureNetwork:
    parts: Any = network
    size: object = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    return PictureNetwork(
        name=name,
        whole=network,
        entry=entry,
        stages=tuple(stages),
        prefix=int(getattr(parts, "num_prefix_tokens", 0)),
        grid=(int(size[0]), int(size[1])) if isinstance(size, (tuple, list)) else None,
        channels_last=getattr(parts, "output_fmt", "NCHW") == "NHWC",
        normalization=normalization,
    )


def _stages(network: Any) -> list[nn.Module]:
    """The stages that a network of timm names, from early to late; none where it names none."""
    names = [str(stage["module"]) for stage in getattr(network, "feature_info", None) or []]
    known = dict(network.named_modules())
    return [known[name] for name in names if name in known]
