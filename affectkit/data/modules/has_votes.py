"""Whether any sample of a split has votes of annotators."""

from __future__ import annotations

from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ShardError
from affectkit.data.store import SampleStore


def has_votes(store: SampleStore, *, skip_damaged: bool = False) -> bool:
    """Whether some sample has a vote for some label; utterances of conversations have none.

    Reads records in the order of the store and stops at the first one with votes.

    Args:
        store: One split.
        skip_damaged: Whether samples that cannot be read are passed over.

    Raises:
        ShardError: If a sample is damaged.
    """
    if store.manifest.kind == "conversation":
        return False
    for position in range(len(store)):
        try:
            if sum(read_item(store.get(position)).get("votes", ())) > 0:
                return True
        except ShardError:
            if not skip_damaged:
                raise
    return False
