"""mypy --strict as a user runs it: wrong parts are rejected, right ones accepted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PARTS = """
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.conversation import BcLSTM, DialogueRNN, M2FNet
from affectkit.encoders import ProjectionEncoder
from affectkit.fusion import ConcatFusion, GatedFusion
from affectkit.heads import ClassificationHead, MultiHead
from affectkit.losses import ClassificationLoss, WeightedSum
from affectkit.tasks import AffectTask, ConversationTask
from affectkit.types import AffectOutput, Encoding, LossTerms, Target


class MyHead(nn.Module):
    def forward(self, features: Encoding) -> AffectOutput:
        return AffectOutput(logits=features.pooled)


class MyLoss(nn.Module):
    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        return LossTerms(torch.zeros(()), {}, torch.ones(()))


class MyFusion(nn.Module):
    @property
    def out_dim(self) -> int:
        return 4

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        return Encoding(sum((part.pooled for part in parts.values()), torch.zeros(())))


class MyContext(nn.Module):
    out_dim = 4

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        return features


class TensorHead(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return features


class TensorLoss(nn.Module):
    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        return logits


class ListFusion(nn.Module):
    out_dim = 4

    def forward(self, parts: list[Tensor]) -> Tensor:
        return parts[0]


class NoWidth(nn.Module):
    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        return features


class TensorEncoder(nn.Module):
    out_dim = 4

    def forward(self, x: Tensor) -> Tensor:
        return x


INPUTS = {"text": 8}
"""

SNIPPET = """
ConversationTask("meld7.official", INPUTS, head=ClassificationHead(4, 7), loss=ClassificationLoss(7))
ConversationTask("meld7.official", INPUTS, fusion=GatedFusion(INPUTS, 4), context_model=DialogueRNN(4, 4))
ConversationTask("meld7.official", INPUTS, fusion=ConcatFusion({"text": 4}), context_model=BcLSTM(4, 4))
ConversationTask("meld7.official", INPUTS, head=MyHead(), loss=MyLoss(), fusion=MyFusion())
ConversationTask("meld7.official", INPUTS, context_model=MyContext())
ConversationTask("meld7.official", INPUTS, context_model=M2FNet({"text": 128}, 4), context_options=None)
ConversationTask("meld7.official", INPUTS, context_model="transformer", context_options={"window_past": 3})
WeightedSum({"emotion": ClassificationLoss(7), "mine": MyLoss()})
MultiHead(MyHead(), {"sentiment": ClassificationHead(4, 3)})
AffectTask({"text": ProjectionEncoder(8, 4)}, fusion=MyFusion(), head=MyHead(), loss=MyLoss())
ConversationTask("meld7.official", INPUTS, head=TensorHead())  # E: "head"
ConversationTask("meld7.official", INPUTS, loss=TensorLoss())  # E: "loss"
ConversationTask("meld7.official", INPUTS, fusion=ListFusion())  # E: "fusion"
ConversationTask("meld7.official", INPUTS, context_model=NoWidth())  # E: "context_model"
ConversationTask("meld7.official", INPUTS, head=ClassificationLoss(7))  # E: "head"
ConversationTask("meld7.official", INPUTS, context_model="telepathy")  # E: "context_model"
AffectTask({"text": ProjectionEncoder(8, 4)}, fusion=MyFusion(), head=MyLoss(), loss=MyLoss())  # E: "head"
AffectTask({"text": TensorEncoder()}, fusion=MyFusion(), head=MyHead(), loss=MyLoss())  # E: entry 0
WeightedSum({"emotion": TensorLoss()})  # E: entry 0
"""


def test_protocols_reject_wrong_parts_and_accept_right_ones(tmp_path: Path) -> None:
    file = tmp_path / "snippet.py"
    text = PARTS + SNIPPET
    file.write_text(text)
    # The project's own cache and configuration: without a cache, mypy reads torch anew each time.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    found: dict[int, str] = {}
    for match in re.finditer(r"snippet\.py:(\d+): error: (.*)", done.stdout):
        found[int(match[1])] = match[2]
    lines = dict(enumerate(text.splitlines(), start=1))
    expected = {number: line.split("# E: ")[1] for number, line in lines.items() if "# E: " in line}
    assert len(expected) == 9
    assert found.keys() == expected.keys(), done.stdout + done.stderr
    for number, part in expected.items():
        assert "incompatible type" in found[number].lower() and part.lower() in found[number].lower()
