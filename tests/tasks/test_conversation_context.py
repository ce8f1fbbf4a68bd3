"""Context models by name, models that want the modalities apart, and whose emotion is asked for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from affectkit.conversation import CONTEXTS, MODALITY_CONTEXTS, M2FNet, TransformerContext
from affectkit.data.batch import AffectBatch
from affectkit.functional import answering_turn, emotion_shift_labels
from affectkit.fusion import ModalityDropout
from affectkit.tasks import ConversationTask
from affectkit.types import Encoding, Target

INPUTS = {"text": 6, "audio": 3}
NAMES = sorted({*CONTEXTS, *MODALITY_CONTEXTS})


def batch() -> AffectBatch:
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(6) < torch.tensor([[6], [1], [4]])
    label = torch.randint(7, (3, 6), generator=generator).masked_fill(~mask, -100)
    label[0, 2] = -100
    return AffectBatch(
        inputs={name: torch.randn(3, 6, width, generator=generator) for name, width in INPUTS.items()},
        valid=torch.ones(3, dtype=torch.bool),
        masks={"utterance": mask},
        present={name: (torch.rand(3, 6, generator=generator) > 0.4) & mask for name in INPUTS},
        target=Target(label=label, weight=mask.float()),
        speaker=torch.tensor([[0, 0, 1, 0, 2, 2], [0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0]]).masked_fill(
            ~mask, -1
        ),
        keys=["0", "1", "2"],
    )


def logits(task: ConversationTask, given: AffectBatch) -> Tensor:
    result = task(given).logits
    assert isinstance(result, Tensor)
    return result


def build(**options: object) -> ConversationTask:
    torch.manual_seed(0)
    return ConversationTask("meld7.official", INPUTS, hidden_dim=8, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("context", ["past", "both"])
def test_every_named_model_ignores_padding_and_rebuilds_itself(name: str, context: str) -> None:
    if name in ("dialogue_gcn", "mmgcn"):
        pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    task = build(context_model=name, context=context, modality_dropout=0.2).eval()
    given, mask = batch(), batch().masks["utterance"]
    before = logits(task, given)
    given.inputs = {
        key: value.masked_fill(~(given.present[key] & mask).unsqueeze(-1), 1e4)
        for key, value in given.inputs.items()
    }
    torch.testing.assert_close(logits(task, given)[mask], before[mask], rtol=1e-5, atol=1e-5)
    again = ConversationTask(**task.hparams).eval()
    again.load_state_dict(task.state_dict())
    assert torch.equal(logits(again, given)[mask], logits(task, given)[mask])
    assert task.report_facts()["context"] == context
    # A dialogue of one turn, and a turn without anything, are answered with numbers.
    given.present = {key: torch.zeros_like(value) for key, value in given.present.items()}
    assert bool(logits(task, given)[mask].isfinite().all())


@pytest.mark.parametrize("name", sorted(MODALITY_CONTEXTS))
def test_a_model_of_modalities_stands_where_the_fusion_does(name: str) -> None:
    if name == "mmgcn":
        pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    task = build(context_model=name, modality_dropout=0.5)
    assert task.context is None and isinstance(task.fusion, ModalityDropout)
    assert task.report_facts()["context_model"] == type(task.fusion.fusion).__name__
    given = batch()
    given.present = {}
    assert not torch.equal(logits(task, given), logits(task, given))
    task.eval()
    shown = logits(task, given)
    assert torch.equal(shown, logits(task, given))
    for options in ({"fusion": "gated"}, {"residual": "concat"}, {"fusion_options": {"dropout": 0.0}}):
        with pytest.raises(ValueError, match=f"context_model='{name}', which reads the modalities apart"):
            build(context_model=name, **options)


class _Loudest(torch.nn.Module):
    """A model of one's own that wants the modalities apart."""

    out_dim = 8
    context = "past"

    def forward(
        self,
        parts: Mapping[str, Encoding],
        present: Mapping[str, Tensor] | None = None,
        speaker: Tensor | None = None,
    ) -> Encoding:
        assert speaker is not None
        pooled = torch.stack([part.pooled for part in parts.values()]).amax(0)
        return Encoding(pooled * (speaker >= 0).unsqueeze(-1), mask=parts["text"].mask)


def test_modules_of_your_own_are_told_apart_by_what_they_take() -> None:
    task = build(context_model=_Loudest()).eval()
    assert isinstance(task.fusion, _Loudest) and task.context is None
    assert logits(task, batch()).shape == (3, 6, 7)
    assert task.report_facts()["context_model"] == "_Loudest"
    context = TransformerContext(8, 6, num_heads=2, window_past=3)
    own = build(context_model=context).eval()
    assert own.context is context and logits(own, batch()).shape == (3, 6, 7)


