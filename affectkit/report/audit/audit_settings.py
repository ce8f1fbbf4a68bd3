"""What an audit calls near, and short."""

from __future__ import annotations

from dataclasses import dataclass

from affectkit.report.audit.audit_error import AuditError
from affectkit.report.audit.near_pairs import MAX_DISTANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """What an audit calls near, and short.

    Args:
        text_similarity: From which Jaccard similarity of their shingles two texts are near.
        picture_distance: In how many bits the hashes of near pictures may differ, at most.
        picture_similarity: From which correlation of their pixels such pictures are near.
        short_words: A text with fewer words is a phrase: its repetition is noted and not a duplicate.
        groups: Names in ``meta`` that must not be in two splits, beside the usual ones for people and
            recordings.

    Raises:
        AuditError: If a number is out of range.
    """

    text_similarity: float = 0.8
    picture_distance: int = 4
    picture_similarity: float = 0.99
    short_words: int = 5
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (
            ("text_similarity", self.text_similarity),
            ("picture_similarity", self.picture_similarity),
        ):
            if not 0.5 <= value <= 1:
                raise AuditError(f"{name}={value} finds what has little in common: use 0.5 to 1.")
        if not 0 <= self.picture_distance <= MAX_DISTANCE:
            raise AuditError(
                f"picture_distance={self.picture_distance} cannot be searched: use 0 to {MAX_DISTANCE}."
            )
        if not 0 <= self.short_words <= 255:
            raise AuditError(f"short_words={self.short_words} is no length: use 0 to 255.")
