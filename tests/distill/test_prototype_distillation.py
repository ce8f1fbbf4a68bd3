from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.distill import PrototypeDistillationLoss, VAPrototypeGrid
from affectkit.labels import UnknownLabelError, ValenceArousalWheel, label_space
from affectkit.types import AffectOutput, LossTerms, Target

GOLDEN = Path(__file__).parents[1] / "golden" / "neurogaze_protokd_unofficial.npz"
GRID = VAPrototypeGrid.random(6, cells=3, seed=4)
ANCHORS = [(0.8, 0.5), (-0.7, 0.6), (0.0, 0.0)]
EMBEDDING = torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABEL = torch.tensor([0, 1, 2, -100, 1])


def run(loss: PrototypeDistillationLoss, output: AffectOutput, target: Target) -> LossTerms:
    terms: LossTerms = loss(output, target)
    return terms


def divergence(feature: Tensor, goal: list[float], temperature: float) -> float:
    cosines = [float(feature @ row.double()) / float(feature.norm()) for row in GRID.prototypes]
    scale = sum(math.exp(cosine / temperature) for cosine in cosines)
    return sum(
        share * (math.log(share) - cosine / temperature + math.log(scale))
        for share, cosine in zip(goal, cosines)
        if share > 0
    )


def shares(point: tuple[float, float], bandwidth: float) -> list[float]:
    weights = [math.exp(-(math.dist(point, c) ** 2) / (2 * bandwidth**2)) for c in GRID.centres.tolist()]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.golden
def test_the_golden_batch_and_its_gradient() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    grid = VAPrototypeGrid(arrays["prototypes"], torch.ones(25))
    loss = PrototypeDistillationLoss(grid, anchors=arrays["class_va_anchor"].tolist())
    torch.testing.assert_close(loss.class_target[arrays["labels"]], arrays["target"], rtol=0, atol=1e-6)
    features = arrays["features"].requires_grad_()
    terms = run(loss, AffectOutput(embedding=features), Target(label=arrays["labels"]))
    torch.testing.assert_close(terms.total, arrays["loss"], rtol=1e-5, atol=0)
    torch.autograd.backward(terms.total)
    assert features.grad is not None
    torch.testing.assert_close(features.grad, arrays["grad_features"], rtol=0, atol=1e-6)


def test_the_three_rules_equal_a_loop() -> None:
    said = torch.tensor([[0.1, -0.4], [0.9, 0.9], [0.0, 0.3], [math.nan, 0.0], [-1.2, 0.0]])
    cases: list[tuple[PrototypeDistillationLoss, list[list[float] | None]]] = [
        (
            PrototypeDistillationLoss(GRID, anchors=ANCHORS, temperature=0.4, bandwidth=0.2),
            [None if label < 0 else shares(ANCHORS[label], 0.2) for label in LABEL.tolist()],
        ),
        (
            PrototypeDistillationLoss(GRID, anchors=ANCHORS, target="nearest", temperature=0.4),
            [
                None if label < 0 else [float(place == (8, 2, 4)[label]) for place in range(9)]
                for label in LABEL.tolist()
            ],
        ),
        (
            PrototypeDistillationLoss(GRID, target="teacher", temperature=0.4),
            [None if math.isnan(v) else shares((max(v, -1.0), a), 0.35) for v, a in said.tolist()],
        ),
    ]
    for loss, goals in cases:
        output = AffectOutput(embedding=EMBEDDING, views={"teacher_dims": said})
        terms = run(loss, output, Target(label=LABEL))
        rows = [divergence(row, goal, 0.4) for row, goal in zip(EMBEDDING, goals) if goal is not None]
        assert len(rows) == 4 and float(terms.weight) == 4
        assert terms.total.item() == pytest.approx(sum(rows) / 4, abs=1e-6)


def test_a_stored_teacher_of_another_scale_says_the_same() -> None:
    said = torch.tensor([[0.1, -0.4, 9.0], [0.5, 0.5, 9.0]])
    live = run(
        PrototypeDistillationLoss(GRID, target="teacher"),
        AffectOutput(embedding=EMBEDDING[:2], views={"teacher_dims": said[:, :2]}),
        Target(),
    )
    raw = torch.cat([said[:, :2] * 4 + 5, said[:, 2:]], 1)
    stored = run(
        PrototypeDistillationLoss(GRID, target="teacher", teacher_scale="vad.one_to_nine"),
        AffectOutput(embedding=EMBEDDING[:2]),
        Target(extra={"teacher_dims": raw}),
    )
    assert stored.total.item() == pytest.approx(live.total.item(), abs=1e-6)


def test_anchors_of_a_label_space_are_those_of_the_wheel() -> None:
    space = label_space("meld7.official")
    named = PrototypeDistillationLoss(GRID, space="meld7.official")
    given = PrototypeDistillationLoss(GRID, anchors=ValenceArousalWheel().anchors(space.labels))
    assert torch.equal(named.class_target, given.class_target) and len(named.class_target) == 7


