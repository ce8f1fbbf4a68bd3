"""The bridge to peft: low-rank updates of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from torch import nn

from affectkit._optional import require


def low_rank_updates(
    model: nn.Module,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: Sequence[str] | Literal["all-linear"] = "all-linear",
    quantized: bool = False,
    checkpointing: bool = False,
) -> nn.Module:
    r"""Freeze a language model and add :math:`\frac{\alpha}{r} B A` to its linear layers.

    Args:
        model: A causal language model of transformers; it is changed.
        rank: Rank r.
        alpha: Numerator of the scale.
        dropout: Dropout on the input of the updates.
        targets: Names of the layers, e.g. ``["q_proj", "v_proj"]``; ``"all-linear"`` = every linear
            layer but the one that gives the words.
        quantized: Whether the weights are of four bits.
        checkpointing: Whether activations are computed anew in the backward pass, for their memory.

    Raises:
        MissingExtraError: If peft is not installed.
        ValueError: If a number is out of range.

    References:
        E. Hu et al. LoRA: Low-Rank Adaptation of Large Language Models. ICLR 2022. arXiv:2106.09685.
    """
    if rank < 1 or not alpha > 0 or not 0 <= dropout < 1:
        raise ValueError(
            f"Low-rank updates got rank={rank}, alpha={alpha}, dropout={dropout}: give a rank of at least 1, "
            "an alpha above 0 and a dropout in [0, 1)."
        )
    peft: Any = require("peft", extra="llm", purpose="Fine-tuning a language model")
    options = {"use_reentrant": False}
    if quantized:
        model = peft.prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=checkpointing, gradient_checkpointing_kwargs=options
        )
    elif checkpointing:
        plain: Any = model
        # The newer of two names, where transformers has it.
        enable: Any = getattr(plain, "activation_checkpointing_enable", plain.gradient_checkpointing_enable)
        enable(options)
    settings: Any = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    adapted: nn.Module = peft.get_peft_model(model, settings)
    return adapted


def save_updates(model: nn.Module, folder: Path) -> None:
    """Write low-rank updates as peft does: ``adapter_model.safetensors`` and ``adapter_config.json``."""
    adapted: Any = model
    adapted.save_pretrained(str(folder), safe_serialization=True)
