"""The label files of MERBench and of sets that follow it: an npz of pickled dicts, one for each split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from affectkit.data.sources.source import SourceError
from affectkit.data.sources.unpickle import convert_pickle
from affectkit.labels import AffectScale, LabelSpace

#: The number that stands for "no value" in them.
_NO_VALUE: Final = -10.0


@dataclass(frozen=True, slots=True)
class CorpusLabel:
    """What a label file says of one clip.

    ``name`` is as it stands in the file; ``value`` is a sentiment or a valence, None where absent.
    """

    name: str
    split: str
    label: int | None
    value: float | None


def read_corpus_labels(
    path: Path, *, space: LabelSpace | None, scale: AffectScale | None
) -> dict[str, CorpusLabel]:
    """The clips of ``{train,val,test}_corpus`` (or ``test1_corpus``, ``whole_corpus``) by name.

    Args:
        path: The npz, whose pickles are read by :func:`convert_pickle`.
        space: The order that numbers in ``emo`` follow, or the names that stand there; None where
            ``emo`` is to be ignored.
        scale: The range of ``val``, or None where it is to be ignored. -10 means absent.

    Raises:
        SourceError: If the file is refused, has no corpus, or a clip occurs twice or has a label or
            value that does not fit.
    """
    found: dict[str, CorpusLabel] = {}
    with convert_pickle(path, kind="npz") as content:
        corpora = content if isinstance(content, dict) else {}
        for member, clips in corpora.items():
            match = re.fullmatch(r"([a-z]+[0-9]*)_corpus", member)
            if match is None or not isinstance(clips, dict):
                raise SourceError(path, None, f"its member {member!r} is no corpus; use the published file.")
            split = "train" if match[1] == "whole" else match[1]
            for name, values in clips.items():
                if name in found:
                    raise SourceError(path, None, f"the clip {name!r} occurs twice; remove one of the two.")
                found[name] = _clip(path, name, split, values, space=space, scale=scale)
    if not found:
        raise SourceError(path, None, "it labels no clip; use the file as it was published.")
    return found


def _clip(
    path: Path, name: str, split: str, values: object, *, space: LabelSpace | None, scale: AffectScale | None
) -> CorpusLabel:
    if not isinstance(values, Mapping) or not {"emo", "val"} <= set(values):
        raise SourceError(path, None, f"the clip {name!r} has no emo and val; use the file as published.")
    emotion, value = values["emo"], values["val"]
    label = None if space is None else _label(path, name, emotion, space)
    if scale is None:
        return CorpusLabel(name, split, label, None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SourceError(path, None, f"the clip {name!r} has the val {value!r}, no number; correct it.")
    try:
        (number,) = scale.read([None if value == _NO_VALUE else float(value)])
    except ValueError as error:
        raise SourceError(path, None, f"the clip {name!r}: {error}") from error
    return CorpusLabel(name, split, label, number)


def _label(path: Path, name: str, emotion: object, space: LabelSpace) -> int:
    label = space.find(emotion) if isinstance(emotion, str) else emotion
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(space):
        raise SourceError(
            path, None, f"the clip {name!r} has the emo {emotion!r}, not in {space.order()}; correct it."
        )
    return label
