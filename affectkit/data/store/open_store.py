"""Opening samples, whatever holds them."""

from __future__ import annotations

import os

from affectkit.data.shards import Verify, open_shards
from affectkit.data.store.lmdb_store import is_lmdb, open_lmdb
from affectkit.data.store.protocol import SampleStore


def open_store(root: str | os.PathLike[str], split: str, *, verify: Verify = "size") -> SampleStore:
    """Open one split of a data set: an LMDB where the folder holds one, else shards.

    Args:
        root: Folder of the data set.
        split: Which split.
        verify: What is compared; see :func:`open_lmdb` and :func:`~affectkit.data.shards.open_shards`.

    Raises:
        ShardError: If the data is absent or damaged.
    """
    return open_lmdb(root, split, verify=verify) if is_lmdb(root) else open_shards(root, split, verify=verify)
