"""What every curriculum keeps, over conversations, single samples and stored difficulties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from affectkit.catalog import COMPONENTS
from affectkit.curriculum import (
    BabyStepCurriculum,
    CentreDistanceDifficulty,
    CompetencePacing,
    DrawnCurriculum,
    HclDifficulty,
    ModelDifficulty,
    PacedCurriculum,
    ShiftRatioDifficulty,
    StoredDifficulty,
    VoteDisagreementDifficulty,
    WeightedShiftDifficulty,
)
from affectkit.data import ConversationDataModule
from affectkit.data.modules import FeatureDataModule, ShardDataModule
from affectkit.data.schema import ConversationRecord, ItemRecord, UtteranceRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.data.store import add_difficulties
from affectkit.labels import label_space
from affectkit.types import Curriculum, Difficulty, RecordDifficulty

Rule = Difficulty | RecordDifficulty

CURRICULA: Mapping[str, Callable[[Rule], Curriculum]] = {
    "BabyStepCurriculum": lambda rule: BabyStepCurriculum(rule, buckets=3),
    "PacedCurriculum": lambda rule: PacedCurriculum(rule, CompetencePacing(start=0.3), epochs=4),
    "DrawnCurriculum": lambda rule: DrawnCurriculum(rule, epochs=4, seed=3),
}
#: Difficulty of conversations, or of single samples.
RULES: Mapping[str, tuple[Callable[[], Rule], str]] = {
    "HclDifficulty": (HclDifficulty, "talk"),
    "WeightedShiftDifficulty": (WeightedShiftDifficulty, "talk"),
    "WeightedShiftDifficulty, same speaker": (
        lambda: WeightedShiftDifficulty(cross_speaker=False),
        "talk",
    ),
    "ShiftRatioDifficulty": (ShiftRatioDifficulty, "talk"),
    "CentreDistanceDifficulty": (CentreDistanceDifficulty, "talk"),
    "StoredDifficulty": (StoredDifficulty, "graded"),
    "VoteDisagreementDifficulty": (VoteDisagreementDifficulty, "rows"),
    "StoredDifficulty, rows": (StoredDifficulty, "rows"),
    "CentreDistanceDifficulty, rows": (CentreDistanceDifficulty, "rows"),
}
SAMPLES = 24


def template(kind: str) -> Manifest:
    return Manifest(
        name=kind,
        kind="text" if kind == "text" else "conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"text": FeatureSpec(2, "float32", "none")},
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations, the same with a difficulty written into their shards, and single rows."""
    root = tmp_path_factory.mktemp("curricula")
    generator = torch.Generator().manual_seed(5)
    with DatasetWriter(root / "talk", template("conversation"), shard_samples=7) as writer:
        for i in range(SAMPLES):
            labels = torch.randint(7, (2 + i % 5,), generator=generator).tolist()
            turns: list[UtteranceRecord] = [
                {"id": f"{place}", "text": "x", "speaker": place % 2, "label": label}
                for place, label in enumerate(labels)
            ]
            talk: ConversationRecord = {"id": f"{i}", "speakers": ["A", "B"], "utterances": turns}
            writer.add_conversation("train", f"d{i:02}", talk, features={"text": torch.ones(len(turns), 2)})
    add_difficulties(root / "talk", root / "graded", HclDifficulty())
    with DatasetWriter(root / "rows", template("text"), shard_samples=7) as writer:
        for i in range(SAMPLES):
            votes = torch.randint(4, (7,), generator=generator).float() + 0.1
            row: ItemRecord = {"id": f"{i}", "label": i % 7, "text": "x", "votes": votes.tolist()}
            row["difficulty"] = (i * 5 % SAMPLES) / SAMPLES
            writer.add_item("train", f"r{i:02}", row, features={"text": torch.ones(2)})
    return root


def module(folders: Path, rule: str, curriculum: str, *, rank: int = 0, ranks: int = 1) -> ShardDataModule:  # type: ignore[type-arg]
    build, folder = RULES[rule]
    kind = FeatureDataModule if folder == "rows" else ConversationDataModule
    data = kind(str(folders / folder), batch_size=4, seed=1, curriculum=CURRICULA[curriculum](build()))
    share = {"rank": rank, "num_replicas": ranks}
    data.trainer = SimpleNamespace(distributed_sampler_kwargs=share)  # type: ignore[assignment]
    return data


