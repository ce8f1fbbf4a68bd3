"""Keep a checkpoint of this version, and what it answers, among the tests: once before each release.

    python .ci/keep_checkpoint.py

All later versions must load it and answer alike (tests/tasks/test_kept_checkpoints.py).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import affectkit
from affectkit.cli.main import main
from affectkit.data import AffectBatch
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.tasks import ConversationTask
from affectkit.types import AffectOutput

RECIPE = "erc_curriculum_tiny"
FIXTURES = Path(__file__).parents[1] / "tests" / "tasks" / "fixtures"
ROWS, TURNS = 3, 4


def train(place: Path) -> Path:
    """Two steps of the recipe on made-up data."""
    write_synthetic(place / "corpus", train=8, val=2, test=2)
    extractors = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    extract_features(place / "corpus", place / "features", encoders=extractors)
    options = ["--config", f"recipe:{RECIPE}", "--data.init_args.root", str(place / "features")]
    options += ["--trainer.max_steps", "2", "--run_folder", str(place / "run")]
    options += ["--data.init_args.batch_size", "4", "--trainer.enable_progress_bar", "false"]
    # Small enough for a repository, with the state of the optimiser.
    options += ["--model.init_args.hidden_dim", "8", "--model.init_args.context_dim", "8"]
    if main(["fit", *options]) != 0:
        raise SystemExit("the training failed: see above")
    return place / "run" / "checkpoints" / "last.ckpt"


def question(task: ConversationTask) -> dict[str, torch.Tensor]:
    """A batch of numbers, with padding and two speakers."""
    generator = torch.Generator().manual_seed(0)
    found = {
        f"input.{name}": torch.randn(ROWS, TURNS, width or 1, generator=generator)
        for name, width in sorted(task.input_dims.items())
    }
    mask = torch.arange(TURNS) < torch.tensor([[TURNS], [TURNS - 1], [1]])
    speaker = (torch.arange(TURNS) % 2).expand(ROWS, -1).masked_fill(~mask, -1)
    return {**found, "input.mask.utterance": mask, "input.speaker": speaker}


def keep() -> Path:
    """Write both files; those of a version that has been released are never written again."""
    target = FIXTURES / f"{RECIPE}-{affectkit.__version__}.ckpt"
    if target.exists():
        raise SystemExit(f"{target} is there already: raise affectkit.__version__ first.")
    with tempfile.TemporaryDirectory() as place:
        checkpoint = train(Path(place))
        task = ConversationTask.load_from_checkpoint(checkpoint).eval()
        asked = question(task)
        with torch.no_grad():
            output: AffectOutput = task(
                AffectBatch(
                    inputs={name: asked[f"input.{name}"] for name in task.input_dims},
                    masks={"utterance": asked["input.mask.utterance"]},
                    speaker=asked["input.speaker"],
                    valid=torch.ones(ROWS, dtype=torch.bool),
                )
            )
        if output.logits is None:
            raise SystemExit("the task gave no logits")
        arrays = {name: tensor.numpy() for name, tensor in {**asked, "logits": output.logits}.items()}
        np.savez(target.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
        shutil.copyfile(checkpoint, target)
    return target


if __name__ == "__main__":
    print(f"kept {keep()}", file=sys.stderr)
