"""What a module does with its tensors, recorded while it runs: which part is called, with which shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

#: Parts that hand on what they get.
SILENT = (nn.Dropout, nn.Identity)
#: Boxes in one picture; parts are shown whole rather than in more.
MOST_BOXES = 11
MOST_BESIDE = 4
#: Arrows that pass over a layer; with more, only what nothing else implies is drawn.
MOST_SHORTCUTS = 5


@dataclass(slots=True)
class Call:
    """One call of a part, or an input or output of the whole.

    Args:
        title: What stands first in its box.
        detail: Shape of what it gives.
        kind: ``"input"``, ``"part"`` or ``"output"``.
        parameters: Number of parameters of the part.
        trained: How many of them learn.
        times: How often it is called in a row.
        sources: Positions of the calls that it reads from.
    """

    title: str
    detail: str
    kind: str = "part"
    parameters: int = 0
    trained: int = 0
    times: int = 1
    sources: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Event:
    """What a hook saw: a module, its path and what went in and out."""

    path: str
    module: nn.Module
    inputs: list[Tensor]
    outputs: list[tuple[str, Tensor]]
    depth: int


def tensors(thing: object, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """All tensors in a result, with the names under which they are found."""
    if isinstance(thing, Tensor):
        yield name, thing
    elif hasattr(thing, "_asdict"):
        for key, value in thing._asdict().items():
            yield from tensors(value, key)
    elif isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from tensors(value, f"{name}.{key}" if name else str(key))
    elif isinstance(thing, (tuple, list)):
        for place, value in enumerate(thing):
            yield from tensors(value, name or ("" if len(thing) == 1 else str(place)))
    elif hasattr(thing, "inputs") and hasattr(thing, "masks"):
        yield from tensors(thing.inputs)


def shape(tensor: Tensor) -> str:
    """A shape as it is written in docstrings."""
    return "(" + ", ".join(str(size) for size in tensor.shape) + ")" if tensor.ndim else "one number"


@contextmanager
def recorded(root: nn.Module) -> Iterator[list[Event]]:
    """Record every call of ``root`` and of its parts while the block runs."""
    events: list[Event] = []
    paths = {module: path for path, module in root.named_modules()}
    handles = []

    def before(module: nn.Module, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        for _, tensor in tensors((*args, *kwargs.values())):
            if tensor.is_floating_point() and tensor.is_leaf and not tensor.is_inference():
                tensor.requires_grad_()

    def after(
        module: nn.Module, args: tuple[object, ...], kwargs: Mapping[str, object], result: object
    ) -> None:
        if isinstance(module, SILENT):
            return
        given = [tensor for _, tensor in tensors((*args, *kwargs.values()))]
        path = paths[module]
        depth = path.count(".") + bool(path)
        events.append(Event(path, module, given, list(tensors(result)), depth))

    for module in paths:
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    handles.append(root.register_forward_pre_hook(before, with_kwargs=True))
    try:
        with torch.enable_grad():
            yield events
    finally:
        for handle in handles:
            handle.remove()


def _count(modules: Iterable[nn.Module]) -> tuple[int, int]:
    found = {parameter for module in modules for parameter in module.parameters()}
    return sum(each.numel() for each in found), sum(each.numel() for each in found if each.requires_grad)


def _chosen(events: list[Event]) -> list[Event]:
    """The finest division into parts that a picture can hold."""
    inner = [event for event in events if event.path]
    chosen: list[Event] = []
    for depth in range(1, max((event.depth for event in inner), default=0) + 1):
        names = {event.path for event in inner}
        #: a part that holds calls of its own is replaced by them once they are shallow enough
        finer = [
            event
            for event in inner
            if event.depth <= depth
            and not any(other.startswith(event.path + ".") and other.count(".") < depth for other in names)
        ]
        if chosen and len(_merged_paths(finer)) > MOST_BOXES:
            break
        chosen = finer
    return chosen


def _merged_paths(events: list[Event]) -> list[str]:
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event.path:
            found.append(event.path)
    return found


def _ancestors(tensor: Tensor, owners: dict[object, int]) -> set[int]:
    """The calls whose results a tensor was computed from, without another call in between."""
    if id(tensor) in owners:
        return {owners[id(tensor)]}
    if tensor.grad_fn is None:
        return set()
    found: set[int] = set()
    seen: set[object] = set()
    stack: list[object] = [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in owners:
            found.add(owners[node])
            continue
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) in owners:
            found.add(owners[id(variable)])
        stack.extend(
            following for following, _ in getattr(node, "next_functions", ()) if following is not None
        )
    return found


def flow(root: nn.Module, run: Callable[[], object]) -> list[Call]:
    """The calls inside one run of a module, and which feeds which, by the graph of its gradients."""
    with recorded(root) as events:
        run()
    whole = [event for event in events if not event.path]
    if not whole:
        return []
    last = whole[-1]
    calls: list[Call] = []
    owners: dict[object, int] = {}
    if not last.inputs:
        calls.append(Call("input", "no tensors", "input"))
    for number, tensor in enumerate(last.inputs):
        # flags say what is real, and numbers of speakers come second
        if (
            tensor.is_floating_point()
            or tensor.dtype == torch.uint8
            or (tensor.dtype == torch.int64 and number == 0)
        ):
            owners[id(tensor)] = len(calls)
            calls.append(Call("input", shape(tensor), "input"))
    parts = _chosen(events[: events.index(last)])
    for event in parts:
        sources: set[int] = set()
        for tensor in event.inputs:
            sources |= _ancestors(tensor, owners)
        previous = calls[-1] if calls else None
        kind = type(event.module).__name__
        title = (
            f"{event.path}\n{kind}" if not event.path.rpartition(".")[2].isdigit() else f"{kind} {event.path}"
        )
        outputs = event.outputs
        detail = shape(outputs[0][1]) if outputs else ""
        if previous is not None and previous.title == title:
            previous.times += 1
            place = len(calls) - 1
            previous.detail = detail
        else:
            total, trained = _count([event.module])
            place = len(calls)
            sources.discard(place)
            calls.append(Call(title, detail, "part", total, trained, 1, sources))
        for _, tensor in outputs:
            # what works in place gives its input's object with another history
            owners[id(tensor)] = place
            if tensor.grad_fn is not None:
                owners.setdefault(tensor.grad_fn, place)
    if not parts:
        place = len(calls)
        total, trained = _count([root])
        calls.append(Call(type(root).__name__, "", "part", total, trained, 1, set(range(place))))
        for _, tensor in last.outputs:
            owners[id(tensor)] = place
    results: list[Call] = []
    for name, tensor in last.outputs:
        if tensor.dtype == torch.bool:
            continue
        sources = _ancestors(tensor, owners)
        results.append(Call(name or "output", shape(tensor), "output", sources=sources))
    calls += results[:4]
    _mend(calls)
    return calls


def _mend(calls: list[Call]) -> None:
    """Where the graph says nothing (integers, frozen parts), a call reads what was computed just before."""
    for place, call in enumerate(calls):
        call.sources = {
            source for source in call.sources if source < place and calls[source].kind != "output"
        }
        if call.kind == "input" or call.sources:
            continue
        before = [number for number in range(place) if calls[number].kind != "output"]
        if before:
            call.sources = {before[-1]}
    if _shortcuts(calls) > MOST_SHORTCUTS:
        for call in calls:
            implied: set[int] = set()
            for source in call.sources:
                implied |= _behind(calls, source)
            call.sources -= implied


def _behind(calls: list[Call], place: int) -> set[int]:
    """Everything that a call was computed from."""
    found: set[int] = set()
    stack = [place]
    while stack:
        for source in calls[stack.pop()].sources - found:
            found.add(source)
            stack.append(source)
    return found


def _shortcuts(calls: list[Call]) -> int:
    """How many arrows pass over a layer."""
    depth = {place: number for number, row in enumerate(layers(calls)) for place in row}
    return sum(
        depth[place] - depth[source] > 1 for place, call in enumerate(calls) for source in call.sources
    )


def layers(calls: list[Call]) -> list[list[int]]:
    """Positions of calls by the length of the longest way from an input."""
    level: list[int] = []
    for call in calls:
        level.append(1 + max((level[source] for source in call.sources), default=-1))
    parts = [depth for depth, call in zip(level, calls, strict=True) if call.kind != "output"]
    end = max(parts, default=0) + 1
    level = [end if call.kind == "output" else depth for depth, call in zip(level, calls, strict=True)]
    found: list[list[int]] = [[] for _ in range(end + 1)]
    for place, depth in enumerate(level):
        found[depth].append(place)
    return [row for row in found if row]
