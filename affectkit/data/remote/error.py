"""The errors of bringing files from elsewhere."""

from __future__ import annotations


class RemoteError(ValueError):
    """A remote file cannot be brought, or the cache cannot hold it; the message names the remedy."""


class TransientError(Exception):
    """This attempt failed in a way in which the next one may not; never leaves this package."""
