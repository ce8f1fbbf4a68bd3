"""The streams that a data module over pictures or clips was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

from affectkit.data.decode.fit_into import Fit
from affectkit.data.loader import StreamSpec
from affectkit.data.modules.shard import DataModuleError

#: What a stream gets unless it is said: a face is stretched with 20 pixels around it, what is around
#: a person keeps its proportions (CLIP-CAER), and a whole frame is cut to a square.
_FITS: Final[Mapping[str, Fit]] = {"visual": "crop", "context": "letterbox"}
_MARGINS: Final[Mapping[str, float]] = {"face": 20.0}


def stream_specs(
    streams: Sequence[str], *, fit: Mapping[str, Fit] | None, margin: Mapping[str, float] | None
) -> list[StreamSpec]:
    """What is asked of each stream, sorted by name.

    Args:
        streams: Their names.
        fit: How a stream becomes a square; unnamed ones keep their default.
        margin: Pixels around its boxes.

    Raises:
        DataModuleError: If a name occurs twice or is none of the streams, or a value is unknown.

    Examples:
        >>> stream_specs(["face"], fit=None, margin={"face": 5})
        [StreamSpec(name='face', fit='stretch', margin=5)]
    """
    unknown = sorted({*(fit or {}), *(margin or {})} - set(streams))
    if not streams or len(set(streams)) != len(streams) or unknown:
        raise DataModuleError(
            f"The streams are {list(streams)} and the options name {unknown or 'no other'}: name each stream "
            "once, and only these in fit and box_margin."
        )
    specs = [
        StreamSpec(
            name,
            {**_FITS, **(fit or {})}.get(name, "stretch"),
            {**_MARGINS, **(margin or {})}.get(name, 0.0),
        )
        for name in sorted(streams)
    ]
    for spec in specs:
        if spec.fit not in get_args(Fit) or spec.margin < 0:
            raise DataModuleError(
                f"The stream {spec.name!r} got fit={spec.fit!r} and box_margin={spec.margin}: use one of "
                f"{', '.join(get_args(Fit))}, and a margin from 0."
            )
    return specs
