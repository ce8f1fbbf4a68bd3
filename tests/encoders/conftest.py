"""A text encoder with random weights, as a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "oh", "no", "!", "great", "that", "is", "it", "?", ","]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three layers of width 16 over thirteen words."""
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
    place = tmp_path_factory.mktemp("weights") / "tiny-bert"
    place.mkdir()
    (place / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(place / "vocab.txt")).save_pretrained(place)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    transformers.BertModel(config).save_pretrained(place)
    return place
