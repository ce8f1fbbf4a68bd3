"""Curricula over pictures, clips and texts with pictures: order, ranks, resuming, mixtures."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image

from affectkit import distributed
from affectkit.callbacks import CurriculumRecorder, OrdersByCurriculum, read_curriculum, read_shown
from affectkit.curriculum import (
    BabyStepCurriculum,
    HclDifficulty,
    PacedCurriculum,
    StoredDifficulty,
    VoteDisagreementDifficulty,
)
from affectkit.data import AffectBatch, ClipDataModule, ConversationDataModule, ImageDataModule
from affectkit.data.loader import LoaderStateError
from affectkit.data.modules import DataModuleError, MixedDataModule, VisualTextDataModule
from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest, SampleKind
from affectkit.data.store import shards_to_lmdb
from affectkit.labels import LabelSpace, label_space
from affectkit.types import Curriculum, RecordDifficulty

SPACE = LabelSpace("four.test", ("calm", "glad", "sad", "cross"))
RunRanks = Callable[..., list[list[list[str]]]]

VOTES = ([8, 0, 0, 0], [4, 4, 0, 0], [2, 2, 2, 2], [6, 2, 0, 0], [5, 1, 1, 1], [0, 8, 0, 0])


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, dtype=np.uint8)).save(file, format="PNG")
    return file.getvalue()


def write(
    root: Path, kind: SampleKind = "image", *, train: int = 12, missing: int | None = None, offset: int = 0
) -> str:
    """Samples with votes, and a stored difficulty that falls from sample to sample."""
    template = Manifest(
        name="faces",
        kind=kind,
        label_space=SPACE,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template, shard_samples=5) as writer:
        for split, count in {"train": train, "val": 4, "test": 4}.items():
            for i in range(count):
                record: ItemRecord = {"id": f"{i}", "label": i % 4, "text": "a hat"}
                if split == "train" and i != missing:
                    record["votes"] = [float(vote) for vote in VOTES[(i + offset) % len(VOTES)]]
                    record["difficulty"] = 1.0 - i / 16
                members: Mapping[str, bytes] = {"png": png(9 * i)}
                if kind == "clip":
                    members = {f"frame-{j:03}.png": png(9 * i + j) for j in range(3)}
                writer.add_item(split, f"{split}{i:02}", record, members=members)
    return str(root)


def steps(rule: RecordDifficulty | None = None, *, buckets: int = 3) -> BabyStepCurriculum:
    return BabyStepCurriculum(rule or VoteDisagreementDifficulty(), buckets=buckets)


def pictures(root: str, curriculum: Curriculum | None, *, batch_size: int = 4) -> ImageDataModule:
    return ImageDataModule(root, batch_size=batch_size, size=8, normalize=False, curriculum=curriculum)


def keys(batches: Sequence[AffectBatch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]


def naive(i: int) -> float:
    """Entropy of the votes of sample i over that of an even spread."""
    votes = VOTES[i % len(VOTES)]
    return sum(-v / sum(votes) * math.log(v / sum(votes)) for v in votes if v) / math.log(4)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("faces") / "set")


def test_an_epoch_shows_the_samples_that_people_agree_on_first(faces: str) -> None:
    data, plain = pictures(faces, steps()), pictures(faces, None)
    order = sorted(range(12), key=naive)
    for epoch, size in enumerate((4, 8, 12, 12)):
        opened = data.curriculum_order(epoch)
        assert [key for key, _ in opened] == [f"train{i:02}" for i in order[:size]]
        assert [hard for _, hard in opened] == pytest.approx([naive(i) for i in order[:size]], abs=1e-12)
        shown = keys(list(data.train_dataloader()))
        assert shown == data.shown_keys(epoch) and set(shown) == {key for key, _ in opened}
        assert len(shown) == 12  # an epoch keeps its length
    assert plain.curriculum_order(0) == [] and len(set(plain.shown_keys(0))) == 12


@pytest.mark.parametrize("kind", ["clip", "text"])
def test_clips_and_texts_have_it_too(kind: SampleKind, tmp_path: Path) -> None:
    root = write(tmp_path / "set", kind)
    data: ClipDataModule | VisualTextDataModule
    if kind == "clip":
        data = ClipDataModule(root, batch_size=4, size=8, segments=2, curriculum=steps(StoredDifficulty()))
    else:
        data = VisualTextDataModule(root, batch_size=4, size=8, curriculum=steps(StoredDifficulty()))
    # The stored numbers fall, so the last samples are easiest.
    assert [key for key, _ in data.curriculum_order(0)] == ["train11", "train10", "train09", "train08"]
    assert set(keys(list(data.train_dataloader()))) == {"train11", "train10", "train09", "train08"}


def test_an_lmdb_has_the_same_order(faces: str, tmp_path: Path) -> None:
    shards_to_lmdb(faces, tmp_path / "lmdb")
    assert pictures(str(tmp_path / "lmdb"), steps()).curriculum_order(1) == pictures(
        faces, steps()
    ).curriculum_order(1)


def test_votes_count_in_the_labels_of_the_run(faces: str) -> None:
    data = ImageDataModule(
        faces,
        size=8,
        label_space="meld3.sentiment",
        label_merge={"calm": "neutral", "glad": "neutral", "sad": "negative"},
        label_drop=["cross"],
        difficulty=VoteDisagreementDifficulty(),
    )
    even = -(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3)
    # Merged votes agree; of the even spread the dropped label leaves 4 and 2.
    expected = [0.0, 0.0, even, 0.0, -(6 / 7) * math.log(6 / 7) - math.log(1 / 7) / 7, 0.0]
    assert data.difficulties() == pytest.approx([value / math.log(3) for value in expected] * 2, abs=1e-12)
    assert data.open_positions() is None and data.curriculum_order(0) == []


class OnlyGlad:
    """A rule of a user that fails on votes of anything else."""

    def of_record(self, record: Mapping[str, object]) -> float:
        raise ValueError("is not glad")


def test_a_row_whose_votes_were_all_dropped_stays_as_hard_as_the_hardest(faces: str) -> None:
    def made(rule: RecordDifficulty) -> ImageDataModule:
        return ImageDataModule(
            faces,
            size=8,
            label_space="meld3.sentiment",
            label_merge={"glad": "neutral", "sad": "negative", "cross": "negative"},
            label_drop=["calm"],
            difficulty=rule,
        )

    # Sample 0 has votes for "calm" alone; the hardest other one has 2 and 4, the fifth 1 and 2.
    found = made(VoteDisagreementDifficulty()).difficulties()
    even = (-(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3)) / math.log(3)
    assert found == pytest.approx([even, 0.0, even, 0.0, even, 0.0] * 2, abs=1e-12)
    # A rule that fails on the votes as they are stored has another reason.
    with pytest.raises(ShardError, match="sample 'train00' is not glad"):
        made(OnlyGlad()).difficulties()


class OfLabels:
    """A rule of a user, who sees the label of the run."""

    def of_record(self, record: Mapping[str, object]) -> float:
        label = record["label"]
        assert isinstance(label, int)
        return float(label)


def test_a_users_rule_sees_the_labels_of_the_run(tmp_path: Path) -> None:
    stored, run = label_space("meld7.merbench"), label_space("meld7.official")
    template = Manifest(
        name="x", kind="image", label_space=stored, licence=Licence("CC0", "synthetic"), created_by="a test"
    )
    with DatasetWriter(tmp_path / "set", template) as writer:
        for i in range(7):
            writer.add_item("train", f"k{i}", {"id": f"{i}", "label": i}, members={"png": png(i)})
    data = ImageDataModule(str(tmp_path / "set"), label_space=run.name, difficulty=OfLabels())
    assert data.difficulties() == [float(run.index(label)) for label in stored]


# -------------------------------------------------------------------------------------------- ranks


def test_any_number_of_ranks_shows_the_same(faces: str) -> None:
    def shown(rank: int, world_size: int) -> list[list[str]]:
        data = pictures(faces, steps())
        trainer = SimpleNamespace(distributed_sampler_kwargs={"rank": rank, "num_replicas": world_size})
        data.trainer = trainer  # type: ignore[assignment]
        loader = data.train_dataloader()
        loader.set_epoch(1)
        return [batch.keys for batch in loader]

    alone = shown(0, 1)
    for world_size in (2, 4):
        shares = [shown(rank, world_size) for rank in range(world_size)]
        assert [sum(step, []) for step in zip(*shares, strict=True)] == alone  # noqa: RUF017


class Watch(LightningModule):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[list[str]] = []

    def training_step(self, batch: AffectBatch, batch_idx: int) -> torch.Tensor:
        source = batch.meta.get("source")
        self.seen.append([key if source is None else f"{source}/{key}" for key in batch.keys])
        return (batch.inputs["visual"].float().mean() * self.weight).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class SaveAt(Callback):
    """Saves in the middle of a run, after a step."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def trainer(folder: Path, *callbacks: Callback, epochs: int) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[CurriculumRecorder(folder), *callbacks],
    )


