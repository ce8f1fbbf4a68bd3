"""`affectkit fit|validate|test|predict`: LightningCLI with run folders and safe resuming."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import Logger

from affectkit.callbacks import AppendingCSVLogger, CurriculumRecorder, ResultsWriter, ResumableCheckpoint
from affectkit.cli import run_folder
from affectkit.cli.configuration_error import explained_building, explained_parsing
from affectkit.cli.lost_rank import explained_loss, limit_waiting
from affectkit.recipes.lookup import resolve_recipes


class KeepConfig(SaveConfigCallback):
    """Write `config.yaml` for the first command in a run folder and `config.N.yaml` for later ones."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the configuration of this command beside those that are already there."""
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while (path := folder / ("config.yaml" if number == 0 else f"config.{number}.yaml")).exists():
            number += 1
        unfinished = folder / f".{path.name}.{os.getpid()}"
        unfinished.write_text(self.parser.dump(self.config, skip_none=False), encoding="utf-8")
        unfinished.replace(path)
        with (folder / "commands.txt").open("a", encoding="utf-8") as commands:
            commands.write(shlex.join(["affectkit", *AffectCLI.typed]) + "\n")
        run_folder.point_latest(folder)


class AffectCLI(LightningCLI):
    """LightningCLI that keeps a run in one folder, however often it is resumed or tested.

    Deviation from LightningCLI: a checkpoint's hyper-parameters are never merged over the command
    line, an absent checkpoint is an error, and checkpoints load with ``weights_only=True``.
    """

    #: The arguments as the user typed them, with ``recipe:NAME`` unresolved.
    typed: ClassVar[list[str]] = []
    folder: Path | None = None

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Build a parser whose errors are raised, for :func:`explained_parsing` to say them."""
        return super().init_parser(**{**kwargs, "exit_on_error": False})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the two options that say where runs are kept."""
        parser.add_argument("--runs", type=str, default="runs", help="folder in which runs are kept")
        parser.add_argument(
            "--run_folder", type=str | None, default=None, help="this very folder instead of runs/NAME/TIME"
        )
        parser.add_argument(
            "--timeout_minutes",
            type=float,
            default=10.0,
            help="how long a process waits for one that died or is stuck, unless the strategy is a class",
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse, then take the checkpoint out of Lightning's hands.

        LightningCLI would otherwise merge the checkpoint's hyper-parameters over the command line.
        """
        with explained_parsing(self.typed[0] if self.typed else "fit"):
            super().parse_arguments(parser, args)
        options = self.config[self.config["subcommand"]]
        self.checkpoint: str | None = options["ckpt_path"]
        options["ckpt_path"] = None

    def before_instantiate_classes(self) -> None:
        """Choose the run folder and find the checkpoint before anything heavy is built."""
        command: str = self.config["subcommand"]
        options = self.config[command]
        self.folder = run_folder.choose_run_folder(
            sys.argv[1:],
            root=Path(options["runs"]),
            explicit=options["run_folder"],
            checkpoint=self.checkpoint,
            starts_training=command == "fit",
        )
        # The ranks that Lightning starts from this process inherit the choice.
        os.environ[run_folder.RUN_FOLDER_VARIABLE] = str(self.folder)
        checkpoint = run_folder.resolve_checkpoint(self.checkpoint, self.folder)
        run_folder.check_trained(checkpoint, self.folder, command)
        options["ckpt_path"] = None if checkpoint is None else str(checkpoint)
        options["weights_only"] = True
        options["trainer"]["default_root_dir"] = str(self.folder)

    def instantiate_classes(self) -> None:
        """Build what the configuration names; a value that a component refuses is said in one sentence."""
        with explained_building():
            super().instantiate_classes()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer; a process of it waits for a lost one no longer than it is told to."""
        trainer = self._instantiate(**kwargs)
        asked = self._get(self.config_init, "trainer").get("strategy")
        if asked is None or isinstance(asked, str):  # a strategy given as a class has a limit of its own
            limit_waiting(trainer.strategy, minutes=self._get(self.config_init, "timeout_minutes"))
        return trainer

    def _instantiate(self, **kwargs: Any) -> Trainer:
        """Add the run folder's log, checkpoints and results to what the configuration asks for."""
        asked = self._get(self.config_init, "trainer")
        if asked.get("fast_dev_run"):
            return super().instantiate_trainer(**kwargs)
        callbacks: list[Callback] = list(asked.get("callbacks") or [])
        for kind in (ResumableCheckpoint, CurriculumRecorder, ResultsWriter):
            if not any(isinstance(callback, kind) for callback in callbacks):
                callbacks.append(kind())
        return super().instantiate_trainer(
            callbacks=callbacks, logger=self._loggers(asked.get("logger")), **kwargs
        )

    def after_fit(self) -> None:
        """Say where the run is and what can be done with it."""
        self._say(
            *_scores(self.trainer),
            *_sizes(self.folder),
            f"test it:     affectkit test {_shared_options(self.typed[1:])} --ckpt_path best",
            f"look at it:  affectkit report {_shown(self.folder)}",
        )

    def after_test(self) -> None:
        """Say where the results are."""
        self._say(f"look at it:  affectkit report {_shown(self.folder)}")

    def after_predict(self) -> None:
        """Say where the predictions are."""
        written = [] if self.folder is None else [self.folder / "predicted.csv"]
        self._say(*(f"predictions: {_shown(path)}" for path in written if path.is_file()))

    def _loggers(self, asked: Any) -> list[Logger]:
        if isinstance(asked, Logger):
            asked = [asked]
        chosen: list[Logger] = list(asked) if isinstance(asked, (list, tuple)) else []
        assert self.folder is not None, "before_instantiate_classes() chooses the folder"
        return [AppendingCSVLogger(self.folder), *chosen]

    def _say(self, *lines: str) -> None:
        if self.trainer.is_global_zero:
            print("\n".join([f"run folder:  {_shown(self.folder)}", *lines]))


def train(arguments: Sequence[str]) -> int:
    """Run one of the four training commands; the launcher restarts ranks from ``sys.argv``."""
    kept_arguments, kept_folder = sys.argv, os.environ.get(run_folder.RUN_FOLDER_VARIABLE)
    AffectCLI.typed = list(arguments)
    sys.argv = [sys.argv[0], *resolve_recipes(list(arguments))]
    _quieten()
    try:
        with explained_loss():
            AffectCLI(
                LightningModule,
                LightningDataModule,
                save_config_callback=KeepConfig,
                save_config_kwargs={"save_to_log_dir": False},
                subclass_mode_model=True,
                subclass_mode_data=True,
                seed_everything_default=0,
                trainer_defaults={"use_distributed_sampler": False},
                parser_kwargs={"parser_mode": "omegaconf+"},
                auto_configure_optimizers=False,
                # A task saves its own constructor arguments; Lightning's copy would name classes of the CLI.
                load_from_checkpoint_support=False,
            )
    finally:
        _remove_if_empty(os.environ.get(run_folder.RUN_FOLDER_VARIABLE))
        sys.argv = kept_arguments
        if kept_folder is None:
            os.environ.pop(run_folder.RUN_FOLDER_VARIABLE, None)
        else:
            os.environ[run_folder.RUN_FOLDER_VARIABLE] = kept_folder
    return 0


def _scores(trainer: Trainer) -> list[str]:
    """What validation said: of the kept epoch where a metric chose one, of the last epoch otherwise."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ResumableCheckpoint) and callback.best_score is not None:
            last = max(trainer.current_epoch - 1, 0)
            epochs = f"epoch {callback.best_epoch}{f' of 0 to {last}' if last else ', the only one'}"
            return [f"best score:  {callback.monitor} {callback.best_score:.4f} ({epochs})"]
    found = {
        name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")
    }
    return (
        [f"last scores: {', '.join(f'{name} {value:.4f}' for name, value in found.items())}"] if found else []
    )


def _sizes(folder: Path | None) -> list[str]:
    """What the kept checkpoint weighs: of a model on a frozen base, only what was trained."""
    if folder is None:
        return []
    best = next((path for path in (folder / "checkpoints").glob("best*.ckpt")), None)
    return [] if best is None else [f"checkpoint:  {_shown(best)} ({best.stat().st_size / 1000:,.1f} kB)"]


def _quieten() -> None:
    """Leave out what a user of a recipe can do nothing about."""
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A frozen part stays in evaluation, on purpose.
    warnings.filterwarnings("ignore", message="Found .* module.* in eval mode.*")
    tips = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    if not any(isinstance(known, _NoAdvertisement) for known in tips.filters):
        tips.addFilter(_NoAdvertisement())


class _NoAdvertisement(logging.Filter):
    """Drops Lightning's tip to install another logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "litlogger" not in record.getMessage()


def _remove_if_empty(folder: str | None) -> None:
    """Leave no empty run folder behind a command that failed before it wrote anything."""
    if folder is not None and Path(folder).is_dir() and not any(Path(folder).iterdir()):
        Path(folder).rmdir()


def _shown(folder: Path | None) -> str:
    """Give ``folder`` relative to where the user stands when it lies below."""
    assert folder is not None, "before_instantiate_classes() chooses the folder"
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)


def _shared_options(arguments: list[str]) -> str:
    """Keep the options that a test needs too: everything but the checkpoint."""
    kept = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--ckpt_path":
            skip = True
        elif not argument.startswith("--ckpt_path="):
            kept.append(argument)
    return shlex.join(kept)
