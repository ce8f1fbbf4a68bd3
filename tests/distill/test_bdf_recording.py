"""A made-up file of MAHNOB-HCI's layout comes back as microvolt of its electrodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from affectkit._optional import require
from affectkit.distill import read_bdf

pytest.importorskip("pyedflib")

RATE, SECONDS = 256, 3
#: Electrodes, outer sensors and the status channel, as BioSemi writes them.
CHANNELS = ("Fp1", "AF3", "Cz", "O2", "EXG1", "GSR1", "Status")
SIGNALS = np.random.default_rng(0).normal(0, 50, (len(CHANNELS), RATE * SECONDS))


def write(
    path: Path, *, units: dict[str, str] | None = None, rates: dict[str, int] | None = None
) -> NDArray[np.float64]:
    edf = require("pyedflib", extra="eeg", purpose="This test")
    headers = [
        {
            "label": name,
            "dimension": (units or {}).get(name, "uV"),
            "sample_frequency": (rates or {}).get(name, RATE),
            "physical_min": -262144,
            "physical_max": 262143,
            "digital_min": -8388608,
            "digital_max": 8388607,
            "transducer": "",
            "prefilter": "",
        }
        for name in CHANNELS
    ]
    writer = edf.EdfWriter(str(path), len(CHANNELS), file_type=edf.FILETYPE_BDF)
    with writer:
        writer.setSignalHeaders(headers)
        writer.writeSamples(
            [row[: SECONDS * (rates or {}).get(name, RATE)] for row, name in zip(SIGNALS, CHANNELS)]
        )
    return SIGNALS


def test_electrodes_come_back_in_microvolt(tmp_path: Path) -> None:
    write(tmp_path / "trial.bdf", units={"Cz": "mV"})
    recording = read_bdf(tmp_path / "trial.bdf")
    assert recording.electrodes == ("Fp1", "AF3", "Cz", "O2") and recording.sample_rate == RATE
    expected = SIGNALS[:4].copy()
    expected[2] *= 1000
    # Steps of a thirty-second of a microvolt, towards which the writer cuts off.
    np.testing.assert_allclose(recording.eeg[[0, 1, 3]].numpy(), expected[[0, 1, 3]], atol=0.032)
    np.testing.assert_allclose(recording.eeg[2].numpy(), expected[2], atol=32)
    chosen = read_bdf(tmp_path / "trial.bdf", ["O2", "Fp1"])
    assert chosen.electrodes == ("O2", "Fp1")
    np.testing.assert_array_equal(chosen.eeg.numpy(), recording.eeg[[3, 0]].numpy())


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "trial.bdf"
    write(path, units={"Cz": "degC"}, rates={"O2": 128})
    with pytest.raises(ValueError, match="different rates"):
        read_bdf(path)
    with pytest.raises(ValueError, match="channel 'Cz' in 'degC', which is no voltage"):
        read_bdf(path, ["Fp1", "Cz"])
    with pytest.raises(ValueError, match="no channel 'Pz', only Fp1, AF3"):
        read_bdf(path, ["Fp1", "Pz"])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="cannot be read as BDF or EDF"):
        read_bdf(path)
