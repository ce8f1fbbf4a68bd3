"""All-class and present-only figures: by hand, against sklearn, and side by side in one collection."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.functional import f1_score
from affectkit.metrics import F1, PresentOnly, label_scope_metrics, tell_present
from affectkit.metrics.present_only import PresentScore

CLASSES = 6
PRESENT = (0, 2, 5)


def data(rows: int = 60) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    label = torch.tensor(PRESENT)[torch.randint(0, 3, (rows,), generator=generator)]
    logits = torch.randn(rows, CLASSES, generator=generator)
    logits[torch.arange(rows), label] += 0.7
    return logits, label


def mask(classes: tuple[int, ...] = PRESENT) -> Tensor:
    return torch.isin(torch.arange(CLASSES), torch.tensor(classes))


@pytest.mark.parametrize("score", ["accuracy", "macro_f1", "uar"])
def test_equals_sklearn_on_restricted_answers(score: PresentScore) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    logits, label = data()
    metric = PresentOnly(CLASSES, score=score)
    metric.set_present(mask())
    for part, truth in zip(torch.split(logits, 17), torch.split(label, 17), strict=True):
        metric.update(part, truth)
    guess = torch.tensor(PRESENT)[logits[:, list(PRESENT)].argmax(1)]
    assert not torch.equal(guess, logits.argmax(1))
    expected = {
        "accuracy": lambda: sklearn.accuracy_score(label, guess),
        "macro_f1": lambda: sklearn.f1_score(label, guess, labels=list(PRESENT), average="macro"),
        "uar": lambda: sklearn.balanced_accuracy_score(label, guess),
    }[score]()
    assert float(metric.compute()) == pytest.approx(expected)


def test_all_class_averages_count_an_absent_label_as_zero() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    logits, label = data()
    logits[:, 1] = -9.0  # neither true nor ever the answer
    metrics = label_scope_metrics(CLASSES)
    metrics["present_only_accuracy"].set_present(mask())  # type: ignore[operator]
    metrics.update(logits, label)
    found = {name: float(value) for name, value in metrics.compute().items()}
    guess = logits.argmax(1)
    names = list(range(CLASSES))
    wanted = sklearn.f1_score(label, guess, labels=names, average="macro", zero_division=0)
    assert found["macro_f1_all"] == pytest.approx(wanted)
    recalls = sklearn.recall_score(label, guess, labels=names, average=None, zero_division=0)
    assert found["uar_all"] == pytest.approx(recalls.sum() / CLASSES)
    seen = F1(CLASSES, average="macro")
    seen.update(logits, label)
    assert float(seen.compute()) == pytest.approx(found["macro_f1_all"] * CLASSES / (CLASSES - 1))


def test_a_first_batch_that_counts_alike_does_not_join_the_two() -> None:
    metrics = label_scope_metrics(CLASSES)
    for metric in metrics.values(copy_state=False):
        if isinstance(metric, PresentOnly):
            metric.set_present(mask())
    first = torch.eye(CLASSES)[list(PRESENT)]
    metrics.update(first, torch.tensor(PRESENT))
    metrics.update(torch.eye(CLASSES)[[1, 3, 4]], torch.tensor(PRESENT))
    found = metrics.compute()
    assert float(found["accuracy"]) == 0.5
    assert float(found["present_only_accuracy"]) > 0.5


def test_untold_or_told_of_nothing_it_restricts_nothing() -> None:
    logits, label = data()
    plain, told = PresentOnly(CLASSES), PresentOnly(CLASSES)
    told.set_present(torch.zeros(CLASSES, dtype=torch.bool))
    for metric in (plain, told):
        metric.update(logits, label)
        assert float(metric.compute()) == pytest.approx(float((logits.argmax(1) == label).double().mean()))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="does not know the score 'f2'"):
        PresentOnly(3, score="f2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"was told of \(2,\)"):
        PresentOnly(3).set_present(torch.ones(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="give logits"):
        PresentOnly(3).update(torch.tensor([0, 1]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="classes='all'"):
        F1(3, average="weighted", classes="all")


def test_excluded_classes_leave_the_average_over_all() -> None:
    counts = torch.tensor([[4, 0, 0], [0, 2, 0], [0, 0, 0]])
    assert float(f1_score(counts, average="macro", classes="all")) == pytest.approx(2 / 3)
    assert float(f1_score(counts, average="macro", classes="all", exclude=[0])) == pytest.approx(1 / 2)
    assert F1(3, average="macro", classes="all").key == "macro_f1_all"
    assert F1(3, average="macro", classes="all").protocol == "f1[macro,all]"


def test_a_collection_is_told_which_labels_there_are() -> None:
    metrics = label_scope_metrics(3)
    tell_present(metrics, torch.tensor([4, 0, 1]))
    metrics.update(torch.tensor([[0.1, 0.9, 0.3]]), torch.tensor([2]))
    assert float(metrics["present_only_accuracy"].compute()) == 1.0
    assert float(metrics["accuracy"].compute()) == 0.0
