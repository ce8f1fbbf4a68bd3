"""The bridge to transformers: sentence features from any encoder it can load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from affectkit._optional import require
from affectkit.encoders.plain_punctuation import plain_punctuation
from affectkit.encoders.weights_digest import weights_digest

Pooling = Literal["mean", "cls", "max"]
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
        if pooling not in ("mean", "cls", "max"):
            raise ValueError(f"TransformersTextEncoder got pooling={pooling!r}: give 'mean', 'cls' or 'max'.")
        if combine not in ("mean", "concat"):
            raise ValueError(f"TransformersTextEncoder got combine={combine!r}: give 'mean' or 'concat'.")
        every = layers == "all"
        if batch_size < 1 or not layers or (isinstance(layers, str) and not every):
            raise ValueError(
                f"TransformersTextEncoder got batch_size={batch_size}, layers={layers!r}: "
                "give a batch size >= 1 and at least one layer, or 'all'."
            )
        folder = Path(name_or_path).expanduser()
        local = folder.is_dir()
        if not local and (folder.is_absolute() or name_or_path.startswith((".", "~"))):
            raise FileNotFoundError(
                f"TransformersTextEncoder found no folder {name_or_path!r}: "
                "give a folder with config, tokenizer and weights, or a hub name."
            )
        transformers: Any = require("transformers", extra="text", purpose="Encoding text with a transformer")
        source = str(folder) if local else name_or_path
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source, local_files_only=local)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.tokenizer.padding_side = "right"
        loaded: nn.Module = transformers.AutoModel.from_pretrained(source, local_files_only=local)
        # float32 whatever the file holds: half precision makes features depend on the batch.
        self.model = loaded.float().eval().requires_grad_(False).to(device)
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
        # Tokenizers without a limit state a huge number.
        self.max_length = max_length or min(int(self.tokenizer.model_max_length), 512)
        self.ascii_punctuation = ascii_punctuation
        # Absolute, since the process that a pickle goes to may stand in another folder.
        self._source = str(folder.resolve()) if local else name_or_path
        # The name alone: a machine's path does not belong in a data set.
        self._label = folder.resolve().name if local else name_or_path

    @property
    def identity(self) -> str:
        """Name, settings and digest of the weights."""
        layers = ",".join(str(layer) for layer in self.layers)
        return (
            f"transformers:{self._label} pooling={self.pooling} layers={layers} combine={self.combine} "
            f"normalize={self.normalize} max_length={self.max_length} "
            f"ascii_punctuation={self.ascii_punctuation} sha256:{weights_digest(self.model)}"
        )

    def __reduce__(self) -> tuple[Callable[..., TransformersTextEncoder], tuple[object, ...]]:
        # A pickled model of transformers no longer gives out its hidden states.
        options = {
            "pooling": self.pooling,
            "layers": self.layers,
            "combine": self.combine,
            "normalize": self.normalize,
            "batch_size": self.batch_size,
            "max_length": self.max_length,
            "device": str(next(self.model.parameters()).device),
            "ascii_punctuation": self.ascii_punctuation,
        }
        return _load_same, (self._source, options, self.identity)

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
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        if wrong is not None:
            raise TypeError(f"TransformersTextEncoder got an item of type {type(wrong).__name__}: give str.")
        result = torch.zeros(len(texts), self.out_dim)
        if not texts:
            return result
        written = [plain_punctuation(text) for text in texts] if self.ascii_punctuation else list(texts)
        tokens: list[list[int]] = self.tokenizer(
            written, truncation=True, max_length=self.max_length, padding=False
        )["input_ids"]
        # A tokenizer without start and end marks gives an empty text no token at all.
        tokens = [row or [int(self.tokenizer.pad_token_id)] for row in tokens]
        order = sorted(range(len(texts)), key=lambda place: len(tokens[place]), reverse=True)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            padded: dict[str, Tensor] = dict(
                self.tokenizer.pad({"input_ids": [tokens[place] for place in places]}, return_tensors="pt")
            )
            result[places] = self._encode_batch(padded["input_ids"], padded["attention_mask"])
        return result

    def _encode_batch(self, token: Tensor, mask: Tensor) -> Tensor:
        device = next(self.model.parameters()).device
        token, real = token.to(device), mask.to(device).bool().unsqueeze(-1)
        states: tuple[Tensor, ...] = self.model(
            input_ids=token, attention_mask=real.squeeze(-1).long(), output_hidden_states=True
        ).hidden_states
        chosen = [states[layer] for layer in self.layers]
        if self.combine == "concat":
            row = torch.cat([self._pool(hidden, real) for hidden in chosen], dim=-1)
        else:
            row = self._pool(torch.stack(chosen).mean(dim=0), real)
        if self.normalize:
            row = torch.nn.functional.normalize(row, dim=-1)
        return row.float().cpu()

    def _pool(self, hidden: Tensor, real: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "max":
            return hidden.masked_fill(~real, torch.finfo(hidden.dtype).min).amax(dim=1)
        return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def _load_same(source: str, options: Mapping[str, Any], identity: str) -> TransformersTextEncoder:
    """Load an encoder anew and refuse to go on if it is another one."""
    encoder = TransformersTextEncoder(source, **options)
    if encoder.identity != identity:
        raise ValueError(
            f"The text encoder {source!r} was sent as {identity!r}, but loads here as {encoder.identity!r}: "
            "save changed weights to a folder and build the encoder from it."
        )
    return encoder
