from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import SourceLoader
from affectkit.data.modules import ImageDataModule
from affectkit.data.synthetic import write_synthetic_pictures


@pytest.mark.parametrize("workers", [0, 2])
def test_it_is_the_loader_with_a_name(workers: int, tmp_path: Path) -> None:
    write_synthetic_pictures(tmp_path / "set", train=4, val=5, test=2, height=24, width=36)
    data = ImageDataModule(str(tmp_path / "set"), size=16, batch_size=2, num_workers=workers)

    def marked(batch: AffectBatch) -> AffectBatch:
        return replace(batch, meta={**batch.meta, "seen": batch.meta["source"]})

    inner = data.val_dataloader()
    assert not isinstance(inner, list)
    loader = SourceLoader(inner, source="faces", complete=marked)
    assert (len(loader), loader.batch_size, loader.batch_sampler) == (3, 2, None)
    for epoch in (0, 1):
        loader.sampler.set_epoch(epoch)
        found = list(loader)
        assert [batch.keys for batch in found] == [batch.keys for batch in inner]
        assert {(batch.meta["source"], batch.meta["seen"]) for batch in found} == {("faces", "faces")}
        assert sum(int(batch.valid.sum()) for batch in found) == 5
