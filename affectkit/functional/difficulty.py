"""How hard a conversation is, from the emotional shifts in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from affectkit.types import IGNORE_LABEL


def emotional_shift(labels: Sequence[int], speakers: Sequence[int], *, min_utterances: int = 1) -> float:
    r"""Share of emotional shifts, counted within each speaker (HCL).

    :math:`(N_\text{shift} + N_\text{speakers}) / (N_\text{utterances} + N_\text{speakers})`, where a
    shift is a pair of consecutive utterances *of one speaker* with different labels.

    Args:
        labels: Label of each utterance in order of time. An utterance without a label (-100) takes
            no part in any shift and still counts as an utterance.
        speakers: Speaker of each utterance, any whole numbers.
        min_utterances: Shorter conversations get 0. The formula gives a single utterance 0.5,
            harder than a long calm dialogue; 2 or more takes that back.

    Raises:
        ValueError: If the conversation is empty, the lengths differ, or a label is neither -100 nor >= 0.

    References:
        L. Yang, Y. Shen, Y. Mao, L. Cai. Hybrid Curriculum Learning for Emotion Recognition in
        Conversation. AAAI 2022. arXiv:2112.11718.

    Examples:
        >>> emotional_shift([0, 3, 4, 3], [0, 1, 0, 1])  # speaker 0 shifts once
        0.5
    """
    return _shift_difficulty(
        labels, speakers, shift=lambda before, after: 1.0, min_utterances=min_utterances, cross_speaker=False
    )


def weighted_emotional_shift(
    labels: Sequence[int],
    speakers: Sequence[int],
    *,
    similarity: Sequence[Sequence[float]],
    k: float = 1.0,
    b: float = 0.4,
    cross_speaker: bool = True,
    min_utterances: int = 1,
) -> float:
    r"""Emotional shifts weighted by how alike the two emotions are.

    A shift from i to j counts :math:`k s_{ij} + b`, so that with k > 0 a shift between *similar*
    emotions is harder. Shifts within a speaker always count (LSDGNN+ICL); with ``cross_speaker`` those
    between adjacent utterances of different speakers do as well (PRC-Emo).

    Args:
        labels: Label of each utterance in order of time. An utterance without a label (-100) takes
            no part in any shift, as if its neighbours were adjacent, and still counts as an utterance.
        speakers: Speaker of each utterance, any whole numbers.
        similarity: s, one row per label; see :class:`affectkit.labels.ValenceArousalWheel`.
        k: Slope of the weight.
        b: Weight of a shift between emotions that have nothing in common.
        cross_speaker: Whether shifts between speakers count.
        min_utterances: Shorter conversations get 0.

    Raises:
        ValueError: If the conversation is empty, the lengths differ, or a label has no row in
            ``similarity``.

    References:
        Do LLMs Feel? (PRC-Emo). AAAI 2026. arXiv:2511.07061.

    Deviation from the paper:
        A shift between speakers needs different labels, as in PRC-Emo's code; its Algorithm 1
        does not say so.

    Examples:
        >>> weighted_emotional_shift([0, 1], [0, 1], similarity=[[0.0, 0.6], [0.6, 0.0]])
        0.75
    """
    known = len(similarity)
    if any(label >= known for label in labels):
        raise ValueError(
            f"weighted_emotional_shift got label {max(labels)} and similarities of {known} labels: "
            "give the similarity of the label space that the labels are from."
        )
    return _shift_difficulty(
        labels,
        speakers,
        shift=lambda before, after: k * similarity[before][after] + b,
        min_utterances=min_utterances,
        cross_speaker=cross_speaker,
    )


def _shift_difficulty(
    labels: Sequence[int],
    speakers: Sequence[int],
    *,
    shift: Callable[[int, int], float],
    min_utterances: int,
    cross_speaker: bool,
) -> float:
    if len(labels) != len(speakers) or not labels:
        raise ValueError(
            f"a conversation's difficulty needs one speaker for each of at least one label, got "
            f"{len(labels)} labels and {len(speakers)} speakers: pass both without padding."
        )
    if len(labels) < min_utterances:
        return 0.0
    total = 0.0
    last_of: dict[int, int] = {}
    adjacent: tuple[int, int] | None = None
    for label, speaker in zip(labels, speakers):
        if label == IGNORE_LABEL:
            continue
        if label < 0:
            raise ValueError(
                f"a conversation's difficulty met label {label}: an absent label is {IGNORE_LABEL}, "
                "and padding must be cut off."
            )
        before = last_of.get(speaker)
        if before is not None and before != label:
            total += shift(before, label)
        if cross_speaker and adjacent is not None and adjacent[0] != speaker and adjacent[1] != label:
            total += shift(adjacent[1], label)
        last_of[speaker] = label
        adjacent = (speaker, label)
    parties = len(set(speakers))
    return (total + parties) / (len(labels) + parties)
