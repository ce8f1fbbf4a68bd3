"""A named, versioned order of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, cast

from affectkit.labels.aliases import ALIASES, canonical, fold
from affectkit.labels.errors import UnknownLabelError, near
from affectkit.labels.mapping import LabelMap, build_label_map

LabelKind: TypeAlias = Literal["categorical", "multilabel"]

_KINDS = ("categorical", "multilabel")


@dataclass(frozen=True)
class LabelSpace:
    """An order of labels under a name: index ``i`` of every logit and target is ``labels[i]``.

    Hashable and immutable. The registered ones come from :func:`affectkit.labels.label_space`;
    making your own needs no registration.

    Args:
        name: Versioned name, e.g. ``"meld7.official"``.
        labels: The labels in index order.
        source: Where this order was read.
        kind: ``"categorical"`` (one label a sample) or ``"multilabel"`` (any number).
        verified: True where the order was read in a named source, False where it was only reported.
        note: What a reader of the raw files must know, e.g. that they count from 1.
        aliases: Pairs (other name, label) for looking labels up in this space, e.g. letter codes. Maps
            to other spaces never use them: a letter means something else in another data set.

    Raises:
        ValueError: If a label is empty or occurs twice, or an alias is not unique or names no label.

    Examples:
        >>> space = LabelSpace("mine3.v1", ("calm", "happy", "angry"))
        >>> space.index("joy"), len(space), space.neutral
        (1, 3, None)
    """

    name: str
    labels: tuple[str, ...]
    source: str = ""
    kind: LabelKind = "categorical"
    verified: bool = True
    note: str = ""
    aliases: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        given: object = self.labels
        if isinstance(given, str):
            raise ValueError(f"Label space {self.name!r} got the string {given!r} as labels: pass a tuple.")
        # Lists arrive from JSON and YAML; the fields must be tuples for the space to be hashable.
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "aliases", tuple((alias, label) for alias, label in self.aliases))
        if not self.name:
            raise ValueError(
                f"A label space over {self.order()} has no name: give it one such as 'mine3.v1'."
            )
        if self.kind not in _KINDS:
            raise ValueError(
                f"Label space {self.name!r} has kind {self.kind!r}: use 'categorical' or 'multilabel'."
            )
        folded = [fold(label) for label in self.labels]
        if not folded or "" in folded:
            raise ValueError(f"Label space {self.name!r} has an empty label or none at all: {self.order()}.")
        twice = sorted({label for label in folded if folded.count(label) > 1})
        if twice:
            raise ValueError(f"Label space {self.name!r} holds {twice[0]!r} more than once: {self.order()}.")
        seen = set(folded)
        for alias, label in self.aliases:
            if label not in self.labels:
                raise ValueError(
                    f"Label space {self.name!r} has the alias {alias!r} for {label!r}, which is none of its "
                    f"labels: {self.order()}."
                )
            if fold(alias) in seen:
                raise ValueError(
                    f"Label space {self.name!r} has the alias {alias!r} twice, or also as a label."
                )
            seen.add(fold(alias))

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels)

    @property
    def neutral(self) -> int | None:
        """Index of the neutral label (also "no_emotion", or an alias "neutral"), None without one."""
        return self.find("neutral")

    def order(self) -> str:
        """Print the order as ``0 neutral, 1 surprise, ...``, as error messages do."""
        return ", ".join(f"{index} {label}" for index, label in enumerate(self.labels))

    def find(self, label: str) -> int | None:
        """Index of ``label``, or None; where two labels share a canonical form, only exact names count.

        A label wins over an alias of this space, and that over the common table of aliases.
        """
        own = {fold(alias): name for alias, name in self.aliases}.get(fold(label))
        return self.counterpart(label if own is None else own)

    def counterpart(self, label: str) -> int | None:
        """Index of the label that means what ``label`` means in any other space, or None.

        As :meth:`find`, but without the aliases of this space, which other spaces do not share.
        """
        names, common = _lookup(self)
        found = names.get(fold(label))
        return common.get(canonical(label)) if found is None else found

    def index(self, label: str) -> int:
        """Index of a label by its name or one of its aliases.

        Raises:
            UnknownLabelError: If the space has no such label; near matches are named.

        Examples:
            >>> LabelSpace("mine2.v1", ("neutral", "joy")).index("Happiness")
            1
        """
        found = self.find(label)
        if found is None:
            same = [mine for mine in self.labels if canonical(mine) == canonical(label)]
            if same:
                raise UnknownLabelError(
                    f"{label!r} may mean any of {', '.join(same)} in {self.name!r}: use the exact name."
                )
            raise UnknownLabelError(
                f"Label space {self.name!r} has no label {label!r}: {near(label, _spellings(self))}."
            )
        return found

    def same_order(self, other: LabelSpace) -> bool:
        """True where both spaces are of one kind and give every index the same label, by name."""
        return (
            self.kind == other.kind
            and all(other.counterpart(label) == index for index, label in enumerate(self.labels))
            and all(self.counterpart(label) == index for index, label in enumerate(other.labels))
        )

    def map_to(
        self,
        other: LabelSpace,
        *,
        merge: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        unknown: Literal["error", "ignore"] = "error",
    ) -> LabelMap:
        """Make the map from indices of this space to indices of ``other``, by name.

        A label goes where ``merge`` sends it, else to -100 if it is in ``drop``, else to the label
        of ``other`` with the same name or alias. Two labels meet in one only through ``merge``.

        Args:
            other: The space to map to; it may hold labels that this one lacks.
            merge: Label of this space -> label of ``other``.
            drop: Labels of this space whose rows become -100, so that losses and metrics skip them.
            unknown: What to do with a label without a counterpart: ``"error"``, or ``"ignore"`` (-100).

        Raises:
            LabelSpaceMismatchError: If a label would be lost or joined silently, or the kinds differ.
            UnknownLabelError: If ``merge`` or ``drop`` names a label that does not exist.

        Examples:
            >>> six = LabelSpace("six.v1", ("hap", "sad", "neu", "ang", "exc", "fru"))
            >>> four = LabelSpace("four.v1", ("anger", "happiness", "neutral", "sadness"))
            >>> six.map_to(four, merge={"exc": "happiness"}, drop=["fru"])([0, 4, 5, -100])
            [1, 1, -100, -100]
        """
        return build_label_map(self, other, merge=merge or {}, drop=drop, unknown=unknown)

    def to_dict(self) -> dict[str, object]:
        """Plain values only, for JSON and for checkpoints that load with ``weights_only=True``."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "source": self.source,
            "kind": self.kind,
            "verified": self.verified,
            "note": self.note,
            "aliases": [list(pair) for pair in self.aliases],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> LabelSpace:
        """Make a space from what :meth:`to_dict` gave; ``name`` and ``labels`` are enough.

        Raises:
            ValueError: If a field is missing, unknown, or of another type.
        """
        extra = sorted(set(values) - {"name", "labels", "source", "kind", "verified", "note", "aliases"})
        if extra:
            raise ValueError(f"A stored label space has the unknown field {extra[0]!r}: remove it.")
        texts = {key: values.get(key, "") for key in ("name", "source", "note")}
        kind = values.get("kind", "categorical")
        verified = values.get("verified", True)
        for key, text in texts.items():
            if not isinstance(text, str):
                raise ValueError(f"A stored label space has {text!r} as {key!r}: it must be a string.")
        if not isinstance(verified, bool):
            raise ValueError(
                f"A stored label space has {verified!r} as 'verified': it must be true or false."
            )
        return cls(
            name=str(texts["name"]),
            labels=_strings(values.get("labels"), field="labels"),
            source=str(texts["source"]),
            # Checked by the constructor, which refuses any other string.
            kind=cast(LabelKind, kind),
            verified=verified,
            note=str(texts["note"]),
            aliases=tuple(_pair(pair) for pair in _items(values.get("aliases", ()), field="aliases")),
        )


