"""A data module over an LMDB gives the batches that it gives over the shards, and resumes from them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

from affectkit.cli.main import main
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.data.store import LmdbStore, shards_to_lmdb


@pytest.fixture(scope="module")
def lmdb(dialogues: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("over_lmdb") / "set"
    shards_to_lmdb(dialogues, out)
    return str(out)


def train(root: str, **options: object) -> list[AffectBatch]:
    data = ConversationDataModule(root, batch_size=4, seed=3, **options)  # type: ignore[arg-type]
    return list(data.train_dataloader())


def assert_equal(ours: list[AffectBatch], theirs: list[AffectBatch]) -> None:
    assert [batch.keys for batch in ours] == [batch.keys for batch in theirs]
    for one, two in zip(ours, theirs, strict=True):
        assert torch.equal(one.inputs["text"], two.inputs["text"])
        assert one.target.label is not None and two.target.label is not None
        assert torch.equal(one.target.label, two.target.label)


@pytest.mark.parametrize("context", [None, "fork", "spawn"])
def test_batches_are_those_of_the_shards(dialogues: str, lmdb: str, context: str | None) -> None:
    options: dict[str, object] = {}
    if context is not None:
        options = {"num_workers": 1, "multiprocessing_context": context}
    data = ConversationDataModule(lmdb, batch_size=4)
    assert isinstance(data.store("train"), LmdbStore)
    data.store("train").get(0)  # opened before the workers start
    assert_equal(train(lmdb, **options), train(dialogues))


def test_a_run_over_shards_resumes_over_the_lmdb(dialogues: str, lmdb: str) -> None:
    over_shards = ConversationDataModule(dialogues, batch_size=4, seed=3)
    batches = iter(over_shards.train_dataloader())
    next(batches)
    over_lmdb = ConversationDataModule(lmdb, batch_size=4, seed=3)
    over_lmdb.load_state_dict(over_shards.state_dict())
    assert_equal(list(over_lmdb.train_dataloader()), list(batches))


def test_the_page_runs_as_printed(dialogues: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[3] / "docs" / "lmdb.md").read_text(encoding="utf-8")
    for folder in ("shards", "lmdb"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shards" / "meld").symlink_to(dialogues)
    monkeypatch.chdir(tmp_path)
    (commands,), (code,) = (
        re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("bash", "python")
    )
    for line in commands.splitlines():
        assert main(shlex.split(line, comments=True)[1:]) == 0
    again = {path.name: path.read_bytes() for path in (tmp_path / "shards" / "again").iterdir()}
    assert again == {path.name: path.read_bytes() for path in Path(dialogues).iterdir()}
    names: dict[str, object] = {}
    exec(code, names)
    members = names["members"]
    assert isinstance(members, dict) and sorted(members) == ["json", "safetensors"]
