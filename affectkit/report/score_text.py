"""How a score is written: in percent where it is a share of the rows, else in its own unit."""

from __future__ import annotations

from typing import Final

#: What a name holds of a score that counts a share of the rows, or a mean of shares, from 0 to 1.
_SHARES: Final = frozenset({"accuracy", "f1", "precision", "recall", "sagr", "uar", "war"})


def is_share(metric: str) -> bool:
    """Whether percent mean something: a correlation, an error or a loss has a unit of its own.

    Args:
        metric: Name of the score, e.g. ``"weighted_f1"`` or ``"test/ccc"``.

    Examples:
        >>> is_share("weighted_f1"), is_share("mosi/accuracy"), is_share("ccc_valence")
        (True, True, False)
    """
    return not _SHARES.isdisjoint(metric.rpartition("/")[2].split("_"))


def score_text(metric: str, value: float, *, signed: bool = False) -> str:
    """A score as tables have it: percent with one digit, else three digits.

    Args:
        metric: Name of the score.
        value: The score, or a difference of two.
        signed: Whether a plus stands before what is above 0.

    Examples:
        >>> score_text("uar", 0.5812), score_text("mae", 0.5812), score_text("uar", 0.01, signed=True)
        ('58.1', '0.581', '+1.0')
    """
    sign = "+" if signed else ""
    return f"{100 * value:{sign}.1f}" if is_share(metric) else f"{value:{sign}.3f}"


def score_name(metric: str) -> str:
    """Name of a score in words, with its unit where that is percent.

    Args:
        metric: Name of the score.

    Examples:
        >>> score_name("weighted_f1"), score_name("ccc_valence")
        ('weighted F1, in percent', 'ccc valence')
    """
    spoken = metric.replace("_", " ").replace(" f1", " F1")
    return f"{spoken}, in percent" if is_share(metric) else spoken
