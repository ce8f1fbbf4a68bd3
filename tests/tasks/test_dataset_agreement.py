"""Heads and sources that do not belong together are refused before training."""

from __future__ import annotations

from typing import Any

import pytest

from affectkit.data.modules import SourceTargets
from affectkit.labels import LabelSpaceMismatchError, label_space
from affectkit.tasks.dataset_agreement import check_datasets
from affectkit.tasks.dataset_spec import DatasetError, dataset_specs

FACES = SourceTargets("label", label_space("meld7.official"))
MOOD = SourceTargets("dims", None, ("valence", "arousal"))
RICH = SourceTargets("label", label_space("meld7.official"), ("valence", "arousal"))
VOTES = SourceTargets("distribution", label_space("meld7.official"))
LABELS: dict[str, Any] = {"label_space": "meld7.official"}
VALUES: dict[str, Any] = {"axes": ["valence", "arousal"]}


class Sources:
    """What a mixture says of its sources."""

    has_own_targets = True

    def __init__(self, **sources: SourceTargets) -> None:
        self._sources = sources

    def source_targets(self) -> dict[str, SourceTargets]:
        return self._sources

    def source_class_counts(self, split: str) -> dict[str, Any]:
        return {}


def check(datasets: dict[str, Any], data: object, *, fitting: bool = True) -> None:
    check_datasets(dataset_specs(datasets), data, task="Task", fitting=fitting)


def test_what_fits_is_let_through() -> None:
    check({"faces": LABELS, "mood": VALUES}, Sources(faces=FACES, mood=MOOD))
    check({"votes": LABELS | {"objective": "distribution"}}, Sources(votes=VOTES))
    # A trained task may be evaluated on one of its data sets.
    check({"faces": LABELS, "mood": VALUES}, Sources(mood=MOOD), fitting=False)


@pytest.mark.parametrize(
    ("datasets", "data", "message"),
    [
        (
            {"faces": LABELS},
            Sources(faces=FACES, mood=MOOD),
            r"no head for the source 'mood' .*\(it has faces\)",
        ),
        (
            {"faces": LABELS, "mood": VALUES},
            Sources(faces=FACES),
            "a head for 'mood', but the data have no such",
        ),
        ({"faces": VALUES}, Sources(faces=FACES), "the values valence, arousal of 'faces', but .* hold none"),
        ({"mood": LABELS}, Sources(mood=MOOD), "the labels 'meld7.official' of 'mood', but .* hold none"),
        ({"rich": VALUES}, Sources(rich=RICH), r"own_targets to \{rich: dims\}"),
        ({"faces": LABELS}, Sources(faces=VOTES), r"own_targets to \{faces: label\}"),
        (
            {"mood": {"axes": ["arousal", "valence"]}},
            Sources(mood=MOOD),
            "Task: arousal, valence. Data: valence, arousal",
        ),
        ({"faces": LABELS}, object(), "use a MixedDataModule with own_targets set to true"),
    ],
)
def test_what_does_not_fit_is_named(datasets: dict[str, Any], data: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        check(datasets, data)
    assert "\n" not in str(caught.value)


def test_another_order_of_labels_is_printed_beside_the_own() -> None:
    other = SourceTargets("label", label_space("meld7.merbench"))
    with pytest.raises(LabelSpaceMismatchError, match=r"of 'faces' in different orders.*official.*merbench"):
        check({"faces": LABELS}, Sources(faces=other))
