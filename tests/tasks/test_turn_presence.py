"""Turns that one encoder did not hear: what the other modalities say of them still counts."""

from __future__ import annotations

from typing import cast, get_args

import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation import CONTEXTS, MODALITY_CONTEXTS, named_context, named_modality_context
from affectkit.data.batch import AffectBatch
from affectkit.encoders import ProjectionEncoder, UtteranceEncoder
from affectkit.fusion import FusionName, named_fusion
from affectkit.heads import ClassificationHead
from affectkit.losses import ClassificationLoss
from affectkit.tasks import AffectTask
from affectkit.types import Context, Encoding, Fusion

WIDTH = 8
DIMS = {"audio": WIDTH, "text": WIDTH}
TURNS = torch.tensor([[True, True, True, True], [True, True, True, False]])
#: Turn 1 of the first conversation has no waveform.
HEARD = torch.tensor([[True, False, True, True], [True, True, True, False]])


class Loudness(nn.Module):
    """Real samples of a waveform to a vector that is not 0 in silence."""

    out_dim = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, WIDTH))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        real = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        mean = (x * real).sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True)
        return Encoding(torch.tanh(mean * self.scale + 0.3))


def batch() -> AffectBatch:
    draw = torch.Generator().manual_seed(1)
    return AffectBatch(
        inputs={
            "audio": torch.randn(2, 4, 10, generator=draw),
            "text": torch.randn(2, 4, 5, generator=draw),
        },
        valid=torch.ones(2, dtype=torch.bool),
        masks={"utterance": TURNS, "audio": HEARD.unsqueeze(2).expand(2, 4, 10).clone()},
        speaker=torch.tensor([[0, 1, 0, 1], [0, 0, 1, -1]]),
    )


def task(fusion: Fusion, context: Context | None = None) -> AffectTask:
    width = fusion.out_dim if context is None else context.out_dim
    made = AffectTask(
        {"audio": UtteranceEncoder(Loudness()), "text": ProjectionEncoder(5, WIDTH)},
        fusion=fusion,
        context=context,
        head=ClassificationHead(width, 7),
        loss=ClassificationLoss(7),
    )
    return made.eval()


def parts_of(name: str) -> tuple[Fusion, Context | None]:
    torch.manual_seed(0)
    if name in MODALITY_CONTEXTS:
        return cast(Fusion, named_modality_context(name, DIMS, WIDTH, context="both")), None
    if name in CONTEXTS:
        fusion = named_fusion("concat", DIMS, WIDTH)
        return fusion, named_context(name, fusion.out_dim, WIDTH, context="both")
    options = {"leader": "text"} if name == "leader_follower" else None
    return named_fusion(name, DIMS, WIDTH, context="both", options=options), None


@pytest.mark.parametrize("name", sorted({*get_args(FusionName), *CONTEXTS, *MODALITY_CONTEXTS}))
def test_the_text_of_a_turn_without_audio_counts(name: str) -> None:
    if name == "dialogue_gcn":
        pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    made = task(*parts_of(name))
    given = batch()
    before: Tensor = made(given).logits
    given.inputs["text"][0, 1] += torch.linspace(1, -1, 5)
    after: Tensor = made(given).logits
    assert float((after - before)[0, 1].abs().max().detach()) > 1e-5
    # What lies in the waveform's place is not heard.
    given.inputs["audio"][0, 1] = 1e3
    unheard: Tensor = made(given).logits
    assert torch.equal(unheard[TURNS], after[TURNS])


@pytest.mark.parametrize("name", sorted({*get_args(FusionName), *MODALITY_CONTEXTS}))
def test_a_turn_that_was_not_heard_is_one_whose_audio_is_absent(name: str) -> None:
    made, given = task(*parts_of(name)), batch()
    text: Encoding = made.encoders["text"](given.inputs["text"], TURNS)
    # Any vector for the turn without sound: the presence alone says that it is not there.
    audio: Encoding = made.encoders["audio"](given.inputs["audio"], None)
    expected = made.fusion(
        {"audio": audio._replace(mask=TURNS), "text": text}, {"audio": HEARD, "text": TURNS}
    )
    torch.testing.assert_close(made.fuse(given).pooled[TURNS], expected.pooled[TURNS])
    # Told beforehand, it is the same.
    given.present = {"audio": HEARD, "text": TURNS}
    torch.testing.assert_close(made.fuse(given).pooled[TURNS], expected.pooled[TURNS])


def test_what_the_data_and_the_encoder_lack_adds_up() -> None:
    made, given = task(named_fusion("concat", DIMS, WIDTH)), batch()
    given.present = {"audio": torch.tensor([[False, True, True, True], [True, True, True, False]])}
    parts, present = made.encode_parts(given)
    assert present["audio"].tolist() == [[False, False, True, True], [True, True, True, False]]
    assert bool(present["text"].all())
    assert all(part.mask is TURNS for part in parts.values())


def test_single_recordings_keep_the_masks_of_their_frames() -> None:
    made = AffectTask(
        {"text": ProjectionEncoder(5, WIDTH)},
        fusion=named_fusion("mean", {"text": WIDTH}, WIDTH),
        head=ClassificationHead(WIDTH, 7),
        loss=ClassificationLoss(7),
    )
    frames = torch.tensor([[True, False], [True, True]])
    given = AffectBatch(
        inputs={"text": torch.ones(2, 2, 5)}, valid=torch.ones(2, dtype=torch.bool), masks={"text": frames}
    )
    parts, present = made.encode_parts(given)
    assert parts["text"].mask is frames and present == {}
