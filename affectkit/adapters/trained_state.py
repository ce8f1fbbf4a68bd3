"""What an adapter learned, without the model that it stands on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


def trained_state(adapter: nn.Module) -> dict[str, Tensor]:
    """Collect what training changed: parameters that learn, and persistent buffers outside ``base``.

    The tensors are those of the adapter, detached, not copies.

    Args:
        adapter: A module whose frozen model is registered as ``base``.

    Examples:
        >>> adapter = nn.Module()
        >>> adapter.base, adapter.classifier = nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 3)
        >>> sorted(trained_state(adapter))
        ['classifier.bias', 'classifier.weight']
    """
    state: dict[str, Tensor] = adapter.state_dict()
    parameters = dict(adapter.named_parameters(remove_duplicate=False))
    return {
        name: value.detach()
        for name, value in state.items()
        if (parameters[name].requires_grad if name in parameters else not name.startswith("base."))
    }


def load_trained_state(adapter: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put a :func:`trained_state` into an adapter built with the same options.

    What was trained of the base itself is put there, and learns from now on.

    Raises:
        ValueError: If the state is of another adapter, or of other options.
    """
    parameters = dict(adapter.named_parameters(remove_duplicate=False))
    expected = trained_state(adapter).keys()
    missing = sorted(expected - state.keys())
    tuned = {name for name in state.keys() - expected if name.startswith("base.") and name in parameters}
    further = sorted(state.keys() - expected - tuned)
    if missing or further:
        odd = f"lacks '{missing[0]}'" if missing else f"holds '{further[0]}', which the adapter has not"
        raise ValueError(
            f"the trained state does not fit {type(adapter).__name__} ({odd}): "
            "build the adapter with the name and the options that it was trained with."
        )
    try:
        adapter.load_state_dict(state, strict=False)
    except RuntimeError as error:
        detail = str(error).strip().splitlines()[-1].strip()
        raise ValueError(
            f"the trained state does not fit {type(adapter).__name__} ({detail}): "
            "build the adapter with the options and the classes that it was trained with."
        ) from error
    for name in tuned:
        parameters[name].requires_grad_(True)
