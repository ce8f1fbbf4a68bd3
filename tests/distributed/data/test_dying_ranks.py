"""A rank that dies or stops: the others fail, say why, and the run can be taken up again."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.distributed.data.conftest import ForkRanks

pytestmark = pytest.mark.distributed

#: Seconds for a collective; the test's own limit leaves room for starting on a busy machine.
TIMEOUT = 10.0
RUN: dict[str, object] = {"name": "run", "accumulate": 2, "interval": 0.5, "timeout": TIMEOUT}


def trained(folder: Path, ranks: int) -> dict[int, list[str]]:
    """Keys of each global batch; one that was shown twice must be the same twice."""
    found: dict[int, list[str]] = {}
    for rank in range(ranks):
        mine: dict[int, list[str]] = {}
        for line in (folder / "run" / f"trace{rank}.jsonl").read_text().splitlines():
            entry = json.loads(line)
            if entry["stage"] == "train":
                assert mine.setdefault(entry["number"], entry["keys"]) == entry["keys"], entry
        for number, keys in mine.items():
            found[number] = found.get(number, []) + keys
    return found


@pytest.fixture(scope="module")
def whole(
    talks: str, fork_ranks: ForkRanks, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, list[str]]:
    """Global batches of a run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole")
    outcome = fork_ranks(talks, out, [RUN])
    assert outcome.codes == [0], outcome.said
    found = trained(out, 1)
    assert len(found) == 12
    return found


@pytest.mark.parametrize(
    ("rank", "place", "number", "ranks_after"),
    [(1, "batch", 8, 2), (0, "validation", 0, 2), (1, "validation", 1, 1), (0, "end", 0, 2)],
    ids=["inside an accumulation", "in the middle of validation", "then on one process", "at an epoch's end"],
)
def test_the_other_rank_fails_and_the_run_goes_on(
    talks: str,
    whole: dict[int, list[str]],
    fork_ranks: ForkRanks,
    tmp_path: Path,
    rank: int,
    place: str,
    number: int,
    ranks_after: int,
) -> None:
    fatal = (rank, place, number, "SIGKILL")
    outcome = fork_ranks(talks, tmp_path, [{**RUN, "fatal": fatal}], ranks=2)
    assert outcome.codes[rank] == -signal.SIGKILL, outcome.said
    assert outcome.codes[1 - rank] not in (0, None, -signal.SIGKILL), outcome.said
    assert "closed" in outcome.said or "reset" in outcome.said
    before = trained(tmp_path, 2)
    if ranks_after == 1:
        # one process writes the trace of rank 0 alone, so keep what came before apart
        (tmp_path / "run" / "trace0.jsonl").unlink()
    outcome = fork_ranks(talks, tmp_path, [{**RUN, "resume": True}], ranks=ranks_after)
    assert set(outcome.codes) == {0}, outcome.said
    after = trained(tmp_path, ranks_after)
    assert 0 < len(before) <= 12 and all(whole[i] == keys for i, keys in before.items() if len(keys) == 4)
    assert max(after) == 11 and all(whole[i] == keys for i, keys in after.items())
    assert set(before) | set(after) == set(whole)


def test_a_rank_that_stops_makes_the_other_fail_in_time(
    talks: str, fork_ranks: ForkRanks, tmp_path: Path
) -> None:
    fatal = (1, "batch", 3, "SIGSTOP")
    outcome = fork_ranks(talks, tmp_path, [{**RUN, "timeout": 5.0, "fatal": fatal}], ranks=2)
    assert outcome.codes[1] == -signal.SIGKILL  # by the test, afterwards
    assert outcome.codes[0] not in (0, None, -signal.SIGKILL), outcome.said
    assert "imed out" in outcome.said
