"""Frozen sentence features from any encoder that transformers can load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from affectkit.encoders.pooled_tokens import POOLINGS, Pooling, pooled_tokens
from affectkit.encoders.text_tokenizer import TextTokenizer
from affectkit.encoders.transformers_bridge import load_text_model, text_model_source
from affectkit.encoders.weights_digest import weights_digest

Combine = Literal["mean", "concat"]


class TransformersTextEncoder(nn.Module):
    r"""Frozen sentence features, :math:`\mathrm{pool}_t \frac{1}{|L|} \sum_{l \in L} H^{(l)}_t`.

    The pooling runs over the real tokens of a text, on the mean of the chosen hidden states; with
    ``combine="concat"`` on each of them, and their rows stand side by side,
    :math:`[\mathrm{pool}_t H^{(l)}_t]_{l \in L}`. The last layers of a sentence encoder are trained to
    leave out how a thing was said; earlier ones still hold it.

    A local folder is read without the network. Any other name is looked up on the model hub, and
    downloaded when it is not cached: giving it is the permission.

    Texts are sorted by length inside, and padding is masked, so a text's features do not depend
    on the texts beside it (beyond rounding).

    Pickled, it is its name and options; the weights are loaded anew where it arrives.

    Args:
        name_or_path: Local folder, or a hub name.
        pooling: ``"mean"`` over real tokens, ``"cls"`` (first token) or ``"max"`` over real tokens.
        layers: Hidden states to use; -1 = last, 0 = embeddings; ``"all"`` = every one, from 0.
        combine: ``"mean"`` averages the layers, ``"concat"`` puts them side by side in the order given.
        normalize: Whether rows are scaled to unit length.
        batch_size: Texts per forward pass.
        max_length: Tokens kept of a text; None = what the tokenizer states, 512 at most.
        device: Where the model runs; rows always come back to the CPU.
        ascii_punctuation: Whether curly quotes, dashes and ellipses are written in ASCII first; see
            :func:`~affectkit.encoders.plain_punctuation.plain_punctuation`.

    Shape:
        - Input: n texts.
        - Output: (n, out_dim) float32; ``out_dim`` is the model's width, times the number of layers
          for ``"concat"``.

    Raises:
        MissingExtraError: If transformers is not installed.
        FileNotFoundError: If the name is written as a path and no folder is there.
        ValueError: If an argument is out of range.

    Examples:
        >>> encoder = TransformersTextEncoder("tiny")
        >>> encoder(["oh no", "yes"]).shape
        torch.Size([2, 32])
    """

    modality = "text"

    def __init__(
        self,
        name_or_path: str,
        *,
        pooling: Pooling = "mean",
        layers: Sequence[int] | Literal["all"] = (-1,),
        combine: Combine = "mean",
        normalize: bool = False,
        batch_size: int = 32,
        max_length: int | None = None,
        device: str = "cpu",
        ascii_punctuation: bool = True,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"TransformersTextEncoder got pooling={pooling!r}: give 'mean', 'cls' or 'max'.")
        if combine not in ("mean", "concat"):
            raise ValueError(f"TransformersTextEncoder got combine={combine!r}: give 'mean' or 'concat'.")
        every = layers == "all"
        if batch_size < 1 or not layers or (isinstance(layers, str) and not every):
            raise ValueError(
                f"TransformersTextEncoder got batch_size={batch_size}, layers={layers!r}: "
                "give a batch size >= 1 and at least one layer, or 'all'."
            )
        source = text_model_source(name_or_path, owner="TransformersTextEncoder")
        self.tokens = TextTokenizer(source.name, max_length=max_length, ascii_punctuation=ascii_punctuation)
        self.model = load_text_model(source).requires_grad_(False).to(device)
        config: Any = self.model.config
        depth = int(config.num_hidden_layers) + 1
        self.layers = tuple(range(depth)) if isinstance(layers, str) else tuple(layers)
        if any(not -depth <= layer < depth for layer in self.layers):
            raise ValueError(
                f"TransformersTextEncoder got layers={self.layers} for a model with {depth} hidden "
                f"states: give numbers from {-depth} to {depth - 1}."
            )
        self.out_dim = int(config.hidden_size) * (len(self.layers) if combine == "concat" else 1)
        self.pooling: Pooling = pooling
        self.combine: Combine = combine
        self.normalize = normalize
        self.batch_size = batch_size
        self._source = source

    @property
    def identity(self) -> str:
        """Name, settings and digest of the weights."""
        layers = ",".join(str(layer) for layer in self.layers)
        return (
            f"transformers:{self._source.label} pooling={self.pooling} layers={layers} "
            f"combine={self.combine} normalize={self.normalize} max_length={self.tokens.max_length} "
            f"ascii_punctuation={self.tokens.ascii_punctuation} sha256:{weights_digest(self.model)}"
        )

    def __reduce__(self) -> tuple[Callable[..., TransformersTextEncoder], tuple[object, ...]]:
        # A pickled model of transformers no longer gives out its hidden states.
        options = {
            "pooling": self.pooling,
            "layers": self.layers,
            "combine": self.combine,
            "normalize": self.normalize,
            "batch_size": self.batch_size,
            "max_length": self.tokens.max_length,
            "device": str(next(self.model.parameters()).device),
            "ascii_punctuation": self.tokens.ascii_punctuation,
        }
        return _load_same, (self._source.name, options, self.identity)

    def train(self, mode: bool = True) -> TransformersTextEncoder:
        """Set the mode of this module; the model inside stays in evaluation, without dropout."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, items: Sequence[str]) -> Tensor:
        """Encode texts."""
        return self.encode(items)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode ``texts`` to (n, out_dim), in the order given.

        Raises:
            TypeError: If an item is not a string.
        """
        result = torch.zeros(len(texts), self.out_dim)
        tokens = self.tokens(texts)
        order = sorted(range(len(texts)), key=lambda place: len(tokens[place]), reverse=True)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            result[places] = self._encode_batch(*self.tokens.padded([tokens[place] for place in places]))
        return result

    def _encode_batch(self, token: Tensor, mask: Tensor) -> Tensor:
        device = next(self.model.parameters()).device
        token, mask = token.to(device), mask.to(device)
        states: tuple[Tensor, ...] = self.model(
            input_ids=token, attention_mask=mask.long(), output_hidden_states=True
        ).hidden_states
        chosen = [states[layer] for layer in self.layers]
        if self.combine == "concat":
            row = torch.cat([pooled_tokens(hidden, mask, self.pooling) for hidden in chosen], dim=-1)
        else:
            row = pooled_tokens(torch.stack(chosen).mean(dim=0), mask, self.pooling)
        if self.normalize:
            row = torch.nn.functional.normalize(row, dim=-1)
        return row.float().cpu()


def _load_same(source: str, options: Mapping[str, Any], identity: str) -> TransformersTextEncoder:
    """Load an encoder anew and refuse to go on if it is another one."""
    encoder = TransformersTextEncoder(source, **options)
    if encoder.identity != identity:
        raise ValueError(
            f"The text encoder {source!r} was sent as {identity!r}, but loads here as {encoder.identity!r}: "
            "save changed weights to a folder and build the encoder from it."
        )
    return encoder
