"""The page of the adapters: its Python runs as printed, and its counts are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from affectkit.adapters import ADAPTERS, AdaptedClipEncoder, make_adapter, trained_state
from affectkit.adapters.apply_lora import apply_lora
from affectkit.encoders.clip import clip_base_from_config

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")
NAMES = [f"class {place}" for place in range(7)]


def rows() -> dict[str, list[str]]:
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in found}


def test_the_pages_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    exec("\n".join(blocks), names)
    logits = names["logits"]
    assert isinstance(logits, torch.Tensor) and logits.shape == (4, 3)
    tower = names["tower"]
    assert isinstance(tower, AdaptedClipEncoder) and tower.adapter.base.text is None
    assert names["paths"] == ("layers.2.self_attn", "layers.3.self_attn")


def test_every_adapter_has_a_row() -> None:
    assert set(rows()) == set(ADAPTERS)


def test_the_counts_are_those_of_a_wide_base() -> None:
    # As wide as ViT-B/32, and shallow: the counts below do not depend on the depth.
    base = clip_base_from_config(
        {
            "embed_dim": 512,
            "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 768, "head_width": 64},
            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 1},
        },
        name="wide",
    )
    for name in ("zero_shot", "linear_probe", "coop", "descriptor", "cocoop", "clip_adapter"):
        adapter = make_adapter(name, base, NAMES)
        assert isinstance(adapter, torch.nn.Module)
        count = sum(value.numel() for value in trained_state(adapter).values())
        assert rows()[name][1] == f"{count:,}", name
        assert (rows()[name][2] == "yes") == (not adapter.adapts_images)
    # Twelve layers in each tower, rank 2, three projections of A and B.
    apply_lora(base.image, rank=2)
    apply_lora(base.require_text(), rank=2)
    learned = sum(p.numel() for n, p in base.named_parameters() if ".lora_" in n)
    assert rows()["clip_lora"][1] == f"{12 * learned:,} on ViT-B/32"
