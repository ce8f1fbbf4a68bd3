"""EMO-DB: sentences acted in seven emotions; everything about a recording is in its file name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("emodb7.letters")
_NAME: Final = re.compile(
    r"(?P<speaker>[0-9]{2})(?P<sentence>[a-z][0-9]{2})(?P<emotion>[A-Z])(?P<version>[a-z])"
)
_KINDS: Final = {".wav": "wav", ".flac": "flac"}


def read_emodb(folder: Path, *, splits: Mapping[str, str] | None = None) -> Iterator[SourceSample]:
    """Yield the recordings, sorted by name.

    A name such as ``03a01Fa.wav`` is speaker 03, sentence a01, emotion F (happiness), version a.

    Args:
        folder: Holds the recordings, or a folder ``wav`` that does.
        splits: Split of a speaker; those that are not named train.

    Raises:
        SourceError: If there is no recording, a name is of another form, of an unknown emotion, or
            twice there as wav and flac, or a speaker of ``splits`` has no recording.
    """
    place = folder / "wav" if (folder / "wav").is_dir() else folder
    paths = sorted(path for path in place.iterdir() if path.suffix.lower() in _KINDS)
    if not paths:
        raise SourceError(place, None, "it holds no wav or flac file; give the folder of the recordings.")
    names = [path.stem for path in paths]
    speakers = {name[:2] for name in names}
    for speaker in splits or ():
        if speaker not in speakers:
            raise SourceError(
                place, None, f"it has no speaker {speaker!r}; choose from {', '.join(sorted(speakers))}."
            )
    for before, path in zip([None, *names], paths, strict=False):
        if before == path.stem:
            raise SourceError(path, None, "this recording is there as wav and as flac; remove one of them.")
        record = _record(path)
        split = (splits or {}).get(record["speaker"], "train")
        yield SourceSample(split, path.stem, record, {_KINDS[path.suffix.lower()]: path})


def _record(path: Path) -> ItemRecord:
    match = _NAME.fullmatch(path.stem)
    label = None if match is None else _SPACE.find(match["emotion"])
    if match is None or label is None:
        raise SourceError(
            path,
            None,
            "its name is not speaker, sentence, a letter of WLEAFTN and version, as 03a01Fa; correct it.",
        )
    return {
        "id": path.stem,
        "label": label,
        "speaker": match["speaker"],
        "meta": {"sentence": match["sentence"], "version": match["version"]},
    }


def _configured(folder: Path, options: Mapping[str, str]) -> Source:
    splits: dict[str, str] = {}
    for split, speakers in options.items():
        for speaker in speakers.split(","):
            if splits.setdefault(speaker.strip(), split) != split:
                raise ShardError(f"Speaker {speaker!r} of emodb is in val and in test: take it out of one.")
    return replace(EMODB, read=partial(read_emodb, splits=splits))


EMODB: Final = Source(
    template=Manifest(
        name="emodb",
        kind="audio",
        label_space=_SPACE,
        licence=Licence("unstated", "unknown", "Acted speech, freely downloadable from its authors."),
        created_by="affectkit shards make emodb SRC OUT",
    ),
    description="EMO-DB recordings in seven acted emotions, from a folder of wav or flac files",
    read=read_emodb,
    options={
        "test": "speakers of the test split, e.g. 03 or 03,08 (default: none)",
        "val": "speakers of the val split (default: none)",
    },
    configure=_configured,
)