def grade(data: ShardDataModule, epoch: int) -> None:  # type: ignore[type-arg]
    """What a task measures, where the difficulty asks the model: other numbers in each epoch."""
    if isinstance(data.model_difficulty, ModelDifficulty):
        data.grade([((epoch + 3) * 7 * i % SAMPLES) / SAMPLES for i in range(SAMPLES)], epoch=epoch)


def epochs(data: ShardDataModule, number: int = 4) -> list[list[list[str]]]:  # type: ignore[type-arg]
    loader, found = data.train_dataloader(), []
    for epoch in range(number):
        grade(data, epoch)
        loader.set_epoch(epoch)
        found.append([list(batch.keys) for batch in loader])
    return found


EACH = [
    pytest.param(rule, curriculum, id=f"{curriculum}-{rule}") for curriculum in CURRICULA for rule in RULES
]


def test_every_curriculum_and_difficulty_of_the_catalogue_is_here() -> None:
    assert set(CURRICULA) == {row.name for row in COMPONENTS if row.kind == "curriculum"}
    named = {rule.partition(",")[0] for rule in RULES}
    assert named == {row.name for row in COMPONENTS if row.kind == "difficulty"}


@pytest.mark.parametrize(("rule", "curriculum"), EACH)
def test_any_number_of_ranks_shows_the_same(folders: Path, rule: str, curriculum: str) -> None:
    alone = epochs(module(folders, rule, curriculum))
    shares = [epochs(module(folders, rule, curriculum, rank=rank, ranks=2)) for rank in range(2)]
    for epoch, batches in enumerate(alone):
        assert [a + b for a, b in zip(shares[0][epoch], shares[1][epoch], strict=True)] == batches


@pytest.mark.parametrize(("rule", "curriculum"), EACH)
def test_every_kept_sample_is_shown_and_no_other(folders: Path, rule: str, curriculum: str) -> None:
    data = module(folders, rule, curriculum)
    loader = data.train_dataloader()
    opened: list[frozenset[str]] = []
    for epoch in range(5):
        grade(data, epoch)
        loader.set_epoch(epoch)
        shown = [key for batch in loader for key in batch.keys]
        kept = [key for key, _ in data.curriculum_order(epoch)]
        assert set(shown) == set(kept) and shown == data.shown_keys(epoch)
        assert len(shown) == SAMPLES  # an epoch keeps its length
        times = [shown.count(key) for key in kept]
        assert max(times) - min(times) <= 1
        opened.append(frozenset(kept))
    assert len(set(opened)) > 2 and len(opened[0]) < SAMPLES


@pytest.mark.parametrize(("rule", "curriculum"), EACH)
def test_resumes_within_a_stage(folders: Path, rule: str, curriculum: str) -> None:
    whole = epochs(module(folders, rule, curriculum))
    first = module(folders, rule, curriculum)
    loader = first.train_dataloader()
    for epoch in range(2):
        grade(first, epoch)
        loader.set_epoch(epoch)
        batches = iter(loader)
        for _ in range(2 if epoch else 6):
            next(batches)
    state = first.state_dict()
    second = module(folders, rule, curriculum)
    second.load_state_dict(state)
    again = second.train_dataloader()
    # What a model had measured comes back with the state: nothing is measured in the middle.
    assert [list(batch.keys) for batch in again] == whole[1][2:]
    assert second.difficulties() == first.difficulties()
    grade(second, 2)
    again.set_epoch(2)
    assert [list(batch.keys) for batch in again] == whole[2]


def test_a_state_of_other_difficulties_is_refused(folders: Path) -> None:
    first = module(folders, "CentreDistanceDifficulty", "DrawnCurriculum")
    first.train_dataloader()
    grade(first, 0)
    state = first.state_dict()
    other = module(folders, "CentreDistanceDifficulty", "DrawnCurriculum")
    measured = state["graded"]
    assert isinstance(measured, dict)
    other.load_state_dict({**state, "graded": {**measured, "difficulty": measured["difficulty"].flip(0)}})
    with pytest.raises(ValueError, match="curriculum as the run began"):
        other.train_dataloader()
    with pytest.raises(ValueError, match="got 3 difficulties of a model for 24 samples"):
        other.grade([0.0, 0.1, 0.2], epoch=0)
    with pytest.raises(ValueError, match="a difficulty that models measure"):
        module(folders, "HclDifficulty", "DrawnCurriculum").grade([0.0] * SAMPLES, epoch=0)