def rank_shows(root: str) -> list[list[str]]:
    """The keys of this rank's batches over three epochs."""
    data = pictures(root, steps())
    share = {"rank": distributed.rank(), "num_replicas": distributed.world_size()}
    data.trainer = SimpleNamespace(distributed_sampler_kwargs=share)  # type: ignore[assignment]
    seen: list[list[str]] = []
    loader = data.train_dataloader()
    for epoch in range(3):
        loader.set_epoch(epoch)
        seen += [batch.keys for batch in loader]
    return seen


@pytest.mark.distributed
def test_two_real_ranks_show_what_one_shows(faces: str, run_ranks: RunRanks) -> None:
    alone = rank_shows(faces)
    shares = run_ranks(rank_shows, faces)
    assert [len(step[0]) for step in zip(*shares, strict=True)] == [2] * 9
    assert [sum(step, []) for step in zip(*shares, strict=True)] == alone  # noqa: RUF017


# ---------------------------------------------------------------------------------- resume and mix


def test_a_run_goes_on_within_a_stage(faces: str, tmp_path: Path) -> None:
    def curriculum() -> BabyStepCurriculum:
        return BabyStepCurriculum(VoteDisagreementDifficulty(), buckets=2, epochs_per_stage=2)

    whole, rest = Watch(), Watch()
    # After batch 2 of 3 of the second epoch, in the middle of the first stage.
    save = SaveAt(5, tmp_path / "middle.ckpt")
    trainer(tmp_path / "a", save, epochs=5).fit(whole, datamodule=pictures(faces, curriculum()))
    again = trainer(tmp_path / "b", epochs=5)
    again.fit(rest, datamodule=pictures(faces, curriculum()), ckpt_path=str(save.path))
    assert rest.seen == whole.seen[5:] and len(whole.seen) == 15
    recorded = read_curriculum(tmp_path / "a")
    # The epoch that was begun before has its line in the folder of the run.
    assert {epoch: recorded[epoch] for epoch in (2, 3, 4)} == read_curriculum(tmp_path / "b")
    assert sum(whole.seen[:3], []) == read_shown(tmp_path / "a")[0]  # noqa: RUF017
    other = trainer(tmp_path / "c", epochs=5)
    with pytest.raises(LoaderStateError, match="curriculum as the run began"):
        other.fit(Watch(), datamodule=pictures(faces, steps()), ckpt_path=str(save.path))


