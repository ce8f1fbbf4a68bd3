"""How evaluation shows a picture: what a checkpoint keeps, so that a file is shown in the same way later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias, cast, get_args

from affectkit.data.collate import Collate
from affectkit.data.decode.fit_into import Fit
from affectkit.data.loader.batch_view import Decode
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.pattern_collate import SUFFIX, PatternCollate
from affectkit.data.loader.stream_collate import StreamCollate
from affectkit.data.loader.stream_sample import StreamReader, StreamSpec, StreamsSample
from affectkit.data.loader.visual_collate import INPUT, ImageCollate
from affectkit.data.loader.visual_sample import ImageReader, ImageSample
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, NormalizationName

PictureSample: TypeAlias = ImageSample | StreamsSample


class PictureView(NamedTuple):
    """From the file of a picture to what a model gets; used by data modules and by predictions alike.

    Attributes:
        size: Side of the squares that pictures become; None keeps them as they are.
        streams: Aligned views; none = one view of the whole frame, cut to its centred square.
        normalization: What pixels are brought to after they were moved; None leaves bytes.
        patterns: Whether each view comes with its local binary patterns, as ``NAME_lbp``.

    Examples:
        >>> view = PictureView(32, normalization="clip")
        >>> view.inputs, PictureView.from_plain(view.to_plain()) == view
        (('visual',), True)
    """

    size: int | None = None
    streams: tuple[StreamSpec, ...] = ()
    normalization: NormalizationName | None = None
    patterns: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs of a batch."""
        names = tuple(spec.name for spec in self.streams) or (INPUT,)
        return (*names, *(f"{name}{SUFFIX}" for name in names)) if self.patterns else names

    def decoder(self) -> Decode[PictureSample]:
        """Annotation and headers; pixels are decoded by :meth:`collate`."""
        return StreamReader(self.streams, segments=1) if self.streams else ImageReader()

    def collate(self, target: ItemTarget) -> Collate[PictureSample]:
        """Decode into one array, with targets."""
        joined = (
            cast("Collate[PictureSample]", StreamCollate(target, size=self.size or 0, still=True))
            if self.streams
            else cast("Collate[PictureSample]", ImageCollate(target, size=self.size))
        )
        return PatternCollate(joined) if self.patterns else joined

    def to_plain(self) -> dict[str, object]:
        """Values that a checkpoint may hold."""
        return {
            "size": self.size,
            "streams": [list(spec) for spec in self.streams],
            "normalization": self.normalization,
            "patterns": self.patterns,
        }

    @classmethod
    def from_plain(cls, stored: Mapping[str, object]) -> PictureView:
        """Read what :meth:`to_plain` gave.

        Raises:
            ValueError: If a value is none that it gives.
        """
        size, streams, norm = (stored.get(name) for name in ("size", "streams", "normalization"))
        patterns = stored.get("patterns", False)  # absent in older checkpoints
        specs = tuple(_spec(values) for values in (streams if isinstance(streams, list) else [None]))
        sound = norm in (None, *NORMALIZATIONS) and isinstance(patterns, bool)
        if not (size is None or (type(size) is int and size > 0)) or not sound:
            raise ValueError(
                f"The stored view of pictures is damaged ({dict(stored)}): use a whole checkpoint."
            )
        return cls(size, specs, cast(NormalizationName | None, norm), bool(patterns))


def _spec(values: object) -> StreamSpec:
    match values:
        case [str(name), str(fit), int() | float() as margin] if fit in get_args(Fit):
            return StreamSpec(name, cast(Fit, fit), margin)
    raise ValueError(f"The stored view of a stream is damaged ({values}): use a whole checkpoint.")
