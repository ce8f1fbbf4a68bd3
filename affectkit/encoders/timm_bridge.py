"""The only module that touches timm: picture networks by name, whole or cut at their stages."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from affectkit._optional import require
from affectkit.encoders.clip.pixel_normalization import PixelNormalization

# One normalisation over all channels of a picture, so that pictures do not see each other.
_SMALL_RESNET = {
    "layers": (1, 1, 1, 1),
    "channels": (8, 16, 32, 64),
    "norm_layer": "groupnorm1",
    "zero_init_last": False,
}
_SMALL_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}

#: Small random networks that need no download: a network of timm, and what makes it small.
TINY_NETWORKS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "tiny": ("resnet18", _SMALL_RESNET),
    "tiny-vit": ("vit_tiny_patch16_224", _SMALL_VIT),
}


def build_network(
    name: str,
    *,
    pretrained: bool = False,
    weights: str | None = None,
    image_size: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a network without its classifier.

    Args:
        name: A name of :data:`TINY_NETWORKS`, of timm (``"resnet18"``, ``"vit_base_patch16_224.mae"``),
            ``"hf-hub:ORG/NAME"`` or ``"local-dir:FOLDER"``.
        pretrained: Whether published weights are loaded, and downloaded unless they are there.
        weights: File of weights of the same network, with or without a classifier.
        image_size: Height and width of the pictures, for networks that are built for one size.
        options: Further arguments of the network.

    Raises:
        MissingExtraError: If timm is not installed.
        FileNotFoundError: If there is no weights file.
        ValueError: If the network, an option or the weights do not exist or fit.
    """
    if pretrained and (weights is not None or name in TINY_NETWORKS):
        raise ValueError(
            f"the picture network {name!r} was given pretrained=True and "
            f"{'weights' if weights is not None else 'has no published weights'}: leave one of them out."
        )
    if weights is None:
        return _create(name, pretrained, image_size, options, num_classes=0)
    plain = _create(name, False, image_size, options, num_classes=0)
    state = _read_weights(Path(weights), plain, name=name)
    # Once more, through timm's own loading: it fits the places of a transformer to another picture size.
    return _create(name, True, image_size, options, num_classes=0, state=state)


