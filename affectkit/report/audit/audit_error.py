"""The error of an audit that cannot be made."""

from __future__ import annotations


class AuditError(ValueError):
    """The settings or folders of an audit are not usable."""
