"""The labels of a classifier of transformers in a label space of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from affectkit.labels import LabelKind, LabelSpace, LabelSpaceMismatchError, label_space, label_spaces
from affectkit.labels.aliases import canonical
from affectkit.predict.error import PredictError


class LabelColumns(NamedTuple):
    """Which of a model's logits stands for each label.

    Attributes:
        space: The label space of the predictions.
        columns: For each of its labels, the column of the model's logits.
    """

    space: LabelSpace
    columns: tuple[int, ...]


def label_columns(
    names: Sequence[str],
    *,
    model: str,
    renamed: Mapping[str, str],
    space: str | None = None,
    several: bool = False,
) -> LabelColumns:
    """Map the names that a model gives its logits to labels, by name and never by place.

    Without ``space`` it is the registered one with just these labels, in the model's order where there is
    one; where there is none, the model's own labels in its order, if each of them is known to some
    registered space.

    Args:
        names: What ``id2label`` says, in the order of the logits.
        model: Name of the model, for messages and for a space of its own.
        renamed: Name of the model -> label.
        space: Name of the label space to map to.
        several: Whether the labels may hold together.

    Raises:
        PredictError: If names are unknown, or the labels are not those of ``space``.

    Examples:
        >>> found = label_columns(["NEG", "positive", "neu"], model="m", renamed={})
        >>> found.space.labels, found.columns
        (('neutral', 'positive', 'negative'), (2, 1, 0))
    """
    absent = sorted(set(renamed) - set(names))
    if absent:
        raise PredictError(
            f"The model {model} has no label {absent[0]!r} to rename (it has {', '.join(names)}): correct "
            "the option."
        )
    labels = [renamed.get(name, name) for name in names]
    kind: LabelKind = "multilabel" if several else "categorical"
    try:
        own = LabelSpace(f"{model}.id2label", tuple(labels), kind=kind)
    except ValueError as error:
        raise PredictError(f"The labels of the model {model} are no label space: {error}") from error
    if space is not None:
        return _mapped(own, label_space(space), model=model)
    known = {canonical(label) for each in label_spaces() for label in each}
    unknown = [label for label in labels if canonical(label) not in known]
    if unknown:
        raise PredictError(
            f"The model {model} calls labels {', '.join(map(repr, unknown))}, which no label space knows: "
            f"say what they mean, e.g. `--option {unknown[0]}=joy`, for each of them."
        )
    wanted = [canonical(label) for label in labels]
    alike = [
        each
        for each in label_spaces()
        if each.kind == kind and sorted(map(canonical, each)) == sorted(wanted)
    ]
    # One with the model's order, if there is one: then nothing is reordered.
    alike.sort(key=lambda each: ([canonical(label) for label in each] != wanted, each.name))
    return _mapped(own, alike[0], model=model) if alike else LabelColumns(own, tuple(range(len(labels))))


def _mapped(own: LabelSpace, wanted: LabelSpace, *, model: str) -> LabelColumns:
    try:
        table = own.map_to(wanted).table
    except LabelSpaceMismatchError as error:
        raise PredictError(f"The labels of the model {model} do not fit {wanted.name!r}: {error}") from error
    missing = sorted(set(range(len(wanted))) - set(table))
    if missing:
        raise PredictError(
            f"The model {model} has the labels {own.order()}, and {wanted.name!r} has {wanted.order()}: name "
            "a label space with the same labels, or rename them with `--option NAME=LABEL`."
        )
    return LabelColumns(wanted, tuple(table.index(place) for place in range(len(wanted))))
