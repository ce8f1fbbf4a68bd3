"""Operations and memory of a piece of work, counted while it runs or without running it."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


class Counted(NamedTuple):
    """Floating-point operations, and the most bytes of tensors that were alive at once."""

    flops: int
    peak_bytes: int


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storages that operations make, until they are freed.

    Weights and inputs were there before and are not in the sum; nor is what a kernel needs inside.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Run ``func`` and look at what it made."""
        result: object = func(*args, **(kwargs or {}))
        if any(returned.alias_info is not None for returned in func._schema.returns):
            return result  # a view, perhaps of a weight, or a change in place
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in self._sizes:
                    self._sizes[key] = storage.nbytes()
                    self._live += storage.nbytes()
                    self.peak = max(self.peak, self._live)
                    weakref.finalize(storage, self._freed, key)
        return result

    def _freed(self, key: int) -> None:
        self._live -= self._sizes.pop(key)


def attention_flops(query: Sequence[int], *arguments: object, **options: object) -> int:
    """Operations of torch's fused attention: four projections, scores and their sum."""
    batch, length, width = query
    return 2 * batch * length * width * (4 * width + 2 * length)


#: Without a graph, ``nn.MultiheadAttention`` is one operation, which torch's counter does not know.
ATTENTION = {torch.ops.aten._native_multi_head_attention: attention_flops}


def count_work(
    work: Callable[[], object], *, shapes: FakeTensorMode | None = None, keeps: bool = False
) -> Counted:
    """Count what ``work`` does.

    Args:
        work: Anything on tensors.
        shapes: Run it on shapes alone, for work that the machine has no room or no time for.
        keeps: Whether the first time does something that is then kept, and does not count.
    """
    live = LiveTensors()
    with shapes or contextlib.nullcontext():
        if keeps:
            work()
        with live:
            work()
        # Apart, since it holds on to tensors that are computed again in a backward pass.
        with FlopCounterMode(display=False, custom_mapping=ATTENTION) as flops:
            work()
    return Counted(flops.get_total_flops(), live.peak)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """CPU time of this process, or time of the device."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    synchronize(device)
    start = clock()
    work()
    synchronize(device)
    return clock() - start


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of one large matrix product: the peak that fractions refer to."""
    side = 8192 if device.type == "cuda" else 1536
    left = torch.ones(side, side, device=device, dtype=dtype)
    return 2 * side**3 / min(seconds(lambda: left @ left, device) for _ in range(5))


def synchronize(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
