from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from affectkit.callbacks import ResumableCheckpoint
from affectkit.data.loader import SourceLoader
from affectkit.data.modules import ConversationDataModule, DataModuleError
from affectkit.data.modules.mixed import MixedDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.labels import AffectScale
from affectkit.tasks import ConversationTask

MakeDialogues = Callable[..., str]


@pytest.fixture
def dimensional(tmp_path: Path) -> str:
    """Conversations with valence and arousal, without labels and with text only."""
    template = Manifest(
        name="dimensional",
        kind="conversation",
        label_space=None,
        dims=AffectScale("va.test", ("valence", "arousal"), low=-1.0, high=1.0),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"text": FeatureSpec(3, "float32", "none")},
    )
    with DatasetWriter(tmp_path / "dims", template) as writer:
        for split, size in {"train": 6, "val": 3, "test": 3}.items():
            for i in range(size):
                record: ConversationRecord = {
                    "id": str(i),
                    "speakers": ["a"],
                    "utterances": [
                        {"id": "0", "text": "x", "speaker": 0, "label": None, "dims": [0.1 * i, None]}
                    ],
                }
                writer.add_conversation(
                    split, f"d{split}{i}", record, features={"text": torch.full((1, 3), float(i))}
                )
    return str(tmp_path / "dims")


def pair(labelled: str, dimensional: str, *, seed: int = 0) -> MixedDataModule:
    return MixedDataModule(
        {
            "labelled": ConversationDataModule(labelled, batch_size=4, seed=1),
            "dimensional": ConversationDataModule(dimensional, batch_size=2, seed=2),
        },
        repeats={"dimensional": 1.5},
        seed=seed,
    )


def test_what_a_source_lacks_is_absent(dialogues: str, dimensional: str) -> None:
    data = pair(dialogues, dimensional)
    seen = list(data.train_dataloader())
    assert sorted(str(batch.meta["source"]) for batch in seen) == ["dimensional"] * 5 + ["labelled"] * 3
    for batch in seen:
        rows = batch.masks["utterance"].shape
        assert batch.inputs["audio"].shape == (*rows, 2) and batch.inputs["text"].shape == (*rows, 3)
        label, dims = batch.target.label, batch.target.dims
        assert label is not None and dims is not None and dims.shape == (*rows, 2)
        if batch.meta["source"] == "labelled":
            assert bool(dims.isnan().all()) and bool((label[batch.masks["utterance"]] >= 0).all())
        else:
            assert bool((label == -100).all()) and not bool(dims[..., 0].isnan().any())
            assert not bool(batch.present["audio"].any()) and not bool(batch.inputs["audio"].any())


def test_the_task_is_told_of_the_whole(dialogues: str, dimensional: str) -> None:
    data = pair(dialogues, dimensional)
    labelled = data.sources["labelled"]
    assert data.label_space == labelled.label_space and data.feature_dims == {"audio": 2, "text": 3}
    assert data.num_dims == 2
    assert torch.equal(data.class_counts("train"), labelled.class_counts("train"))
    twice = MixedDataModule({"one": labelled}, repeats={"one": 2.0})
    assert torch.equal(twice.class_counts("train"), 2 * labelled.class_counts("train"))
    val = data.val_dataloader()
    assert isinstance(val, SourceLoader)
    keys = [key for batch in val for key, real in zip(batch.keys, batch.valid.tolist()) if real]
    assert sorted(keys) == [f"val{i:02}" for i in range(5)]


def test_sources_that_contradict_each_other_are_refused(
    dialogues: str, make_dialogues: MakeDialogues, dimensional: str
) -> None:
    other = make_dialogues(space="meld7.merbench")
    with pytest.raises(DataModuleError, match=r"different orders.*'a': .*'b': "):
        MixedDataModule({"a": ConversationDataModule(dialogues), "b": ConversationDataModule(other)}).setup(
            "fit"
        )
    with pytest.raises(DataModuleError, match="'c'"):
        MixedDataModule({"a": ConversationDataModule(dialogues)}, evaluate="c")
    with pytest.raises(DataModuleError, match="none"):
        MixedDataModule({})


def test_the_pages_python_runs(
    dialogues: str, dimensional: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[3] / "docs" / "exactness.md"
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "meld").symlink_to(dialogues)
    (tmp_path / "shards" / "rated").symlink_to(dimensional)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    exec("\n".join(blocks), names)
    assert names["source"] in ("acted", "rated")


