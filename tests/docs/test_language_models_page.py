"""The page on language models runs as printed, on made-up conversations and a random model."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from affectkit.cli.main import main
from affectkit.conversation.prompts import SLOTS, UtteranceKnowledge
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.tasks import ConversationLLMTask

PAGE = (Path(__file__).parents[2] / "docs" / "language_models.md").read_text(encoding="utf-8")

pytest.importorskip("peft", reason="needs the extra 'llm'")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_block_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_synthetic("corpus", train=4, val=1, test=1)
    (tmp_path / "features").mkdir()
    extract_features("corpus", "features/talks", encoders={"text": named_extractor("text")})
    names: dict[str, Any] = {}
    for kind, block in re.findall(r"```(python|bash|json)\n(.*?)```", PAGE, re.DOTALL):
        if kind == "python":
            exec(compile(block, "docs/language_models.md", "exec"), names)
        elif kind == "json":
            (tmp_path / "known.jsonl").write_text(block, encoding="utf-8")
            assert UtteranceKnowledge.read("known.jsonl")[json.loads(block)["key"]].implicit
        else:
            short = ["--trainer.max_epochs", "1", "--model.init_args.lora_rank", "2"]
            assert main([*shlex.split(block)[1:], *short]) == 0
    assert "torch.Size([4, 7])" in capsys.readouterr().out
    assert names["loss"].requires_grad and Path("demonstrations.safetensors").is_file()
    mine = names["CautiousTask"]("meld7.official", "tiny", lora_rank=2, lora_dropout=0.0).train()
    one, two = (
        kind.compute_loss(mine, names["batch"], mine(names["batch"])).total.item()
        for kind in (names["CautiousTask"], ConversationLLMTask)
    )
    squares = sum(p.square().sum().item() for p in mine.parameters() if p.requires_grad)
    assert squares > 0 and one == pytest.approx(two + 1e-4 * squares)


def test_the_page_names_every_slot() -> None:
    assert all(f"`{slot}`" in PAGE for slot in SLOTS)
