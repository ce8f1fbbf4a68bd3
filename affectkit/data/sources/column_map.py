"""Which column of somebody's own table means what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from affectkit.data.schema import ShardError, parse_json
from affectkit.data.sources.row_values import RowValues
from affectkit.labels import AffectScale, LabelSpace, affect_scale, label_space

#: Name of each option -> what it says, for ``affectkit datasets`` and for errors.
TABLE_OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "map": "a JSON or YAML file with any of the options below; those given directly win",
        "name": "name of the data set (default: csv or jsonl)",
        "text": "column of the text",
        "media": "column of a picture or sound, a path relative to the table",
        "label": "column of the label",
        "label_space": "registered name (see docs/labels.md), or the labels in order with commas between",
        "first_label": "0 or 1: labels are numbers that count from it (default: labels are names)",
        "separator": "what stands between several labels of a row; makes the label space multi-label",
        "dims": "columns of the dimensions with commas between, in the order of the scale",
        "scale": "registered scale of the dimensions, e.g. vad.emobank, or LOW..HIGH for one of your own",
        "id": "column of a name that occurs once (default: the row's number)",
        "speaker": "column of the person",
        "dialogue": "column that names the conversation of a row; makes conversations of the rows",
        "difficulty": "column of a number that says how hard a row is, for a curriculum",
        "split": "column of the split (default: the file's name, else train)",
        "licence": "class of the terms: open, academic, non-commercial or unknown (default)",
    }
)
_SPACE_NAME: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns of a table and what they mean.

    Args:
        columns: Column name by role: text, media, label, id, speaker, dialogue, difficulty, split.
        dims: Columns of the dimensions, in the order of ``scale``.
        space: Label space, or None without labels.
        scale: Affect scale, or None without dimensions.
        separator: Stands between several labels of one row.
        first_label: Number of the first label where labels are numbers, None where they are names.
        name: Name of the data set.
        licence: Class of the terms.
    """

    columns: Mapping[str, str]
    dims: tuple[str, ...] = ()
    space: LabelSpace | None = None
    scale: AffectScale | None = None
    separator: str = ""
    first_label: int | None = None
    name: str = "table"
    licence: str = "unknown"
    needed: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needed", (*self.columns.values(), *self.dims))

    def get(self, row: Mapping[str, str], role: str) -> str | None:
        """The text of a role in a row, None where the role has no column."""
        column = self.columns.get(role)
        return None if column is None else row[column].strip()

    def read_label(self, row: RowValues, text: str, space: LabelSpace) -> int:
        """The index of a label that a row gives by name or, where so stated, by number.

        Raises:
            SourceError: If there is no such label.
        """
        if self.first_label is None:
            return row.label(text, space)
        last = self.first_label + len(space) - 1
        return row.whole(text, what="label", low=self.first_label, high=last) - self.first_label


