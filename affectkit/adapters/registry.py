"""Adapters by name: changing one word changes the way CLIP is taught."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, cast, get_args, get_type_hints

if TYPE_CHECKING:
    from affectkit.adapters.protocol import ClipAdapter
    from affectkit.encoders.clip import ClipBase

#: Name of an adapter -> dotted path of its class.
ADAPTERS: Mapping[str, str] = MappingProxyType(
    {
        "clip_adapter": "affectkit.adapters.clip_feature_adapter.ClipFeatureAdapter",
        "clip_lora": "affectkit.adapters.clip_lora.ClipLora",
        "cocoop": "affectkit.adapters.cocoop.CoCoOp",
        "coop": "affectkit.adapters.coop.CoOp",
        "descriptor": "affectkit.adapters.descriptor.DescriptorPrompts",
        "linear_probe": "affectkit.adapters.linear_probe.LinearProbe",
        "maple": "affectkit.adapters.maple.MaPLe",
        "tip_adapter": "affectkit.adapters.tip_adapter.TipAdapter",
        "zero_shot": "affectkit.adapters.zero_shot.ZeroShot",
    }
)


def adapter_class(name: str) -> type[ClipAdapter]:
    """Import the class of an adapter.

    Raises:
        ValueError: If there is no adapter of that name.
    """
    if name not in ADAPTERS:
        raise ValueError(f"there is no adapter '{name}': give one of {', '.join(ADAPTERS)}.")
    module, _, attribute = ADAPTERS[name].rpartition(".")
    return cast("type[ClipAdapter]", getattr(importlib.import_module(module), attribute))


def adapter_name(adapter: object) -> str:
    """Name under which the class of ``adapter`` is known.

    Raises:
        ValueError: If it is none of the adapters by name.
    """
    path = f"{type(adapter).__module__}.{type(adapter).__qualname__}"
    for name, known in ADAPTERS.items():
        if known == path:
            return name
    raise ValueError(f"{type(adapter).__name__} is no adapter by name: give one of {', '.join(ADAPTERS)}.")


def option_names(name: str) -> tuple[str, ...]:
    """Options of an adapter: the keyword-only arguments of its class."""
    parameters = inspect.signature(adapter_class(name)).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def make_adapter(name: str, base: ClipBase, class_names: Sequence[str], **options: object) -> ClipAdapter:
    """Build an adapter by its name, as a YAML file would.

    Options are compared with the types of the class and converted where YAML has no such type: a list
    becomes a tuple, a whole number a float.

    Args:
        name: A key of ``ADAPTERS``.
        base: The CLIP model.
        class_names: Names of the classes in the order of the labels.
        **options: Options of the class.

    Raises:
        ValueError: If there is no such adapter or option, or a value has another type.
    """
    cls = adapter_class(name)
    known = option_names(name)
    for option in options:
        if option not in known:
            raise ValueError(
                f"the adapter '{name}' has no option '{option}': it knows {', '.join(known) or 'none'}."
            )
    build = cast("Callable[..., ClipAdapter]", cls)
    return build(base, class_names, **_converted(name, cls, known, options))


def _converted(
    name: str, cls: type[ClipAdapter], known: Sequence[str], options: Mapping[str, object]
) -> dict[str, object]:
    # Imported here: only a configuration needs a parser, a component in someone's network does not.
    from jsonargparse import ArgumentError, ArgumentParser

    converted: dict[str, object] = {}
    hints = get_type_hints(cls.__init__)
    for option, value in options.items():
        # The parser of a command line hands the null of a single nested option on as this text.
        if value == "None" and NoneType in get_args(hints[option]):
            converted[option] = None
            continue
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(cls, skip={"base", "class_names", *(set(known) - {option})})
        try:
            converted[option] = parser.parse_object({option: value})[option]
        except ArgumentError as error:
            wanted = hints[option]
            readable = wanted.__name__ if isinstance(wanted, type) else str(wanted)
            readable = readable.replace("typing.", "").replace("collections.abc.", "")
            raise ValueError(
                f"the option '{option}' of the adapter '{name}' got {value!r}, which is no {readable}; "
                f"its options are {', '.join(known)}."
            ) from error
    return converted