class Interrupt(Callback):
    """Ends training by an error after a step, before that step is saved."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise RuntimeError("as planned")


@pytest.mark.parametrize("step", [3, 8, 11])
def test_a_run_under_lightning_resumes(dialogues: str, dimensional: str, tmp_path: Path, step: int) -> None:
    def fit(folder: str, *, until: int = 100, resume: bool = False) -> dict[str, Tensor]:
        torch.manual_seed(0)
        task = ConversationTask(
            "meld7.official", {"text": 3, "audio": 2}, hidden_dim=4, schedule="cosine", seed=1
        )
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=2,
            num_sanity_val_steps=0,
            logger=False,
            callbacks=[Interrupt(until), ResumableCheckpoint(tmp_path / folder, every_n_steps=1)],
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
        )
        last = str(tmp_path / folder / "last.ckpt") if resume else None
        trainer.fit(task, pair(dialogues, dimensional), ckpt_path=last, weights_only=True)
        assert trainer.global_step == 16
        return task.state_dict()

    whole = fit("whole")
    with pytest.raises(RuntimeError, match="as planned"):
        fit("broken", until=step)
    resumed = fit("broken", resume=True)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def several(labelled: str, other: str, evaluate: str | list[str] | None) -> MixedDataModule:
    return MixedDataModule(
        {
            "first": ConversationDataModule(labelled, batch_size=4, seed=1),
            "second": ConversationDataModule(other, batch_size=2, seed=2),
        },
        evaluate=evaluate,
    )


def small_trainer(folder: Path) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


def test_several_sources_are_evaluated_each_on_its_own(make_dialogues: MakeDialogues, tmp_path: Path) -> None:
    one, two = make_dialogues(val=5, test=4), make_dialogues(val=3, test=3)
    task = ConversationTask("meld7.official", {"text": 3, "audio": 2}, hidden_dim=4, seed=1)
    data = several(one, two, ["second", "first"])
    assert data.loader_names("val") == data.loader_names("test") == ("second", "first")
    trainer = small_trainer(tmp_path)
    trainer.fit(task, data)
    found = {name: float(value) for name, value in trainer.callback_metrics.items() if "val/" in name}
    assert found and all(name.startswith(("val/first/", "val/second/")) for name in found)
    for source in ("first", "second"):
        single = small_trainer(tmp_path)
        (alone,) = single.validate(task, several(one, two, source), verbose=False)
        assert alone == {
            f"val/{name.split('/')[2]}": pytest.approx(value, nan_ok=True)
            for name, value in found.items()
            if name.startswith(f"val/{source}/")
        }
    predictions = small_trainer(tmp_path).predict(task, data)
    assert predictions is not None
    second, first = ([key for batch in part for key in batch.keys] for part in predictions)
    assert second == [f"second/test0{i}" for i in range(3)] and first == [f"first/test0{i}" for i in range(4)]


def test_classes_of_all_evaluated_sources_are_counted(make_dialogues: MakeDialogues) -> None:
    data = several(make_dialogues(), make_dialogues(val=2), ["first", "second"])
    parts = [source.class_counts("val") for source in data.sources.values()]
    assert torch.equal(data.class_counts("val"), parts[0] + parts[1])


@pytest.mark.parametrize("evaluate", ["third", [], ["first", "first"], ["first", "third"]])
def test_what_cannot_be_evaluated_is_refused(
    make_dialogues: MakeDialogues, evaluate: str | list[str]
) -> None:
    with pytest.raises(DataModuleError, match="cannot evaluate"):
        several(make_dialogues(), make_dialogues(), evaluate)


def test_statistics_are_those_of_all_rows_of_all_sources(
    make_dialogues: MakeDialogues, dimensional: str
) -> None:
    labelled = make_dialogues()
    found = pair(labelled, dimensional).feature_statistics()
    rows: dict[str, list[Tensor]] = {"text": [], "audio": []}
    for root in (labelled, dimensional):
        source = ConversationDataModule(root)
        store, read = source.store("train"), source.decoder("train")
        for position in range(len(store)):
            features = read(store.get(position)).features
            for name in rows:
                if name in features:
                    rows[name].append(features[name].double())
    assert set(found) == set(rows)
    for name, parts in rows.items():
        whole = torch.cat(parts)
        assert found[name].rows == len(whole)
        torch.testing.assert_close(found[name].mean, whole.mean(dim=0))
        torch.testing.assert_close(found[name].deviation, whole.std(dim=0, correction=0))