def test_the_gradient_reaches_embedding_and_projection_but_not_teacher_nor_prototypes(tmp_path: Path) -> None:
    GRID.save(tmp_path / "grid.safetensors")
    torch.manual_seed(0)
    loss = PrototypeDistillationLoss(str(tmp_path / "grid.safetensors"), target="teacher", student_dim=4)
    embedding = torch.randn(3, 4, requires_grad=True)
    said = torch.zeros(3, 2, requires_grad=True)
    target = Target(weight=torch.tensor([1.0, 1.0, 0.0]))
    views = {"teacher_dims": said + torch.tensor([[0.0], [0.0], [math.nan]])}
    terms = run(loss, AffectOutput(embedding=embedding, views=views), target)
    torch.autograd.backward(terms.total)
    assert embedding.grad is not None and said.grad is None
    assert bool(embedding.grad[:2].any(1).all()) and not embedding.grad[2].any()
    weights = dict(loss.named_parameters())
    assert set(weights) == {"projection.linear.weight", "projection.linear.bias"}
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in weights.values())


def test_what_an_absent_row_holds_reaches_nothing() -> None:
    loss = PrototypeDistillationLoss(GRID, anchors=ANCHORS)
    embedding = EMBEDDING.clone()
    embedding[3] = math.nan
    embedding.requires_grad_()
    terms = run(loss, AffectOutput(embedding=embedding), Target(label=LABEL))
    torch.autograd.backward(terms.total)
    plain = run(loss, AffectOutput(embedding=EMBEDDING), Target(label=LABEL))
    assert terms.total.item() == plain.total.item()
    assert embedding.grad is not None and not embedding.grad[3].any()


def test_gradcheck_and_autocast() -> None:
    loss = PrototypeDistillationLoss(GRID, anchors=ANCHORS)

    def total(embedding: Tensor) -> Tensor:
        return run(loss, AffectOutput(embedding=embedding), Target(label=LABEL)).total

    assert torch.autograd.gradcheck(total, (EMBEDDING.clone().requires_grad_(),))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = total(EMBEDDING.float())
    # Nothing of it is computed in half precision.
    assert half.item() == pytest.approx(total(EMBEDDING).item(), abs=1e-5)


def test_refusals() -> None:
    anchored = PrototypeDistillationLoss(GRID, anchors=ANCHORS)
    output = AffectOutput(embedding=EMBEDDING)
    with pytest.raises(ValueError, match=r"width 6 and got width 5: give student_dim=5"):
        run(anchored, AffectOutput(embedding=EMBEDDING[:, :5]), Target(label=LABEL))
    with pytest.raises(ValueError, match="embeddings, which the model's output lacks"):
        run(anchored, AffectOutput(), Target(label=LABEL))
    with pytest.raises(ValueError, match="needs labels, which the batch lacks"):
        run(anchored, output, Target())
    for wrong_label in (-1, 9):
        with pytest.raises(ValueError, match=f"got label {wrong_label}, and it has anchors of"):
            run(anchored, output, Target(label=torch.full_like(LABEL, wrong_label)))
    with pytest.raises(ValueError, match="one embedding a row"):
        run(anchored, output, Target(label=LABEL[:2]))
    taught = PrototypeDistillationLoss(GRID, target="teacher")
    with pytest.raises(ValueError, match="needs 'teacher_dims'"):
        run(taught, output, Target())
    far = AffectOutput(embedding=EMBEDDING, views={"teacher_dims": torch.full((5, 2), 5.0)})
    with pytest.raises(ValueError, match=r"far outside scale 'va\.unit', -1\.\.1"):
        run(taught, far, Target())
    with pytest.raises(ValueError, match="lies outside scale"):
        PrototypeDistillationLoss(GRID, anchors=[(3.0, 7.0)])
    for strange in ([(0.8, 0.4, 0.1), (0.0, 0.0, 0.0)], [(0.8, 0.4), (math.nan, 0.0)], [(0.8, 0.4), (0.1,)]):
        with pytest.raises(ValueError, match=r"the anchor .* for class [01]: give valence and arousal, both"):
            PrototypeDistillationLoss(GRID, anchors=strange)
    with pytest.raises(UnknownLabelError, match=r"'emoset8.official' \('amusement' is not .*: give anchors"):
        PrototypeDistillationLoss(GRID, space="emoset8.official")
    for wrong in ({"target": "soft"}, {"temperature": 0.0}, {"bandwidth": -1.0}):
        with pytest.raises(ValueError, match="numbers above 0"):
            PrototypeDistillationLoss(GRID, anchors=ANCHORS, **wrong)
    with pytest.raises(ValueError, match="need one of the two"):
        PrototypeDistillationLoss(GRID)
    with pytest.raises(ValueError, match="'teacher' neither"):
        PrototypeDistillationLoss(GRID, target="teacher", anchors=ANCHORS)
    with pytest.raises(ValueError, match="need one of the two"):
        PrototypeDistillationLoss(GRID, anchors=ANCHORS, space="meld7.official")
    with pytest.raises(ValueError, match="cannot be read"):
        PrototypeDistillationLoss("no_such_grid.safetensors", anchors=ANCHORS)
