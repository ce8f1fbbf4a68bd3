from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.data.shards import read_manifest
from affectkit.data.synthetic import write_synthetic
from affectkit.encoders import LogMelConvEncoder, RecordingFeatures, TransformersAudioEncoder
from affectkit.functional import resample
from affectkit.predict import extract_features, named_extractor


def small() -> LogMelConvEncoder:
    torch.manual_seed(0)
    encoder = LogMelConvEncoder(8000, num_mels=12, widths=(4, 5))
    encoder(torch.randn(4, 4000))  # running statistics
    return encoder


def sounds() -> list[tuple[Tensor, int]]:
    random = torch.Generator().manual_seed(0)
    sizes = ((1, 3000, 8000), (2, 5000, 16000), (1, 0, 8000), (1, 2000, 11025), (1, 20, 8000))
    return [(torch.randn(channels, size, generator=random) * 0.1, rate) for channels, size, rate in sizes]


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_equals_the_encoder_recording_by_recording(batch_size: int) -> None:
    extractor = RecordingFeatures(small(), batch_size=batch_size)
    rows = extractor(sounds())
    assert rows.shape == (5, extractor.out_dim) and not rows[2].any()
    for row, (samples, rate) in zip(rows, sounds()):
        alone = extractor.encoder(resample(samples.mean(dim=0), rate, 8000).unsqueeze(0)).pooled[0]
        torch.testing.assert_close(row, alone, rtol=1e-4, atol=1e-5)
    assert extractor([]).shape == (0, extractor.out_dim)


def test_stays_in_evaluation_and_is_known_by_settings_and_weights() -> None:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    one, two = RecordingFeatures(small()), RecordingFeatures(small())
    assert one.identity == two.identity
    before = one(sounds())
    one.train()
    assert torch.equal(one(sounds()), before) and one.identity == two.identity
    torch.nn.init.zeros_(two.encoder.network.convolutions[0].weight)  # type: ignore[union-attr,index]
    assert one.identity != two.identity
    coarse = LogMelConvEncoder(8000, num_mels=12, widths=(4, 5), hop_ms=20.0)
    coarse.load_state_dict(one.encoder.state_dict())
    assert RecordingFeatures(coarse).identity != one.identity
    layers = [RecordingFeatures(TransformersAudioEncoder("tiny", layers=(layer,))) for layer in (0, 1)]
    assert layers[0].identity != layers[1].identity


def test_features_of_a_trained_encoder_go_into_shards_of_conversations(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "raw", train=2, val=1, test=1)
    extractor = RecordingFeatures(small())
    extract_features(tmp_path / "raw", tmp_path / "out", encoders={"audio": extractor})
    stored = read_manifest(tmp_path / "out").features["audio"]
    assert (stored.dim, stored.encoder) == (extractor.out_dim, extractor.identity)


def test_a_pre_trained_model_by_its_folder(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")
    config = transformers.Wav2Vec2Config(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        conv_dim=(4,),
        conv_kernel=(10,),
        conv_stride=(5,),
        num_feat_extract_layers=1,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    transformers.Wav2Vec2Model(config).save_pretrained(tmp_path / "model")
    extractor = named_extractor("audio", str(tmp_path / "model"))
    assert extractor.out_dim == 8 and str(tmp_path) not in extractor.identity
    assert bool(extractor(sounds()).isfinite().all())


def test_bad_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="give finite samples"):
        RecordingFeatures(small())([(torch.tensor([torch.nan]), 8000)])
    with pytest.raises(ValueError, match="give at least 1"):
        RecordingFeatures(small(), batch_size=0)
