"""The lists of clips that DFER-CLIP keeps for DFEW, FERV39k and MAFW."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.schema import ShardError
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.fold_choice import FOLD_OPTION, chosen_fold
from affectkit.data.sources.indexed_clips import read_indexed_clips
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import label_space

_SPACES: Final = {
    "dfew": label_space("dfew7.official"),
    # Read from the folder names of its lists: .../Action/Happy/0015 25 0.
    "ferv39k": label_space("ferv39k7.mae_dfer"),
    "mafw": label_space("mafw11.dfer_clip"),
}
_STEMS: Final = {"dfew": "DFEW_set_{fold}", "ferv39k": "FERV39K", "mafw": "MAFW_set_{fold}"}


def read_dfer_clip(folder: Path, *, set_name: str = "mafw", fold: int = 1) -> Iterator[SourceSample]:
    """Yield the clips of ``annotation/SET_..._{train,test}.txt``, whose labels count from 0.

    For MAFW this is the other order in use, ``mafw11.dfer_clip``.

    Args:
        folder: Holds the folder ``annotation`` and the folders of frames.
        set_name: ``"dfew"``, ``"ferv39k"`` or ``"mafw"``.
        fold: The fold of DFEW or MAFW.

    Raises:
        SourceError: See :func:`read_indexed_clips`.
    """
    stem = _STEMS[set_name].format(fold=fold)
    lists = {split: folder / "annotation" / f"{stem}_{split}.txt" for split in ("train", "test")}
    return read_indexed_clips(folder, lists=lists, space=_SPACES[set_name], first_label=0)


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    chosen = options.get("set", "mafw")
    if chosen not in _SPACES:
        raise ShardError(
            f"The option set={chosen} of 'dfer_clip' is none of {', '.join(_SPACES)}: choose one of them."
        )
    fold = chosen_fold(options, name="dfer_clip")
    return replace(
        DFER_CLIP,
        template=replace(DFER_CLIP.template, name=chosen, label_space=_SPACES[chosen]),
        read=partial(read_dfer_clip, set_name=chosen, fold=fold),
    )


DFER_CLIP: Final = Source(
    template=Manifest(
        name="dfer_clip",
        kind="clip",
        label_space=_SPACES["mafw"],
        licence=Licence("terms of the set", "non-commercial", "On request to the authors of the set."),
        created_by="affectkit shards make dfer_clip SRC OUT",
    ),
    description="clips of DFEW, FERV39k or MAFW, from the lists that DFER-CLIP keeps in annotation",
    read=read_dfer_clip,
    options={"set": "dfew, ferv39k or mafw (default: mafw)", **FOLD_OPTION},
    configure=_configure,
)
