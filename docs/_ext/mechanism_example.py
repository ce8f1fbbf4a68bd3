"""What the example in a docstring does: the first call of the component in it, or the text that it prints."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import textwrap
from collections.abc import Callable
from typing import NamedTuple

import torch
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from mechanism_canvas import BOX, CURVES, MUTED, Picture, count, figure, styled
from mechanism_flow import Call
from mechanism_flow_picture import draw, flow_picture
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook


class Seen(NamedTuple):
    """An object of the component that an example makes, and how it was called."""

    thing: object
    run: Callable[[], object] | None


def examples(kind: type) -> list[doctest.Example]:
    """The statements of a docstring's example."""
    return doctest.DocTestParser().get_examples(kind.__doc__ or "")


def seen(kind: type) -> Seen | None:
    """Run the example and look at what it makes of the component."""
    calls: list[tuple[nn.Module, tuple[object, ...]]] = []

    def notice(module: nn.Module, args: tuple[object, ...]) -> None:
        if isinstance(module, kind) and not calls:
            calls.append((module, args))

    names = dict(vars(importlib.import_module(kind.__module__)))
    handle = register_module_forward_pre_hook(notice)
    torch.manual_seed(0)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for example in examples(kind):
                exec(compile(example.source, f"<{kind.__name__}>", "single"), names)
    finally:
        handle.remove()
    if calls:
        module, args = calls[0]
        return Seen(module, lambda: module(*args))
    made = [thing for thing in names.values() if isinstance(thing, kind)]
    return Seen(made[0], None) if made else None


def example_picture(kind: type) -> Picture | None:
    """The flow of the example's call, the parts of what it makes, or its words; None without an example."""
    if not examples(kind):
        return None
    if not issubclass(kind, nn.Module):
        return words_picture(kind)
    found = seen(kind)
    if found is None or not isinstance(found.thing, nn.Module):
        return words_picture(kind)
    if found.run is not None:
        return flow_picture(kind.__name__, found.thing.eval(), found.run)
    if len(list(found.thing.children())) > 1:
        return parts_picture(kind.__name__, found.thing)
    return words_picture(kind)


def parts_picture(name: str, module: nn.Module) -> Picture:
    """The parts of a module that are not called in its example, beside each other: nothing feeds another."""
    calls: list[Call] = []
    for path, part in module.named_children():
        parameters = list(part.parameters())
        total = sum(parameter.numel() for parameter in parameters)
        if not total:
            continue
        trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
        calls.append(Call(f"{path}\n{type(part).__name__}", "", "part", total, trained, 1, set()))
    total = sum(parameter.numel() for parameter in module.parameters())
    trained = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    names = ", ".join(call.title.replace("\n", ", ") for call in calls)
    caption = f"What a small {name} is made of, in no order. It has {count(total)} parameters."
    return Picture(
        draw(name, calls, total, trained).figure,
        f"Parts of {name}, of {count(total)} parameters in all, {count(trained)} of them trained: {names}.",
        caption,
    )


def words_picture(kind: type) -> Picture:
    """What is asked of the component in its example, and what it answers."""
    statements = [example for example in examples(kind) if example.want] or examples(kind)
    last = statements[-1]
    made = [
        example
        for example in examples(kind)
        if f"{kind.__name__}(" in example.source or f"{kind.__name__}." in example.source
    ]
    asked = (made[0].source.strip() + "\n" if made and made[0] is not last else "") + last.source.strip()
    answered = last.want.replace("<BLANKLINE>", "").strip()
    columns = [wrapped(asked, 52), wrapped(answered, 40)]
    height = 0.55 + 0.155 * max(len(lines) for lines in columns)
    with styled():
        drawn = figure(7.2, height)
        drawn.set_layout_engine("none")
        axes = drawn.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, 7.2)
        axes.set_ylim(0, height)
        axes.axis("off")
        for left, wide, title, lines, colour in (
            (0.05, 3.85, "asked", columns[0], CURVES[0]),
            (4.2, 2.95, "answered", columns[1], CURVES[2]),
        ):
            axes.add_patch(
                FancyBboxPatch(
                    (left, 0.05),
                    wide,
                    height - 0.1,
                    boxstyle="round,pad=0,rounding_size=0.08",
                    facecolor=BOX,
                    edgecolor=colour,
                )
            )
            axes.text(left + 0.1, height - 0.13, title, va="top", fontsize=8.5, weight="bold")
            for number, line in enumerate(lines):
                axes.text(
                    left + 0.1,
                    height - 0.36 - 0.155 * number,
                    line,
                    va="top",
                    fontsize=7.0,
                    family="DejaVu Sans Mono",
                )
        axes.add_patch(
            FancyArrowPatch(
                (3.92, height / 2), (4.18, height / 2), arrowstyle="-|>", mutation_scale=9, color=MUTED
            )
        )
    words = [" ".join(text.split()) for text in (last.source, answered)]
    alt = f"{kind.__name__} in its example: asked {words[0]}, it answers {words[1]}."
    return Picture(drawn, alt, f"What {kind.__name__} is asked in its example, and what it answers.")


def wrapped(text: str, width: int) -> list[str]:
    """Lines that fit, indented where they go on; an empty line stays one."""
    found: list[str] = []
    for line in text.splitlines():
        found += textwrap.wrap(
            line, width, subsequent_indent="    ", drop_whitespace=False, replace_whitespace=False
        ) or [""]
    return found[:14]
