"""Member contents that are equal for equal values."""

from __future__ import annotations

from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor

from affectkit.data.schema import ShardError


def encode_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a ``safetensors`` member.

    Args:
        tensors: Tensors by name.

    Raises:
        ShardError: If a floating tensor holds NaN or an infinity.

    Examples:
        >>> import torch
        >>> encode_tensors({"text": torch.zeros(2, 3)}) == encode_tensors({"text": torch.zeros(2, 3)})
        True
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ShardError(
                f"The features {name!r} hold NaN or an infinity: store zeros there and "
                f"mark what is missing in '{name}.present'."
            )
    plain = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    return save(plain)
