"""What a face and a voice show, put into words for a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from affectkit.conversation.prompts.prompt_template import PromptError

#: What can be said of a clip, in this order unless another is asked for.
CUE_SLOTS: Final = ("words", "action_units", "expressions", "prosody", "dimensions")
_HEADINGS: Final = {
    "words": "Words",
    "action_units": "Face",
    "expressions": "Expression",
    "prosody": "Voice",
    "dimensions": "Impression",
}


@dataclass(frozen=True)
class ClipCues:
    """What was measured in a clip; everything may be absent.

    Args:
        words: What is said.
        action_units: Intensities of each action unit by its name, 0 to 1, one for each frame with a face;
            without any frame no face was found, and None was not looked for.
        expressions: Probability of each basic expression.
        prosody: Score of each quality of the voice, e.g. ``{"excited": 0.4}``.
        dimensions: Valence, arousal and the like, 0 to 1.
    """

    words: str = ""
    action_units: Mapping[str, Sequence[float]] | None = None
    expressions: Mapping[str, float] = field(default_factory=dict)
    prosody: Mapping[str, float] = field(default_factory=dict)
    dimensions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CueVerbalizer:
    """A line of text for each kind of cue, by thresholds.

    An action unit is named where its largest intensity over the frames is above its threshold; the most
    probable expressions are named in their order; qualities of the voice and dimensions are "high" above
    their threshold, else "low". A kind that was not measured has no line.

    Args:
        action_unit: Threshold of the intensity of an action unit.
        prosody: Threshold of a quality of the voice.
        dimension: Threshold of a dimension.
        expressions: How many expressions are named.
        dimensions_as: ``"level"``: high or low; ``"number"``: rounded to two places.
        slots: Kinds of cues in the order wanted, of ``CUE_SLOTS``.

    Raises:
        PromptError: If a slot is unknown or stands twice, or no expression is asked for.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild,
        official code. ECCV 2024 workshops. arXiv:2407.12927: the cues and thresholds. The wording is ours.

    Examples:
        >>> cues = ClipCues("oh no", {"inner brow raiser": [0.2, 0.7], "dimpler": [0.1, 0.3]})
        >>> print(CueVerbalizer()(cues))
        Words: oh no
        Face: inner brow raiser
    """

    action_unit: float = 0.5
    prosody: float = 0.3
    dimension: float = 0.5
    expressions: int = 3
    dimensions_as: Literal["level", "number"] = "level"
    slots: Sequence[str] = CUE_SLOTS

    def __post_init__(self) -> None:
        unknown = [name for name in self.slots if name not in CUE_SLOTS]
        if unknown or len(set(self.slots)) != len(self.slots) or not self.slots:
            raise PromptError(
                f"CueVerbalizer got slots={list(self.slots)}: name each once, of {', '.join(CUE_SLOTS)}."
            )
        if self.expressions < 1 or self.dimensions_as not in ("level", "number"):
            raise PromptError(
                f"CueVerbalizer got expressions={self.expressions} and dimensions_as={self.dimensions_as!r}: "
                "give at least one expression, and 'level' or 'number'."
            )

    def __call__(self, cues: ClipCues) -> str:
        """Put the cues of a clip into words, one line for each kind."""
        said = {
            "words": " ".join(cues.words.split()),
            "action_units": self._face(cues.action_units),
            "expressions": ", ".join(
                # Equal ones by their names, so that the order of a mapping decides nothing.
                sorted(cues.expressions, key=lambda name: (-cues.expressions[name], name))[: self.expressions]
            ),
            "prosody": _levels(cues.prosody, self.prosody),
            "dimensions": (
                _levels(cues.dimensions, self.dimension)
                if self.dimensions_as == "level"
                else ", ".join(f"{name} {value:.2f}" for name, value in sorted(cues.dimensions.items()))
            ),
        }
        return "\n".join(f"{_HEADINGS[name]}: {said[name]}" for name in self.slots if said[name])

    def _face(self, units: Mapping[str, Sequence[float]] | None) -> str:
        if units is None:
            return ""
        if not any(len(frames) for frames in units.values()):
            return "no face detected"
        shown = [
            name for name, frames in sorted(units.items()) if max(frames, default=0.0) > self.action_unit
        ]
        return ", ".join(shown) or "no movement"


def _levels(values: Mapping[str, float], threshold: float) -> str:
    return ", ".join(
        f"{name} {'high' if value > threshold else 'low'}" for name, value in sorted(values.items())
    )
