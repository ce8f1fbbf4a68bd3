"""Named ranges of dimensional labels, and the affine way between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from affectkit.labels.errors import UnknownLabelError, near


@dataclass(frozen=True)
class AffectScale:
    """Which affect dimensions a value vector holds, in which order, and in which range.

    Args:
        name: Name, e.g. ``"va.unit"``.
        axes: Axis names in order, e.g. ``("valence", "arousal")``.
        low: Smallest value of every axis.
        high: Largest value of every axis.
        absent: Numbers that mark "not annotated" in the files. None and NaN always mean that.
        source: Where the range was read.
        verified: False where the range was only reported.

    Raises:
        ValueError: If an axis occurs twice, ``low`` is not below ``high``, or an absent mark lies inside.

    Examples:
        >>> stars = AffectScale("stars.v1", ("valence",), low=1, high=5)
        >>> stars.convert([4.0], AffectScale("mine.v1", ("valence",), low=-1, high=1))
        [0.5]
    """

    name: str
    axes: tuple[str, ...]
    low: float
    high: float
    absent: tuple[float, ...] = ()
    source: str = ""
    verified: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "absent", tuple(float(value) for value in self.absent))
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not self.axes or len(set(self.axes)) != len(self.axes):
            raise ValueError(f"Scale {self.name!r} has the axes {self.axes}: name each axis once.")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"Scale {self.name!r} runs from {self.low} to {self.high}: use finite low < high."
            )
        inside = [value for value in self.absent if self.low <= value <= self.high]
        if inside:
            raise ValueError(
                f"Scale {self.name!r} marks absent values by {inside[0]}, which is a value of the scale: "
                f"use a number outside {self.low:g}..{self.high:g}."
            )

    def __len__(self) -> int:
        return len(self.axes)

    def read(self, values: Sequence[float | None]) -> list[float | None]:
        """Check one vector of this scale and replace every mark of absence by None.

        Raises:
            ValueError: If the number of values differs from that of the axes, or one is out of range.

        Examples:
            >>> affect_scale("va.affectnet").read([-2.0, 0.5])
            [None, 0.5]
        """
        if len(values) != len(self.axes):
            raise ValueError(
                f"Scale {self.name!r} has the axes {', '.join(self.axes)} but got {len(values)} values: "
                f"pass one value an axis."
            )
        return [self._read(axis, value) for axis, value in zip(self.axes, values, strict=True)]

    def convert(
        self, values: Sequence[float | None], other: AffectScale, *, clip: bool = False
    ) -> list[float | None]:
        """Convert one vector to the range and the axis order of ``other``.

        .. math:: y = l' + (x - l) (h' - l') / (h - l)

        Args:
            values: One value for each axis of this scale; None, NaN and the scale's marks are absent.
            other: The scale to convert to. Axes that it does not name are left out.
            clip: Limit values to this scale first, for predictions of heads without a bound.

        Raises:
            ValueError: If a value is out of range, or ``other`` names an axis that this scale lacks.

        Examples:
            >>> affect_scale("adv.unipolar").convert([1.0, 0.5, 0.0], affect_scale("va.unit"))
            [-1.0, 1.0]
        """
        if clip:
            values = [self._clip(value) for value in values]
        by_axis = dict(zip(self.axes, self.read(values), strict=True))
        missing = [axis for axis in other.axes if axis not in by_axis]
        if missing:
            raise ValueError(
                f"Scale {other.name!r} wants {missing[0]!r}, but {self.name!r} only has "
                f"{', '.join(self.axes)}: choose a target scale over those axes."
            )
        return [self._convert(by_axis[axis], other) for axis in other.axes]

    def to_dict(self) -> dict[str, object]:
        """Plain values only, for JSON and for checkpoints that load with ``weights_only=True``."""
        return {
            "name": self.name,
            "axes": list(self.axes),
            "low": self.low,
            "high": self.high,
            "absent": list(self.absent),
            "source": self.source,
            "verified": self.verified,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> AffectScale:
        """Make a scale from what :meth:`to_dict` gave; ``name``, ``axes``, ``low``, ``high`` are enough.

        Raises:
            ValueError: If a field is missing, unknown, or of another type.
        """
        extra = sorted(set(values) - {"name", "axes", "low", "high", "absent", "source", "verified"})
        if extra:
            raise ValueError(f"A stored scale has the unknown field {extra[0]!r}: remove it.")
        name, source = values.get("name"), values.get("source", "")
        axes, absent = values.get("axes"), values.get("absent", ())
        verified = values.get("verified", True)
        if not (isinstance(name, str) and isinstance(source, str) and isinstance(verified, bool)):
            raise ValueError(
                f"A stored scale needs a string 'name' and 'source' and a bool 'verified': {values!r}."
            )
        if not isinstance(axes, list | tuple) or not isinstance(absent, list | tuple):
            raise ValueError(f"The stored scale {name!r} needs lists as 'axes' and 'absent'.")
        return cls(
            name=name,
            axes=tuple(str(axis) for axis in axes),
            low=_number(values.get("low"), name=name, field="low"),
            high=_number(values.get("high"), name=name, field="high"),
            absent=tuple(_number(value, name=name, field="absent") for value in absent),
            source=source,
            verified=verified,
        )

    def _read(self, axis: str, value: float | None) -> float | None:
        if value is None or math.isnan(value) or value in self.absent:
            return None
        if not self.low <= value <= self.high:
            raise ValueError(
                f"{axis} {value:g} lies outside scale {self.name!r}, {self.low:g}..{self.high:g}: use the "
                f"scale of the data, naming the number that marks absent values in absent=."
            )
        return float(value)

    def _clip(self, value: float | None) -> float | None:
        if value is None or math.isnan(value) or value in self.absent:
            return None
        return min(max(value, self.low), self.high)

    def _convert(self, value: float | None, other: AffectScale) -> float | None:
        if value is None or (self.low, self.high) == (other.low, other.high):
            return value
        share = (value - self.low) / (self.high - self.low)
        # Two products instead of low + share * width: both ends come out exactly.
        return other.low * (1.0 - share) + other.high * share


def _number(value: object, *, name: str, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"The stored scale {name!r} has {value!r} as {field!r}: it must be a number.")
    return float(value)


_VA = ("valence", "arousal")
_VAD = ("valence", "arousal", "dominance")

_SCALES = MappingProxyType(
    {
        scale.name: scale
        for scale in (
            AffectScale(
                "adv.unipolar", ("arousal", "dominance", "valence"), 0, 1, source="audeering wav2vec2 models"
            ),
            AffectScale(
                "sentiment.emotiontalk",
                ("sentiment",),
                -2,
                2,
                absent=(-10,),
                source="mean of five levels, NKU-HLT/EmotionTalk:mm_label.npz",
            ),
            AffectScale("sentiment.mosi", ("sentiment",), -3, 3, source="CMU-MOSI and CMU-MOSEI"),
            AffectScale("sentiment.sims", ("sentiment",), -1, 1, source="CH-SIMS"),
            AffectScale("va.affectnet", _VA, -1, 1, absent=(-2,), source="AffectNet annotation"),
            AffectScale("va.affwild2", _VA, -1, 1, absent=(-5,), source="Aff-Wild2 annotation"),
            AffectScale("va.one_to_nine", _VA, 1, 9, source="nine-point self-assessment"),
            AffectScale("va.unipolar", _VA, 0, 1, source="common rescaling"),
            AffectScale("va.unit", _VA, -1, 1, source="circumplex, common rescaling"),
            AffectScale("vad.emobank", _VAD, 1, 5, source="JULIELab/EmoBank:emobank.csv"),
            AffectScale("vad.emotic", _VAD, 1, 10, source="public code for EMOTIC"),
            AffectScale("vad.iemocap", _VAD, 1, 5, source="reported for IEMOCAP", verified=False),
            AffectScale("vad.msppodcast", _VAD, 1, 7, source="reported for MSP-Podcast", verified=False),
            AffectScale("vad.one_to_nine", _VAD, 1, 9, source="nine-point self-assessment"),
            AffectScale("vad.unipolar", _VAD, 0, 1, source="common rescaling"),
            AffectScale("vad.unit", _VAD, -1, 1, source="common rescaling"),
        )
    }
)


def affect_scale(name: str) -> AffectScale:
    """Return a registered scale by its name.

    Raises:
        UnknownLabelError: If no scale has this name; near matches are named.

    Examples:
        >>> affect_scale("vad.emobank").axes
        ('valence', 'arousal', 'dominance')
    """
    found = _SCALES.get(name)
    if found is None:
        hint = near(name, {known: known for known in _SCALES})
        raise UnknownLabelError(
            f"No scale is registered as {name!r}: {hint}; one of your own is "
            f"AffectScale(name, axes, low=..., high=...)."
        )
    return found


def affect_scales() -> tuple[AffectScale, ...]:
    """Return every registered scale, sorted by name."""
    return tuple(_SCALES[name] for name in sorted(_SCALES))
