"""An adapter as one small file that knows which model it belongs to."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from affectkit.adapters.protocol import ClipAdapter
from affectkit.adapters.registry import adapter_name, make_adapter, option_names
from affectkit.adapters.tensor_file import read_tensors, write_tensors
from affectkit.adapters.trained_state import load_trained_state, trained_state
from affectkit.encoders.clip import BaseIdentity, ClipBase, find_clip_base

_KIND = "affectkit adapter 1"


def adapter_options(adapter: ClipAdapter) -> dict[str, object]:
    """Read the options that an adapter was built with, from its attributes of the same names.

    Raises:
        ValueError: If an attribute is missing or is no plain value.
    """
    name = adapter_name(adapter)
    options: dict[str, object] = {}
    for option in option_names(name):
        if not hasattr(adapter, option):
            raise ValueError(f"the adapter '{name}' does not remember its option '{option}': give options=.")
        options[option] = getattr(adapter, option)
    return options


def save_adapter(
    path: Path | str, adapter: ClipAdapter, *, options: Mapping[str, object] | None = None
) -> int:
    """Write what an adapter learned, with its name, options, classes and the identity of its base model.

    The base model itself is not in the file. The file is either whole or absent.

    Args:
        path: A safetensors file.
        adapter: An adapter of :data:`~affectkit.adapters.registry.ADAPTERS`.
        options: Plain options it was built with; None reads them from its attributes.

    Returns:
        Size of the file in bytes.

    Raises:
        ValueError: If the adapter is not known by name, or an option is no plain value.
    """
    name = adapter_name(adapter)
    assert isinstance(adapter, nn.Module)
    about = {
        "adapter": name,
        "options": dict(adapter_options(adapter) if options is None else options),
        "class_names": list(adapter.class_names),
        "base": adapter.base.identity._asdict(),
    }
    return write_tensors(path, trained_state(adapter), kind=_KIND, about=about)


def load_adapter(path: Path | str, base: ClipBase | str | None = None) -> ClipAdapter:
    """Build an adapter from its file, in evaluation mode.

    A base that is given is only read: where the base itself was trained, the adapter gets a copy.

    Args:
        path: What :func:`save_adapter` wrote.
        base: The CLIP model, or the path or name to build it from; None builds it from the name in the
            file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no adapter, the base model is not found, or it has other weights.
    """
    tensors, about = read_tensors(path, kind=_KIND)
    identity = BaseIdentity(**about["base"])
    if base is None or isinstance(base, str):
        base = find_clip_base(identity, base)
    elif base.identity.digest != identity.digest:
        raise ValueError(
            f"the adapter in {path} was trained on '{identity.name}' (digest {identity.digest}), and "
            f"the base given is '{base.identity.name}' with other weights (digest {base.identity.digest}): "
            "give the base it was trained on."
        )
    elif any(name.removeprefix("base.") in base.state_dict() for name in tensors):
        base = copy.deepcopy(base)
    adapter = make_adapter(about["adapter"], base, about["class_names"], **about["options"])
    assert isinstance(adapter, nn.Module)
    load_trained_state(adapter, tensors)
    adapter.eval()
    return adapter
