"""Which pictures a component gets: a rule for each kind, and for what a kind's rule says nothing of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from mechanism_canvas import Picture
from mechanism_classes import component_class
from mechanism_curriculum_pictures import (
    curriculum_picture,
    curve_picture,
    difficulty_picture,
    weighting_picture,
)
from mechanism_example import example_picture
from mechanism_flow_picture import flow_picture
from mechanism_fusion_pictures import fusion_picture
from mechanism_loss_pictures import loss_picture
from mechanism_metric_pictures import metric_picture
from mechanism_other_pictures import (
    adjacency_picture,
    dropout_picture,
    membership_picture,
    prototype_picture,
    reallocation_picture,
    scaling_picture,
)
from module_cases import CASES
from module_runs import IN_DIMS, TWO_VIEWS
from torch import Tensor, nn

from affectkit.adapters import TipAdapter, make_adapter
from affectkit.catalog import Component
from affectkit.encoders.clip import clip_base

Draw = Callable[[], Picture | None]


class MissingPictureError(LookupError):
    """No rule draws a component."""


def case_flow(row: Component) -> Picture:
    """The flow of the first contract case, in a batch of three."""
    case = CASES[row.name][0]
    torch.manual_seed(0)
    module = case.build().eval()
    return flow_picture(row.name, module, lambda: case.run(module, 3))


def fusion_shares(row: Component) -> Picture:
    """The first contract case of a fusion with modalities missing."""
    torch.manual_seed(0)
    fusion = CASES[row.name][0].build().eval()
    widths = TWO_VIEWS if row.modalities == ("visual",) else IN_DIMS
    return fusion_picture(row.name, fusion, dict(widths))


class Whole(nn.Module):
    """An adapter from pictures to logits, so that its tower is part of the flow."""

    def __init__(self, adapter: nn.Module) -> None:
        super().__init__()
        self.adapter = adapter

    def forward(self, images: Tensor) -> Tensor:
        """Encode and classify."""
        encode = self.adapter.encode
        logits: Tensor = self.adapter(encode(images)).logits  # type: ignore[operator]
        return logits


def adapter_flow(row: Component) -> Picture:
    """An adapter of the tiny model, with three classes."""
    torch.manual_seed(0)
    names = {kind.lower() for kind in (row.name, *row.aliases)}
    given = next(name for name in _adapter_names() if name in names)
    adapter = make_adapter(given, clip_base("tiny"), ("joy", "anger", "fear"))
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    if isinstance(adapter, TipAdapter):
        adapter.build_cache([(images, torch.tensor([0, 1, 2]))])
    assert isinstance(adapter, nn.Module)
    whole = Whole(adapter).eval()
    return flow_picture(row.name, whole, lambda: whole(images))


def _adapter_names() -> list[str]:
    from affectkit.adapters import ADAPTERS

    return sorted(ADAPTERS)


def _by_name(row: Component) -> Mapping[str, Callable[[str], Picture]]:
    return {
        "LabelGraph": adjacency_picture,
        "Hypergraph": membership_picture,
        "VAPrototypeGrid": prototype_picture,
        "TemperatureScaling": scaling_picture,
        "VectorScaling": scaling_picture,
        "MonteCarloDropout": dropout_picture,
        "AttentionReallocator": reallocation_picture,
    }


def rules(row: Component) -> list[tuple[str, Draw]]:
    """The pictures of a component: the end of a file's name, and what draws it.

    Raises:
        MissingPictureError: If no rule knows its kind.
    """
    kind = component_class(row)
    named = _by_name(row).get(row.name)
    if named is not None:
        return [("", lambda: named(row.name))]
    if row.kind == "fusion":
        return [("", lambda: fusion_shares(row)), (".flow", lambda: case_flow(row))]
    by_kind: dict[str, Draw] = {
        "loss": lambda: loss_picture(row.name, [case.build for case in CASES[row.name]]),
        "metric": lambda: metric_picture(row.name, kind),
        "curriculum": lambda: curriculum_picture(row.name),
        "difficulty": lambda: difficulty_picture(row.name),
        "pacing": lambda: curve_picture(row.name),
        "schedule": lambda: curve_picture(row.name),
        "weighting": lambda: weighting_picture(row.name),
        "adapter": lambda: adapter_flow(row),
    }
    if row.kind in by_kind:
        return [("", by_kind[row.kind])]
    if row.name in CASES:
        return [("", lambda: case_flow(row))]
    if row.kind in ("extractor", "graph", "prompt", "retrieval", "scorer", "task", "transform"):
        return [("", lambda: example_picture(kind))]
    raise MissingPictureError(
        f"no rule draws '{row.name}' of kind '{row.kind}': add one to docs/_ext/mechanism_pictures.py."
    )


def pictures(row: Component) -> list[tuple[str, Picture]]:
    """Draw all pictures of a component.

    Raises:
        MissingPictureError: If there is no rule, or nothing to draw.
    """
    found = []
    for ending, draw in rules(row):
        torch.manual_seed(0)
        picture = draw()
        if picture is None:
            raise MissingPictureError(
                f"'{row.name}' of kind '{row.kind}' is drawn from the example of its docstring: give it one."
            )
        found.append((ending, picture))
    return found
