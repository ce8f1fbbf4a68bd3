from __future__ import annotations

from typing import Any

import pytest

from affectkit.losses import CCCLoss, ClassificationLoss, MSELoss, PearsonLoss, VoteDistributionLoss
from affectkit.tasks.dataset_spec import DatasetError, DatasetSpec, dataset_specs

SPACE = "meld7.official"


@pytest.mark.parametrize(
    ("options", "loss", "field", "width"),
    [
        ({"label_space": SPACE}, ClassificationLoss, "label", 7),
        ({"label_space": SPACE, "objective": "distribution"}, VoteDistributionLoss, "distribution", 7),
        ({"axes": ["quality"]}, MSELoss, "dims", 1),
        ({"axes": ["quality"], "objective": "pearson"}, PearsonLoss, "dims", 1),
        ({"axes": ["valence", "arousal"], "objective": "ccc", "weight": 2}, CCCLoss, "dims", 2),
    ],
)
def test_what_a_data_set_states(options: Any, loss: type, field: str, width: int) -> None:
    spec = DatasetSpec.of("mine", options)
    made = spec.loss()
    assert isinstance(made, loss) and getattr(made, "head", None) == "mine"
    assert (spec.field, len(spec.outputs), spec.weight) == (field, width, options.get("weight", 1))
    head = spec.head(4, hidden_dims=(3,), dropout=0.0)
    assert head.last.out_features == width and (head.num_classes > 0) is (spec.space is not None)
    assert ("ccc" in spec.metrics()) is (spec.space is None)


def test_data_sets_are_sorted_so_that_a_file_may_be_written_in_any_order() -> None:
    assert list(dataset_specs({"b": {"axes": ["x"]}, "a": {"axes": ["y"]}})) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.b", {"axes": ["x"]}, "'a.b' cannot be called so"),
        ("values", {"axes": ["x"]}, "'values' cannot be called so"),
        ("a", {"axis": ["x"]}, "unknown option 'axis': give some of axes, label_space, objective, weight"),
        ("a", {}, "neither a label_space and axes"),
        ("a", {"label_space": SPACE, "axes": ["x"]}, "both a label_space and axes"),
        ("a", {"axes": ["x"], "objective": "classification"}, "not one of values"),
        ("a", {"label_space": SPACE, "objective": "mse"}, "'mse', which is of values"),
        ("a", {"axes": ["x"], "objective": "cosine"}, "'cosine', which is unknown"),
        ("a", {"axes": ["x"], "weight": 0}, "the weight 0"),
        ("a", {"axes": ["x"], "weight": float("nan")}, "the weight nan"),
        ("a", {"label_space": "goemotions7.ekman"}, "may hold together"),
    ],
)
def test_what_cannot_be_is_one_sentence(name: str, options: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        dataset_specs({name: options})
    assert "\n" not in str(caught.value)


def test_no_data_set_at_all() -> None:
    with pytest.raises(DatasetError, match="There is no data set"):
        dataset_specs({})
