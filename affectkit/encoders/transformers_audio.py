"""An encoder of waveforms that is trained along or kept frozen, from a folder of wav2vec2 and its like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from affectkit.encoders.pooled_tokens import Pooling, pooled_tokens
from affectkit.encoders.transformers_bridge import load_audio_model, text_model_source
from affectkit.types import Encoding

#: Which weights are trained: none, those of the transformer behind the convolutions, or all.
TrainedParts: TypeAlias = Literal["none", "transformer", "all"]


class TransformersAudioEncoder(nn.Module):
    r"""Waveforms to a vector, through a model such as wav2vec2, HuBERT or WavLM.

    .. math:: \mathrm{pooled} = \mathrm{pool}_t \frac{1}{|L|} \sum_{l \in L} H^{(l)}_t

    over the frames that a recording fills. A local folder is read without the network. Any other name is
    looked up on the model hub, and downloaded when it is not cached: giving it is the permission. What
    makes the model want waveforms of mean 0 and deviation 1 is done here, over each recording's own samples.

    Frames that lie in the filling of a batch are left out of attention and pooling. Models whose
    convolutions are normalised over all of time (``feat_extract_norm="group"``, as in wav2vec2-base) hear
    the filling nevertheless, so their features depend a little on the batch; those normalised frame by
    frame (``"layer"``, as in the large ones) do not.

    Pickled, it is its name, options and weights; the folder must be there where it arrives.

    Args:
        name_or_path: Local folder, a hub name, or ``"tiny"``: a small random model.
        layers: Hidden states whose mean is taken; -1 = last, 0 = before the first layer.
        pooling: ``"mean"`` or ``"max"`` over frames.
        trained: ``"none"``: frozen, without dropout; ``"transformer"``: all but the convolutions; ``"all"``.
        normalized: Whether each recording is brought to mean 0 and deviation 1.
        rate: Samples per second that the model was made for.

    Shape:
        - Input: (B, T) float in [-1, 1]; ``mask`` (B, T), True = real, real samples first.
        - Output: ``pooled`` (B, D), 0 for an empty recording; ``tokens`` (B, F, D), ``mask`` (B, F).

    Raises:
        MissingExtraError: If transformers is not installed.
        FileNotFoundError: If the name is written as a path and no folder is there.
        ValueError: If an argument is out of range, or the model is none of waveforms.

    References:
        Alexei Baevski, Henry Zhou, Abdelrahman Mohamed, Michael Auli. wav2vec 2.0: A Framework for
        Self-Supervised Learning of Speech Representations. NeurIPS 2020. arXiv:2006.11477.

    Examples:
        >>> import torch
        >>> encoder = TransformersAudioEncoder("tiny")
        >>> tuple(encoder(torch.zeros(2, 8000)).pooled.shape) == (2, encoder.out_dim)
        True
    """

    modality: Final = "audio"
    #: Waveforms, not stored features: a task then asks the data for no width of features.
    reads_raw: Final = True

    def __init__(
        self,
        name_or_path: str,
        *,
        layers: tuple[int, ...] = (-1,),
        pooling: Pooling = "mean",
        trained: TrainedParts = "none",
        normalized: bool = True,
        rate: int = 16_000,
    ) -> None:
        super().__init__()
        if pooling not in ("mean", "max") or trained not in ("none", "transformer", "all"):
            raise ValueError(
                f"TransformersAudioEncoder got pooling={pooling!r}, trained={trained!r}: give 'mean' or "
                "'max', and 'none', 'transformer' or 'all'."
            )
        source = text_model_source(name_or_path, owner="TransformersAudioEncoder")
        self.model = load_audio_model(source)
        config: Any = self.model.config
        if not hasattr(config, "conv_kernel"):
            raise ValueError(
                f"TransformersAudioEncoder got {name_or_path!r}, a model of kind {config.model_type!r}: give "
                "one of waveforms, such as wav2vec2, HuBERT or WavLM."
            )
        depth = int(config.num_hidden_layers) + 1
        if not layers or any(not -depth <= layer < depth for layer in layers):
            raise ValueError(
                f"TransformersAudioEncoder got layers={layers} for a model with {depth} hidden states: give "
                f"numbers from {-depth} to {depth - 1}."
            )
        self.out_dim = int(config.hidden_size)
        self.rate = rate
        self.layers = layers
        self.pooling: Pooling = pooling
        self.trained: TrainedParts = trained
        self.normalized = normalized
        # Each is (kernel, stride) of a convolution that shortens the sound to frames.
        self._shortening = tuple(zip(config.conv_kernel, config.conv_stride))
        # Random stretches would be hidden in training, by numpy's random state, which no task seeds; a layer
        # that is left out at random has no gradient, for which distributed training waits.
        config.apply_spec_augment = False
        config.layerdrop = 0.0
        self.model.requires_grad_(trained != "none")
        if trained == "transformer":
            extractor: nn.Module = self.model.get_submodule("feature_extractor")
            extractor.requires_grad_(False)
        # A vector for hidden stretches, which there are none of: untouched, it stops distributed training.
        if getattr(self.model, "masked_spec_embed", None) is not None:
            self.model.register_parameter("masked_spec_embed", None)
        self._source, self._label = source.name, source.label
        self.train(self.training)

    def __reduce__(self) -> tuple[Callable[..., TransformersAudioEncoder], tuple[object, ...]]:
        # Weights that are normalised where they are used do not pickle; their state does.
        options = {
            "layers": self.layers,
            "pooling": self.pooling,
            "trained": self.trained,
            "normalized": self.normalized,
            "rate": self.rate,
        }
        return _made_again, (self._source, options, self.state_dict(), self.training)

    @property
    def settings(self) -> str:
        """Everything beside the weights that decides about its features."""
        layers = ",".join(str(layer) for layer in self.layers)
        return (
            f"transformers:{self._label} rate={self.rate} layers={layers} pooling={self.pooling} "
            f"normalized={self.normalized}"
        )

    def train(self, mode: bool = True) -> TransformersAudioEncoder:
        """Set the mode; a frozen model stays in evaluation, without dropout."""
        super().train(mode)
        if self.trained == "none":
            self.model.eval()
        return self

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode waveforms ``x`` (B, T)."""
        if x.ndim != 2 or not x.is_floating_point():
            raise ValueError(
                f"TransformersAudioEncoder reads waveforms (B, T), but got {tuple(x.shape)} {x.dtype}: give "
                "one channel, as float."
            )
        real = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        shortest = self._shortest()
        # A sound too short for one frame is filled up with silence to one.
        x = nn.functional.pad(x, (0, max(0, shortest - x.shape[1])))
        real = nn.functional.pad(real, (0, x.shape[1] - real.shape[1]))
        count = real.sum(dim=1)
        heard = torch.arange(x.shape[1], device=x.device) < count.clamp(min=shortest).unsqueeze(1)
        x = self._prepared(x, real)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.trained != "none"):
            states: tuple[Tensor, ...] = self.model(
                input_values=x, attention_mask=heard.long(), output_hidden_states=True
            ).hidden_states
        hidden = torch.stack([states[layer] for layer in self.layers]).mean(dim=0)
        frames = self._frames(count.clamp(min=shortest)) * (count > 0)
        shown = torch.arange(hidden.shape[1], device=x.device) < frames.unsqueeze(1)
        return Encoding(pooled_tokens(hidden, shown, self.pooling), tokens=hidden, mask=shown)

    def _prepared(self, x: Tensor, real: Tensor) -> Tensor:
        if not self.normalized:
            return x.masked_fill(~real, 0.0)
        number = real.sum(dim=1, keepdim=True).clamp(min=1)
        centred = (x - (x * real).sum(dim=1, keepdim=True) / number) * real
        variance = centred.square().sum(dim=1, keepdim=True) / number
        # The published feature extractors add the same number, which also keeps silence silent.
        return centred / (variance + 1e-7).sqrt()

    def _frames(self, samples: Tensor) -> Tensor:
        for kernel, stride in self._shortening:
            samples = (samples - kernel) // stride + 1
        return samples

    def _shortest(self) -> int:
        """Samples of one frame."""
        length = 1
        for kernel, stride in reversed(self._shortening):
            length = (length - 1) * stride + kernel
        return length


def _made_again(
    source: str, options: Mapping[str, Any], state: Mapping[str, Tensor], training: bool
) -> TransformersAudioEncoder:
    encoder = TransformersAudioEncoder(source, **options)
    encoder.load_state_dict(state)
    return encoder.train(training)
