"""Tiny extractors: determinism, independence of neighbours, and that they see what they should."""

from __future__ import annotations

import math
import subprocess
import sys
import zlib

import pytest
import torch
from torch import Tensor

from affectkit.encoders import FeatureExtractor, Waveform
from affectkit.encoders.tiny import TinyAudioEncoder, TinyImageEncoder, TinyTextEncoder

TEXTS = ["Oh no!", "That is great, isn't it?", "", "Ärger über 3 Dinge", "no"]


def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(48, 48), (48, 48), (20, 33), (64, 100)]
    return [torch.randint(0, 256, (*size, 3), generator=generator).to(torch.uint8) for size in sizes]


def tone(frequency: float, *, rate: int = 8000, seconds: float = 0.8, level: float = 0.3) -> Waveform:
    """A voiced sound: ten harmonics that fall off."""
    time = torch.arange(round(seconds * rate)) / rate
    wave = sum(
        (torch.sin(2 * math.pi * frequency * k * time) / k for k in range(1, 11)), torch.zeros_like(time)
    )
    return level * wave.unsqueeze(0), rate


def waves() -> list[Waveform]:
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(2, 5000, generator=generator)
    return [tone(200.0), (noise, 16000), (torch.zeros(1, 4000), 8000), (torch.ones(1, 10), 8000)]


def cases() -> list[tuple[FeatureExtractor, list[object]]]:
    return [
        (TinyTextEncoder(), list(TEXTS)),
        (TinyImageEncoder(), list(images())),
        (TinyAudioEncoder(), list(waves())),
    ]


@pytest.mark.parametrize(("extractor", "items"), cases(), ids=lambda value: getattr(value, "modality", ""))
def test_rows_do_not_depend_on_neighbours(extractor: FeatureExtractor, items: list[object]) -> None:
    together = extractor(items)
    assert together.shape == (len(items), extractor.out_dim) and together.dtype == torch.float32
    assert bool(together.isfinite().all())
    for place, item in enumerate(items):
        torch.testing.assert_close(extractor([item])[0], together[place], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(extractor(items[::-1]), together.flip(0), rtol=1e-5, atol=1e-5)
    assert extractor([]).shape == (0, extractor.out_dim)
    assert torch.equal(type(extractor)()(items), together)


def test_identity_names_the_weights() -> None:
    assert TinyTextEncoder().identity == TinyTextEncoder().identity
    assert TinyTextEncoder().identity != TinyTextEncoder(seed=1).identity
    assert TinyImageEncoder().identity != TinyImageEncoder(seed=1).identity
    identities = {extractor.identity.split(":")[0]: extractor.modality for extractor, _ in cases()}
    assert identities == {"tiny-text": "text", "tiny-image": "visual", "tiny-audio": "audio"}


def test_text_is_the_same_in_another_process() -> None:
    code = (
        "from affectkit.encoders.tiny import TinyTextEncoder as T; e = T(); print(e.identity);"
        "print(e(['Oh no!', 'so what']).double().sum().item())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = TinyTextEncoder()
    assert runs == {f"{here.identity}\n{here(['Oh no!', 'so what']).double().sum().item()}\n"}


def test_text_equals_a_sum_of_rows() -> None:
    encoder = TinyTextEncoder(out_dim=8, buckets=64)
    grams = ["oh", "no", "!", "oh no", "no !"]
    rows = [encoder.table[zlib.crc32(gram.encode()) % 64] for gram in grams]
    torch.testing.assert_close(encoder(["OH no!"])[0], torch.stack(rows).sum(0) / math.sqrt(5))
    assert not encoder([" "]).any()


def test_text_hears_words_and_their_order() -> None:
    one, two, other = TinyTextEncoder()(["not good at all", "good not at all", "where is my coat"])
    assert float((one - two).abs().max()) > 0
    similarity = torch.nn.functional.cosine_similarity
    assert float(similarity(one, two, dim=0)) > float(similarity(one, other, dim=0)) + 0.2


def test_image_ignores_light_and_sees_shape() -> None:
    face = torch.full((48, 48, 3), 128, dtype=torch.uint8)
    smile, frown = face.clone(), face.clone()
    smile[36:39, 14:34] = 40
    smile[32:36, 10:14] = smile[32:36, 34:38] = 40
    frown[36:39, 14:34] = 40
    frown[39:43, 10:14] = frown[39:43, 34:38] = 40
    brighter = (smile.float() * 1.1).to(torch.uint8)
    rows = TinyImageEncoder()([smile, frown, brighter])
    assert float((rows[0] - rows[1]).norm()) > 3 * float((rows[0] - rows[2]).norm())


def test_audio_hears_pitch_loudness_and_rate_does_not_matter() -> None:
    low, high, quiet, fast = TinyAudioEncoder()(
        [tone(110.0), tone(300.0), tone(110.0, level=0.03), tone(110.0, rate=16000)]
    )
    # The places of mean loudness, mean log pitch and voicing, undone to natural units.
    loudness, pitch, voicing = 72, 76, 79
    assert math.exp((low[pitch] + 10.2) * 0.5) == pytest.approx(110.0, rel=0.04)
    assert math.exp((high[pitch] + 10.2) * 0.5) == pytest.approx(300.0, rel=0.04)
    assert 4 * float(low[loudness] - quiet[loudness]) == pytest.approx(2 * math.log(10), rel=0.05)
    assert float((low[voicing] + 1.5) * 0.3) > 0.8
    assert float((low - fast).abs().max()) < 0.5 < float((low - high).abs().max())


def test_audio_follows_a_rising_pitch() -> None:
    time = torch.arange(8000) / 8000
    rising, falling = (150 * time + sign * 50 * time.square() + (1 - sign) * 50 * time for sign in (1, -1))
    up, down = TinyAudioEncoder()(
        [(0.3 * torch.sin(2 * math.pi * phase).unsqueeze(0), 8000) for phase in (rising, falling)]
    )
    assert float(up[78]) > 0.3 and float(down[78]) < -0.3


def test_bad_items_are_refused() -> None:
    with pytest.raises(TypeError, match="item of type int"):
        TinyTextEncoder()([3])
    for wrong in (torch.zeros(4, 4, 3), torch.zeros(3, 4, 4, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"give uint8 \(H, W, 3\)"):
            TinyImageEncoder()([wrong])
    for samples in (torch.zeros(1, 0), torch.tensor([float("nan")]), torch.zeros(1, 1, 9)):
        with pytest.raises(ValueError, match="give finite samples"):
            TinyAudioEncoder()([(samples, 8000)])
    with pytest.raises(ValueError, match="2000 Hz"):
        TinyAudioEncoder()([(torch.zeros(9), 2000)])
    with pytest.raises(ValueError, match="buckets=0"):
        TinyTextEncoder(buckets=0)
    with pytest.raises(ValueError, match="out_dim=0"):
        TinyImageEncoder(out_dim=0)
