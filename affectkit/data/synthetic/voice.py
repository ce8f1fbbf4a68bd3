"""A voice synthesised from prosody: harmonics of a pitch contour, formed by vowels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

#: Samples per second of every synthetic voice.
SAMPLE_RATE: Final = 8000

#: First and second formant of five vowels in hertz.
_VOWELS: Final = ((730.0, 1090.0), (530.0, 1840.0), (270.0, 2290.0), (570.0, 840.0), (300.0, 870.0))


@dataclass(frozen=True, slots=True)
class Prosody:
    """How something is said.

    Attributes:
        pitch: Shift of the mean pitch against the speaker's own, in semitones.
        movement: Size of the accents on the syllables, in semitones.
        slope: Rise of the pitch from begin to end, in semitones.
        energy: Level against neutral speech, in decibels.
        tempo: Syllables per second.
        breathiness: Share of noise in the source, in [0, 1].
        jitter: Irregularity of pitch and loudness, in [0, 1].
        tilt: Fall of the radiated spectrum, in decibels per octave.
    """

    pitch: float = 0.0
    movement: float = 2.0
    slope: float = -1.0
    energy: float = 0.0
    tempo: float = 4.0
    breathiness: float = 0.1
    jitter: float = 0.05
    tilt: float = 4.5


#: Prosody of each emotion at full intensity.
EMOTION_PROSODY: Final[Mapping[str, Prosody]] = MappingProxyType(
    {
        "neutral": Prosody(),
        "surprise": Prosody(6.0, 6.0, 5.0, 4.0, 4.6, 0.2, 0.1, 3.5),
        "fear": Prosody(6.0, 3.0, 1.0, 3.0, 5.8, 0.35, 0.35, 4.0),
        "sadness": Prosody(-2.0, 1.0, -3.0, -6.0, 2.8, 0.45, 0.1, 6.5),
        "joy": Prosody(5.0, 5.0, 1.0, 4.0, 5.0, 0.1, 0.05, 3.25),
        "disgust": Prosody(-2.0, 2.5, -4.0, -2.0, 3.2, 0.2, 0.3, 5.5),
        "anger": Prosody(4.0, 4.0, -3.0, 7.0, 5.2, 0.05, 0.25, 2.5),
    }
)


def prosody(weights: Mapping[str, float]) -> Prosody:
    """Prosody of a blend of emotions; weights below one in total leave the rest neutral.

    Args:
        weights: Emotion name to weight in [0, 1].

    Raises:
        ValueError: If an emotion has no prototype.

    Examples:
        >>> prosody({"sadness": 0.5}).energy
        -3.0
    """
    neutral = EMOTION_PROSODY["neutral"]
    values = {field.name: float(getattr(neutral, field.name)) for field in fields(Prosody)}
    for emotion, weight in weights.items():
        prototype = EMOTION_PROSODY.get(emotion)
        if prototype is None:
            known = ", ".join(EMOTION_PROSODY)
            raise ValueError(f"prosody: no prototype for the emotion {emotion!r}; use one of {known}.")
        for name in values:
            values[name] += weight * (float(getattr(prototype, name)) - float(getattr(neutral, name)))
    return Prosody(**values)


@dataclass(frozen=True, slots=True)
class VoiceIdentity:
    """What stays the same in one person's voice.

    Attributes:
        pitch: Mean pitch in hertz.
        formant_scale: Factor on the formants; a shorter vocal tract has larger ones.
        level: Level in decibels.
    """

    pitch: float
    formant_scale: float
    level: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> VoiceIdentity:
        """Draw a person."""
        pitch = float(100.0 * 2.0 ** rng.uniform(0.0, 1.15))
        scale = 0.9 + 0.2 * np.log2(pitch / 100.0) + rng.normal(0.0, 0.03)
        return cls(
            pitch=pitch,
            formant_scale=float(np.clip(scale, 0.8, 1.3)),
            level=float(rng.normal(0.0, 2.0)),
        )


def synthesise_voice(
    how: Prosody,
    identity: VoiceIdentity,
    rng: np.random.Generator,
    *,
    seconds: float = 0.8,
    noise: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Synthesise one short utterance at :data:`SAMPLE_RATE`.

    Harmonics of the pitch contour, weighted by the spectral tilt and by the formants of one vowel
    for each syllable, plus breath, under the loudness of the syllables. The samples lie on the
    grid of 16 bits, so that a WAV file holds them exactly.

    Args:
        how: The prosody.
        identity: The person.
        rng: Source of vowels, accents, breath and jitter.
        seconds: Length.
        noise: Standard deviation of added noise; a voice at neutral level has about 0.06.

    Shape:
        - returns: (seconds * SAMPLE_RATE,) float32 in [-1, 1).
    """
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    syllables = max(1, round(seconds * how.tempo))
    position = np.clip(time / seconds * syllables, 0.0, syllables - 1e-6)
    index = position.astype(np.int64)
    within = position - index
    accent = rng.uniform(-0.5, 1.0, syllables)[index] * np.sin(np.pi * within)
    knots = max(2, round(seconds * 60))
    wobble = np.interp(time, np.linspace(0.0, seconds, knots), rng.normal(0.0, 1.0, knots))
    semitones = (
        how.pitch + how.movement * accent + how.slope * (time / seconds - 0.5) + 2.0 * how.jitter * wobble
    )
    pitch = identity.pitch * 2.0 ** (semitones / 12.0)
    phase = 2.0 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    vowel = rng.integers(len(_VOWELS), size=syllables)
    harmonics = np.arange(1, int(0.45 * SAMPLE_RATE / float(pitch.min())) + 1, dtype=np.float64)
    # One spectrum for each syllable: the pitch within a syllable moves too little to matter for the formants.
    level = np.empty((syllables, len(harmonics)))
    for syllable in range(syllables):
        centre = float(pitch[index == syllable].mean()) * harmonics
        first, second = (identity.formant_scale * formant for formant in _VOWELS[int(vowel[syllable])])
        shape = (
            1.0 / (1.0 + ((centre - first) / 110.0) ** 2)
            + 0.6 / (1.0 + ((centre - second) / 160.0) ** 2)
            + 0.03
        )
        slope = 10.0 ** (-how.tilt * np.log2(harmonics) / 20.0)
        level[syllable] = shape * slope * (centre < 0.48 * SAMPLE_RATE)
    # Harmonic k is the k-th power of the first: a multiplication where a sine would be ten times dearer.
    first_harmonic = np.exp(1j * phase)
    wave_form = np.ones(count, dtype=np.complex128)
    voiced = np.zeros(count)
    for strength in level.T:
        wave_form *= first_harmonic
        voiced += strength[index] * wave_form.imag
    voiced /= max(1e-9, float(np.sqrt(np.mean(voiced**2))))
    breath = np.diff(rng.normal(0.0, 1.0, count + 1)) / np.sqrt(2.0)
    source = np.sqrt(1.0 - how.breathiness**2) * voiced + how.breathiness * breath
    loudness = (0.15 + np.sin(np.pi * within) ** 0.7) * (1.0 + how.jitter * wobble)
    gain = 0.06 * 10.0 ** ((how.energy + identity.level) / 20.0)
    wave = gain * source * loudness + rng.normal(0.0, 0.002 + noise, count)
    grid = np.clip(np.rint(wave * 32768.0), -32768, 32767)
    samples: npt.NDArray[np.float32] = (grid / 32768.0).astype(np.float32)
    return samples
