"""Files in folders that a model does not read, counted so that nobody believes them predicted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from affectkit.data.shards import MANIFEST_NAME
from affectkit.predict.item import PredictItem


def passed_over(
    paths: Iterable[str | os.PathLike[str]], items: Iterable[PredictItem] = ()
) -> Mapping[str, int]:
    """How many files of which endings lie in folders and belong to no item; hidden ones do not count.

    Args:
        paths: What was looked through; files that are named and data sets of shards have nothing to count.
        items: What was found there.

    Returns:
        Ending of names, in lower case and with its dot, -> number of files, the most frequent first.
    """
    folders = [path for path in map(Path, paths) if path.is_dir() and not (path / MANIFEST_NAME).is_file()]
    if not folders:
        return {}
    used = {place for item in items for place in (item.path, *map(str, item.besides))}
    used = {_whole(Path(place)) for place in used}
    seen: set[str] = set()
    found: Counter[str] = Counter()
    for folder in folders:
        for each in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in each.relative_to(folder).parts)
            place = _whole(each)
            # A clip may be a folder of its frames.
            taken = place in used or _whole(each.parent) in used
            if hidden or taken or place in seen or not each.is_file():
                continue
            seen.add(place)
            found[each.suffix.lower() or "no ending"] += 1
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _whole(path: Path) -> str:
    """The same for the same place, whatever way a name takes to it; the disk is not asked."""
    return os.path.normpath(path.absolute())


def passed_over_text(counts: Mapping[str, int], *, most: int = 6) -> str:
    """The counts in words.

    Args:
        counts: What :func:`passed_over` found.
        most: Endings that are named; the others are counted together.

    Examples:
        >>> passed_over_text({".mp4": 12, ".txt": 1})
        '12 .mp4, 1 .txt'
        >>> passed_over_text({".mp4": 12, ".txt": 1, ".csv": 1}, most=1)
        '12 .mp4, 2 others'
    """
    named = [f"{count} {ending}" for ending, count in list(counts.items())[:most]]
    others = sum(list(counts.values())[most:])
    return ", ".join([*named, f"{others} others"] if others else named)
