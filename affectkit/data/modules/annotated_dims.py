"""Which affect dimensions of a split have a value at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ShardError, conversation_record, parse_json
from affectkit.data.store import SampleStore


def annotated_dims(store: SampleStore, *, skip_damaged: bool = False) -> tuple[bool, ...]:
    """Whether each dimension of the declared scale has a value in some sample.

    Reads records in the order of the store and stops when every dimension has been seen, so it is
    through at once unless one is absent everywhere.

    Args:
        store: One split.
        skip_damaged: Whether samples that cannot be read are passed over.

    Raises:
        ShardError: If a sample is damaged.
    """
    scale = store.manifest.dims
    seen = [False] * (0 if scale is None else len(scale))
    for position in range(len(store)):
        if all(seen):
            break
        try:
            for values in _ratings(store, position):
                if len(values) != len(seen):
                    raise ShardError(
                        f"{store.describe(position)} has {len(values)} affect dimensions, but its scale has "
                        f"{len(seen)}: run `affectkit shards check` on its shards."
                    )
                seen = [known or value is not None for known, value in zip(seen, values)]
        except ShardError:
            if not skip_damaged:
                raise
    return tuple(seen)


def _ratings(store: SampleStore, position: int) -> Iterator[Sequence[float | None]]:
    where = store.describe(position)
    members = store.get(position)
    if store.manifest.kind != "conversation":
        item = read_item(members)
        if "dims" in item:
            yield item["dims"]
        return
    if "json" not in members:
        raise ShardError(f"{where} has no json member: make the shards anew from their source.")
    for turn in conversation_record(parse_json(members["json"], where=where), where=where)["utterances"]:
        if "dims" in turn:
            yield turn["dims"]
