"""Which folder a command reads and writes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from affectkit.cli.run_folder import (
    RUN_FOLDER_VARIABLE,
    CheckpointNotFoundError,
    check_trained,
    choose_run_folder,
    point_latest,
    resolve_checkpoint,
    run_name,
)

ARGUMENTS = ["fit", "--config", "/somewhere/erc.yaml"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (RUN_FOLDER_VARIABLE, "RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


def choose(
    root: Path, *, arguments: list[str] = ARGUMENTS, checkpoint: str | None = None, fit: bool = True
) -> Path:
    return choose_run_folder(arguments, root=root, explicit=None, checkpoint=checkpoint, starts_training=fit)


def finished_run(root: Path) -> Path:
    folder = choose(root)
    (folder / "config.yaml").write_text("seed_everything: 0\n")
    point_latest(folder)
    return folder


def test_each_training_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = choose(tmp_path), choose(tmp_path)
    assert first != second
    assert first.parent == second.parent == tmp_path / "erc"


def test_last_and_best_mean_the_newest_run(tmp_path: Path) -> None:
    finished_run(tmp_path)
    newest = finished_run(tmp_path)
    assert choose(tmp_path, checkpoint="last") == newest
    assert choose(tmp_path, checkpoint="best", fit=False) == newest


def test_last_without_a_run_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="There is no run in"):
        choose(tmp_path, checkpoint="last")
    assert list(tmp_path.iterdir()) == []


def test_an_absent_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="leave out --ckpt_path"):
        resolve_checkpoint("last", tmp_path)
    with pytest.raises(CheckpointNotFoundError, match="does not exist"):
        resolve_checkpoint(str(tmp_path / "nothing.ckpt"), tmp_path)


def test_a_checkpoint_inside_a_run_means_that_run(tmp_path: Path) -> None:
    old = finished_run(tmp_path)
    finished_run(tmp_path)
    checkpoint = old / "checkpoints" / "last.ckpt"
    assert choose(tmp_path, checkpoint=str(checkpoint)) == old


def test_a_saved_configuration_means_its_run_for_a_test_and_a_new_one_for_training(tmp_path: Path) -> None:
    old = finished_run(tmp_path)
    finished_run(tmp_path)
    arguments = ["test", f"--config={old / 'config.yaml'}"]
    assert choose(tmp_path, arguments=arguments, checkpoint="best", fit=False) == old
    fresh = choose(tmp_path, arguments=arguments)
    assert fresh.parent == old.parent and fresh != old


def test_ranks_started_by_lightning_inherit_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, str(tmp_path / "given"))
    assert choose(tmp_path) == tmp_path / "given"


def test_other_ranks_of_torchrun_make_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    choose(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_named_after_its_first_configuration() -> None:
    assert run_name(["fit", "--config=a/first.yaml", "-c", "second.yaml"]) == "first"
    assert run_name(["fit"]) == "run"


def test_a_trained_run_is_not_evaluated_untrained(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    check_trained(None, folder, "test")  # nothing was trained, e.g. of a model that needs no training
    weights = folder / "checkpoints" / "last.ckpt"
    weights.parent.mkdir()
    weights.touch()
    for command in ("test", "validate", "predict"):
        with pytest.raises(CheckpointNotFoundError, match="untrained: add --ckpt_path best"):
            check_trained(None, folder, command)
        check_trained(weights, folder, command)
    check_trained(None, folder, "fit")


def test_predictions_are_said_to_be_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from affectkit.cli.training import AffectCLI

    monkeypatch.chdir(tmp_path)
    cli = object.__new__(AffectCLI)
    cli.folder, cli.trainer = finished_run(tmp_path), cast(Any, SimpleNamespace(is_global_zero=True))
    cli.after_predict()
    assert "predictions" not in capsys.readouterr().out
    (cli.folder / "predicted.csv").touch()
    cli.after_predict()
    assert f"predictions: {cli.folder.relative_to(tmp_path)}/predicted.csv\n" in capsys.readouterr().out
