"""The image tower of CLIP with an adapter inside, as an encoder for any head."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from affectkit.adapters.registry import make_adapter
from affectkit.encoders.clip import PixelNormalization, clip_base
from affectkit.types import Encoding

# In this order: the command line takes the first that fits, and text fits everything.
AdapterOption: TypeAlias = bool | int | float | list[int | str] | dict[str, str] | str | None

#: Adapters that change what the image tower gives; ``zero_shot`` leaves it as it is.
IMAGE_ADAPTERS: Final = ("clip_lora", "maple", "zero_shot")


class AdaptedClipEncoder(nn.Module):
    r"""Pictures to features of CLIP that an adapter changes, for a fusion, head and loss of any task.

    .. math:: f = T_{\theta + \Delta}\bigl((x / 255 - \mu) / \sigma\bigr)

    with the frozen weights :math:`\theta` of the image tower and what the adapter adds, :math:`\Delta`.
    Adapters of words learn by the classifier that they belong to; without it, only what changes the image
    tower itself learns anything: low-rank updates (``"clip_lora"``, in the image tower alone) and prompts
    beside the patches (``"maple"``). ``"zero_shot"`` gives the features as they are, and trains nothing.

    The text tower is used while the adapter is built and let go then. Frozen weights are part of the state,
    so that a checkpoint needs no other file.

    Args:
        base: Name of the CLIP model, see :func:`~affectkit.encoders.clip.clip_base`; ``"tiny"`` is random
            and needs nothing.
        base_pretrained: Tag of published weights; downloads them unless they are there.
        base_weights: File of weights.
        base_activation: Activation of the weights in a bare file, ``"gelu"`` or ``"quick_gelu"``.
        adapter: ``"clip_lora"``, ``"maple"`` or ``"zero_shot"``.
        adapter_options: Its options by name.
        normalization: What bytes are brought to: what the weights record (``"weights"``), or ``"clip"``,
            ``"imagenet"``, ``"half"`` (-1..1) or ``"none"`` (0..1) where a paper did so.

    Shape:
        - Input: (B, 3, H, W) uint8, or float that is normalised already, in the size of the model.
        - Output: ``pooled`` (B, E).

    Raises:
        ValueError: If the adapter learns nothing here, or an option is unknown or out of range.
        UnsupportedTowerError: If the model has no text tower, or for MaPLe no patches.

    References:
        Those of :class:`~affectkit.adapters.ClipLora` and :class:`~affectkit.adapters.MaPLe`.

    Examples:
        >>> encoder = AdaptedClipEncoder("tiny", adapter="maple", adapter_options={"depth": 2}).eval()
        >>> encoder(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).pooled.shape == (2, encoder.out_dim)
        True
    """

    #: Pictures, not stored features: a task then asks the data for no width of features.
    reads_raw: Final = True

    def __init__(
        self,
        base: str = "tiny",
        *,
        base_pretrained: str | None = None,
        base_weights: str | None = None,
        base_activation: Literal["gelu", "quick_gelu"] | None = None,
        adapter: str = "clip_lora",
        adapter_options: dict[str, AdapterOption] | None = None,
        normalization: Literal["weights", "clip", "imagenet", "half", "none"] = "weights",
    ) -> None:
        super().__init__()
        options = dict(adapter_options or {})
        if adapter == "clip_lora":
            options = {"towers": "image", **options}
        if adapter not in IMAGE_ADAPTERS or options.get("towers", "image") != "image":
            raise ValueError(
                f"AdaptedClipEncoder got the adapter {adapter!r} with the options {options}, part of which "
                "learns by sentences about classes alone, which no head of another kind reads: give "
                "'clip_lora' (in the image tower), 'maple', or 'zero_shot' for features as they are."
            )
        clip = clip_base(
            base,
            pretrained=base_pretrained,
            weights=base_weights,
            activation=base_activation,
            normalization=None if normalization == "weights" else normalization,
        )
        # No class is asked about; a word must be there to build what is beside the pictures.
        self.adapter = make_adapter(adapter, clip, ["emotion"], **options)
        self.adapter.base.text = None
        self.name = clip.identity.name
        self.normalization: PixelNormalization = clip.normalization
        self.mean: Tensor
        self.std: Tensor
        for name, values in zip(("mean", "std"), self.normalization):
            column = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(name, column, persistent=False)

    @property
    def out_dim(self) -> int:
        """Width E of the features."""
        return self.adapter.base.embed_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x``; ``mask`` is there for the protocol of encoders, a picture is always whole."""
        pixels = x if x.is_floating_point() else (x.float() / 255 - self.mean) / self.std
        return self.adapter.encode(pixels)