def test_options_reach_the_named_model() -> None:
    task = build(
        context_model="m2fnet", context_options={"trunk": "audio", "num_encoders": 2, "value_from": "key"}
    )
    assert isinstance(task.fusion, M2FNet) and task.fusion.fusion.trunk == "audio"
    assert len(task.fusion.stacks["text"].encoders) == 2  # type: ignore[arg-type]
    task = build(context_model="bc_lstm", context_cell="gru", context_options={"num_layers": 3})
    assert len(task.context.ahead) == 3  # type: ignore[union-attr]
    assert isinstance(task.context.ahead[0], torch.nn.GRU)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="'m2fnet' has no option 'listener'"):
        build(context_model="m2fnet", context_options={"listener": True})
    for model in ("none", _Loudest()):
        with pytest.raises(ValueError, match="context_options without the name of a context model"):
            build(context_model=model, context_options={"dropout": 0.1})


def test_the_one_who_answers_is_asked_for() -> None:
    task = build(target="interlocutor", auxiliary={"emotion_shift": 2}).eval()
    given = batch()
    label, speaker, mask = given.target.label, given.speaker, given.masks["utterance"]
    assert label is not None and speaker is not None
    asked = task.asked(given)
    assert asked.label is not None and asked.weight is not None and asked.extra is not None
    places = answering_turn(speaker, mask).tolist()
    shifts = emotion_shift_labels(label, speaker, mask)
    for row in range(3):
        for turn, place in enumerate(places[row]):
            expected = -100 if place < 0 else int(label[row, place])
            assert int(asked.label[row, turn]) == expected
            assert int(asked.extra["emotion_shift"][row, turn]) == (
                -100 if place < 0 else int(shifts[row, place])
            )
            assert float(asked.weight[row, turn]) == float(place >= 0)
    # The loss, the metrics and the table of predictions all ask the same.
    output = task(given)
    moved = batch()
    moved.target = asked
    plain = build(auxiliary={"emotion_shift": 2}).eval()
    plain.load_state_dict(task.state_dict())
    torch.testing.assert_close(task.compute_loss(given, output).total, plain.loss(output, asked).total)
    task.update_metrics(task.val_metrics, given, output)
    plain.update_metrics(plain.val_metrics, moved, output)
    assert task.val_metrics.compute() == plain.val_metrics.compute()
    found = task.prediction(given, output).target
    assert found is not None and torch.equal(found, asked.label)
    # What was stored stays as it was.
    assert given.target.label is label and task.report_facts()["target"] == "interlocutor"


def test_whoever_answers_must_not_have_been_heard() -> None:
    with pytest.raises(ValueError, match=r"target='interlocutor' with BcLSTM, which may read the answer"):
        build(target="interlocutor", context="both")
    with pytest.raises(ValueError, match="with none, which may read the answer"):
        build(target="interlocutor", context_model="none", fusion="fusion_attention", context="both")
    with pytest.raises(ValueError, match="shift_metrics with target='interlocutor'"):
        build(target="interlocutor", shift_metrics=True)
    nobody = batch()
    nobody.speaker = None
    task = build(target="interlocutor", context_model="none")
    with pytest.raises(ValueError, match="needs to know who speaks"):
        task.asked(nobody)


def test_shifts_are_labels_and_scores() -> None:
    task = build(auxiliary={"emotion_shift": 2}, shift_metrics=True).eval()
    given = batch()
    output = task(given)
    assert output.extra is not None and output.extra["emotion_shift"].shape == (3, 6, 2)
    label, speaker, mask = given.target.label, given.speaker, given.masks["utterance"]
    assert label is not None and speaker is not None
    shifts = emotion_shift_labels(label, speaker, mask)
    known = shifts != -100
    cross = torch.nn.functional.cross_entropy
    real = mask & (label != -100)
    main = cross(output.logits[real], label[real], reduction="sum")
    further = cross(output.extra["emotion_shift"][known], shifts[known], reduction="sum")
    # One divisor for both: the rows of the batch.
    expected = (main + 0.5 * further) / mask.sum()
    torch.testing.assert_close(task.compute_loss(given, output).total, expected)
    task.update_metrics(task.val_metrics, given, output)
    found = task.val_metrics.compute()
    right = (output.logits.argmax(-1) == label)[shifts == 1].double().mean()
    torch.testing.assert_close(found["shift_accuracy"], right)
