"""The part of a report that says which modality a fusion listened to."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from affectkit.report.figures import modality_weights_figure
from affectkit.report.page import Picture, Section, Table

_PREFIX: Final = "share_"
#: More turns do not fit on a page.
_MOST_TURNS: Final = 40


class HeardTurn(NamedTuple):
    """One row of a test, and how much each modality counted in it.

    Args:
        key: Key of the sample.
        utterance: Place in the conversation.
        speaker: Number of the speaker, "" where unknown.
        target: True label, "" where unknown.
        prediction: Predicted label.
        shares: Share of each modality.
    """

    key: str
    utterance: int
    speaker: str
    target: str
    prediction: str
    shares: Mapping[str, float]

    def caption(self) -> str:
        """Who spoke, what was predicted, and what was true where that differs."""
        letter = ""
        if self.speaker:
            number = int(self.speaker)
            letter = chr(ord("A") + number) if number < 26 else f"speaker {number + 1}"
        wrong = f"\n(true: {self.target})" if self.wrong() else ""
        return f"{letter} {self.prediction}{wrong}".strip()

    def wrong(self) -> bool:
        """Whether another label is known to be true."""
        return bool(self.target) and self.target != self.prediction


def read_heard_turns(path: Path) -> list[HeardTurn]:
    """Read the columns ``share_MODALITY`` of a ``predictions.csv``; empty where there are none.

    Raises:
        ValueError: If a row lacks a number.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = [name for name in reader.fieldnames or () if name.startswith(_PREFIX)]
        if not names:
            return []
        return [
            HeardTurn(
                row["key"],
                int(row["utterance"]),
                row["speaker"],
                row["target"],
                row["prediction"],
                {name.removeprefix(_PREFIX): float(row[name]) for name in names},
            )
            for row in reader
        ]


def modality_section(turns: Sequence[HeardTurn]) -> Section | None:
    """Mean shares, and the shares over one conversation; None where no fusion gave any.

    The conversation is the first of median length among those of two turns or more: it is not chosen by
    what it shows.
    """
    if not turns:
        return None
    shown = _typical(turns)
    pictures = []
    if shown:
        shares = {name: [turn.shares[name] for turn in shown] for name in shown[0].shares}
        captions = [turn.caption() for turn in shown]
        wrong = [place for place, turn in enumerate(shown) if turn.wrong()]
        pictures.append(
            Picture(
                "modality_weights",
                modality_weights_figure(
                    shares, turns=captions, marked=wrong, title=f"Share of each modality in {shown[0].key}"
                ),
                "Share of each modality in what the fusion made of each turn, from the first (left) to the "
                "last; below, who spoke and the predicted label, coloured where another one is true. Where "
                "nothing was there, nothing is drawn.",
                Table(
                    "Shares",
                    ["turn", *shares],
                    [
                        [caption.replace("\n", " "), *(f"{share[place]:.6f}" for share in shares.values())]
                        for place, caption in enumerate(captions)
                    ],
                ),
            )
        )
    return Section(
        "Which modality counted",
        text="How the fusion shared out what counts. A share is no effect: a large one may change little.",
        pictures=pictures,
        tables=[_means(turns)],
    )


def _typical(turns: Sequence[HeardTurn]) -> list[HeardTurn]:
    talks: dict[str, list[HeardTurn]] = {}
    for turn in turns:
        talks.setdefault(turn.key, []).append(turn)
    several = [talk for talk in talks.values() if len(talk) > 1]
    if not several:
        return []
    middle = statistics.median_low(len(talk) for talk in several)
    found = next(talk for talk in several if len(talk) == middle)
    return sorted(found, key=lambda turn: turn.utterance)[:_MOST_TURNS]


def _means(turns: Sequence[HeardTurn]) -> Table:
    rows = []
    for name in turns[0].shares:
        there = [turn.shares[name] for turn in turns if turn.shares[name] > 0]
        mean = f"{statistics.fmean(there):.3f}" if there else ""
        rows.append([name, f"{len(there)} of {len(turns)}", mean])
    return Table(
        "Mean share of each modality", ["modality", "rows that have it", "mean share in these"], rows
    )
