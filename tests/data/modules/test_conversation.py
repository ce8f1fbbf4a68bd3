"""The data module alone, as a plain PyTorch loop uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.demos.boring_classes import BoringModel

from affectkit.curriculum import BabyStepCurriculum, HclDifficulty
from affectkit.data import AffectBatch, ConversationDataModule
from affectkit.data.modules import DataModuleError
from affectkit.data.plan import PlanError
from affectkit.data.schema import ShardError
from affectkit.data.shards import open_shards
from affectkit.labels import LabelSpaceMismatchError, label_space

MakeDialogues = Callable[..., str]


def on_rank(module: ConversationDataModule, rank: int, world_size: int) -> ConversationDataModule:
    trainer = SimpleNamespace(distributed_sampler_kwargs={"rank": rank, "num_replicas": world_size})
    module.trainer = trainer  # type: ignore[assignment]
    return module


def keys(batches: Iterable[AffectBatch], *, valid: bool = True) -> list[str]:
    return [k for b in batches for k, v in zip(b.keys, b.valid.tolist(), strict=True) if v or not valid]


def test_a_plain_loop_trains_epoch_after_epoch_and_evaluates_exactly(dialogues: str) -> None:
    data = ConversationDataModule(dialogues, batch_size=4)
    epochs = [keys(data.train_dataloader()) for _ in range(3)]
    assert all(len(shown) == len(set(shown)) == 12 for shown in epochs)
    assert len({tuple(shown) for shown in epochs}) == 3
    assert [data.shown_keys(epoch) for epoch in range(3)] == epochs
    for loader, number in ((data.val_dataloader(), 5), (data.test_dataloader(), 4)):
        assert not isinstance(loader, list)
        for _ in range(2):
            assert len(set(keys(loader))) == len(keys(loader)) == number
    assert keys(data.predict_dataloader()) == [f"test{i:02}" for i in range(4)]


def test_batches_hold_the_stored_features_and_labels(dialogues: str) -> None:
    data = ConversationDataModule(dialogues, batch_size=5, modalities=["text"], text=True)
    assert data.feature_dims == {"text": 3}
    for batch in data.train_dataloader():
        assert list(batch.inputs) == ["text"]
        mask, label = batch.masks["utterance"], batch.target.label
        assert label is not None
        number, place, stored = batch.inputs["text"].unbind(-1)
        assert [f"train{int(n):02}" for n in number[:, 0]] == batch.keys
        assert torch.equal(stored[mask].long(), label[mask])
        assert torch.equal(place[mask], torch.arange(mask.shape[1]).expand_as(mask)[mask].float())
        texts = batch.meta["text"]
        assert isinstance(texts, list) and [len(t) for t in texts] == mask.sum(1).tolist()


def test_all_modalities_are_the_default_and_a_wrong_one_is_named(dialogues: str) -> None:
    assert ConversationDataModule(dialogues).feature_dims == {"audio": 2, "text": 3}
    assert ConversationDataModule(dialogues, modalities=[]).feature_dims == {}
    with pytest.raises(DataModuleError, match=r"no features 'visual' \(it has audio, text\)"):
        ConversationDataModule(dialogues, modalities=["text", "visual"]).setup("fit")


# ----------------------------------------------------------------------------------------- labels


def test_stored_labels_are_mapped_by_name_to_the_order_of_the_run(make_dialogues: MakeDialogues) -> None:
    official = ConversationDataModule(make_dialogues(space="meld7.official"), text=True)
    merbench = ConversationDataModule(
        make_dialogues(space="meld7.merbench"), label_space="meld7.official", text=True
    )
    assert merbench.label_space == label_space("meld7.official")
    assert torch.equal(official.class_counts("train"), merbench.class_counts("train"))
    names = label_space("meld7.official")
    for ours, theirs in zip(official.test_dataloader(), merbench.test_dataloader(), strict=True):
        assert ours.target.label is not None and theirs.target.label is not None
        assert torch.equal(ours.target.label, theirs.target.label)
        texts = theirs.meta["text"]
        assert isinstance(texts, list)
        for row, said in zip(theirs.target.label, texts, strict=True):
            assert [f"{names.labels[int(y)]}!" for y in row[: len(said)]] == said


def test_other_labels_are_refused_with_both_orders(dialogues: str) -> None:
    data = ConversationDataModule(dialogues, label_space="iemocap6.erc")
    with pytest.raises(LabelSpaceMismatchError) as caught:
        data.setup("test")
    assert label_space("iemocap6.erc").order() in str(caught.value)
    assert label_space("meld7.official").order() in str(caught.value)


def test_an_explicit_map_merges_and_drops(dialogues: str) -> None:
    stored = ConversationDataModule(dialogues)
    data = ConversationDataModule(
        dialogues,
        label_space="iemocap4.merbench",
        label_merge={"disgust": "angry"},
        label_drop=["surprise", "fear"],
    )
    old = dict(zip(label_space("meld7.official"), stored.class_counts("train").tolist(), strict=True))
    new = dict(zip(label_space("iemocap4.merbench"), data.class_counts("train").tolist(), strict=True))
    assert new == {
        "happy": old["joy"],
        "sad": old["sadness"],
        "neutral": old["neutral"],
        "angry": old["anger"] + old["disgust"],
    }
    label = torch.cat([_labels(batch) for batch in data.test_dataloader()])
    expected = torch.cat([_labels(batch) for batch in stored.test_dataloader()])
    dropped = {label_space("meld7.official").index(name) for name in ("surprise", "fear")}
    assert (label == -100).sum() == sum(int(y) in dropped for y in expected)


def _labels(batch: AffectBatch) -> torch.Tensor:
    assert batch.target.label is not None
    return batch.target.label[batch.masks["utterance"] & batch.valid[:, None]]


def test_prediction_needs_no_labels(make_dialogues: MakeDialogues) -> None:
    root = make_dialogues(space=None)
    data = ConversationDataModule(root, batch_size=3, predict_split="val")
    data.setup("predict")
    batches = list(data.predict_dataloader())
    assert keys(batches) == [f"val{i:02}" for i in range(5)]
    assert all(batch.target.label is None for batch in batches)
    assert data.label_space is None
    with pytest.raises(DataModuleError, match="no labels to count"):
        data.class_counts("train")
    # a trained task still says which labels it predicts
    assert ConversationDataModule(root, label_space="meld7.official").label_space is not None


# ------------------------------------------------------------------------------------- curriculum


def curriculum(buckets: int = 3) -> BabyStepCurriculum:
    return BabyStepCurriculum(HclDifficulty(), buckets=buckets)


def test_an_epoch_shows_what_the_curriculum_opens_equally_often(dialogues: str) -> None:
    data = ConversationDataModule(dialogues, batch_size=4, curriculum=curriculum())
    plain = ConversationDataModule(dialogues, batch_size=4)
    for epoch, size in enumerate((5, 9, 13, 13)):
        opened = [key for key, _ in data.curriculum_order(epoch)]
        batches = list(data.train_dataloader())
        shown = keys(batches)
        assert len(opened) == size and set(shown) <= set(opened)
        assert shown == data.shown_keys(epoch)
        assert len(batches) == len(plain.train_dataloader()) == 3
        assert max(Counter(shown).values()) - min(Counter(shown).get(key, 0) for key in opened) <= 1
    assert plain.curriculum_order(0) == []


def test_difficulty_is_that_of_labels_and_speakers_easiest_first(make_dialogues: MakeDialogues) -> None:
    rule = HclDifficulty()
    by_key: dict[str, float] = {}
    stored = make_dialogues(space="meld7.official")
    for batch in ConversationDataModule(stored, batch_size=1, shuffle="none").train_dataloader():
        assert batch.target.label is not None and batch.speaker is not None
        by_key[batch.keys[0]] = rule(batch.target.label[0].tolist(), batch.speaker[0].tolist())
    assert len(set(by_key.values())) > 3
    for root in (stored, make_dialogues(space="meld7.merbench")):
        data = ConversationDataModule(
            root, label_space="meld7.official", batch_size=4, curriculum=curriculum()
        )
        order = data.curriculum_order(5)
        assert dict(order) == by_key
        assert [hard for _, hard in order] == sorted(by_key.values())
        for batch in data.train_dataloader():
            assert batch.meta["difficulty"] == [by_key[key] for key in batch.keys]


def test_the_curriculum_is_the_same_for_any_number_of_ranks(dialogues: str) -> None:
    def shown(rank: int, world_size: int) -> list[list[str]]:
        data = ConversationDataModule(dialogues, batch_size=4, curriculum=curriculum())
        loader = on_rank(data, rank, world_size).train_dataloader()
        loader.set_epoch(1)
        return [batch.keys for batch in loader]

    alone = shown(0, 1)
    for world_size in (2, 4):
        shares = [shown(rank, world_size) for rank in range(world_size)]
        assert [sum(step, []) for step in zip(*shares, strict=True)] == alone  # noqa: RUF017


class EverySecond:
    """A curriculum of a user, without a difficulty of its own."""

    def positions(self, difficulty: Sequence[float], *, epoch: int) -> Sequence[int]:
        return range(epoch % 2, len(difficulty), 2)


def test_a_users_curriculum_needs_a_difficulty(dialogues: str) -> None:
    with pytest.raises(DataModuleError, match="EverySecond has no attribute 'difficulty'"):
        ConversationDataModule(dialogues, curriculum=EverySecond())
    data = ConversationDataModule(
        dialogues, batch_size=4, curriculum=EverySecond(), difficulty=HclDifficulty()
    )
    assert set(keys(data.train_dataloader())) <= {f"train{i:02}" for i in range(0, 13, 2)}
    assert set(keys(data.train_dataloader())) <= {f"train{i:02}" for i in range(1, 13, 2)}


def test_a_curriculum_without_labels_is_refused(make_dialogues: MakeDialogues) -> None:
    data = ConversationDataModule(make_dialogues(space=None), batch_size=4, curriculum=curriculum())
    with pytest.raises(DataModuleError, match="no labels, so its conversations have no difficulty"):
        data.train_dataloader()


def test_buckets_by_length_pad_less_and_keep_the_same_conversations(make_dialogues: MakeDialogues) -> None:
    root = make_dialogues(train=64)
    padding: list[int] = []
    for bucket in (False, True):
        data = ConversationDataModule(root, batch_size=8, bucket_by_length=bucket)
        batches = list(data.train_dataloader())
        assert sorted(keys(batches)) == [f"train{i:02}" for i in range(64)]
        padding.append(sum(int((~batch.masks["utterance"]).sum()) for batch in batches))
    assert padding[1] < padding[0] / 3


# ---------------------------------------------------------------------------- configuration, errors


def test_yaml_names_the_curriculum_by_class_path_and_one_key_switches_it_off(
    dialogues: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["affectkit"])
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
        data:
          class_path: affectkit.data.ConversationDataModule
          init_args:
            root: {dialogues}
            batch_size: 4
            curriculum:
              class_path: affectkit.curriculum.BabyStepCurriculum
              init_args:
                difficulty: affectkit.curriculum.HclDifficulty
                buckets: 3
        """
    )

    def opened(*more: str) -> int:
        cli = LightningCLI(
            BoringModel,
            ConversationDataModule,
            subclass_mode_data=True,
            run=False,
            args=["--config", str(config), "--trainer.logger=false", "--seed_everything=false", *more],
        )
        assert isinstance(cli.datamodule, ConversationDataModule)
        return len(cli.datamodule.curriculum_order(0))

    assert opened() == 5
    assert opened("--data.init_args.curriculum=null") == 0