def test_a_mixture_follows_the_curricula_of_its_sources(faces: str, tmp_path: Path) -> None:
    more = write(tmp_path / "more", train=8, offset=2)

    def mixed() -> MixedDataModule:
        return MixedDataModule(
            {
                "faces": pictures(faces, steps()),
                "more": pictures(more, steps(StoredDifficulty(), buckets=2)),
                "plain": pictures(faces, None),
            },
            repeats={"more": 1.5},
        )

    data = mixed()
    assert isinstance(data, OrdersByCurriculum)
    watch = Watch()
    save = SaveAt(13, tmp_path / "middle.ckpt")
    trainer(tmp_path / "run", save, epochs=3).fit(watch, datamodule=data)
    opened, shown = read_curriculum(tmp_path / "run"), read_shown(tmp_path / "run")
    per_epoch = [sum(watch.seen[9 * epoch : 9 * epoch + 9], []) for epoch in range(3)]  # noqa: RUF017
    for epoch in range(3):
        names = {key for key, _ in opened[epoch]}
        assert set(shown[epoch]) <= names and not any(name.startswith("plain/") for name in names)
        # What was recorded is what was seen; the plain source is not recorded.
        assert shown[epoch] == [key for key in per_epoch[epoch] if not key.startswith("plain/")]
        alone = pictures(faces, steps())
        faces_seen = [key.removeprefix("faces/") for key in shown[epoch] if key.startswith("faces/")]
        assert faces_seen == alone.shown_keys(epoch)
        assert len(per_epoch[epoch]) == len(shown[epoch]) + 12
    assert len(opened[0]) < len(opened[2]) == 20
    assert [hard for _, hard in opened[1]] == sorted(hard for _, hard in opened[1])
    # One and a half passes an epoch: two of the first stage of "more" and one of the second.
    small = [key for key in shown[0] if key.startswith("more/")]
    assert set(small[:8]) == {f"more/train{i:02}" for i in (4, 5, 6, 7)} and len(small) == 12
    assert MixedDataModule({"plain": pictures(faces, None)}).curriculum_order(0) == []
    # In the middle of an epoch the mixture goes on as well.
    rest = Watch()
    trainer(tmp_path / "rest", epochs=3).fit(rest, datamodule=mixed(), ckpt_path=str(save.path))
    assert rest.seen == watch.seen[13:]


