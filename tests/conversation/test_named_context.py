from __future__ import annotations

from typing import get_args

import pytest
import torch

from affectkit.catalog import COMPONENTS
from affectkit.conversation import (
    CONTEXTS,
    MODALITY_CONTEXTS,
    ContextName,
    TransformerContext,
    named_context,
    named_modality_context,
)
from affectkit.types import Encoding


def test_every_name_is_known_to_the_command_line_and_to_the_catalogue() -> None:
    assert {*CONTEXTS, *MODALITY_CONTEXTS} == set(get_args(ContextName))
    assert not set(CONTEXTS) & set(MODALITY_CONTEXTS)
    named = {
        alias for row in COMPONENTS if row.kind == "context" for alias in (row.name.lower(), *row.aliases)
    }
    assert set(get_args(ContextName)) <= named


@pytest.mark.parametrize("name", sorted(CONTEXTS))
def test_every_model_of_fused_turns_is_built_and_takes_what_all_share(name: str) -> None:
    model = named_context(name, 6, 4, dropout=0.0, context="both")
    found = model(Encoding(torch.randn(1, 3, 6)), torch.tensor([[0, 1, 0]])).pooled
    assert found.shape == (1, 3, model.out_dim)
    assert getattr(model, "context", None) == "both"


@pytest.mark.parametrize("name", sorted(MODALITY_CONTEXTS))
def test_every_model_of_modalities_is_built_and_takes_what_all_share(name: str) -> None:
    widths = {"text": 8, "audio": 4}
    model = named_modality_context(name, widths, 4, context="both")
    parts = {
        key: Encoding(torch.randn(1, 3, width), mask=torch.ones(1, 3, dtype=torch.bool))
        for key, width in widths.items()
    }
    found = model(parts, None, torch.tensor([[0, 1, 0]])).pooled
    assert found.shape == (1, 3, model.out_dim)
    assert getattr(model, "context", None) == "both"


def test_options_win_and_unknown_ones_are_named() -> None:
    model = named_context("transformer", 6, 4, options={"num_heads": 2, "window_past": 3})
    assert isinstance(model, TransformerContext) and model.window_past == 3
    with pytest.raises(
        ValueError, match="'transformer' has no option 'listener': it has hidden_dim, num_layers"
    ):
        named_context("transformer", 6, 4, options={"listener": True})
    with pytest.raises(ValueError, match="no such context model 'rnn': the names are bc_lstm"):
        named_context("rnn", 6, 4)
    with pytest.raises(ValueError, match="no such context model 'bc_lstm': the names are "):
        named_modality_context("bc_lstm", {"text": 4}, 4)