def read_column_map(options: Mapping[str, str], *, name: str) -> ColumnMap:
    """Make a map from options, and from the file that the option ``map`` names.

    Args:
        options: By name, as in :data:`TABLE_OPTIONS`.
        name: Name of the data set where no option gives one.

    Raises:
        ShardError: If an option or value is unknown, or the options do not fit together.
    """
    chosen = {**_from_file(Path(options["map"])), **options} if "map" in options else dict(options)
    roles = ("text", "media", "label", "id", "speaker", "dialogue", "difficulty", "split")
    columns = {role: chosen[role] for role in roles if role in chosen}
    if "text" not in columns and "media" not in columns:
        raise ShardError("The table has neither a text nor a media column: pass --option text=COLUMN.")
    if "dialogue" in columns and (missing := {"text", "speaker"} - set(columns)):
        raise ShardError(
            f"A conversation needs a column {min(missing)!r}: pass --option {min(missing)}=COLUMN."
        )
    if "dialogue" in columns and ("media" in columns or "separator" in chosen):
        raise ShardError("Rows of conversations hold text and one label: leave media and separator out.")
    if "dialogue" in columns and "difficulty" in columns:
        raise ShardError(
            "A column gives rows a difficulty, and conversations have many rows: leave difficulty out, and "
            "give it to conversations with `affectkit shards difficulty`."
        )
    for first, second in (("label", "label_space"), ("dims", "scale")):
        if (first in chosen) != (second in chosen):
            raise ShardError(f"The options {first} and {second} belong together: give both or neither.")
    if "separator" in chosen and "label" not in chosen:
        raise ShardError("The option separator splits labels: give label and label_space too.")
    if chosen.get("first_label", "0") not in ("0", "1"):
        raise ShardError(f"The option first_label={chosen['first_label']} is unknown: use 0 or 1.")
    title = chosen.get("name", name)
    dims = tuple(column.strip() for column in chosen["dims"].split(",")) if "dims" in chosen else ()
    scale = _scale(chosen["scale"], dims, title) if "scale" in chosen else None
    if scale is not None and len(scale.axes) != len(dims):
        raise ShardError(
            f"The scale {scale.name!r} has the axes {', '.join(scale.axes)}: name a column for each."
        )
    several = chosen.get("separator", "")
    return ColumnMap(
        columns=columns,
        dims=dims,
        space=_space(chosen["label_space"], title, several=bool(several)) if "label" in chosen else None,
        scale=scale,
        separator=several,
        first_label=int(chosen["first_label"]) if "first_label" in chosen else None,
        name=title,
        licence=chosen.get("licence", "unknown"),
    )


def _scale(text: str, columns: tuple[str, ...], title: str) -> AffectScale:
    """A registered scale, or a range whose axes are called as their columns."""
    low, dots, high = text.partition("..")
    if not dots:
        return affect_scale(text)
    try:
        return AffectScale(f"{_stem(title)}.own", columns, float(low), float(high))
    except ValueError as error:
        raise ShardError(f"The scale {text!r} is no range ({error}): write LOW..HIGH, e.g. 0..1.") from error


def _stem(title: str) -> str:
    return _SPACE_NAME.sub("", title.lower()) or "table"


def _space(text: str, title: str, *, several: bool) -> LabelSpace:
    if "," not in text:
        space = label_space(text)
        if (space.kind == "multilabel") is not several:
            raise ShardError(
                f"The label space {space.name!r} is {space.kind}: a separator is given for a multi-label "
                "one, and for no other."
            )
        return space
    labels = tuple(label.strip() for label in text.split(","))
    try:
        return LabelSpace(
            f"{_stem(title)}{len(labels)}.own", labels, kind="multilabel" if several else "categorical"
        )
    except ValueError as error:
        raise ShardError(str(error)) from error


def _from_file(path: Path) -> dict[str, str]:
    try:
        data = path.read_bytes()
        if path.suffix == ".json":
            value: object = parse_json(data, where=str(path))
        else:
            value = OmegaConf.to_container(OmegaConf.create(data.decode("utf-8")), resolve=False)
    except OSError as error:
        raise ShardError(f"The map {path} cannot be read ({error.strerror}): put it there.") from error
    except ShardError:
        raise
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        raise ShardError(f"The map {path} is no YAML of names and values: correct it.") from error
    if not isinstance(value, dict):
        raise ShardError(f"The map {path} is no table of names and values: write one option a line.")
    options: dict[str, str] = {}
    for name, content in value.items():
        if name not in TABLE_OPTIONS or name == "map":
            known = ", ".join(option for option in TABLE_OPTIONS if option != "map")
            raise ShardError(f"The map {path} has the unknown option {name!r}: it may have {known}.")
        if isinstance(content, list) and all(isinstance(part, str) for part in content):
            content = ",".join(map(str, content))
        if not isinstance(content, str):
            raise ShardError(f"The map {path} has {json.dumps(content)} as {name!r}: write a text or a list.")
        options[str(name)] = content
    return options
