"""The error for a member whose content is damaged."""

from __future__ import annotations

from affectkit.data.schema import ShardError


class DecodeError(ShardError):
    """A member's content is damaged, too large, or of a kind that is not read.

    A loader may mask such a sample instead of stopping; it never drops it.
    """
