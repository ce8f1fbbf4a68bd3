"""CLIP models by name, by configuration, or as an adapter remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectkit.encoders.clip import open_clip_bridge as bridge
from affectkit.encoders.clip.base_name import Activation, BaseName, parse_base_name
from affectkit.encoders.clip.clip_base import BaseIdentity, ClipBase
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, NormalizationName, PixelNormalization
from affectkit.encoders.clip.tiny_models import TINY_MODELS


def clip_base(
    name: str = "tiny",
    *,
    pretrained: str | None = None,
    weights: str | None = None,
    activation: Activation | None = None,
    normalization: NormalizationName | PixelNormalization | None = None,
    seed: int = 0,
) -> ClipBase:
    """Build a frozen CLIP model.

    Nothing is downloaded unless ``pretrained`` or an ``hf-hub:`` name asks for weights. OpenAI's weights
    were trained with QuickGELU, many later ones with GELU, and the wrong one changes every number without
    a word; what the tag or the configuration records is therefore checked, and a bare file, which records
    nothing, needs ``activation``.

    Args:
        name: ``"tiny"``, ``"tiny-resnet"``, ``"tiny-siglip"`` or ``"tiny-coca"`` (small, random, offline), a
            model of open_clip, ``"hf-hub:ORG/NAME"`` or ``"local-dir:FOLDER"``. ``"MODEL:TAG"`` is the same
            as ``pretrained=TAG``.
        pretrained: Tag of published weights.
        weights: A file of weights, safetensors or one that torch reads without running code.
        activation: Activation of the weights, where nothing else says it.
        normalization: What the weights expect of pixels; None = what is recorded.
        seed: Seed of random weights.

    Raises:
        ValueError: If the model or tag is unknown, the activation does not fit the weights or is not stated,
            or the file holds other weights.
        FileNotFoundError: If there is no such file.

    Examples:
        >>> base = clip_base("tiny", seed=1)
        >>> base.identity.name, base.embed_dim, base.image.image_size
        ('tiny:seed=1', 32, (32, 32))
    """
    asked = parse_base_name(name)
    tag = pretrained or asked.tag
    activation = activation or asked.activation
    if asked.model.startswith(("hf-hub:", "local-dir:")):
        if pretrained or weights:
            raise ValueError(f"'{name}' brings its weights: leave out pretrained and weights.")
        return _saved_base(asked.model, activation=activation, normalization=normalization)
    config = _config(asked.model)
    if tag and weights:
        raise ValueError(f"the CLIP model '{name}' was given a tag and a weights file: give one of them.")
    if weights is None and asked.from_file:
        raise ValueError(f"the weights of '{name}' came from a file: give it as weights=PATH.")
    if tag:
        return _published_base(asked.model, config, tag, activation=activation, normalization=normalization)
    own: Activation = "quick_gelu" if config.get("quick_gelu") else "gelu"
    if weights is not None:
        if activation is None:
            raise ValueError(
                f"the weights file of '{name}' does not say its activation: give activation='gelu' or "
                "activation='quick_gelu' (OpenAI's weights were trained with the latter)."
            )
        if asked.model.endswith("-quickgelu") and activation == "gelu":
            raise _mismatch(asked.model, "its configuration", "quick_gelu", "gelu")
    used = activation or own
    named = BaseName(
        asked.model,
        seed=0 if weights is not None else seed or asked.seed,
        activation=used if weights is not None or used != own else None,
        from_file=weights is not None,
    )
    model = bridge.random_model(config, activation=used, seed=named.seed)
    if weights is not None:
        bridge.load_weights(model, Path(weights), name=asked.model)
    return bridge.wrap_model(
        model,
        config["text_cfg"],
        name=named,
        normalization=_chosen(normalization) or _recorded(asked.model) or NORMALIZATIONS["clip"],
    )


def clip_base_from_config(
    config: Mapping[str, Any],
    *,
    name: str,
    activation: Activation = "gelu",
    normalization: NormalizationName | PixelNormalization = "clip",
    seed: int = 0,
) -> ClipBase:
    """Build a random CLIP model from a configuration in open_clip's form.

    A local sentence encoder becomes the text tower with ``hf_model_name`` and ``hf_tokenizer_name`` set to
    its folder; it keeps its weights, while the projection after it starts at random.

    Args:
        config: ``embed_dim``, ``vision_cfg``, ``text_cfg`` and what else open_clip's files hold.
        name: Name of the result.
        activation: Activation of the transformers.
        normalization: What is to be done to pixels.
        seed: Seed of the weights.
    """
    model = bridge.random_model(config, activation=activation, seed=seed)
    chosen = _chosen(normalization)
    assert chosen is not None
    return bridge.wrap_model(
        model, config["text_cfg"], name=BaseName(name, seed=seed, from_file=True), normalization=chosen
    )


def find_clip_base(identity: BaseIdentity, place: str | None = None) -> ClipBase:
    """Build the model that an adapter was trained on.

    Args:
        identity: What the adapter remembers of it.
        place: A weights file, a folder for ``local-dir:``, or another name to build it from; None = the
            name in ``identity`` is enough.

    Raises:
        ValueError: If the name is not enough, or the model has other weights.
    """
    asked = parse_base_name(identity.name)
    if place is None:
        if asked.from_file:
            raise ValueError(
                f"the adapter was trained on the CLIP model '{identity.name}', whose weights came from a "
                "file or folder: give it as base=PATH."
            )
        base = clip_base(identity.name)
    elif Path(place).is_dir():
        base = clip_base(f"local-dir:{place}")
    elif Path(place).is_file():
        own: Activation = "quick_gelu" if asked.model.endswith("-quickgelu") else "gelu"
        base = clip_base(asked.model, weights=place, activation=asked.activation or own)
    else:
        base = clip_base(place)
    if base.identity.digest != identity.digest:
        raise ValueError(
            f"the adapter was trained on the CLIP model '{identity.name}' with weights {identity.digest}, "
            f"and {place or 'this name'} gives {base.identity.digest}: give the weights it was trained on."
        )
    return base


def _config(model: str) -> Mapping[str, Any]:
    config = TINY_MODELS.get(model) or bridge.model_config(model)
    if config is None:
        raise ValueError(
            f"open_clip has no model '{model}': give one of {', '.join(TINY_MODELS)}, or a name of "
            "open_clip.list_models()."
        )
    return config


def _published_base(
    model: str,
    config: Mapping[str, Any],
    tag: str,
    *,
    activation: Activation | None,
    normalization: NormalizationName | PixelNormalization | None,
) -> ClipBase:
    facts = bridge.tag_facts(model, tag)
    if not facts:
        known = ", ".join(bridge.tags_of(model)) or "none at all"
        raise ValueError(f"open_clip has no weights '{tag}' of the model '{model}': it has {known}.")
    recorded: Activation = "quick_gelu" if facts.get("quick_gelu") else "gelu"
    own: Activation = "quick_gelu" if config.get("quick_gelu") else "gelu"
    if (activation or own) != recorded:
        raise _mismatch(model, f"the weights '{tag}'", recorded, activation or own)
    built = bridge.random_model(config, activation=recorded, seed=0)
    bridge.load_weights(built, bridge.fetch_tag(model, tag), name=model)
    return bridge.wrap_model(
        built,
        config["text_cfg"],
        name=BaseName(model, tag=tag, activation=activation if recorded != own else None),
        normalization=_chosen(normalization) or _recorded_with(facts),
    )


def _saved_base(
    name: str,
    *,
    activation: Activation | None,
    normalization: NormalizationName | PixelNormalization | None,
) -> ClipBase:
    model, recorded = bridge.saved_model(name)
    config = bridge.model_config(name)
    assert config is not None
    own: Activation = "quick_gelu" if config.get("quick_gelu") else "gelu"
    if activation not in (None, own):
        raise _mismatch(name, "its configuration", own, activation)
    folder = name.removeprefix("local-dir:") if name.startswith("local-dir:") else None
    return bridge.wrap_model(
        model,
        config["text_cfg"],
        # The name alone: a machine's path does not belong in an adapter's file.
        name=BaseName(f"local-dir:{Path(folder).name}" if folder else name),
        normalization=_chosen(normalization) or recorded,
        folder=folder,
    )


def _mismatch(model: str, source: str, recorded: Activation, asked: Activation) -> ValueError:
    remedy = f"give activation='{recorded}'"
    if recorded == "quick_gelu" and not model.endswith("-quickgelu"):
        remedy = f"ask for '{model}-quickgelu' or {remedy}"
    return ValueError(
        f"the CLIP model '{model}' was asked for with activation '{asked}' where {source} has '{recorded}': "
        f"{remedy}."
    )


def _chosen(normalization: NormalizationName | PixelNormalization | None) -> PixelNormalization | None:
    if normalization is None or isinstance(normalization, PixelNormalization):
        return normalization
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"there is no pixel normalisation {normalization!r}: give one of {list(NORMALIZATIONS)}."
        )
    return NORMALIZATIONS[normalization]


def _recorded(model: str) -> PixelNormalization | None:
    """What all published weights of a model agree on."""
    found = {_recorded_with(bridge.tag_facts(model, tag)) for tag in bridge.tags_of(model)}
    return found.pop() if len(found) == 1 else None


def _recorded_with(facts: Mapping[str, Any]) -> PixelNormalization:
    mean, std = facts.get("mean"), facts.get("std")
    if mean is None or std is None:
        return NORMALIZATIONS["clip"]
    return PixelNormalization(tuple(mean), tuple(std))
