"""What real talks bring: one turn, nothing recorded, more people than ever before, silence."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from affectkit.conversation import CONTEXTS, MODALITY_CONTEXTS
from affectkit.data.batch import AffectBatch
from affectkit.tasks import ConversationMediaTask, ConversationTask
from affectkit.types import Target

MODELS = ["none", *sorted({*CONTEXTS, *MODALITY_CONTEXTS})]
INPUTS = {"audio": 3, "text": 5}


def task(model: str, context: Literal["past", "both"], **options: object) -> ConversationTask:
    if model == "dialogue_gcn":
        pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    torch.manual_seed(0)
    usual = {"hidden_dim": 8, "dropout": 0.0, "context_model": model, "context": context}
    return ConversationTask("meld7.official", INPUTS, **{**usual, **options})  # type: ignore[arg-type]


def talk(turns: int, *, there: bool = True, people: int = 2) -> AffectBatch:
    mask = torch.ones(1, turns, dtype=torch.bool)
    generator = torch.Generator().manual_seed(turns)
    return AffectBatch(
        inputs={name: torch.randn(1, turns, width, generator=generator) for name, width in INPUTS.items()},
        valid=mask[:, 0],
        masks={"utterance": mask},
        present=dict.fromkeys(INPUTS, mask & there),
        speaker=(torch.arange(turns) % people).unsqueeze(0),
        target=Target(label=torch.zeros(1, turns, dtype=torch.int64), weight=mask.float()),
    )


def check_step(model: ConversationTask, batch: AffectBatch) -> Tensor:
    """Answers, loss and gradients are finite; returns the answers."""
    output = model(batch)
    loss = model.compute_loss(batch, output)
    torch.autograd.backward(loss.total)
    assert bool(output.logits.isfinite().all()) and bool(loss.total.isfinite())
    grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert grads and all(bool(grad.isfinite().all()) for grad in grads)
    found: Tensor = output.logits
    return found


@pytest.mark.parametrize("context", ["past", "both"])
@pytest.mark.parametrize("model", MODELS)
def test_a_dialogue_of_one_turn(model: str, context: Literal["past", "both"]) -> None:
    check_step(task(model, context), talk(1))


@pytest.mark.parametrize("context", ["past", "both"])
@pytest.mark.parametrize("model", MODELS)
def test_a_dialogue_of_which_nothing_was_recorded(model: str, context: Literal["past", "both"]) -> None:
    built = task(model, context)
    batch = talk(4, there=False)
    answers = check_step(built, batch)
    other = talk(4, there=False)
    other.inputs = {name: torch.full_like(x, torch.nan) for name, x in batch.inputs.items()}
    torch.testing.assert_close(built(other).logits, answers)


@pytest.mark.parametrize("model", MODELS)
def test_people_whom_training_never_heard(model: str) -> None:
    built = task(model, "past")
    check_step(built, talk(4, people=2))
    check_step(built.eval(), talk(12, people=7))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("dialogue_gcn", {"num_speakers": 2}),
        ("mmgcn", {"num_speakers": 2}),
        ("transformer", {"num_speakers": 2}),
    ],
)
def test_a_cast_that_a_model_was_not_made_for_is_refused(model: str, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"2.*a conversation of 3"):
        task(model, "past", context_options=options)(talk(6, people=3))


def test_silence_is_heard_and_nothing_at_all_is_absent() -> None:
    torch.manual_seed(0)
    model = ConversationMediaTask(
        "meld7.official", media=["audio"], rate=8000, num_mels=16, widths=[4], hidden_dim=8
    )
    turns = torch.ones(1, 3, dtype=torch.bool)
    heard = torch.ones(1, 3, 800, dtype=torch.bool)
    heard[0, 2] = False
    batch = AffectBatch(
        inputs={"audio": torch.zeros(1, 3, 800)},
        valid=turns[:, 0],
        masks={"utterance": turns, "audio": heard},
        speaker=torch.zeros(1, 3, dtype=torch.int64),
        target=Target(label=torch.tensor([[0, 1, 2]]), weight=turns.float()),
    )
    check_step(model, batch)
    parts, present = model.encode_parts(batch)
    assert present["audio"].tolist() == [[True, True, False]]
    assert bool(parts["audio"].pooled[0, 0].any()) and not bool(parts["audio"].pooled[0, 2].any())
