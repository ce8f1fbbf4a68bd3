"""Which kinds of file may be members of a sample."""

from __future__ import annotations

from affectkit.data.schema.error import ShardError

#: The last part of a member's extension must be one of these. The list is closed: stock loaders
#: run the pickles of whoever wrote the shard, so a kind that can execute code has no place here.
MEMBER_EXTENSIONS = frozenset(
    {"cls", "flac", "jpeg", "jpg", "json", "mp4", "npy", "png", "safetensors", "txt", "wav", "webp"}
)


def member_kind(ext: str) -> str:
    """The last part of a (possibly compound) extension, checked against the allow-list.

    Args:
        ext: Extension without the leading dot, e.g. ``"json"`` or ``"face-003.png"``.

    Raises:
        ShardError: If the last part is not in :data:`MEMBER_EXTENSIONS`.

    Examples:
        >>> member_kind("face-003.png")
        'png'
    """
    kind = ext.rpartition(".")[2]
    if kind not in MEMBER_EXTENSIONS:
        raise ShardError(
            f"The member extension {ext!r} is not allowed, because only data that cannot execute code is "
            f"read: store the content as one of {', '.join(sorted(MEMBER_EXTENSIONS))}."
        )
    return kind
