from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectkit.data.loader import ShardLoader
from affectkit.data.modules import DataModuleError, FeatureDataModule, MixedDataModule
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.data.synthetic import SEQUENCE_WIDTHS, write_synthetic_sequences
from affectkit.labels import LabelSpace, affect_scale

SPACE = LabelSpace("three.v1", ("calm", "happy", "sad"))
SEVERAL = LabelSpace("several.v1", ("calm", "happy", "sad"), kind="multilabel")


def write(
    folder: Path, *, space: LabelSpace | None, rated: bool, features: bool = True, size: int = 9
) -> str:
    template = Manifest(
        name="made-up",
        kind="text",
        label_space=space,
        dims=affect_scale("va.unit") if rated else None,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"text": FeatureSpec(3, "float32", "none")} if features else {},
        synthetic=True,
    )
    with DatasetWriter(folder, template) as writer:
        for split, count in {"train": size, "val": 4, "test": 4}.items():
            for number in range(count):
                record: ItemRecord = {"id": str(number), "label": None, "text": "so"}
                if space is not None and space.kind == "multilabel":
                    record["multilabel"] = [number % 3]
                elif space is not None:
                    record["label"] = number % 3
                if rated:
                    record["dims"] = [0.1 * number, None]
                row = torch.tensor([float(number), 1.0, number % 2 - 0.5])
                # every third item has two time steps, whose mean is the row
                stored = torch.stack([row - 1, row + 1]) if number % 3 == 0 else row
                writer.add_item(
                    split, f"{split}{number}", record, features={"text": stored} if features else {}
                )
    return str(folder)


def test_rows_are_the_stored_features_and_time_is_averaged(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "a", space=SPACE, rated=True), batch_size=3)
    assert data.feature_dims == {"text": 3}
    found = {}
    loader = data.val_dataloader()
    assert isinstance(loader, ShardLoader)
    for batch in loader:
        assert batch.target.dims is not None and batch.target.label is not None
        for key, row, label, dims in zip(
            batch.keys, batch.inputs["text"], batch.target.label.tolist(), batch.target.dims
        ):
            found[key] = (row.tolist(), label, dims[0].item())
        assert bool(batch.present["text"].all())
    assert found == {
        f"val{number}": (
            [float(number), 1.0, number % 2 - 0.5],
            number % 3,
            pytest.approx(0.1 * number),
        )
        for number in range(4)
    }


def test_statistics_are_those_of_the_train_rows_also_over_sources(tmp_path: Path) -> None:
    one = FeatureDataModule(write(tmp_path / "a", space=SPACE, rated=False))
    two = FeatureDataModule(write(tmp_path / "b", space=None, rated=True, size=5))
    rows = [torch.tensor([[float(i), 1.0, i % 2 - 0.5] for i in range(size)]) for size in (9, 5)]
    for data, expected in ((one, rows[0]), (MixedDataModule({"one": one, "two": two}), torch.cat(rows))):
        numbers = data.feature_statistics()["text"]
        assert numbers.rows == len(expected)
        torch.testing.assert_close(numbers.mean, expected.double().mean(0))
        torch.testing.assert_close(numbers.deviation, expected.double().std(0, correction=0))


def test_a_source_with_several_labels_mixes_with_one_of_values(tmp_path: Path) -> None:
    data = MixedDataModule(
        {
            "words": FeatureDataModule(write(tmp_path / "a", space=SEVERAL, rated=False), batch_size=3),
            "values": FeatureDataModule(write(tmp_path / "b", space=None, rated=True), batch_size=3),
        }
    )
    for batch in data.train_dataloader():
        target = batch.target
        assert target.multilabel is not None and target.dims is not None and target.label is None
        lacking = target.dims if batch.meta["source"] == "words" else target.multilabel
        assert bool(lacking.isnan().all()) and lacking.shape == (3, 2 if lacking is target.dims else 3)


def test_what_has_no_features_is_refused(dialogues: str, tmp_path: Path) -> None:
    bare = FeatureDataModule(write(tmp_path / "a", space=SPACE, rated=False, features=False))
    with pytest.raises(DataModuleError, match=r"holds no stored features.*affectkit extract"):
        bare.setup("fit")
    with pytest.raises(DataModuleError, match=r"holds conversations.*ConversationDataModule"):
        FeatureDataModule(dialogues).setup("fit")


def test_views_are_drawn_in_training_and_even_in_evaluation(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_synthetic_sequences(folder, train=8, val=4, test=4, steps=12)
    data = FeatureDataModule(str(folder), batch_size=4, views=2, view_steps={"audio": 3, "text": 3})
    shown = []
    for _ in range(2):
        loader = data.val_dataloader()
        assert isinstance(loader, ShardLoader)
        (batch,) = list(loader)
        assert batch.inputs["audio"].shape == (4, 2, 3, SEQUENCE_WIDTHS["audio"])
        assert batch.inputs["visual"].shape[2] > 3 and batch.masks["visual"].shape[:2] == (4, 2)
        shown.append(batch.inputs["text"])
    assert torch.equal(shown[0], shown[1])
    # Training draws places, the same for equal seeds.
    drawn = []
    for seed in (0, 0, 1):
        again = FeatureDataModule(
            str(folder), batch_size=8, shuffle="none", seed=seed, views=2, view_steps={"audio": 3}
        )
        drawn.append(next(iter(again.train_dataloader())).inputs["audio"])
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert any(not torch.equal(row[0], row[1]) for row in drawn[0])


def test_statistics_with_views_are_over_steps_and_without_them_over_items(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", space=SPACE, rated=False)
    rows = torch.tensor([[float(i), 1.0, i % 2 - 0.5] for i in range(9)])
    steps = torch.cat(
        [torch.stack([row - 1, row + 1]) if i % 3 == 0 else row[None] for i, row in enumerate(rows)]
    )
    for views, expected in ((0, rows), (2, steps)):
        numbers = FeatureDataModule(folder, views=views).feature_statistics()["text"]
        assert numbers.rows == len(expected)
        torch.testing.assert_close(numbers.deviation, expected.double().std(0, correction=0))


def test_an_item_without_a_step_lacks_the_modality(tmp_path: Path) -> None:
    write_synthetic_sequences(tmp_path / "a", train=40, val=2, test=2, missing=0.4)
    data = FeatureDataModule(str(tmp_path / "a"), batch_size=40)
    (batch,) = list(data.train_dataloader())
    for name, present in batch.present.items():
        assert 0 < int((~present).sum()) < 40
        assert not bool(batch.inputs[name][~present].any()) and bool(batch.inputs[name][present].any(1).all())
        assert data.feature_statistics()[name].rows == int(present.sum())


def test_views_that_cannot_be_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", space=SPACE, rated=False)
    for views, steps in ((-1, None), (0, {"text": 2}), (2, {"text": 0})):
        with pytest.raises(DataModuleError, match=rf"got views={views} and view_steps="):
            FeatureDataModule(folder, views=views, view_steps=steps)
    with pytest.raises(DataModuleError, match=r"view_steps of 'sound', and the batches hold text"):
        FeatureDataModule(folder, views=2, view_steps={"sound": 3}).setup("fit")


def test_features_of_another_width_are_named() -> None:
    from affectkit.data.loader.item_features import feature_row

    with pytest.raises(ShardError, match=r"'k' has 'text' features of shape \(0, 3\)"):
        feature_row(torch.zeros(0, 3), "text", key="k", dim=3)
    with pytest.raises(ShardError, match=r"shape \(2,\), where \(3,\)"):
        feature_row(torch.zeros(2), "text", key="k", dim=3)
