"""The same run in one process, two ranks and two nodes, with workers of every kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.distributed.data.conftest import ForkRanks, Launch

pytestmark = pytest.mark.distributed

PLAIN: dict[str, object] = {"name": "plain"}
#: Two sources, dropout, accumulation, validation in the middle of epochs, batches of like length.
SHIFTED: dict[str, object] = {
    "name": "shifted",
    "accumulate": 2,
    "interval": 0.5,
    "dropout": 0.5,
    "by_length": True,
    "mixed": True,
}
RUNS: list[dict[str, object]] = [
    PLAIN,
    {"name": "fork", "workers": 2, "context": "fork"},
    # One worker: each is a new process that imports everything, in every epoch and rank.
    {"name": "spawn", "workers": 1, "context": "spawn", "validated": False},
    SHIFTED,
    {"name": "lanes", "shuffle": "lanes", "workers": 2, "context": "fork"},
]


class Seen(NamedTuple):
    """What the ranks of a run wrote down; keys are numbers of batches, or of steps in ``val``."""

    train: dict[int, list[str]]
    losses: dict[int, list[str]]
    val: dict[int, list[str]]
    counts: dict[int, object]
    moments: dict[int, dict[str, float]]
    own: dict[int, dict[str, str]]


def seen(folder: Path) -> Seen:
    """Join the traces of all ranks; what all ranks must agree on is asserted here."""
    found = Seen({}, {}, {}, {}, {}, {})
    for rank, path in enumerate(sorted(folder.glob("trace*.jsonl"))):
        mine = Seen({}, {}, {}, {}, {}, {})
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry["stage"] == "start":
                # a validation that was cut off is done again from its front
                for step in mine.val.keys() - mine.counts.keys():
                    del mine.val[step]
            elif entry["stage"] == "train":
                # what a resumed run does again must be what it did before
                number = entry["number"]
                assert mine.train.setdefault(number, entry["keys"]) == entry["keys"], entry
                assert mine.losses.setdefault(number, [entry["loss"]]) == [entry["loss"]], entry
            elif entry["stage"] == "val":
                mine.val[entry["step"]] = mine.val.get(entry["step"], []) + entry["keys"]
            elif entry["stage"] == "stored":
                mine.counts[entry["step"]] = entry["counts"]
                mine.moments[entry["step"]] = {k: float.fromhex(v) for k, v in entry["moments"].items()}
            elif entry["stage"] == "own":
                mine.own[entry["step"]] = entry["metrics"]
        if rank:
            assert found[3:] == mine[3:]
        for joined, table in ((found.train, mine.train), (found.losses, mine.losses), (found.val, mine.val)):
            for number, row in table.items():
                joined[number] = joined.get(number, []) + row
        for name in ("counts", "moments", "own"):
            getattr(found, name).update(getattr(mine, name))
    return found


def networks(folder: Path) -> set[str]:
    """Names of the networks in which the ranks of a run were."""
    lines = [path.read_text().splitlines()[0] for path in folder.glob("trace*.jsonl")]
    return {json.loads(line)["network"] for line in lines}


@pytest.fixture(scope="module")
def alone(talks: str, fork_ranks: ForkRanks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs in one process."""
    out = tmp_path_factory.mktemp("alone")
    outcome = fork_ranks(talks, out, RUNS)
    assert outcome.codes == [0], outcome.said
    return out


@pytest.fixture(scope="module")
def ranks(talks: str, one_node: Launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs in two ranks by torchrun, and at last one that a rank does not survive."""
    out = tmp_path_factory.mktemp("ranks")
    killed = {**SHIFTED, "name": "killed", "fatal": (1, "batch", 12, "SIGKILL")}
    outcome = one_node(talks, out, [*RUNS, killed])
    assert outcome.codes == [1], outcome.said
    assert "SIGKILL" in outcome.said
    return out


@pytest.fixture(scope="module")
def nodes(talks: str, ranks: Path, two_nodes: Launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on two nodes by torchrun, and the killed one taken up again."""
    out = tmp_path_factory.mktemp("nodes")
    shutil.copytree(ranks / "killed", out / "killed")
    outcome = two_nodes(talks, out, [PLAIN, SHIFTED, {**SHIFTED, "name": "killed", "resume": True}])
    assert outcome.codes == [0, 0], outcome.said
    return out


def test_one_process_shows_each_sample_once(alone: Path) -> None:
    # what the others are compared with is right itself
    plain = seen(alone / "plain")
    assert sorted(plain.train) == list(range(12))
    shown = [[key for i in range(6) for key in plain.train[6 * epoch + i]] for epoch in range(2)]
    assert all(len(keys) == len(set(keys)) == 24 for keys in shown) and shown[0] != shown[1]
    everything = [f"val{i:02}" for i in range(11)]
    assert {step: sorted(keys) for step, keys in plain.val.items()} == {6: everything, 12: everything}


@pytest.mark.parametrize("name", ["fork", "spawn"])
@pytest.mark.parametrize("launcher", ["alone", "ranks"])
def test_workers_change_no_bit(request: pytest.FixtureRequest, launcher: str, name: str) -> None:
    out: Path = request.getfixturevalue(launcher)
    plain, other = seen(out / "plain"), seen(out / name)
    assert len(plain.train) == 12 and (other.train, other.losses) == (plain.train, plain.losses)
    assert name == "spawn" or other == plain


@pytest.mark.parametrize("name", ["plain", "shifted", "lanes"])
def test_two_ranks_see_what_one_process_sees(alone: Path, ranks: Path, name: str) -> None:
    one, two = seen(alone / name), seen(ranks / name)
    assert len(one.train) == (20 if name == "shifted" else 12)
    assert one.train == two.train
    assert len(one.val) in (2, 4) and {s: set(k) for s, k in one.val.items()} == {
        s: set(k) for s, k in two.val.items()
    }
    assert all(len(keys) == 11 for keys in two.val.values())
    assert one.counts == two.counts
    for step, moments in one.moments.items():
        assert moments == pytest.approx(two.moments[step], abs=1e-12, rel=0)


def test_a_model_scores_alike_on_one_process_and_two_ranks(alone: Path, ranks: Path) -> None:
    one, two = seen(alone / "plain"), seen(ranks / "plain")
    assert one.own.keys() == two.own.keys() == {6, 12}
    for step, metrics in one.own.items():
        assert metrics.keys() == two.own[step].keys() and "val/loss" in metrics
        for key, value in metrics.items():
            assert float.fromhex(value) == pytest.approx(float.fromhex(two.own[step][key]), abs=1e-5), key


@pytest.mark.parametrize("name", ["plain", "shifted"])
def test_two_nodes_change_no_bit(ranks: Path, nodes: Path, name: str) -> None:
    assert seen(nodes / name) == seen(ranks / name)


def test_a_killed_run_goes_on_upon_two_nodes(ranks: Path, nodes: Path) -> None:
    whole, before = seen(ranks / "shifted"), seen(ranks / "killed")
    assert set(before.train) == set(range(13))
    assert seen(nodes / "killed") == whole


def test_the_nodes_had_networks_of_their_own(ranks: Path, nodes: Path) -> None:
    found = networks(nodes / "plain")
    if found == networks(ranks / "plain"):
        pytest.skip("this process may not make network namespaces: the two nodes shared the loopback")
    assert len(found) == 2
