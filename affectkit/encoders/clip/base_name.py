"""How a CLIP base is asked for: a model and what makes its numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

Activation = Literal["gelu", "quick_gelu"]


class BaseName(NamedTuple):
    """A model of open_clip, and where its weights are from.

    Written ``MODEL``, ``MODEL:TAG`` or ``MODEL:seed=3,activation=quick_gelu``; ``file`` in place of a tag
    says that the weights came from a file, whose place is not part of the name.

    Args:
        model: Name of the model, ``hf-hub:`` and ``local-dir:`` included.
        tag: Published weights.
        seed: Seed of random weights.
        activation: Activation, where it is not the model's own.
        from_file: Whether the weights came from a file or folder.
    """

    model: str
    tag: str | None = None
    seed: int = 0
    activation: Activation | None = None
    from_file: bool = False

    def __str__(self) -> str:
        """Write the name so that :func:`parse_base_name` reads the same."""
        parts = [self.tag] if self.tag else ["file"] if self.from_file else []
        parts += [f"seed={self.seed}"] if self.seed else []
        parts += [f"activation={self.activation}"] if self.activation else []
        return f"{self.model}:{','.join(parts)}" if parts else self.model


def parse_base_name(text: str) -> BaseName:
    """Read what :class:`BaseName` writes.

    Raises:
        ValueError: If a part of it means nothing.

    Examples:
        >>> parse_base_name("ViT-B-32-quickgelu:openai")
        BaseName(model='ViT-B-32-quickgelu', tag='openai', seed=0, activation=None, from_file=False)
        >>> str(parse_base_name("tiny:seed=3"))
        'tiny:seed=3'
    """
    schema = next((known for known in ("hf-hub:", "local-dir:") if text.startswith(known)), "")
    if schema:
        return BaseName(text, from_file=schema == "local-dir:")
    model, _, rest = text.partition(":")
    name = BaseName(model)
    for part in rest.split(",") if rest else []:
        key, equals, value = part.partition("=")
        if part == "file":
            name = name._replace(from_file=True)
        elif not equals:
            name = name._replace(tag=part)
        elif key == "seed" and value.isdigit():
            name = name._replace(seed=int(value))
        elif part == "activation=gelu":
            name = name._replace(activation="gelu")
        elif part == "activation=quick_gelu":
            name = name._replace(activation="quick_gelu")
        else:
            raise ValueError(
                f"the base name {text!r} has a part {part!r} that means nothing: write MODEL, MODEL:TAG, "
                "MODEL:seed=NUMBER or MODEL:file,activation=quick_gelu."
            )
    return name
