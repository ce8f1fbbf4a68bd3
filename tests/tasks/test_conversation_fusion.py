"""Fusions by name, and modalities hidden in training, in the task of conversations."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.fusion import FusionName, GatedFusion, ModalityDropout
from affectkit.tasks import ConversationTask
from affectkit.types import Target

INPUTS = {"text": 6, "audio": 3}


def batch() -> AffectBatch:
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    return AffectBatch(
        inputs={name: torch.randn(2, 5, width, generator=generator) for name, width in INPUTS.items()},
        valid=torch.ones(2, dtype=torch.bool),
        masks={"utterance": mask},
        present={"audio": (torch.rand(2, 5, generator=generator) > 0.4) & mask},
        target=Target(
            label=torch.randint(7, (2, 5), generator=generator).masked_fill(~mask, -100), weight=mask.float()
        ),
        speaker=torch.where(mask, torch.arange(5) % 2, -1),
        keys=["0", "1"],
    )


def logits(task: ConversationTask, given: AffectBatch) -> Tensor:
    result = task(given).logits
    assert isinstance(result, Tensor)
    return result


@pytest.mark.parametrize("name", get_args(FusionName))
def test_every_named_fusion_ignores_padding_and_rebuilds_itself(name: FusionName) -> None:
    options: dict[str, object] = {"leader": "audio"} if name == "leader_follower" else {}
    if name == "attentional_selective":
        options = {"norm": "layer", "reduction": 2}
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official",
        INPUTS,
        hidden_dim=8,
        fusion=name,
        fusion_options=options,  # type: ignore[arg-type]
        context_model="none",
        context="both",
        modality_dropout=0.2,
    ).eval()
    given, mask = batch(), batch().masks["utterance"]
    before = logits(task, given)
    given.inputs = {key: value.masked_fill(~mask.unsqueeze(-1), 1e4) for key, value in given.inputs.items()}
    torch.testing.assert_close(logits(task, given)[mask], before[mask])
    again = ConversationTask(**task.hparams).eval()
    again.load_state_dict(task.state_dict())
    assert torch.equal(logits(again, given)[mask], logits(task, given)[mask])


def test_the_result_says_how_far_a_fusion_looks() -> None:
    facts = {
        (name, context): ConversationTask(
            "meld7.official",
            INPUTS,
            hidden_dim=8,
            fusion=name,
            context=context,
            context_model="none",
        ).report_facts()["context"]
        for name in ("gated", "fusion_attention")
        for context in ("past", "both")
    }
    assert facts == {
        ("gated", "past"): "none",
        ("gated", "both"): "none",
        ("fusion_attention", "past"): "past",
        ("fusion_attention", "both"): "both",
    }


def test_modalities_are_hidden_in_training_only() -> None:
    torch.manual_seed(0)
    plain = ConversationTask("meld7.official", INPUTS, hidden_dim=8, dropout=0.0)
    torch.manual_seed(0)
    hiding = ConversationTask("meld7.official", INPUTS, hidden_dim=8, dropout=0.0, modality_dropout=0.5)
    assert isinstance(plain.fusion, GatedFusion) and isinstance(hiding.fusion, ModalityDropout)
    assert not torch.allclose(logits(hiding, batch()), logits(plain, batch()))
    assert torch.equal(logits(hiding.eval(), batch()), logits(plain.eval(), batch()))


def test_the_balance_of_experts_is_part_of_the_loss() -> None:
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official", INPUTS, hidden_dim=8, dropout=0.0, fusion="modality_experts", gate_balance=0.5
    )
    given = batch()
    output = task(given)
    parts, present = task.encode_parts(given)
    (experts,) = task._experts
    terms = task.compute_loss(given, output)
    balance = experts.balance(parts, present)
    torch.testing.assert_close(terms.total, task.loss(output, given.target).total + 0.5 * balance)
    torch.testing.assert_close(terms.terms["gate_balance"], balance)
    # Measured at a step and not again, nor in evaluation.
    assert "gate_balance" not in task.compute_loss(given, output).terms
    task.eval()
    assert "gate_balance" not in task.compute_loss(given, task(given)).terms
    assert not any("experts" in name for name in task.state_dict() if not name.startswith("fusion."))


def test_training_with_hidden_modalities_repeats_itself(conversations: str, tmp_path: Path) -> None:
    def weights(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        task = ConversationTask(
            "meld7.official",
            INPUTS,
            hidden_dim=4,
            dropout=0.0,
            seed=seed,
            fusion="modality_experts",
            modality_dropout=0.5,
            gate_balance=0.1,
        )
        torch.manual_seed(1)
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
        )
        trainer.fit(task, ConversationDataModule(conversations, batch_size=4))
        return [parameter.detach().clone() for parameter in task.parameters()]

    first, second, other = weights(0), weights(0), weights(3)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_contradictions_are_named() -> None:
    with pytest.raises(ValueError, match="GatedFusion has no gate to balance"):
        ConversationTask("meld7.official", INPUTS, gate_balance=0.1)
    with pytest.raises(ValueError, match="fusion_options without the name of a fusion"):
        ConversationTask("meld7.official", INPUTS, fusion_options={"rank": 2})
    with pytest.raises(ValueError, match="no fusion 'product'"):
        ConversationTask("meld7.official", INPUTS, fusion="product")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no option 'rank'"):
        ConversationTask("meld7.official", INPUTS, fusion="gated", fusion_options={"rank": 2})
    with pytest.raises(ValueError, match="leader='visual', which is none of its modalities"):
        ConversationTask("meld7.official", INPUTS, fusion="leader_follower")


def test_the_gate_is_balanced_over_what_it_was_shown() -> None:
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official",
        INPUTS,
        hidden_dim=8,
        dropout=0.0,
        fusion="modality_experts",
        gate_balance=0.5,
        modality_dropout=0.6,
    )
    given = batch()
    given.present = {}
    hiding = task.fusion
    (experts,) = task._experts
    assert isinstance(hiding, ModalityDropout)
    torch.manual_seed(5)
    output = task(given)
    terms = task.compute_loss(given, output)
    torch.manual_seed(5)
    parts, present = task.encode_parts(given)
    shown = hiding.shown(parts, present)
    assert shown is not None and any(not torch.equal(shown[name], present[name]) for name in parts)
    torch.testing.assert_close(terms.terms["gate_balance"], experts.balance(parts, shown))
    assert not torch.isclose(terms.terms["gate_balance"], experts.balance(parts, present))
    # The features are those of the same draw.
    torch.manual_seed(5)
    torch.testing.assert_close(task.fuse(given).pooled, experts(parts, shown).pooled)
