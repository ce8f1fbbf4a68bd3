from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from affectkit.encoders import TransformersAudioEncoder

transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")

LENGTHS = (1600, 700, 200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random HuBERT in a local folder."""
    place = tmp_path_factory.mktemp("hubert")
    torch.manual_seed(1)
    config = transformers.HubertConfig(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(6, 6),
        conv_kernel=(10, 8),
        conv_stride=(5, 8),
        num_feat_extract_layers=2,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    transformers.HubertModel(config).save_pretrained(place)
    return str(place)


def ragged() -> tuple[torch.Tensor, torch.Tensor]:
    waves = torch.randn(3, 1600, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.05
    return waves, torch.arange(1600) < torch.tensor(LENGTHS).unsqueeze(1)


@pytest.mark.parametrize("name", ["tiny", "folder"])
def test_a_recording_is_the_same_beside_longer_ones(name: str, folder: str) -> None:
    encoder = TransformersAudioEncoder(folder if name == "folder" else name, layers=(0, -1)).eval()
    waves, mask = ragged()
    found = encoder(waves, mask)
    assert found.pooled.shape == (3, encoder.out_dim) and found.mask is not None
    for row, length in enumerate(LENGTHS):
        alone = encoder(waves[row : row + 1, :length])
        assert alone.mask is not None and bool(alone.mask.all())
        assert int(found.mask[row].sum()) == alone.mask.shape[1]
        torch.testing.assert_close(found.pooled[row], alone.pooled[0], rtol=1e-3, atol=1e-4)


def test_equals_the_model_and_its_own_preparation(folder: str) -> None:
    encoder = TransformersAudioEncoder(folder, layers=(1, 2)).eval()
    waves, _ = ragged()
    prepare = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    given = prepare(waves[0].numpy(), sampling_rate=16000, return_tensors="pt").input_values
    model = transformers.HubertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = model(given, output_hidden_states=True).hidden_states
    wanted = ((states[1] + states[2]) / 2).mean(dim=1)
    torch.testing.assert_close(encoder(waves[:1]).pooled, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("trained", "convolutions", "rest"), [("none", 0, 0), ("transformer", 0, 1), ("all", 1, 1)]
)
def test_what_is_trained_and_what_stays(folder: str, trained: Any, convolutions: int, rest: int) -> None:
    torch.manual_seed(0)
    encoder = TransformersAudioEncoder(folder, trained=trained).train()
    waves, mask = ragged()
    first, second = encoder(waves, mask).pooled, encoder(waves, mask).pooled
    assert torch.equal(first, second) == (trained == "none")  # dropout
    if rest:
        torch.autograd.backward(first.square().sum())
    for name, parameter in encoder.named_parameters():
        place = convolutions if "feature_extractor" in name else rest
        assert parameter.requires_grad == bool(place), name
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_silence_a_click_and_nothing_are_finite(pooling: Any) -> None:
    encoder = TransformersAudioEncoder("tiny", pooling=pooling).eval()
    waves = torch.zeros(3, 900)
    waves[1, 0] = 1.0
    mask = torch.arange(900) < torch.tensor([900, 1, 0]).unsqueeze(1)
    found = encoder(waves, mask)
    assert bool(found.pooled.isfinite().all()) and not found.pooled[2].any()
    assert encoder(torch.zeros(2, 0)).pooled.tolist() == [[0.0] * encoder.out_dim] * 2


def test_the_tiny_one_is_the_same_each_time_and_leaves_the_random_state() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one = TransformersAudioEncoder("tiny").eval()
    assert torch.equal(torch.rand(1), wanted)
    two = pickle.loads(pickle.dumps(one))
    waves, mask = ragged()
    torch.testing.assert_close(one(waves, mask).pooled, two(waves, mask).pooled)
    torch.testing.assert_close(
        one(waves, mask).pooled, TransformersAudioEncoder("tiny").eval()(waves, mask).pooled
    )


def test_bad_input_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give numbers from -3 to 2"):
        TransformersAudioEncoder("tiny", layers=(3,))
    with pytest.raises(ValueError, match="'none', 'transformer' or 'all'"):
        TransformersAudioEncoder("tiny", trained="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"reads waveforms .B, T."):
        TransformersAudioEncoder("tiny")(torch.zeros(2, 1, 900))
    with pytest.raises(FileNotFoundError, match="TransformersAudioEncoder found no folder"):
        TransformersAudioEncoder(str(tmp_path / "none"))
    config = transformers.BertConfig(
        vocab_size=5, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match="a model of kind 'bert': give one of waveforms"):
        TransformersAudioEncoder(str(tmp_path / "bert"))
