from __future__ import annotations

import pytest
import torch

from affectkit.encoders import LogMel


def test_equals_another_library() -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils", reason="needs the extra 'text'")
    wave = torch.randn(4000, generator=torch.Generator().manual_seed(0)) * 0.1
    front = LogMel(16000, frame_ms=25.0, hop_ms=10.0, num_mels=20, low=60.0, scale="slaney")
    bank = audio_utils.mel_filter_bank(257, 20, 60.0, 8000.0, 16000, norm=None, mel_scale="slaney")
    wanted = audio_utils.spectrogram(
        wave.numpy(),
        torch.hann_window(400).numpy(),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        mel_filters=bank,
        mel_floor=1e-12,
    )
    # Theirs is not divided by the power of the window.
    level = torch.from_numpy(wanted).T / torch.hann_window(400).square().sum()
    torch.testing.assert_close(front(wave.unsqueeze(0)).frames[0], level.log().float(), rtol=1e-3, atol=1e-3)


def test_frames_of_a_recording_do_not_depend_on_the_filling() -> None:
    front = LogMel(8000, num_mels=16)
    waves = torch.randn(3, 3000, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([3000, 1234, 50])
    mask = torch.arange(3000) < lengths.unsqueeze(1)
    found = front(waves, mask)
    assert found.mask.sum(dim=1).tolist() == [1 + (3000 - 200) // 80, 1 + (1234 - 200) // 80, 1]
    for row, length in enumerate(lengths.tolist()):
        alone = front(waves[row : row + 1, :length])
        assert bool(alone.mask.all())
        torch.testing.assert_close(found.frames[row][found.mask[row]], alone.frames[0])
    assert not found.frames[~found.mask].any()


def test_silence_and_nothing() -> None:
    front = LogMel(8000, num_mels=16, floor=1e-8)
    silent = front(torch.zeros(1, 800))
    torch.testing.assert_close(silent.frames, torch.full_like(silent.frames, 1e-8).log())
    nothing = front(torch.zeros(2, 5), torch.zeros(2, 5, dtype=torch.bool))
    assert not nothing.mask.any() and nothing.mask.shape == nothing.frames.shape[:2]


def test_bad_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="LogMel reads waveforms"):
        LogMel(8000, num_mels=16)(torch.zeros(2, 1, 800))
    with pytest.raises(ValueError, match="LogMel reads waveforms"):
        LogMel(8000, num_mels=16)(torch.zeros(2, 800, dtype=torch.int16))
    with pytest.raises(ValueError, match="give a frame of two samples at least"):
        LogMel(8000, frame_ms=0.1)


def test_nothing_of_it_is_in_a_checkpoint() -> None:
    assert not LogMel(8000, num_mels=16).state_dict()
