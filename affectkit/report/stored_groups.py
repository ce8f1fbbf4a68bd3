"""To which group the rows of a test belong, by what their stored samples say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError
from affectkit.data.store import SampleStore, open_store
from affectkit.data.store.record_difficulties import stored_record
from affectkit.report.group_error import GroupError
from affectkit.report.predicted_labels import PredictedLabels, sample_key

_SPEAKER = "speaker"


def stored_groups(rows: PredictedLabels, *, root: str, field: str, split: str = "test") -> list[str]:
    """Group of each row: its speaker, or a value of its metadata; "" where its sample does not say.

    Args:
        rows: Rows of a test.
        root: Data set that was tested.
        field: ``speaker``, or a name in the ``meta`` of the samples, e.g. ``gender``.
        split: Split that was tested.

    Raises:
        GroupError: If the data set is absent, has no such sample, or no sample says ``field``.
    """
    try:
        store = open_store(root, split)
        groups = _by_key(store, set(map(sample_key, rows.keys)), field)
    except (OSError, ShardError) as error:
        raise GroupError(
            f"The groups of {field!r} cannot be read from the data of the run ({error})."
        ) from error
    missing = next((key for key in rows.keys if sample_key(key) not in groups), None)
    if missing is not None:
        raise GroupError(
            f"The sample {missing!r} of predictions.csv is not in the {split} split of {root}: give the run "
            "whose data lie there, or test it again."
        )
    found: list[str] = []
    for key, utterance in zip(rows.keys, rows.utterances, strict=True):
        mine = groups[sample_key(key)]
        # The tasks that judge utterances one by one put their number into the key.
        place = int(key.rpartition("#")[2]) if sample_key(key) != key else utterance
        found.append(mine if isinstance(mine, str) else mine[place])
    if not any(found):
        names = sorted(_named(store))
        raise GroupError(
            f"No sample of {root} says {field!r}, so that there are no groups: choose among "
            f"{', '.join(names) or 'nothing, as its samples have no metadata'}."
        )
    return found


def _by_key(store: SampleStore, wanted: set[str], field: str) -> dict[str, str | Sequence[str]]:
    """Group of each sample, or of each utterance of a conversation."""
    found: dict[str, str | Sequence[str]] = {}
    for position in range(len(store)):
        if store.key(position) in wanted:
            found[store.key(position)] = _groups(_record(store, position), field)
    return found


def _record(store: SampleStore, position: int) -> ConversationRecord | ItemRecord:
    where = store.describe(position)
    return stored_record(store.get(position), kind=store.manifest.kind, where=where)


def _groups(record: ConversationRecord | ItemRecord, field: str) -> str | Sequence[str]:
    if field == _SPEAKER and "utterances" in record:
        talk = cast(ConversationRecord, record)
        return [talk["speakers"][turn["speaker"]] for turn in talk["utterances"]]
    if field == _SPEAKER:
        return cast(ItemRecord, record).get("speaker", "")
    meta: Mapping[str, object] = record.get("meta") or {}
    value = meta.get(field)
    return "" if value is None else str(value)


def _named(store: SampleStore) -> set[str]:
    """What the first sample could be grouped by."""
    if not len(store):
        return set()
    record = _record(store, 0)
    speaks = "utterances" in record or "speaker" in record
    return {*(record.get("meta") or {}), *([_SPEAKER] if speaks else [])}
