"""How hard the samples of a split are, from their records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from affectkit.data.schema import (
    ConversationRecord,
    ItemRecord,
    ShardError,
    UtteranceRecord,
    conversation_record,
    item_record,
    parse_json,
)
from affectkit.data.store.difficulty_labels import check_difficulty_labels
from affectkit.data.store.protocol import SampleStore
from affectkit.labels import LabelMap
from affectkit.types import IGNORE_LABEL, Difficulty, RecordDifficulty


def record_difficulties(
    store: SampleStore,
    rule: Difficulty | RecordDifficulty,
    *,
    kind: str,
    label_map: LabelMap | None,
    skip_damaged: bool = False,
) -> list[float]:
    """Difficulty of each sample of a split, read in its order.

    A sample whose votes all went to labels that the run drops stays, and counts as hard as the hardest
    other one where the rule reads the votes.

    Args:
        store: The split.
        rule: How hard a sample is.
        kind: Kind of the samples, as the manifest states it.
        label_map: From the stored labels to those of the run; None where there are none.
        skip_damaged: Whether a sample that cannot be read counts as hard as the hardest that can.

    Raises:
        LabelSpaceMismatchError: If the rule names a label space of another order.
        ShardError: If a sample has no difficulty, or one that is no finite number, or cannot be read.
    """
    manifest = store.manifest
    space = manifest.label_space if label_map is None else label_map.target
    check_difficulty_labels(rule, space, data=repr(manifest.name))
    found: list[float | None] = []
    for position in range(len(store)):
        where = store.describe(position)
        try:
            record = stored_record(store.get(position), kind=kind, where=where)
        except ShardError:
            if not skip_damaged:
                raise
            found.append(None)
            continue
        try:
            found.append(record_difficulty(record, rule, label_map=label_map, where=where))
        except ShardError:
            if not _lost_its_votes(record, label_map):
                raise
            # Raises again where the rule fails for another reason.
            record_difficulty(record, rule, label_map=None, where=where)
            found.append(None)
    hardest = max((value for value in found if value is not None), default=0.0)
    return [hardest if value is None else value for value in found]


def record_difficulty(
    record: ConversationRecord | ItemRecord,
    rule: Difficulty | RecordDifficulty,
    *,
    label_map: LabelMap | None,
    where: str,
) -> float:
    """Difficulty of one sample, finite.

    Raises:
        ShardError: If it has none.
    """
    in_order = _in_run_order(record, label_map, where)
    try:
        if isinstance(rule, RecordDifficulty):
            difficulty = float(rule.of_record(in_order))
        else:
            difficulty = float(rule(*_turns(in_order, rule, where)))
    except ShardError:
        raise
    except ValueError as error:
        raise ShardError(f"{where} {str(error).rstrip('.')}.") from error
    if not math.isfinite(difficulty):
        raise ShardError(
            f"{where} has the difficulty {difficulty} by {type(rule).__name__}: let it be a finite number."
        )
    return difficulty


def stored_record(
    members: Mapping[str, memoryview], *, kind: str, where: str
) -> ConversationRecord | ItemRecord:
    """The checked record of a sample of any kind.

    Raises:
        ShardError: If there is none, or it is damaged.
    """
    if "json" not in members:
        raise ShardError(
            f"{where} has no record KEY.json (it has {', '.join(sorted(members)) or 'nothing'}): make the "
            "shards anew from their source."
        )
    value = parse_json(members["json"], where=where)
    return (
        conversation_record(value, where=where) if kind == "conversation" else item_record(value, where=where)
    )


def _in_run_order(
    record: ConversationRecord | ItemRecord, label_map: LabelMap | None, where: str
) -> Mapping[str, object]:
    if label_map is None or label_map.is_identity:
        return cast("Mapping[str, object]", record)
    table, changed = label_map.table, dict(cast("Mapping[str, object]", record))

    def run_label(stored: int | None) -> int | None:
        if stored is not None and stored >= len(table):
            raise _of_other_labels(where)
        label = IGNORE_LABEL if stored is None else table[stored]
        return None if label == IGNORE_LABEL else label

    if "utterances" in record:
        turns = cast(ConversationRecord, record)["utterances"]
        changed["utterances"] = [{**turn, "label": run_label(turn["label"])} for turn in turns]
        return changed
    changed["label"] = run_label(record["label"])
    if "multilabel" in record:
        places = {run_label(label) for label in record["multilabel"]}
        changed["multilabel"] = sorted(place for place in places if place is not None)
    if "votes" in record:
        if len(record["votes"]) != len(table):
            raise _of_other_labels(where)
        votes = [0.0] * len(label_map.target)
        for place, count in zip(table, record["votes"], strict=True):
            if place != IGNORE_LABEL:  # labels that are merged add up their votes
                votes[place] += count
        changed["votes"] = votes
    return changed


def _lost_its_votes(record: ConversationRecord | ItemRecord, label_map: LabelMap | None) -> bool:
    """Whether a sample has votes, all of them for labels that the run drops."""
    votes = cast(ItemRecord, record).get("votes", ())
    if label_map is None or not any(votes) or len(votes) != len(label_map.table):
        return False
    kept = (count for place, count in zip(label_map.table, votes, strict=True) if place != IGNORE_LABEL)
    return not any(kept)


def _turns(record: Mapping[str, object], rule: Difficulty, where: str) -> tuple[list[int], list[int]]:
    turns = cast("list[UtteranceRecord] | None", record.get("utterances"))
    if turns is None:
        raise ShardError(
            f"{where} is no conversation, and {type(rule).__name__} measures no other: give a difficulty of "
            "records, e.g. VoteDisagreementDifficulty or StoredDifficulty."
        )
    labels = [IGNORE_LABEL if turn["label"] is None else turn["label"] for turn in turns]
    return labels, [turn["speaker"] for turn in turns]


def _of_other_labels(where: str) -> ShardError:
    return ShardError(
        f"{where} has labels or votes that its label space does not have: run `affectkit shards check`."
    )
