from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from affectkit.data.synthetic import (
    EMOTION_PROSODY,
    SAMPLE_RATE,
    Prosody,
    VoiceIdentity,
    prosody,
    synthesise_voice,
)

PERSON = VoiceIdentity(pitch=125.0, formant_scale=1.0, level=0.0)
CALM = Prosody(movement=0.0, slope=0.0, breathiness=0.0, jitter=0.0)


def speak(how: Prosody, seed: int = 0, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    return synthesise_voice(how, PERSON, np.random.default_rng(seed), seconds=seconds)


def level(wave: npt.NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(wave.astype(np.float64) ** 2)))


def share_above(wave: npt.NDArray[np.float32], hertz: float) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float(power[np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE) > hertz].sum() / power.sum())


@pytest.mark.parametrize("semitones", [0.0, 12.0])
def test_pitch_is_the_period_of_the_wave(semitones: float) -> None:
    wave = speak(replace(CALM, pitch=semitones)).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(wave, 4 * len(wave))) ** 2
    correlation = np.fft.irfft(spectrum)
    lag = 20 + int(np.argmax(correlation[20:100]))
    assert SAMPLE_RATE / lag == pytest.approx(125.0 * 2 ** (semitones / 12), rel=0.03)


def test_energy_is_a_gain_in_decibels() -> None:
    assert level(speak(replace(CALM, energy=6.0))) - level(speak(CALM)) == pytest.approx(6.0, abs=0.1)


def test_tilt_darkens_and_breath_brightens() -> None:
    assert share_above(speak(replace(CALM, tilt=8.0)), 1000) < share_above(
        speak(replace(CALM, tilt=2.0)), 1000
    )
    assert share_above(speak(replace(CALM, breathiness=0.5)), 3000) > share_above(speak(CALM), 3000)


@pytest.mark.parametrize("tempo", [3.0, 6.0])
def test_tempo_is_the_rhythm_of_the_loudness(tempo: float) -> None:
    rhythm = np.zeros(21)
    for seed in range(10):
        frames = speak(replace(CALM, tempo=tempo), seed).reshape(40, -1).astype(np.float64)
        rhythm += np.abs(np.fft.rfft(np.sqrt(np.mean(frames**2, axis=1))))
    assert int(np.argmax(rhythm[1:])) + 1 == tempo


def test_samples_lie_on_the_grid_of_16_bits() -> None:
    wave = speak(EMOTION_PROSODY["anger"], seconds=0.6)
    assert wave.dtype == np.float32 and wave.shape == (4800,)
    assert np.array_equal(np.rint(wave * 32768), wave * 32768)
    assert np.abs(wave).max() < 1


def test_noise_drowns_the_voice() -> None:
    drowned = synthesise_voice(CALM, PERSON, np.random.default_rng(0), seconds=1.0, noise=0.1)
    assert share_above(drowned, 3000) > 10 * share_above(speak(CALM), 3000)


def test_prosody_blends_towards_neutral() -> None:
    half = prosody({"anger": 0.5})
    assert half.energy == pytest.approx(EMOTION_PROSODY["anger"].energy / 2)
    assert prosody({}) == EMOTION_PROSODY["neutral"]
    with pytest.raises(ValueError, match="'calm'"):
        prosody({"calm": 1.0})
