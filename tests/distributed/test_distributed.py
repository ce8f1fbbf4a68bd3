from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

import affectkit
from affectkit import distributed

if TYPE_CHECKING:
    from tests.conftest import RunRanks


def test_a_single_process_is_a_world_of_one() -> None:
    rows = torch.arange(6.0).reshape(3, 2).requires_grad_()
    assert not distributed.is_distributed()
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert distributed.gather_row_counts(rows) == [3]
    gathered = distributed.all_gather_rows(rows)
    torch.autograd.backward(gathered.square().sum())
    assert rows.grad is not None
    torch.testing.assert_close(rows.grad, 2 * rows.detach())
    distributed.barrier()


def test_sum_without_a_group_is_a_detached_copy() -> None:
    rows = torch.ones(2, requires_grad=True)
    total = distributed.all_reduce_sum(rows)
    total.zero_()
    assert not total.requires_grad
    assert rows.tolist() == [1.0, 1.0]


def test_a_tensor_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        distributed.all_gather_rows(torch.tensor(1.0))


ROWS = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHT = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SPLITS = [(4, 3), (6, 1), (7, 0), (0, 7)]


def pair_loss(anchors: Tensor, candidates: Tensor, weight: Tensor) -> Tensor:
    """Not symmetric, so that a gradient counted once or three times shows."""
    return (anchors @ weight @ candidates.T).sigmoid().sum()


def rank_gather(split: tuple[int, ...]) -> tuple[list[list[float]], list[list[float]], list[int], float]:
    rank = distributed.rank()
    start = sum(split[:rank])
    local = ROWS[start : start + split[rank]].clone().requires_grad_()
    gathered = distributed.all_gather_rows(local)
    loss = pair_loss(local, gathered, WEIGHT)
    torch.autograd.backward(loss)
    assert local.grad is not None
    total = float(distributed.all_reduce_sum(loss))
    return gathered.tolist(), local.grad.tolist(), distributed.gather_row_counts(local), total


@pytest.mark.distributed
@pytest.mark.parametrize("split", SPLITS)
def test_gathered_rows_give_value_and_gradient_of_the_whole_batch(
    run_ranks: RunRanks, split: tuple[int, int]
) -> None:
    whole = ROWS.clone().requires_grad_()
    loss = pair_loss(whole, whole, WEIGHT)
    torch.autograd.backward(loss)
    assert whole.grad is not None
    gradient: list[list[float]] = []
    for gathered, part, counts, total in run_ranks(rank_gather, split):
        assert gathered == ROWS.tolist()
        assert counts == list(split)
        assert total == pytest.approx(loss.item(), abs=1e-12)
        gradient += part
    torch.testing.assert_close(torch.tensor(gradient, dtype=torch.float64), whole.grad)


def rank_dtypes() -> list[object]:
    rank = distributed.rank()
    flags = distributed.all_gather_rows(torch.tensor([rank == 1] * (rank + 1)))
    nothing = distributed.all_gather_rows(torch.empty(0, 4))
    transposed = torch.arange(6).reshape(2, 3).T
    total = distributed.all_reduce_sum(transposed)
    distributed.barrier()
    return [flags.tolist(), list(nothing.shape), total.tolist()]


@pytest.mark.distributed
def test_gathering_and_summing_other_dtypes_and_layouts(run_ranks: RunRanks) -> None:
    expected = [[False, True, True], [0, 4], [[0, 6], [2, 8], [4, 10]]]
    assert run_ranks(rank_dtypes) == [expected, expected]


def rank_mismatch() -> str:
    try:
        distributed.all_gather_rows(torch.zeros(2, 3 + distributed.rank()))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.distributed
def test_rows_of_different_shape_are_an_error_on_every_rank(run_ranks: RunRanks) -> None:
    for message in run_ranks(rank_mismatch):
        assert "[3, 4]" in message


def rank_fails() -> None:
    raise RuntimeError("as planned")


@pytest.mark.distributed
def test_the_runner_reports_the_failing_rank(run_ranks: RunRanks) -> None:
    # A group of its own, since a failure ends the group and starting one of two takes seconds.
    with pytest.raises(AssertionError, match=r"rank 0 failed:[\s\S]*as planned"):
        run_ranks(rank_fails, world_size=1)


def test_no_other_module_touches_torch_distributed() -> None:
    package = Path(affectkit.__file__).parent
    callers = []
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names = [f"{node.value.id}.{node.attr}"]
            if any(f"{name}.".startswith("torch.distributed.") for name in names):
                callers.append(file.relative_to(package).as_posix())
    assert set(callers) == {"distributed.py"}
