"""What a run sees when: curricula, difficulties, pacings, schedules and weightings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from mechanism_canvas import CURVES, SEQUENTIAL, Picture, label, listed, number, panels, styled

from affectkit.curriculum import (
    BabyStepCurriculum,
    CentreDistanceDifficulty,
    CompetencePacing,
    DrawnCurriculum,
    ErnetclWeighting,
    HclDifficulty,
    PacedCurriculum,
    ShiftRatioDifficulty,
    StoredDifficulty,
    VoteDisagreementDifficulty,
    WeightedShiftDifficulty,
)
from affectkit.distill import WeightSchedule
from affectkit.losses import LinearRamp
from affectkit.types import Curriculum

SAMPLES, EPOCHS = 200, 12
STEPS = [step / 40 for step in range(41)]

CURRICULA: Mapping[str, Callable[[], Curriculum]] = {
    "BabyStepCurriculum": lambda: BabyStepCurriculum(StoredDifficulty(), buckets=5, epochs_per_stage=2),
    "PacedCurriculum": lambda: PacedCurriculum(StoredDifficulty(), CompetencePacing(), epochs=EPOCHS),
    "DrawnCurriculum": lambda: DrawnCurriculum(StoredDifficulty(), epochs=EPOCHS - 1),
}
#: Several settings of a curve, by their words.
CURVED: Mapping[str, tuple[str, str, Mapping[str, Callable[[float], float]]]] = {
    "CompetencePacing": (
        "progress of training",
        "share of the data that is open",
        {
            "power=2 (default)": CompetencePacing(),
            "power=1": CompetencePacing(power=1.0),
            "start=0.05, full_at=1": CompetencePacing(start=0.05, full_at=1.0),
        },
    ),
    "LinearRamp": (
        "progress of training",
        "weight of the loss",
        {"0 to 1": LinearRamp(0.0, 1.0), "1 to 0 from 0.5 on": LinearRamp(1.0, 0.0, begin=0.5)},
    ),
    "WeightSchedule": (
        "progress of training",
        "weight of the loss",
        {
            "begin=20, finish=60": WeightSchedule(0.012, begin=20, finish=60, total=100),
            "begin=0, finish=100": WeightSchedule(0.012, begin=0, finish=100, total=100),
        },
    ),
}


def curriculum_picture(name: str) -> Picture:
    """Which samples each epoch shows, by their difficulty."""
    curriculum = CURRICULA[name]()
    difficulty = [place / (SAMPLES - 1) for place in range(SAMPLES)]
    shown = torch.zeros(EPOCHS, SAMPLES)
    for epoch in range(EPOCHS):
        shown[epoch, list(curriculum.positions(difficulty, epoch=epoch))] = 1
    parts = shown.reshape(EPOCHS, 20, SAMPLES // 20).mean(-1)
    share = shown.mean(1)
    mean = (shown * torch.tensor(difficulty)).sum(1) / shown.sum(1).clamp_min(1)
    with styled():
        drawn, (left, right) = panels(["what is shown", "how much, and how hard"], widths=(1.2, 1))
        image = left.pcolormesh(
            torch.arange(EPOCHS + 1) - 0.5, torch.arange(21) / 20, parts.T, cmap=SEQUENTIAL, vmin=0, vmax=1
        )
        left.grid(False)
        bar = drawn.colorbar(image, ax=left, label="share shown", shrink=0.85)
        bar.outline.set_visible(False)
        label(left, "epoch", "rank of difficulty")
        right.plot(range(EPOCHS), share, marker="o", markersize=3, label="share of the samples shown")
        right.plot(range(EPOCHS), mean, marker="o", markersize=3, label="mean rank of difficulty")
        right.set_ylim(-0.03, 1.05)
        label(right, "epoch", "share, or rank")
        drawn.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2, fontsize=8)
    alt = (
        f"{name} at epochs 0, 3, 6 and 9 of {EPOCHS}: share of the samples shown "
        f"{listed(share[::3])}; mean rank of difficulty {listed(mean[::3])}."
    )
    return Picture(drawn, alt, f"{SAMPLES} samples of difficulties from 0 to 1, as {name} orders them.")


def curve_picture(name: str) -> Picture:
    """A number over the progress of training."""
    x, y, curves = CURVED[name]
    told = []
    with styled():
        drawn, (panel,) = panels([y])
        for (text, curve), dashes in zip(curves.items(), ("-", (0, (5, 2)), (0, (1, 1.5)))):
            values = [curve(step) for step in STEPS]
            panel.plot(STEPS, values, label=text, linestyle=dashes)
            told.append(
                f"{text}: {number(values[0])} at 0, {number(values[20])} at 0.5, {number(values[-1])} at 1"
            )
        label(panel, x, y)
        panel.legend(fontsize=8)
    return Picture(
        drawn, f"{name}, {y} over {x}. {'; '.join(told)}.", f"{y.capitalize()} for a few settings of {name}."
    )


def _of_talks(name: str, rules: Mapping[str, Callable[[Sequence[int], Sequence[int]], float]]) -> Picture:
    speakers = [turn % 2 for turn in range(8)]
    orders = {"A B A B": speakers, "A A B B": [turn // 2 % 2 for turn in range(8)]}
    told = []
    with styled():
        drawn, axes = panels([f"turns {order} …" for order in orders])
        for (order, who), panel in zip(orders.items(), axes, strict=True):
            for (text, rule), colour in zip(rules.items(), CURVES):
                # the emotion is another at each of the first turns after the opening one, then stays
                changes = range(8)
                values = [rule([min(turn, most) % 7 for turn in range(8)], who) for most in changes]
                panel.plot(changes, values, marker="o", markersize=3, color=colour, label=text)
                told.append(f"{order}, {text}: {', '.join(number(value) for value in values[::2])}")
            label(panel, "turns whose emotion is not that of the turn before", "difficulty")
            if len(rules) > 1:
                panel.legend(fontsize=8, loc="upper left")
    return Picture(
        drawn,
        f"{name} of conversations of eight turns, with 0, 2, 4 and 6 changes. {'; '.join(told)}.",
        "Difficulty of made-up conversations whose emotion changes from turn to turn and then stays.",
    )


def difficulty_picture(name: str) -> Picture:
    """Difficulty of made-up samples."""
    if name == "HclDifficulty":
        return _of_talks(name, {"default": HclDifficulty()})
    if name == "ShiftRatioDifficulty":
        return _of_talks(name, {"default": ShiftRatioDifficulty()})
    if name == "WeightedShiftDifficulty":
        return _of_talks(
            name,
            {
                "default": WeightedShiftDifficulty(),
                "cross_speaker=False": WeightedShiftDifficulty(cross_speaker=False),
            },
        )
    if name == "CentreDistanceDifficulty":
        return _centres(name)
    with styled():
        drawn, (panel,) = panels(["difficulty"])
        if name == "VoteDisagreementDifficulty":
            rule = VoteDisagreementDifficulty()
            told = []
            for text, classes in (("two labels share the votes", 2), ("four labels", 4), ("seven labels", 7)):
                shares = [1 / classes + (1 - 1 / classes) * step for step in STEPS]
                values = [
                    rule.of_record(
                        {
                            "id": "x",
                            "label": 0,
                            "votes": [share] + [(1 - share) / (classes - 1)] * (classes - 1),
                        }
                    )
                    for share in shares
                ]
                panel.plot(shares, values, label=text)
                told.append(
                    f"{text}: {number(values[0])} where evenly spread, {number(values[20])} halfway, "
                    f"{number(values[-1])} where all agree"
                )
            panel.legend(fontsize=8)
            label(panel, "share of the votes for the first label", "difficulty")
        else:
            stored = StoredDifficulty()
            values = [stored.of_record({"id": "x", "label": 0, "difficulty": step}) for step in STEPS]
            panel.plot(STEPS, values)
            label(panel, "what the record holds as difficulty", "difficulty")
            told = [f"{number(values[0])} at 0 and {number(values[-1])} at 1"]
    return Picture(drawn, f"{name}. {'; '.join(told)}.", "Difficulty of made-up records.")


def _centres(name: str) -> Picture:
    rule = CentreDistanceDifficulty()
    angles = torch.linspace(0, 120, 61)
    label_ = torch.arange(120) % 2
    jitter = torch.randn(120, generator=torch.Generator().manual_seed(0)) * 22
    turned = torch.deg2rad(label_ * 80 + jitter)
    sums = rule.sums(torch.stack([turned.cos(), turned.sin()], -1), label_, num_classes=2)
    way = torch.deg2rad(angles)
    values = rule.of_rows(torch.stack([way.cos(), way.sin()], -1), torch.zeros(61, dtype=torch.int64), sums)
    with styled():
        drawn, (panel,) = panels(["difficulty"])
        panel.plot(angles, values)
        panel.axvline(0, color=CURVES[2], linewidth=1, linestyle="--")
        panel.axvline(80, color=CURVES[4], linewidth=1, linestyle="--")
        panel.annotate("own centre", (1.5, 0.9), fontsize=8)
        panel.annotate("other centre", (81.5, 0.1), fontsize=8)
        label(panel, "direction of the embedding, from the own centre to the other (degrees)", "difficulty")
    return Picture(
        drawn,
        f"{name} of an embedding at the centre of its class, halfway, and at the centre of the other: "
        f"{listed(values[:41:20])}.",
        "Difficulty of an embedding between two classes.",
    )


def weighting_picture(name: str) -> Picture:
    """Weight of conversations by how often the emotion shifts, at three times in training."""
    told = []
    with styled():
        drawn, axes = panels(["delay=9, as published", "delay=0.5"])
        for panel, delay in zip(axes, (9.0, 0.5), strict=True):
            rule = ErnetclWeighting(delay=delay)
            for progress in (0.0, 0.5, 1.0):
                ratios, weights = [], []
                for length in range(1, 11):
                    labels = torch.tensor([[min(turn, length - 1) % 7 for turn in range(10)]])
                    speaker = torch.zeros(1, 10, dtype=torch.int64)
                    found = rule.weights(labels, speaker, speaker == 0, progress=progress)
                    ratios.append(length / 10)
                    weights.append(float(found.mean()))
                panel.plot(ratios, weights, marker="o", markersize=3, label=f"progress {progress:g}")
                told.append(
                    f"delay {delay:g}, progress {progress:g}: {number(weights[0])} to {number(weights[-1])}"
                )
            label(panel, "share of turns that shift", "weight of a turn")
            panel.legend(fontsize=8)
    return Picture(
        drawn,
        f"{name} from calm to restless conversations. {'; '.join(told)}.",
        "Weight of the turns of a conversation of ten turns by one speaker.",
    )
