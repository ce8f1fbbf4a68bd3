"""Noise on embeddings: its bound, its spread, and none on padding."""

from __future__ import annotations

import torch

from affectkit.conversation.language_model import embedding_noise


def test_noise_is_uniform_up_to_its_bound_on_real_tokens() -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(2, 200, 50)
    mask = torch.arange(200) < torch.tensor([[200], [50]])
    noise = embedding_noise(embeddings, mask, alpha=5.0) - embeddings
    assert not noise[1, 50:].any()
    for row, length in ((0, 200), (1, 50)):
        bound = 5.0 / (length * 50) ** 0.5
        real = noise[row, :length]
        assert 0.99 * bound < float(real.abs().max()) <= 1.001 * bound
        # Of a uniform distribution.
        torch.testing.assert_close(real.var(), torch.tensor(bound**2 / 3), rtol=0.1, atol=0)


def test_none_is_none() -> None:
    embeddings = torch.randn(1, 3, 4)
    assert embedding_noise(embeddings, torch.ones(1, 3, dtype=torch.bool), alpha=0.0) is embeddings