# --------------------------------------------------------------------------------------- refusals


def test_a_sample_without_a_value_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "set", missing=7)
    with pytest.raises(ShardError, match=r"train-00001\.tar, sample 'train07' has no votes to disagree"):
        pictures(root, steps()).train_dataloader()
    with pytest.raises(ShardError, match="sample 'train07' has no stored difficulty: write one with"):
        pictures(root, steps(StoredDifficulty())).train_dataloader()


def test_a_rule_for_conversations_is_refused(faces: str) -> None:
    data = pictures(faces, BabyStepCurriculum(HclDifficulty()))
    with pytest.raises(ShardError, match="'train00' is no conversation, and HclDifficulty measures no other"):
        data.train_dataloader()


class Everything:
    """A curriculum of a user without a rule."""

    def positions(self, difficulty: Sequence[float], *, epoch: int) -> Sequence[int]:
        return range(len(difficulty))


class NotANumber:
    def of_record(self, record: Mapping[str, object]) -> float:
        return math.nan


def test_a_curriculum_needs_a_rule_and_finite_numbers(faces: str) -> None:
    with pytest.raises(DataModuleError, match="Everything has no attribute 'difficulty'"):
        pictures(faces, Everything())
    with pytest.raises(ShardError, match="'train00' has the difficulty nan by NotANumber"):
        ImageDataModule(faces, difficulty=NotANumber()).difficulties()


def test_damaged_records_are_as_hard_as_the_hardest(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "set", train=5))
    shard = next(root.glob("train-*.tar"))
    data = shard.read_bytes()
    shard.write_bytes(data.replace(b'"difficulty":0.9375', b'"difficulty":xxxxxx', 1))
    given = {"size": 8, "verify": "size", "difficulty": StoredDifficulty()}
    masked = ImageDataModule(str(root), damage="mask", **given)  # type: ignore[arg-type]
    assert masked.difficulties() == [1.0, 1.0, 0.875, 0.8125, 0.75]
    with pytest.raises(ShardError, match="train01"):
        ImageDataModule(str(root), **given).difficulties()  # type: ignore[arg-type]


def test_a_stored_difficulty_orders_conversations(tmp_path: Path) -> None:
    template = Manifest(
        name="talk",
        kind="conversation",
        label_space=None,
        licence=Licence("CC0", "open"),
        created_by="a test",
    )
    with DatasetWriter(tmp_path / "set", template) as writer:
        for i in range(4):
            record: ConversationRecord = {
                "id": f"{i}",
                "speakers": ["a"],
                "utterances": [{"id": "0", "text": "x", "speaker": 0, "label": None}],
                "difficulty": float(-i),
            }
            writer.add_conversation("train", f"d{i}", record)
    curriculum = PacedCurriculum(StoredDifficulty(), lambda progress: 0.5 + progress / 2, epochs=2)
    data = ConversationDataModule(str(tmp_path / "set"), batch_size=2, curriculum=curriculum)
    assert data.curriculum_order(0) == [("d3", -3.0), ("d2", -2.0)]
    assert len(data.curriculum_order(1)) == 3
