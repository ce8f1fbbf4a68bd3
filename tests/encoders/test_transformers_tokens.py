"""The trained text encoder on a tiny random model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from affectkit.encoders import TextTokenizer, TransformersTextEncoder, TransformersTokenEncoder
from affectkit.types import Encoding

TEXTS = ["oh no !", "great", "that is great , is it ?", "no no no no"]


def encode(encoder: TransformersTokenEncoder, folder: Path, texts: list[str]) -> Encoding:
    tokenizer = TextTokenizer(str(folder))
    result: Encoding = encoder(*tokenizer.padded(tokenizer(texts)))
    return result


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_without_training_it_equals_the_frozen_encoder(
    folder: Path, pooling: Literal["mean", "cls", "max"]
) -> None:
    encoder = TransformersTokenEncoder(str(folder), pooling=pooling).eval()
    result = encode(encoder, folder, TEXTS)
    expected = TransformersTextEncoder(str(folder), pooling=pooling)(TEXTS)
    torch.testing.assert_close(result.pooled, expected, rtol=0, atol=2e-6)
    assert result.tokens is not None and result.mask is not None
    assert result.tokens.shape == (4, 9, encoder.out_dim) and result.mask.sum(1).tolist() == [5, 3, 9, 6]


def test_padding_and_neighbours_change_nothing(folder: Path) -> None:
    encoder = TransformersTokenEncoder(str(folder)).eval()
    together = encode(encoder, folder, TEXTS).pooled
    for row, text in zip(together, TEXTS, strict=True):
        torch.testing.assert_close(row, encode(encoder, folder, [text]).pooled[0], rtol=0, atol=2e-6)


def test_a_row_without_a_token_is_zero_and_leaves_the_gradient_finite(folder: Path) -> None:
    encoder = TransformersTokenEncoder(str(folder)).eval()
    ids = torch.tensor([[2, 4, 3], [0, 0, 0]])
    result: Encoding = encoder(ids, ids > 0)
    assert not result.pooled[1].any() and bool(result.pooled[0].any())
    torch.autograd.backward(result.pooled.square().sum())
    assert all(bool(p.grad.isfinite().all()) for p in encoder.parameters() if p.grad is not None)


def test_everything_is_trained_or_the_last_layers_alone(folder: Path) -> None:
    whole = TransformersTokenEncoder(str(folder))
    assert whole.training and whole.model.training and all(p.requires_grad for p in whole.parameters())
    last = TransformersTokenEncoder(str(folder), trained_layers=1)
    trained = {name for name, parameter in last.named_parameters() if parameter.requires_grad}
    assert trained and all(".layer.2." in name for name in trained)
    torch.autograd.backward(encode(last, folder, TEXTS).pooled.square().sum())
    moved = {name for name, parameter in last.named_parameters() if parameter.grad is not None}
    assert moved == trained


def test_training_drops_and_evaluation_does_not(folder: Path) -> None:
    encoder = TransformersTokenEncoder(str(folder))
    assert not torch.equal(encode(encoder, folder, TEXTS).pooled, encode(encoder, folder, TEXTS).pooled)
    encoder.eval()
    assert torch.equal(encode(encoder, folder, TEXTS).pooled, encode(encoder, folder, TEXTS).pooled)


def test_refusals(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="TransformersTokenEncoder found no folder"):
        TransformersTokenEncoder(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="'mean', 'cls' or 'max'"):
        TransformersTokenEncoder(str(folder), pooling="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give 1 to 3"):
        TransformersTokenEncoder(str(folder), trained_layers=4)
    encoder = TransformersTokenEncoder(str(folder))
    with pytest.raises(ValueError, match="reads token ids"):
        encoder(torch.zeros(2, 16))
    with pytest.raises(ValueError, match="token id 13 and has 13 tokens"):
        encoder(torch.tensor([[2, 13, 3]]))
