from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation import BcLSTM
from affectkit.data import AffectBatch
from affectkit.encoders import LogMelConvEncoder, ProjectionEncoder, UtteranceEncoder
from affectkit.fusion import GatedFusion
from affectkit.heads import ClassificationHead
from affectkit.losses import ClassificationLoss
from affectkit.tasks import AffectTask
from affectkit.types import AffectOutput, Encoding, Target


def voices() -> tuple[Tensor, Tensor]:
    """Two conversations of up to three utterances of up to 900 samples."""
    waves = torch.randn(2, 3, 900, generator=torch.Generator().manual_seed(0)) * 0.1
    lengths = torch.tensor([[900, 400, 0], [700, 0, 0]])
    return waves, torch.arange(900) < lengths.unsqueeze(2)


def small() -> LogMelConvEncoder:
    torch.manual_seed(0)
    return LogMelConvEncoder(8000, num_mels=12, widths=(4,))


def test_equals_the_encoder_utterance_by_utterance() -> None:
    waves, mask = voices()
    encoder = UtteranceEncoder(small()).eval()
    found = encoder(waves, mask)
    assert found.mask is not None and found.mask.tolist() == [[True, True, False], [True, False, False]]
    for clip in range(2):
        for place in range(3):
            length = int(mask[clip, place].sum())
            row = found.pooled[clip, place]
            if not length:
                assert not row.any()
                continue
            alone: Encoding = encoder.encoder(waves[clip, place : place + 1, :length])
            torch.testing.assert_close(row, alone.pooled[0], rtol=1e-4, atol=1e-5)


def test_what_is_not_there_is_not_encoded() -> None:
    class Counting(nn.Module):
        out_dim = 2
        rows = 0

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
            self.rows += len(x)
            return Encoding(x[:, :2])

    counting = Counting()
    features = torch.randn(2, 3, 4)
    there = torch.tensor([[True, True, False], [True, False, False]])
    found = UtteranceEncoder(counting)(features, there)
    assert counting.rows == 3
    torch.testing.assert_close(found.pooled, features[..., :2] * there.unsqueeze(2))
    assert UtteranceEncoder(counting)(features).mask.all()


def test_a_conversation_model_trains_it_along() -> None:
    waves, mask = voices()
    voice = small()
    task = AffectTask(
        {"audio": UtteranceEncoder(voice), "text": ProjectionEncoder(5, 8)},
        fusion=GatedFusion({"audio": voice.out_dim, "text": 8}, 8),
        context=BcLSTM(8, 6),
        head=ClassificationHead(BcLSTM(8, 6).out_dim, 3),
        loss=ClassificationLoss(3),
    )
    turns = mask.any(dim=2)
    batch = AffectBatch(
        inputs={"audio": waves, "text": torch.randn(2, 3, 5)},
        masks={"audio": mask, "utterance": turns},
        valid=torch.ones(2, dtype=torch.bool),
        speaker=torch.zeros(2, 3, dtype=torch.int64).masked_fill(~turns, -1),
        target=Target(label=torch.tensor([[0, 1, -100], [2, -100, -100]])),
    )
    assert task.input_dims == {"text": None}
    output: AffectOutput = task(batch)
    torch.autograd.backward(task.compute_loss(batch, output).total)
    weight = voice.network.convolutions[0].weight
    assert isinstance(weight.grad, Tensor) and bool(weight.grad.any())


def test_bad_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"give \(B, U, \.\.\.\) with a mask"):
        UtteranceEncoder(small())(torch.zeros(2, 900))
    with pytest.raises(ValueError, match=r"give \(B, U, \.\.\.\) with a mask"):
        UtteranceEncoder(small())(torch.zeros(2, 3, 900), torch.ones(2, 2, dtype=torch.bool))