def test_less_than_a_batch_of_training_data_is_an_error_with_two_ways_out(dialogues: str) -> None:
    with pytest.raises(DataModuleError, match="has 13 samples, less than one batch of 32"):
        ConversationDataModule(dialogues, batch_size=32).train_dataloader()
    wrapped = list(ConversationDataModule(dialogues, batch_size=32, tail="wrap").train_dataloader())
    assert len(wrapped) == 1 and len(set(keys(wrapped))) == 13


def test_a_set_without_val_gives_no_val_loader(make_dialogues: MakeDialogues) -> None:
    data = ConversationDataModule(make_dialogues(val=0), batch_size=4)
    data.setup("fit")
    assert data.val_dataloader() == []
    with pytest.raises(ShardError, match="no split 'val'"):
        data.store("val")


def test_a_batch_size_counts_all_ranks(dialogues: str) -> None:
    data = on_rank(ConversationDataModule(dialogues, batch_size=4), 0, 3)
    with pytest.raises(PlanError, match="batch_size 4 counts the rows over all ranks"):
        data.train_dataloader()


def test_damaged_shards_are_found_in_setup(make_dialogues: MakeDialogues) -> None:
    root = make_dialogues()
    shard = next(Path(root).glob("train-*.tar"))
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(ShardError, match=shard.name):
        ConversationDataModule(root).setup("fit")


def test_spawned_workers_make_the_same_batches(dialogues: str) -> None:
    here = ConversationDataModule(dialogues, batch_size=4, curriculum=curriculum(), text=True)
    there = ConversationDataModule(
        dialogues,
        batch_size=4,
        curriculum=curriculum(),
        text=True,
        num_workers=2,
        multiprocessing_context="spawn",
    )
    ours, theirs = here.train_dataloader(), there.train_dataloader()
    for _ in range(2):
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.keys == other.keys and mine.meta == other.meta
            assert all(torch.equal(mine.inputs[name], other.inputs[name]) for name in mine.inputs)
    assert ours.state_dict() == theirs.state_dict()


def test_the_store_is_what_a_reader_opens(dialogues: str) -> None:
    data = ConversationDataModule(dialogues)
    assert data.store("train") is data.store("train")
    assert data.store("train").fingerprint == open_shards(dialogues, "train").fingerprint
