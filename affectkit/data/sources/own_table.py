"""Somebody's own table, CSV or JSONL, with a map of its columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError, UtteranceRecord
from affectkit.data.shards import Licence, LicenceClass, Manifest, SampleKind
from affectkit.data.sources.column_map import TABLE_OPTIONS, ColumnMap, read_column_map
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.jsonl_rows import jsonl_rows
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.data.sources.split_names import split_of

Rows = Callable[..., Iterator[tuple[int, dict[str, str]]]]

_ROWS: Final[Mapping[str, Rows]] = {"csv": csv_rows, "jsonl": jsonl_rows}
_MEDIA: Final[Mapping[str, tuple[str, SampleKind]]] = {
    ".jpg": ("jpg", "image"),
    ".jpeg": ("jpg", "image"),
    ".png": ("png", "image"),
    ".webp": ("webp", "image"),
    ".wav": ("wav", "audio"),
    ".flac": ("flac", "audio"),
    ".mp4": ("mp4", "clip"),
}


def read_table(place: Path, *, form: str, columns: ColumnMap) -> Iterator[SourceSample]:
    """Yield the rows of a table, or the conversations that they make.

    Args:
        place: One file, or a folder whose files of this form are all read, in order of name.
        form: ``"csv"`` (with a header line) or ``"jsonl"``.
        columns: What the columns mean.

    Raises:
        SourceError: If there is no file, or a row lacks a text, has an unknown label or split, a
            dimension off the scale, a missing media file, or an id that occurred before.
    """
    conversations: dict[tuple[str, str], list[tuple[RowValues, dict[str, str]]]] = {}
    seen: dict[str, RowValues] = {}
    for path in _files(place, form):
        for line, fields in _ROWS[form](path, columns=columns.needed):
            row = RowValues(path, line)
            split = _split(row, fields, columns)
            dialogue = columns.get(fields, "dialogue")
            if dialogue is not None:
                if not dialogue:
                    raise row.wrong("its conversation has no name; fill it in.")
                conversations.setdefault((split, dialogue), []).append((row, fields))
                continue
            name = columns.get(fields, "id")
            if name is None:
                name = f"{path.stem}_{line}"
            if not name:
                raise row.wrong("its id is empty; fill it in.")
            key = safe_key(name)
            if key in seen:
                raise row.wrong(
                    f"the id {name!r} was already in row {seen[key].line} of {seen[key].file.name}; "
                    "give each its own."
                )
            seen[key] = row
            record, members = _item(row, fields, columns, place if place.is_dir() else place.parent)
            yield SourceSample(split, key, {**record, "id": name}, members)
    for (split, dialogue), turns in conversations.items():
        yield SourceSample(split, safe_key(dialogue), _conversation(dialogue, turns, columns))


def _files(place: Path, form: str) -> list[Path]:
    if place.is_file():
        return [place]
    found = sorted(place.glob(f"*.{form}"))
    if not found:
        raise SourceError(place, None, f"it holds no .{form} file; give the table or the folder of it.")
    return found


def _split(row: RowValues, fields: Mapping[str, str], columns: ColumnMap) -> str:
    stated = columns.get(fields, "split")
    if stated is None:
        return split_of(row.file.stem) or "train"
    split = split_of(stated)
    if split is None:
        raise row.wrong(f"the split {stated!r} is none of train, val and test; correct it.")
    return split


def _item(
    row: RowValues, fields: Mapping[str, str], columns: ColumnMap, folder: Path
) -> tuple[ItemRecord, dict[str, bytes | Path]]:
    record: ItemRecord = {"id": "", "label": None}
    text, media = columns.get(fields, "text"), columns.get(fields, "media")
    if text is not None:
        if not text:
            raise row.wrong("its text is empty; fill it in or remove the row.")
        record["text"] = text
    if speaker := columns.get(fields, "speaker"):
        record["speaker"] = speaker
    label = columns.get(fields, "label")
    if columns.space is not None and label:
        if columns.separator:
            parts = [part for part in label.split(columns.separator) if part.strip()]
            record["multilabel"] = sorted({columns.read_label(row, part, columns.space) for part in parts})
        else:
            record["label"] = columns.read_label(row, label, columns.space)
    if (dims := _dims(row, fields, columns)) is not None:
        record["dims"] = dims
    if difficulty := columns.get(fields, "difficulty"):
        record["difficulty"] = row.real(difficulty, what="difficulty")
    if media is None:
        return record, {}
    path = row.inside(folder, media)
    if path.suffix.lower() not in _MEDIA or not path.is_file():
        raise row.wrong(f"{media!r} is no file of {', '.join(_MEDIA)}; put it there or remove the row.")
    return record, {_MEDIA[path.suffix.lower()][0]: path}


def _dims(row: RowValues, fields: Mapping[str, str], columns: ColumnMap) -> list[float | None] | None:
    if columns.scale is None:
        return None
    values = [
        None if not fields[column].strip() else row.real(fields[column], what=column)
        for column in columns.dims
    ]
    try:
        return columns.scale.read(values)
    except ValueError as error:
        raise row.wrong(str(error)) from error


def _conversation(
    name: str, turns: Collection[tuple[RowValues, dict[str, str]]], columns: ColumnMap
) -> ConversationRecord:
    speakers: dict[str, int] = {}
    utterances: list[UtteranceRecord] = []
    seen: set[str] = set()
    for number, (row, fields) in enumerate(turns):
        text, speaker = columns.get(fields, "text"), columns.get(fields, "speaker")
        if not text or not speaker:
            raise row.wrong("it lacks a text or a speaker; fill it in.")
        ident = columns.get(fields, "id") or f"{name}_{number}"
        if ident in seen:
            raise row.wrong(f"the id {ident!r} occurs twice in conversation {name!r}; correct it.")
        seen.add(ident)
        label = columns.get(fields, "label")
        utterance: UtteranceRecord = {
            "id": ident,
            "text": text,
            "speaker": speakers.setdefault(speaker, len(speakers)),
            "label": columns.read_label(row, label, columns.space) if columns.space and label else None,
        }
        if (dims := _dims(row, fields, columns)) is not None:
            utterance["dims"] = dims
        utterances.append(utterance)
    return {"id": name, "speakers": list(speakers), "utterances": utterances}


def _kind(place: Path, form: str, columns: ColumnMap) -> SampleKind:
    if "dialogue" in columns.columns:
        return "conversation"
    if "media" not in columns.columns:
        return "text"
    kinds: dict[SampleKind, RowValues] = {}
    for path in _files(place, form):
        for line, fields in _ROWS[form](path, columns=columns.needed):
            suffix = Path(columns.get(fields, "media") or "").suffix.lower()
            if suffix in _MEDIA:
                kinds.setdefault(_MEDIA[suffix][1], RowValues(path, line))
    if len(kinds) > 1:
        first, second = sorted(kinds)[:2]
        raise kinds[second].wrong(f"the table mixes {first} and {second}; make a table of each.")
    return min(kinds, default="image")


def _configured(place: Path, options: Mapping[str, str], *, form: str) -> Source:
    columns = read_column_map(options, name=form)
    template = replace(
        _TABLES[form].template,
        name=columns.name,
        kind=_kind(place, form, columns),
        label_space=columns.space,
        dims=columns.scale,
        licence=Licence("unstated", cast(LicenceClass, columns.licence)),
    )
    return replace(_TABLES[form], template=template, read=partial(read_table, form=form, columns=columns))


def _unmapped(place: Path) -> Iterator[SourceSample]:
    raise ShardError(f"The columns of {place} are not named: configure the source with options first.")


def _source(form: str) -> Source:
    return Source(
        template=Manifest(
            name=form,
            kind="text",
            label_space=None,
            licence=Licence("unstated", "unknown"),
            created_by=f"affectkit shards make {form} SRC OUT",
        ),
        description=f"your own {form.upper()} table of texts, pictures, sounds or turns, with a column map",
        read=_unmapped,
        options=TABLE_OPTIONS,
        configure=partial(_configured, form=form),
    )


_TABLES: Final = {form: _source(form) for form in _ROWS}
CSV_TABLE: Final = _TABLES["csv"]
JSONL_TABLE: Final = _TABLES["jsonl"]
