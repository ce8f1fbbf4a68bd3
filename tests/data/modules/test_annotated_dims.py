from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from affectkit.data.modules.annotated_dims import annotated_dims
from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest, ShardStore, open_shards
from affectkit.labels import affect_scale

Rating = Sequence[float | None] | None


def write(folder: Path, kind: str, ratings: Sequence[Rating], *, broken: Sequence[int] = ()) -> ShardStore:
    template = Manifest(
        name="made-up",
        kind=kind,  # type: ignore[arg-type]
        label_space=None,
        dims=affect_scale("vad.unit"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        synthetic=True,
    )
    with DatasetWriter(folder, template) as writer:
        for number, rating in enumerate(ratings):
            key = f"s{number}"
            if number in broken:
                writer.add("train", key, {"json": b'{"id": 3}'})
            elif kind == "conversation":
                record: ConversationRecord = {
                    "id": key,
                    "speakers": ["ana"],
                    "utterances": [
                        {"id": "0", "text": "so", "speaker": 0, "label": None},
                        {"id": "1", "text": "so", "speaker": 0, "label": None},
                    ],
                }
                if rating is not None:
                    record["utterances"][1]["dims"] = list(rating)
                writer.add_conversation("train", key, record)
            else:
                item: ItemRecord = {"id": key, "label": None, "text": "so"}
                if rating is not None:
                    item["dims"] = list(rating)
                writer.add_item("train", key, item)
    return open_shards(folder, "train")


@pytest.mark.parametrize("kind", ["text", "conversation"])
def test_a_dimension_counts_from_its_first_value(kind: str, tmp_path: Path) -> None:
    ratings: list[Rating] = [None, (None, 0.1, None), (None, None, None), (-1.0, None, None)]
    assert annotated_dims(write(tmp_path / "a", kind, ratings)) == (True, True, False)
    assert annotated_dims(write(tmp_path / "b", kind, [*ratings, (None, None, 0.0)])) == (True,) * 3
    assert annotated_dims(write(tmp_path / "c", kind, [None])) == (False,) * 3


def test_nothing_is_read_once_all_were_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = write(tmp_path / "set", "text", [(0.1, 0.2, 0.3)] * 5)
    read: list[int] = []
    real = ShardStore.get

    def counted(self: ShardStore, position: int) -> dict[str, memoryview]:
        read.append(position)
        return real(self, position)

    monkeypatch.setattr(ShardStore, "get", counted)
    assert annotated_dims(store) == (True,) * 3
    assert read == [0]


def test_a_damaged_sample_is_an_error_or_passed_over(tmp_path: Path) -> None:
    store = write(tmp_path / "set", "text", [None, (0.1, 0.2, 0.3)], broken=[0])
    with pytest.raises(ShardError, match=r"no item record"):
        annotated_dims(store)
    assert annotated_dims(store, skip_damaged=True) == (True,) * 3
