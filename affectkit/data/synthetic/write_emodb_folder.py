"""Synthesised voices in the folder layout of EMO-DB: everything about a recording is in its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from affectkit.data.shards.build_folder import build_folder
from affectkit.data.synthetic.voice import VoiceIdentity, prosody, synthesise_voice
from affectkit.data.synthetic.wav_bytes import wav_bytes

#: How each letter sounds; boredom is half of sadness, our choice.
_SOUNDS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "W": {"anger": 1.0},
        "L": {"sadness": 0.5},
        "E": {"disgust": 1.0},
        "A": {"fear": 1.0},
        "F": {"joy": 1.0},
        "T": {"sadness": 1.0},
        "N": {},
    }
)


def write_emodb_folder(
    out: str | os.PathLike[str],
    *,
    speakers: int = 4,
    versions: int = 2,
    seed: int = 0,
    seconds: float = 0.8,
) -> Path:
    """Write voices as ``affectkit shards make emodb`` reads them; equal arguments give equal bytes.

    Every speaker, numbered from 03 on, says sentence a01 in each of the seven emotions.

    Args:
        out: Folder to make; it must not exist.
        speakers: Number of speakers.
        versions: Recordings of each speaker and emotion, 26 at most.
        seed: Seed of everything.
        seconds: Length of a recording; every second one is half as long again.

    Raises:
        ShardError: If ``out`` exists.
    """
    with build_folder(out) as folder:
        (folder / "wav").mkdir()
        for speaker in range(speakers):
            identity = VoiceIdentity.draw(np.random.default_rng([seed, speaker]))
            for place, (letter, weights) in enumerate(_SOUNDS.items()):
                for version in range(versions):
                    rng = np.random.default_rng([seed, speaker, place, version])
                    length = seconds * (1.0 + 0.5 * (version % 2))
                    samples = synthesise_voice(prosody(weights), identity, rng, seconds=length)
                    name = f"{speaker + 3:02d}a01{letter}{chr(ord('a') + version)}.wav"
                    (folder / "wav" / name).write_bytes(wav_bytes(samples))
    return Path(out)
