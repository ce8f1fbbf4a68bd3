"""CMU-MOSI as utterance features: one speaker's opinions of a video, sentence by sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch

from affectkit.data.schema import ConversationRecord, ShardError, UtteranceRecord
from affectkit.data.shards import FeatureSpec, Licence, Manifest
from affectkit.data.sources.npz_arrays import NpzArray, npz_arrays
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("sentiment2.mosi")
_WIDTHS: Final = {"text": 100, "audio": 73, "video": 100}
#: The library says visual where the file says video.
_MODALITIES: Final = {"text": "text", "audio": "audio", "visual": "video"}
_COLUMNS: Final = ("video_id", "utterance", "label", "split", "transcript")
_SPLITS: Final = ("train", "test")


def read_mosi(folder: Path, *, seed: int = 0, held_out: int = 12) -> Iterator[SourceSample]:
    """Yield the videos of ``mosi.npz`` as conversations of one speaker.

    The file splits into train and test only; some training videos are held out as ``val``, chosen
    by their names and the seed.

    Args:
        folder: Where the file lies.
        seed: Chooses which videos are held out.
        held_out: How many; 0 makes no ``val``.

    Raises:
        SourceError: If the file or an array is missing or of another shape, or a row has an unknown
            label or split, no transcript, a number that is not finite, or does not follow the row
            before it.
    """
    path = folder / "mosi.npz"
    arrays = npz_arrays(path, (*_COLUMNS, *_WIDTHS))
    rows = len(arrays["video_id"])
    for name, width in _WIDTHS.items():
        if arrays[name].shape != (rows, width):
            raise SourceError(
                path, None, f"the array {name!r} is {arrays[name].shape}, not ({rows}, {width}); restore it."
            )
    videos = _videos(path, arrays)
    training = [video for video, (start, _) in videos.items() if arrays["split"][start] == "train"]
    if not 0 <= held_out < len(training):
        raise ShardError(
            f"{held_out} of {len(training)} training videos cannot be held out: use a number below that."
        )
    chosen = set(sorted(training, key=lambda video: _order(video, seed))[:held_out])
    for video, (start, end) in videos.items():
        split = "val" if video in chosen else str(arrays["split"][start])
        features = {
            modality: torch.from_numpy(arrays[name][start:end].astype(np.float32))
            for modality, name in _MODALITIES.items()
        }
        record = _conversation(path, arrays, video, start, end)
        yield SourceSample(split, safe_key(video), record, {}, features)


def _videos(path: Path, arrays: Mapping[str, NpzArray]) -> dict[str, tuple[int, int]]:
    """First row and the row after the last, by video."""
    names = [str(name) for name in arrays["video_id"]]
    videos: dict[str, tuple[int, int]] = {}
    for number, name in enumerate(names):
        row = RowValues(path, number + 1)
        if name not in videos:
            videos[name] = (number, number + 1)
        elif videos[name][1] != number:
            raise row.wrong(f"the video {name!r} goes on after another one; sort the rows by video.")
        else:
            videos[name] = (videos[name][0], number + 1)
            if arrays["split"][number] != arrays["split"][number - 1]:
                raise row.wrong(f"the video {name!r} is in two splits; correct it.")
            if arrays["utterance"][number] <= arrays["utterance"][number - 1]:
                raise row.wrong(f"the utterances of {name!r} are out of order; sort the rows.")
        if arrays["split"][number] not in _SPLITS:
            raise row.wrong(f"the split {str(arrays['split'][number])!r} is neither train nor test.")
        for array in _WIDTHS:
            if not np.isfinite(arrays[array][number]).all():
                raise row.wrong(f"the array {array!r} holds NaN or infinity; restore it.")
    return videos


def _conversation(
    path: Path, arrays: Mapping[str, NpzArray], video: str, start: int, end: int
) -> ConversationRecord:
    utterances: list[UtteranceRecord] = []
    for number in range(start, end):
        row = RowValues(path, number + 1)
        text = str(arrays["transcript"][number]).strip()
        if not text:
            raise row.wrong("its transcript is empty; restore it.")
        utterances.append(
            {
                "id": f"{video}_{int(arrays['utterance'][number])}",
                "text": text,
                "speaker": 0,
                "label": row.whole(str(arrays["label"][number]), what="label", low=0, high=1),
            }
        )
    return {"id": video, "speakers": [video], "utterances": utterances}


def _order(video: str, seed: int) -> bytes:
    # A digest chooses the same videos with every version of every random generator.
    return hashlib.sha256(f"{seed}/{video}".encode()).digest()


def _configured(folder: Path, options: Mapping[str, str]) -> Source:
    numbers = {}
    for name, text in options.items():
        if not (text.isascii() and text.isdigit()):
            raise ShardError(f"The option {name}={text} of mosi is no whole number: write one from 0.")
        numbers[name] = int(text)
    read = partial(read_mosi, seed=numbers.get("seed", 0), held_out=numbers.get("held_out", 12))
    return replace(MOSI, read=read)


MOSI: Final = Source(
    template=Manifest(
        name="mosi",
        kind="conversation",
        label_space=_SPACE,
        features={
            "text": FeatureSpec(100, "float32", "text CNN of bc-LSTM"),
            "audio": FeatureSpec(73, "float32", "openSMILE, as published with bc-LSTM"),
            "visual": FeatureSpec(100, "float32", "3D CNN of bc-LSTM"),
        },
        licence=Licence("MIT", "academic", "The features are MIT; CMU-MOSI itself is for research use."),
        created_by="affectkit shards make mosi SRC OUT",
    ),
    description="CMU-MOSI utterance features of bc-LSTM with binary sentiment, from mosi.npz",
    read=read_mosi,
    options={
        "seed": "chooses the training videos that become val (default 0)",
        "held_out": "how many do (default 12 of 62; 0 makes no val)",
    },
    configure=_configured,
)
