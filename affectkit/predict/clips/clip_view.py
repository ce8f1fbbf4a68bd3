"""How evaluation shows a clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from affectkit.data.collate import Collate
from affectkit.data.loader import (
    ClipCollate,
    ClipReader,
    Decode,
    ItemTarget,
    PatternCollate,
    StreamCollate,
    StreamReader,
    StreamSpec,
)
from affectkit.data.loader.pattern_collate import SUFFIX
from affectkit.data.loader.visual_collate import INPUT
from affectkit.data.modules.shard import DataModuleError
from affectkit.data.modules.stream_options import stream_specs
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, NormalizationName
from affectkit.predict.error import PredictError
from affectkit.predict.run_data import RunData


class ClipView(NamedTuple):
    """What :class:`~affectkit.data.modules.ClipDataModule` does to a clip in evaluation.

    Attributes:
        segments: Number of frames that are seen, the middles of equal segments.
        size: Side of the squares that frames become; None keeps them as they are.
        streams: Aligned views; none = one view of the whole frame, cut to its centred square.
        normalization: What pixels are brought to; None leaves bytes.
        patterns: Whether each view comes with its local binary patterns, as ``NAME_lbp``.

    Examples:
        >>> ClipView(4, 32).inputs
        ('visual',)
    """

    segments: int = 16
    size: int | None = 224
    streams: tuple[StreamSpec, ...] = ()
    normalization: NormalizationName | None = "imagenet"
    patterns: bool = False

    @classmethod
    def of_run(cls, data: RunData) -> Self:
        """What a run says.

        Raises:
            PredictError: If it says what no data module takes.
        """
        norm = data.value("normalization", str, "imagenet") if data.value("normalize", bool, True) else None
        if norm is not None and norm not in NORMALIZATIONS:
            raise PredictError(
                f"The {data.place} states normalization={norm!r}: restore the file that the training wrote."
            )
        streams: list[str] | None = data.optional("streams", list)
        fit: Mapping[str, Any] | None = data.optional("fit", dict)
        margin: Mapping[str, Any] | None = data.optional("box_margin", dict)
        try:
            specs = () if streams is None else tuple(stream_specs(streams, fit=fit, margin=margin))
        except DataModuleError as error:
            raise PredictError(f"The {data.place} cannot be followed: {error}") from error
        # A size of null is stated, and means frames as they are.
        size = data.optional("size", int) if "size" in data.options else 224
        patterns = data.value("patterns", bool, False)
        return cls(data.value("segments", int, 16), size, specs, norm, patterns)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs of a batch."""
        names = tuple(spec.name for spec in self.streams) or (INPUT,)
        return (*names, *(f"{name}{SUFFIX}" for name in names)) if self.patterns else names

    def decoder(self) -> Decode[Any]:
        """Annotation and headers; pixels are decoded by :meth:`collate`."""
        if self.streams:
            return StreamReader(self.streams, segments=self.segments)
        return ClipReader(segments=self.segments)

    def collate(self, target: ItemTarget) -> Collate[Any]:
        """Decode into one array."""
        joined: Collate[Any] = (
            StreamCollate(target, size=self.size or 0)
            if self.streams
            else ClipCollate(target, size=self.size)
        )
        return PatternCollate(joined) if self.patterns else joined
