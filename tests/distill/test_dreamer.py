"""A made-up file of the structure of DREAMER.mat comes back as trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from affectkit._optional import require
from affectkit.distill import (
    DREAMER_SCALE,
    ELECTRODE_LAYOUTS,
    TopographicEncoder,
    VAPrototypeGrid,
    read_dreamer,
)
from affectkit.distill.va_cells import unit_va

pytest.importorskip("scipy.io")

PEOPLE, CLIPS = 3, 4


def column(values: list[NDArray[np.float64]]) -> NDArray[np.object_]:
    """A cell array (n, 1), as MATLAB stores one."""
    cells = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        cells[row, 0] = value
    return cells


def structure(*, equal: bool = False) -> dict[str, object]:
    random = np.random.default_rng(0)
    people = np.empty((1, PEOPLE), dtype=object)
    for person in range(PEOPLE):
        lengths = [256 if equal else 256 + 7 * clip for clip in range(CLIPS)]
        signals = {
            name: column([random.normal(4000, 20, (length, 14)) for length in lengths])
            for name in ("baseline", "stimuli")
        }
        scores = {
            f"Score{name}": random.integers(1, 6, (CLIPS, 1)).astype(float)
            for name in ("Valence", "Arousal", "Dominance")
        }
        people[0, person] = {"Age": "30", "Gender": "female", "EEG": signals, **scores}
    electrodes = np.empty((1, 14), dtype=object)
    electrodes[0, :] = ELECTRODE_LAYOUTS["dreamer14"]
    return {
        "Data": people,
        "EEG_SamplingRate": 128,
        "ECG_SamplingRate": 256,
        "EEG_Electrodes": electrodes,
        "noOfSubjects": PEOPLE,
        "noOfVideoSequences": CLIPS,
    }


def write(path: Path, values: dict[str, object]) -> None:
    require("scipy.io", extra="eeg", purpose="This test").savemat(path, values, do_compression=True)


@pytest.mark.parametrize("equal", [False, True])
def test_trials_come_back_as_they_were_written(tmp_path: Path, equal: bool) -> None:
    whole = structure(equal=equal)
    write(tmp_path / "DREAMER.mat", {"DREAMER": whole})
    trials = list(read_dreamer(tmp_path / "DREAMER.mat"))
    assert [(trial.person, trial.clip) for trial in trials] == [
        (person, clip) for person in range(PEOPLE) for clip in range(CLIPS)
    ]
    people = whole["Data"]
    assert isinstance(people, np.ndarray)
    for trial in trials:
        data = people[0, trial.person]
        for name, part in (("stimuli", trial.eeg), ("baseline", trial.baseline)):
            expected = data["EEG"][name][trial.clip, 0].T.astype(np.float32)
            np.testing.assert_array_equal(part.numpy(), expected)
        scores = [data[f"Score{name}"][trial.clip, 0] for name in ("Valence", "Arousal", "Dominance")]
        assert trial.vad.tolist() == scores and trial.sample_rate == 128.0
        assert trial.electrodes == ELECTRODE_LAYOUTS["dreamer14"]


def test_trials_make_a_prototype_grid(tmp_path: Path) -> None:
    write(tmp_path / "DREAMER.mat", {"DREAMER": structure()})
    trials = list(read_dreamer(tmp_path / "DREAMER.mat"))
    encoder = TopographicEncoder(trials[0].electrodes, 6, sample_rate=128, size=8, hidden_dim=4)
    with torch.no_grad():
        rows = encoder(torch.stack([trial.eeg[:, :256] for trial in trials])).pooled
    vad = torch.stack([trial.vad for trial in trials])
    grid = VAPrototypeGrid.from_features(rows, vad, scale=DREAMER_SCALE)
    assert int(grid.counts.sum()) == PEOPLE * CLIPS
    # Whole ratings 1 to 5 lie in the five cells of an axis, none on a border.
    assert unit_va(torch.tensor([[1.0, 5.0, 3.0]]), DREAMER_SCALE).tolist() == [[-1.0, 1.0]]


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "DREAMER.mat"
    path.write_bytes(b"x" * 300)
    with pytest.raises(ValueError, match="cannot be read as a MATLAB file"):
        list(read_dreamer(path))
    path.write_bytes(b"x")
    with pytest.raises(ValueError, match="cannot be read as a MATLAB file"):
        list(read_dreamer(path))
    with pytest.raises(ValueError, match=r"There is no file .*none\.mat: give the place"):
        list(read_dreamer(tmp_path / "none.mat"))
    write(path, {"DREAMER": structure()})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be read as a MATLAB file"):
        list(read_dreamer(path))
    write(path, {"Other": 1.0})
    with pytest.raises(ValueError, match="lacks the field 'DREAMER'"):
        list(read_dreamer(path))
    write(path, {"DREAMER": 1.0})
    with pytest.raises(ValueError, match="no struct as 'DREAMER'"):
        list(read_dreamer(path))
    few = structure()
    people = few["Data"]
    assert isinstance(people, np.ndarray)
    people[0, 1]["ScoreArousal"] = np.ones((2, 1))
    people[0, 1]["ScoreValence"] = people[0, 1]["ScoreDominance"] = np.ones((2, 1))
    write(path, {"DREAMER": few})
    with pytest.raises(ValueError, match="4 stimuli, 4 baselines and 2 ratings of person 1"):
        list(read_dreamer(path))
    turned = structure()
    people = turned["Data"]
    assert isinstance(people, np.ndarray)
    people[0, 0]["EEG"]["stimuli"][2, 0] = np.ones((14, 300))
    write(path, {"DREAMER": turned})
    with pytest.raises(ValueError, match=r"shape \(14, 300\) for person 0, clip 2"):
        list(read_dreamer(path))
