"""The page about text encoders: its commands and its Python run, on made-up files and a random encoder."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

from affectkit.cli.main import main
from affectkit.data import MixedDataModule
from affectkit.data.shards import read_manifest
from affectkit.tasks import AffectTask

PAGE = Path(__file__).parents[2] / "docs" / "text_encoders.md"
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "so", "very", "good", "bad")


def write_files(folder: Path) -> None:
    """A random encoder, seventeen rated sentences and as many comments."""
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
    model = folder / "models" / "sentence-encoder"
    model.mkdir(parents=True)
    (model / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(model / "vocab.txt")).save_pretrained(model)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    transformers.BertModel(config).save_pretrained(model)
    with (folder / "emobank.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "split", "V", "A", "D", "text"])
        for number in range(17):
            split = ("train", "train", "train", "dev", "test")[number % 5]
            writer.writerow([number, split, 2 + number % 3, 3, 4, f"so {'very ' * (number % 4)}good"])
    for split, size in (("train", 9), ("dev", 4), ("test", 4)):
        lines = [f"so {'very ' * (n % 3)}bad\t{n}\t{split}{n}\n" for n in range(size)]
        (folder / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("shards", "features"):
        (tmp_path / name).mkdir()
    names: dict[str, Any] = {}
    for kind, block in re.findall(r"```(python|bash)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if kind == "python":
            exec(compile(block, PAGE.name, "exec"), names)
            continue
        for line in block.splitlines():
            assert main(shlex.split(line.replace("SRC", "."))[1:]) == 0, line
        made = ["shards", "make", "goemotions", ".", "shards/comments", "--option", "labels=ekman"]
        assert main(made) == 0
    assert read_manifest("features/sentences").features["text"].dim == 2 * 8
    task, mixed = names["task"], names["mixed"]
    assert isinstance(task, AffectTask) and isinstance(mixed, MixedDataModule)
    before = {name: value.clone() for name, value in task.named_parameters()}
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(task, mixed)
    # Every part learns: the encoder from both sources, each head from its own.
    moved = {name for name, value in task.named_parameters() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoders.text.model.encoder") for name in moved)
    assert {"head.categories.classifier.weight", "head.dimensions.regressor.weight"} <= moved
    losses = {name: float(value) for name, value in trainer.callback_metrics.items() if "val/" in name}
    assert {"val/comments/loss", "val/sentences/loss"} <= set(losses)
    assert all(value == value for value in losses.values())
