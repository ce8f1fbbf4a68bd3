"""The one error for data that breaks the format."""

from __future__ import annotations


class ShardError(ValueError):
    """Shards, a manifest, a record or a source is not as the format wants it.

    The message is one sentence that names the thing, the place and the remedy; the command line
    prints it without a traceback.
    """
