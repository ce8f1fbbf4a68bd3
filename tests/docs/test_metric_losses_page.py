"""The page about metric losses: its code runs, and its YAML makes a loss that a task trains with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser

from affectkit.data.batch import AffectBatch
from affectkit.losses import PrototypeContrastLoss, TripletMarginLoss, WeightedSum
from affectkit.tasks import ConversationTask
from affectkit.types import Loss, Target

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metric_losses.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_python_of_the_page_runs(number: int) -> None:
    exec(compile(PYTHON[number], "metric_losses.md", "exec"), {"__name__": "page"})


def test_the_yaml_of_the_page_trains_a_task() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    parser = ArgumentParser()
    parser.add_argument("--loss", type=Loss)
    loss: WeightedSum = parser.instantiate_classes(parser.parse_object({"loss": yaml.safe_load(text)})).loss
    triplet, prototypes = loss.losses["triplet"], loss.losses["prototypes"]
    assert isinstance(triplet, TripletMarginLoss) and triplet.margin == "adaptive_rescaled"
    assert isinstance(prototypes, PrototypeContrastLoss)
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official", {"text": 6}, hidden_dim=8, context_dim=8, dropout=0.0, loss=loss
    )
    mask = torch.ones(8, 5, dtype=torch.bool)
    label = torch.randint(0, 3, (8, 5))
    batch = AffectBatch(
        inputs={"text": torch.randn(8, 5, 6) + label.unsqueeze(-1)},
        valid=mask[:, 0],
        masks={"utterance": mask},
        speaker=torch.zeros(8, 5, dtype=torch.int64),
        target=Target(label=label, weight=mask.float()),
    )
    optimizer = torch.optim.Adam(task.parameters(), lr=0.01)
    values = []
    for _ in range(30):
        terms = task.compute_loss(batch, task(batch))
        assert sorted(terms.terms) == ["emotion", "prototypes", "spread", "triplet"]
        optimizer.zero_grad()
        torch.autograd.backward(terms.total)
        optimizer.step()
        values.append(terms.terms["triplet"].item())
    assert values[-1] < 0.7 * values[0]
    assert int(prototypes.steps) == 30 and any(
        "losses" in name or "pool" in name for name in task.state_dict()
    )


def test_the_table_of_speed_is_the_file() -> None:
    (name,) = re.findall(r"results/(metric_losses-[\w-]+\.json)", PAGE)
    found = json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))
    values = {(row["loss"], row["batch"], row["system"], row["metric"]): row for row in found["rows"]}
    table = re.findall(r"^\| ([a-z ]+), ([\d,]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert len(table) == len({key[:2] for key in values})
    for loss, rows, cells in table:
        at = (loss, int(rows.replace(",", "")))
        ours = values[(*at, "affectkit", "ms a step")]
        limit = values[(*at, "one matrix product (the limit)", "ms a step")]
        peer = values.get((*at, "pytorch-metric-learning", "ms a step"))
        wanted = [f"{row['value']:,.1f}" if row else "" for row in (limit, ours, peer)]
        wanted += [str(ours.get("peer_takes", "")), str(ours["ratio_to_limit"])]
        for system in ("affectkit", "pytorch-metric-learning"):
            weight = values.get((*at, system, "peak MiB of a step"))
            wanted.append(f"{weight['value']:,.1f}" if weight else "")
        assert [cell.strip() for cell in cells.split("|")] == wanted
    assert found["limit"]["missed"] == []
