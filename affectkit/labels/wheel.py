"""Where emotion words lie on the plane of valence and arousal, and how alike two of them are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from affectkit.labels.aliases import canonical
from affectkit.labels.errors import UnknownLabelError, near

# Multiples of pi/20 between the valence axis and the word, counted inside each quadrant.
_SECTORS: dict[tuple[int, int], dict[str, int]] = {
    (1, 1): {
        "pleasure": 1,
        "happiness": 3,
        "pride": 5,
        "elation": 5,
        "powerful": 5,
        "excitement": 7,
        "surprise": 9,
        "interest": 9,
    },
    (-1, 1): {
        "anger": 9,
        "hate": 7,
        "contempt": 5,
        "disgust": 3,
        "fear": 1,
        # Two words of EmoryNLP that the sheet leaves open, read as anger and as fear.
        "mad": 9,
        "scared": 1,
    },
    (-1, -1): {
        "frustration": 1,
        "disappointment": 1,
        "shame": 3,
        "regret": 5,
        "guilt": 7,
        "sadness": 9,
    },
    (1, -1): {
        "compassion": 9,
        "relief": 7,
        "admiration": 5,
        "love": 3,
        "contentment": 1,
        "peaceful": 1,
    },
}


def _published_points() -> dict[str, tuple[float, float]]:
    points = {"neutral": (0.0, 0.0), "boredom": (-0.5, 0.0)}
    for (valence, arousal), words in _SECTORS.items():
        for word, steps in words.items():
            angle = steps * math.pi / 20
            points[word] = (valence * math.cos(angle), arousal * math.sin(angle))
    return points


#: Canonical label -> (valence, arousal): unit vectors, but for neutral (0, 0) and boredom (-0.5, 0).
WHEEL_POINTS = MappingProxyType(_published_points())


@dataclass(frozen=True)
class ValenceArousalWheel:
    r"""Points of emotion words on the valence-arousal plane, and the similarity they imply.

    With :math:`p_i = (v_i, a_i)` for label i and N labels,

    .. math::
        s_{ij} = \begin{cases}
            0 & i = j \text{ or } v_i v_j < 0 \\
            1 / N & v_i v_j = 0 \\
            \max(\cos(p_i, p_j), 0) & v_i v_j > 0
        \end{cases}

    A neutral label lies at the origin, so that it falls under the second case with every other.

    Args:
        points: Label -> (valence, arousal). The default is the wheel of the reference.

    References:
        "Do LLMs Feel?" (PRC-Emo), AAAI 2026, arXiv 2511.07061, equations 1 to 5.

    Deviation from the paper: "mad" and "scared" of EmoryNLP stand where anger and fear do.

    Examples:
        >>> wheel = ValenceArousalWheel()
        >>> table = wheel.similarity(["neutral", "fear", "disgust", "joy"])
        >>> [round(value, 3) for value in table[1]]
        [0.25, 0.0, 0.951, 0.0]
    """

    points: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(WHEEL_POINTS))

    def __post_init__(self) -> None:
        points: dict[str, tuple[float, float]] = {}
        for label, (valence, arousal) in self.points.items():
            if canonical(label) in points:
                raise ValueError(f"The wheel holds {label!r} twice, under two spellings: keep one of them.")
            if not (math.isfinite(valence) and math.isfinite(arousal)):
                raise ValueError(f"The wheel holds {label!r} at ({valence}, {arousal}): use finite numbers.")
            points[canonical(label)] = (float(valence), float(arousal))
        object.__setattr__(self, "points", points)

    def point(self, label: str) -> tuple[float, float]:
        """Valence and arousal of a label, by its name or an alias.

        Raises:
            UnknownLabelError: If the label is not on the wheel.

        Examples:
            >>> ValenceArousalWheel().point("neutral")
            (0.0, 0.0)
        """
        found = self.points.get(canonical(label))
        if found is None:
            hint = near(label, {known: known for known in self.points})
            raise UnknownLabelError(
                f"{label!r} is not on the valence-arousal wheel: {hint}; add it with "
                f"ValenceArousalWheel({{**WHEEL_POINTS, {label!r}: (valence, arousal)}})."
            )
        return found

    def anchors(self, labels: Iterable[str]) -> list[tuple[float, float]]:
        """Valence and arousal of every label of a list or a :class:`LabelSpace`, in its order."""
        return [self.point(label) for label in labels]

    def similarity(self, labels: Iterable[str]) -> list[list[float]]:
        """Similarity of every pair of labels of a list or a :class:`LabelSpace`, in its order.

        Shape:
            - result: (N, N), symmetric, with a zero diagonal and values in [0, 1].

        Raises:
            UnknownLabelError: If a label is not on the wheel.
        """
        points = self.anchors(labels)
        floor = 1.0 / len(points) if points else 0.0
        return [
            [0.0 if row == column else _alike(one, two, floor) for column, two in enumerate(points)]
            for row, one in enumerate(points)
        ]


def _alike(one: tuple[float, float], two: tuple[float, float], floor: float) -> float:
    valences = one[0] * two[0]
    if valences == 0.0:
        return floor
    if valences < 0.0:
        return 0.0
    cosine = (valences + one[1] * two[1]) / (math.hypot(*one) * math.hypot(*two))
    return min(max(cosine, 0.0), 1.0)