def _items(value: object, *, field: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"A stored label space has {value!r} as {field!r}: it must be a list.")
    return list(value)


def _strings(value: object, *, field: str) -> tuple[str, ...]:
    items = _items(value, field=field)
    wrong = [item for item in items if not isinstance(item, str)]
    if wrong:
        raise ValueError(f"A stored label space has {wrong[0]!r} in {field!r}: every entry must be a string.")
    return tuple(str(item) for item in items)


def _pair(value: object) -> tuple[str, str]:
    texts = _strings(value, field="aliases")
    if len(texts) != 2:
        raise ValueError(
            f"A stored label space has the alias entry {value!r}: it must be [other name, label]."
        )
    return texts[0], texts[1]


@lru_cache(maxsize=512)
def _lookup(space: LabelSpace) -> tuple[dict[str, int], dict[str, int]]:
    """Indices by folded name, and by canonical form where that form is unambiguous."""
    names = {fold(label): index for index, label in enumerate(space.labels)}
    forms = [canonical(label) for label in space.labels]
    return names, {form: index for index, form in enumerate(forms) if forms.count(form) == 1}


def _spellings(space: LabelSpace) -> dict[str, str]:
    """Every spelling that the space understands -> the label it means, for near matches."""
    spellings = dict(space.aliases)
    for label in space.labels:
        spellings |= {form: label for form, name in ALIASES.items() if name == canonical(label)}
        spellings[canonical(label)] = label
    return spellings | {label: label for label in space.labels}
