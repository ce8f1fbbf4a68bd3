"""The Python of the page on remote shards runs as printed, with a local folder behind its address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.streaming import StreamingShards

PAGE = Path(__file__).parents[3] / "docs" / "remote.md"


def test_the_pages_stream_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shards").mkdir()
    template = Manifest(
        name="few", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    with DatasetWriter(tmp_path / "shards" / "meld", template) as writer:
        for i in range(3):
            writer.add("train", f"k{i}", {"txt": b"x"})
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(blocks[1], names)
    stream = names["stream"]
    assert isinstance(stream, StreamingShards) and stream.epoch == 1
    assert names["sample"] == {"txt": "x"}
