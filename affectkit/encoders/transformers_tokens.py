"""A text encoder that is trained along, reading token ids."""

from __future__ import annotations

from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from affectkit.encoders.pooled_tokens import POOLINGS, Pooling, pooled_tokens
from affectkit.encoders.transformers_bridge import load_text_model, text_model_source
from affectkit.types import Encoding


class TransformersTokenEncoder(nn.Module):
    r"""Token ids to a text vector, through a transformer that is trained along.

    .. math:: H = \mathrm{transformer}(x, m), \qquad \mathrm{pooled} = \mathrm{pool}_{t:\, m_t = 1} H_t

    The ids come from the same folder or name: :class:`~affectkit.data.TextDataModule` makes them with
    ``tokenizer=...`` where it joins a batch, so only tensors travel. A local folder is read without the
    network. Any other name is looked up on the model hub, and downloaded when it is not cached: giving
    it is the permission. Frozen features for shards are
    :class:`~affectkit.encoders.TransformersTextEncoder`'s.

    Args:
        name_or_path: Local folder, a hub name, or ``"tiny"``: small and random, for a look at how it runs.
        pooling: ``"mean"`` or ``"max"`` over real tokens, or ``"cls"`` (first token).
        trained_layers: Only so many of the last layers are trained; None = everything.

    Shape:
        - Input: ids (B, T) int64; ``mask`` (B, T), True = real, None = every token is.
        - Output: ``pooled`` (B, D), 0 where a row has no real token; ``tokens`` (B, T, D); ``mask``.

    Raises:
        MissingExtraError: If transformers is not installed.
        FileNotFoundError: If the name is written as a path and no folder is there.
        ValueError: If an argument is out of range, the model has no list of layers, or the input is
            something else than ids of its vocabulary.

    Examples:
        >>> import torch
        >>> encoder = TransformersTokenEncoder("tiny")
        >>> tuple(encoder(torch.tensor([[2, 5, 6, 3]])).pooled.shape) == (1, encoder.out_dim)
        True
    """

    modality: Final = "text"
    #: It reads no stored features, so that a task has no width to compare with the data's.
    reads_raw: Final = True

    def __init__(
        self, name_or_path: str, *, pooling: Pooling = "mean", trained_layers: int | None = None
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(
                f"TransformersTokenEncoder got pooling={pooling!r}: give 'mean', 'cls' or 'max'."
            )
        self.model = load_text_model(text_model_source(name_or_path, owner="TransformersTokenEncoder"))
        if getattr(self.model, "pooler", None) is not None:
            # A layer for the task of the first training: what pools over tokens never reads it.
            self.model.register_module("pooler", None)
        config: Any = self.model.config
        self.out_dim = int(config.hidden_size)
        self.vocabulary = int(config.vocab_size)
        self.pooling: Pooling = pooling
        if trained_layers is not None:
            layers = _layers(self.model, int(config.num_hidden_layers))
            if not 1 <= trained_layers <= len(layers):
                raise ValueError(
                    f"TransformersTokenEncoder got trained_layers={trained_layers} for a model of "
                    f"{len(layers)} layers: give 1 to {len(layers)}, or None for everything."
                )
            self.model.requires_grad_(False)
            for layer in layers[-trained_layers:]:
                layer.requires_grad_(True)
        # It is loaded for evaluation, while a module that is built begins in training.
        self.model.train()

    @property
    def layers(self) -> list[nn.Module]:
        """The layers of the transformer, first to last.

        Raises:
            ValueError: If the model has no list of them.
        """
        return _layers(self.model, int(cast(Any, self.model.config).num_hidden_layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ids ``x`` (B, T) under ``mask`` (B, T)."""
        if x.ndim != 2 or x.is_floating_point():
            raise ValueError(
                f"TransformersTokenEncoder reads token ids (B, T), but got {tuple(x.shape)} {x.dtype}: set "
                "the data module's tokenizer to the encoder's folder or name."
            )
        # Asking a GPU would make it wait; there the embedding itself stops the program.
        if x.device.type == "cpu" and x.numel() and int(x.max()) >= self.vocabulary:
            raise ValueError(
                f"TransformersTokenEncoder got token id {int(x.max())} and has {self.vocabulary} tokens: set "
                "the data module's tokenizer to the encoder's folder or name."
            )
        real = torch.ones_like(x, dtype=torch.bool) if mask is None else mask.bool()
        # A row of padding alone would be attention over nothing, which is NaN in some implementations.
        seen = real.clone()
        seen[:, 0] |= ~real.any(dim=1)
        hidden: Tensor = self.model(input_ids=x, attention_mask=seen.long()).last_hidden_state
        return Encoding(pooled=pooled_tokens(hidden, real, self.pooling), tokens=hidden, mask=real)


def _layers(model: nn.Module, depth: int) -> list[nn.Module]:
    """The layers of a transformer of any family, first to last."""
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return list(module)
    raise ValueError(
        f"{type(model).__name__} has no list of its {depth} layers: leave trained_layers at None, and set "
        "requires_grad of its parameters yourself."
    )
