"""Aff-Wild2: videos with valence, arousal and expression of every frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.list_rows import text_lines
from affectkit.data.sources.picture_files import picture_member
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import affect_scale, label_space

_SPACE: Final = label_space("affwild8.abaw")
_SCALE: Final = affect_scale("va.affwild2")
_SETS: Final = ("VA_Set", "EXPR_Set")
# Editions of the challenge name the training folder differently.
_SPLITS: Final = {"train": ("Train_Set", "Training_Set"), "val": ("Validation_Set",)}
#: Frames in one sample: some ten seconds, so that a batch holds many videos.
_WINDOW: Final = 256


def read_affwild2(folder: Path) -> Iterator[SourceSample]:
    """Yield windows of 256 frames, each frame with its dimensions and its expression.

    Row ``i`` of ``annotations/{VA_Set,EXPR_Set}/{Train_Set,Validation_Set}/VIDEO.txt``, after the
    header, is frame ``i``, whose face is ``cropped_aligned/VIDEO/0000i.jpg``. A window is stored as a
    conversation of one person, with a frame in the place of an utterance, so dimensions and labels
    over time are read, masked and scored as those of utterances are. -5 (dimensions) and -1
    (expression) become null. Frames without a face or without any annotation are left out.

    Args:
        folder: Holds ``annotations`` and ``cropped_aligned``.

    Raises:
        SourceError: If there are no lists, a list is empty, a video is in two splits, or a value is
            no number or out of range.
    """
    splits: dict[str, str] = {}
    for split, names in _SPLITS.items():
        lists = {kind: _lists(folder / "annotations" / kind, names) for kind in _SETS}
        videos = sorted({video for found in lists.values() for video in found})
        if not videos:
            raise SourceError(folder / "annotations", None, f"no list for {split}; put them there.")
        for video in videos:
            if video in splits:
                path = next(found[video] for found in lists.values() if video in found)
                raise SourceError(path, None, f"it is in {splits[video]} too; remove one.")
            splits[video] = split
            frames = _frames(folder / "cropped_aligned" / video, video, lists)
            for start in range(0, len(frames), _WINDOW):
                yield _window(split, video, start // _WINDOW, frames[start : start + _WINDOW])


def _lists(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    return {path.stem: path for name in names for path in sorted((folder / name).glob("*.txt"))}


def _frames(
    faces: Path, video: str, lists: dict[str, dict[str, Path]]
) -> list[tuple[UtteranceRecord, dict[str, Path]]]:
    values: dict[int, UtteranceRecord] = {}
    rows: dict[int, RowValues] = {}
    for kind, found in lists.items():
        if video not in found:
            continue
        lines = text_lines(found[video])
        if len(lines) < 2:
            raise SourceError(found[video], None, "it has no rows below its header; use it as published.")
        for number, text in enumerate(lines[1:], 1):
            row = rows[number] = RowValues(found[video], number + 1)
            turn = values.setdefault(
                number,
                {"id": f"{number:05d}", "text": "", "speaker": 0, "label": None, "dims": [None, None]},
            )
            if kind == "EXPR_Set":
                label = row.whole(text, what="expression", low=-1, high=len(_SPACE) - 1)
                turn["label"] = None if label < 0 else label
                continue
            fields = text.split(",")
            if len(fields) != 2:
                raise row.wrong("it is no pair of valence and arousal; use the list as published.")
            turn["dims"] = row.dims(fields, _SCALE)
    frames: list[tuple[UtteranceRecord, dict[str, Path]]] = []
    for number, turn in sorted(values.items()):
        face = faces / f"{number:05d}.jpg"
        if face.is_file() and (turn["label"] is not None or turn["dims"] != [None, None]):
            frames.append((turn, picture_member(face, rows[number])))
    return frames


def _window(
    split: str, video: str, number: int, frames: list[tuple[UtteranceRecord, dict[str, Path]]]
) -> SourceSample:
    members = {
        f"face-{i:03d}.{ext}": path for i, (_, face) in enumerate(frames) for ext, path in face.items()
    }
    record: ConversationRecord = {
        "id": f"{video} {number}",
        "speakers": [video],
        "utterances": [turn for turn, _ in frames],
        "meta": {"video": video, "window": number},
    }
    return SourceSample(split, safe_key(f"{video}_{number:04d}"), record, members)


AFFWILD2: Final = Source(
    template=Manifest(
        name="affwild2",
        kind="conversation",
        label_space=_SPACE,
        dims=_SCALE,
        licence=Licence("Aff-Wild2 terms", "non-commercial", "On request to the authors; research only."),
        created_by="affectkit shards make affwild2 SRC OUT",
    ),
    description="Aff-Wild2 frames in windows, from annotations/{VA_Set,EXPR_Set} and cropped_aligned",
    read=read_affwild2,
)