def build_stages(
    name: str,
    stages: Sequence[int],
    *,
    pretrained: bool = False,
    weights: str | None = None,
    image_size: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a network that ends with the last of ``stages`` and gives the maps of all of them.

    Raises:
        ValueError: If there is no such stage; else as :func:`build_network`.
    """
    state = None
    if weights is not None or (pretrained and name in TINY_NETWORKS):
        whole = build_network(
            name, pretrained=pretrained, weights=weights, image_size=image_size, options=options
        )
        state = whole.state_dict()
    chosen = {"features_only": True, "out_indices": tuple(stages)}
    try:
        return _create(name, pretrained or state is not None, image_size, options, state=state, **chosen)
    except (AssertionError, IndexError) as error:
        whole = _create(name, False, image_size, options, features_only=True, out_indices=(0,))
        raise ValueError(
            f"the picture network {name!r} has no stages {list(stages)}: it has {stage_count(whole)}, "
            "numbered from 0."
        ) from error


def stage_count(network: nn.Module) -> int:
    """Stages that a network of :func:`build_stages` could have been cut at."""
    info: Any = network.feature_info
    return len(info.info)


def stage_widths(network: nn.Module) -> list[int]:
    """Channels of each chosen stage."""
    info: Any = network.feature_info
    return [int(width) for width in info.channels()]


def channels_last(network: nn.Module) -> bool:
    """Whether maps come as (B, H, W, C)."""
    return bool(getattr(network, "output_fmt", "NCHW") == "NHWC")


def pixel_normalization(network: nn.Module) -> PixelNormalization:
    """What the weights of a network expect of pixels."""
    config: Any = network.pretrained_cfg
    return PixelNormalization(tuple(config["mean"]), tuple(config["std"]))


def fixed_size(name: str, image_size: int | None) -> int | None:
    """Height and width that a network reads alone; None = any."""
    if name in TINY_NETWORKS:
        own = TINY_NETWORKS[name][1].get("img_size")
        return None if own is None else image_size or int(own)
    config: Any = _timm().get_pretrained_cfg(name) if ":" not in name else None
    if config is None or not config.fixed_input_size:
        return None
    return image_size or int(config.input_size[-1])


def _timm() -> Any:
    return require("timm", extra="all", purpose="Encoding pictures with a network of timm")


def _create(
    name: str,
    pretrained: bool,
    image_size: int | None,
    options: Mapping[str, Any] | None,
    *,
    state: Mapping[str, Tensor] | None = None,
    **further: Any,
) -> nn.Module:
    library = _timm()
    model, small = TINY_NETWORKS.get(name, (name, {}))
    arguments = {**small, **(options or {}), **further}
    if ":" not in model:
        _check_name(model)
        # Networks for pictures of any size do not know the argument.
        if image_size is not None and fixed_size(name, image_size) is not None:
            arguments["img_size"] = image_size
    if state is not None:
        arguments["pretrained_cfg_overlay"] = {"state_dict": dict(state)}
    try:
        network: Any = library.create_model(model, pretrained=pretrained, **arguments)
    except TypeError as error:
        raise ValueError(
            f"the picture network {name!r} cannot be built with the options {sorted(options or {})} "
            f"({str(error)[:160]}): leave out what it does not know."
        ) from error
    except (RuntimeError, OSError) as error:
        raise ValueError(
            f"the picture network {name!r} cannot be built ({str(error).splitlines()[0][:200]}): check the "
            "name, its tag and whether its weights can be reached."
        ) from error
    # A copy of the weights must not travel with the network.
    network.pretrained_cfg = {**network.pretrained_cfg, "state_dict": None}
    network.default_cfg = network.pretrained_cfg
    result: nn.Module = network
    return result


def _check_name(name: str) -> None:
    library = _timm()
    base = name.split(".")[0]
    if library.is_model(base):
        tags = [known.partition(".")[2] for known in library.list_pretrained(f"{base}.*")]
        tag = name.partition(".")[2]
        if tag and tag not in tags:
            raise ValueError(
                f"timm has no weights {tag!r} of the picture network {base!r}: it has "
                f"{', '.join(tags) or 'none'}."
            )
        return
    known = [*TINY_NETWORKS, *library.list_models()]
    near = difflib.get_close_matches(name, known, n=3) or ["tiny", "resnet18"]
    raise ValueError(
        f"timm has no picture network {name!r}: near names are {', '.join(near)}, and "
        "timm.list_models() gives all of them."
    )


def _read_weights(file: Path, network: nn.Module, *, name: str) -> dict[str, Tensor]:
    if not file.is_file():
        raise FileNotFoundError(f"there is no weights file {str(file)!r} for the picture network {name!r}.")
    try:
        state: dict[str, Tensor] = _timm().models.load_state_dict(str(file), weights_only=True)
        stored = {key for key, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:
        raise ValueError(
            f"{file.name!r} cannot be read as weights ({str(error).splitlines()[0][:160]}): give a "
            "safetensors file, or one that torch reads without running code."
        ) from error
    config: Any = network.pretrained_cfg
    found = config.get("classifier") or ()
    heads = tuple(f"{head}." for head in ((found,) if isinstance(found, str) else found))
    own = network.state_dict()
    missing = sorted(key for key in own.keys() - stored if not key.endswith("num_batches_tracked"))
    surplus = sorted(key for key in stored - own.keys() if not key.startswith(heads or "\0"))
    # Places of a transformer are fitted to the picture size; all else has one shape.
    shapes = sorted(
        key
        for key in own.keys() & stored
        if own[key].shape != state[key].shape and "pos_embed" not in key and "relative_position" not in key
    )
    if missing or surplus or shapes:
        if missing:
            detail = f"it lacks {missing[0]}"
        elif surplus:
            detail = f"it also holds {surplus[0]}"
        else:
            stored_shape, own_shape = (tuple(each[shapes[0]].shape) for each in (state, own))
            detail = f"{shapes[0]} has the shape {stored_shape}, not {own_shape}"
        raise ValueError(
            f"{file.name!r} does not hold the weights of the picture network {name!r} ({detail}): give the "
            "file of this network, or the network of this file."
        )
    return state


def keep_frozen_statistics(module: nn.Module) -> None:
    """Put every batch normalisation without a trained parameter into evaluation, whatever the mode."""
    for part in module.modules():
        # The public base of all batch normalisations is private in torch; its attribute is not.
        if hasattr(part, "num_batches_tracked") and not any(p.requires_grad for p in part.parameters()):
            part.eval()
