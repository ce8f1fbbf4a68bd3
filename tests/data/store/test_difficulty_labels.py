"""A difficulty that names labels is only given those."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from affectkit.curriculum import BabyStepCurriculum, HclDifficulty, WeightedShiftDifficulty
from affectkit.data.modules import ConversationDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.store import add_difficulties, open_store, record_difficulties
from affectkit.labels import LabelSpace, LabelSpaceMismatchError, label_space
from affectkit.types import Difficulty, RecordDifficulty

OFFICIAL, MERBENCH = label_space("meld7.official"), label_space("meld7.merbench")


class Own:
    """A difficulty of one's own, over records, that gives its labels as a space."""

    label_space: LabelSpace = OFFICIAL

    def of_record(self, record: Mapping[str, object]) -> float:
        return 0.0


@pytest.fixture
def talks(tmp_path: Path) -> str:
    """Conversations of ``meld7.merbench``."""
    template = Manifest(
        name="talks",
        kind="conversation",
        label_space=MERBENCH,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(tmp_path / "talks", template) as writer:
        for number in range(3):
            record: ConversationRecord = {
                "id": str(number),
                "speakers": ["a"],
                "utterances": [
                    {"id": str(turn), "text": "Oh.", "speaker": 0, "label": (turn * number) % 7}
                    for turn in range(4)
                ],
            }
            writer.add_conversation("train", f"talk{number}", record)
    return str(tmp_path / "talks")


@pytest.mark.parametrize("rule", [WeightedShiftDifficulty(), Own()])
def test_labels_of_another_order_are_refused(rule: Difficulty | RecordDifficulty, talks: str) -> None:
    both = r"'meld7.official' \(.*\), but those of .* are of 'meld7.merbench' \(.*\): set its label_space"
    curriculum = BabyStepCurriculum(rule, buckets=2)
    with pytest.raises(LabelSpaceMismatchError, match=both):
        ConversationDataModule(talks, curriculum=curriculum).setup("fit")
    with pytest.raises(LabelSpaceMismatchError, match=both):
        ConversationDataModule(talks, curriculum=BabyStepCurriculum(HclDifficulty()), difficulty=rule).setup(
            "fit"
        )
    with pytest.raises(LabelSpaceMismatchError, match=both):
        ConversationDataModule(talks, difficulty=rule).difficulties()
    with pytest.raises(LabelSpaceMismatchError, match=both):
        record_difficulties(open_store(talks, "train"), rule, kind="conversation", label_map=None)
    with pytest.raises(LabelSpaceMismatchError, match=both):
        add_difficulties(talks, f"{talks}-graded", rule)
    assert not Path(f"{talks}-graded").exists()


def test_the_labels_of_the_run_count_and_not_those_of_the_files(talks: str) -> None:
    mapped = ConversationDataModule(
        talks, label_space="meld7.official", curriculum=BabyStepCurriculum(WeightedShiftDifficulty())
    )
    mapped.setup("fit")
    stored = ConversationDataModule(talks, difficulty=WeightedShiftDifficulty(label_space="meld7.merbench"))
    stored.setup("fit")
    # One wheel: the same emotions are as alike in either order.
    assert mapped.difficulties() == pytest.approx(stored.difficulties())
    assert len(set(mapped.difficulties() or ())) > 1
