"""GoEmotions: comments of a forum, each with any number of 28 emotions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from affectkit.data.schema import ShardError
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import LabelMap, label_space

_SPLITS: Final = {"train": "train", "val": "dev", "test": "test"}
_OFFICIAL: Final = label_space("goemotions28.official")
_EKMAN: Final = label_space("goemotions7.ekman")

#: The authors' grouping: label of the 28 -> one of the six of Ekman. Those that are not listed keep
#: their name.
EKMAN_GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("annoyance", "disapproval"), "anger"),
        "nervousness": "fear",
        **dict.fromkeys(
            (
                "admiration",
                "amusement",
                "approval",
                "caring",
                "desire",
                "excitement",
                "gratitude",
                "love",
                "optimism",
                "pride",
                "relief",
            ),
            "joy",
        ),
        **dict.fromkeys(("disappointment", "embarrassment", "grief", "remorse"), "sadness"),
        **dict.fromkeys(("confusion", "curiosity", "realization"), "surprise"),
    }
)


def read_goemotions(folder: Path, *, mapping: LabelMap | None = None) -> Iterator[SourceSample]:
    """Yield the comments of ``{train,dev,test}.tsv``; dev becomes ``val``.

    A line is text, label numbers with commas between, and the comment's id, with tabs between and
    without quotes. Where ``labels.txt`` lies beside them, its order is compared.

    Args:
        folder: Where the files lie.
        mapping: From the 28 labels to others; None keeps them.

    Raises:
        SourceError: If a file is missing, empty or not UTF-8, a line has another number of fields, a
            number that is no label or the same twice, no text, or an id that occurred before.
    """
    _compare_labels(folder / "labels.txt")
    for split, name in _SPLITS.items():
        path = folder / f"{name}.tsv"
        seen: dict[str, int] = {}
        # Only line feeds end a line: comments hold other characters that look like the end of one.
        for line, content in enumerate(_text(path).split("\n"), 1):
            if not content:
                continue
            row = RowValues(path, line)
            fields = content.removesuffix("\r").split("\t")
            if len(fields) != 3:
                raise row.wrong(f"it has {len(fields)} fields instead of text, labels and id; correct it.")
            text, numbers, comment = (field.strip() for field in fields)
            if not text or not comment:
                raise row.wrong("it lacks a text or an id; fill it in.")
            if seen.setdefault(comment, line) != line:
                raise row.wrong(f"the id {comment!r} was already in row {seen[comment]}; remove one of them.")
            last = len(_OFFICIAL) - 1
            labels = [row.whole(number, what="label", low=0, high=last) for number in numbers.split(",")]
            if len(set(labels)) != len(labels):
                raise row.wrong(f"a label occurs twice in {numbers!r}; correct it.")
            if mapping is not None:
                labels = mapping(labels)
            yield SourceSample(
                split,
                safe_key(comment),
                {"id": comment, "label": None, "text": text, "multilabel": sorted(set(labels))},
            )
        if not seen:
            raise SourceError(path, None, "the file has no rows; use the file as it was published.")


def _configured(folder: Path, options: Mapping[str, str]) -> Source:
    chosen = options.get("labels", "official")
    if chosen == "official":
        return GOEMOTIONS
    if chosen != "ekman":
        raise ShardError(f"The option labels={chosen} of goemotions is unknown: use official or ekman.")
    read: Callable[[Path], Iterator[SourceSample]] = partial(
        read_goemotions, mapping=_OFFICIAL.map_to(_EKMAN, merge=EKMAN_GROUPS)
    )
    return replace(GOEMOTIONS, template=replace(GOEMOTIONS.template, label_space=_EKMAN), read=read)


def _compare_labels(path: Path) -> None:
    if not path.is_file():
        return
    labels = tuple(_text(path).split())
    if labels != _OFFICIAL.labels:
        raise SourceError(path, None, f"the labels are not {_OFFICIAL.order()}; use the files of 28 labels.")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            path, None, f"byte {error.start} is not UTF-8; use the file as it was published."
        ) from error


GOEMOTIONS: Final = Source(
    template=Manifest(
        name="goemotions",
        kind="text",
        label_space=_OFFICIAL,
        licence=Licence("Apache-2.0", "open", "Comments of a public forum; some are offensive."),
        created_by="affectkit shards make goemotions SRC OUT",
    ),
    description="GoEmotions comments with any number of 28 labels, from train.tsv, dev.tsv and test.tsv",
    read=read_goemotions,
    options={"labels": "official (28, the default) or ekman (the authors' grouping into 7)"},
    configure=_configured,
)
