from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from affectkit.encoders.transformers_bridge import load_language_model, text_model_source


@pytest.fixture(scope="session")
def loaded_model() -> nn.Module:
    pytest.importorskip("transformers", reason="needs the extra 'llm'")
    source = text_model_source("tiny", owner="a test")
    return load_language_model(source, dtype=torch.float32, four_bit=False)


@pytest.fixture
def model(loaded_model: nn.Module) -> nn.Module:
    """A random language model of two layers, to be changed at will."""
    return copy.deepcopy(loaded_model)
