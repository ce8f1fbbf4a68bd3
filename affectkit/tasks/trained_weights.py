"""A checkpoint without the frozen base that many runs share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn


class BaseMismatchError(ValueError):
    """A checkpoint was trained on other weights than those that it is loaded over."""


def frozen_names(module: nn.Module, *, bases: Iterable[nn.Module]) -> set[str]:
    """Names of the parameters of ``bases`` that are not trained, as ``module.state_dict()`` calls them.

    Buffers of a base stay: they are small, and some follow what is trained.

    Examples:
        >>> model = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 1))
        >>> sorted(frozen_names(model, bases=[model[0]]))
        ['0.bias', '0.weight']
    """
    inside = {id(parameter) for base in bases for parameter in base.parameters()}
    return {
        name
        for name, parameter in module.named_parameters(remove_duplicate=False)
        if id(parameter) in inside and not parameter.requires_grad
    }


def without_frozen(state: Mapping[str, Tensor], frozen: set[str]) -> dict[str, Tensor]:
    """Leave frozen entries out of a state."""
    return {name: value for name, value in state.items() if name not in frozen}


def with_frozen(state: Mapping[str, Tensor], module: nn.Module, frozen: set[str]) -> dict[str, Tensor]:
    """Put the frozen entries of ``module`` into a state that was saved without them."""
    own = module.state_dict()
    return {**{name: own[name] for name in frozen if name not in state}, **state}


def check_base(
    stored: object, *, name: str, digest: str, task: str, option: str = "base_weights=FILE"
) -> None:
    """Compare the base that a checkpoint names with the one at hand.

    Args:
        stored: What the checkpoint says: a mapping with ``name`` and ``digest``.
        name: Name of the base at hand.
        digest: Digest of its weights.
        task: Name of the task, for the message.
        option: How the task is given other weights, for the message.

    Raises:
        BaseMismatchError: If the digests differ, or the checkpoint names none.
    """
    if not isinstance(stored, Mapping):
        raise BaseMismatchError(
            f"The checkpoint does not name the base model that {task} needs beside it: it was made by "
            "another task, so load it with that one."
        )
    if stored.get("digest") != digest:
        raise BaseMismatchError(
            f"The checkpoint was trained on the base {stored.get('name')!r} with weights "
            f"{str(stored.get('digest'))[:12]}, but the base here is {name!r} with weights {digest[:12]}: "
            f"give those weights, `{task}.load_from_checkpoint(path, {option})`."
        )
