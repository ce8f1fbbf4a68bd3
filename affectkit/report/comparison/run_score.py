"""One score of one run, and what it is paired by."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from affectkit.callbacks import ResultsWriter
from affectkit.report.comparison.error import ComparisonError

_STAGE = "test/"


class RunScore(NamedTuple):
    """A test score.

    Attributes:
        seed: Seed of the run; "" where its configuration has none.
        data: Data set of the run, which is another one for each fold.
        value: The score.
        folder: Run folder.
        protocol: What the score counts, in full; "" where the run does not say.
    """

    seed: str
    data: str
    value: float
    folder: Path
    protocol: str


def read_run_score(folder: str | os.PathLike[str], metric: str) -> RunScore:
    """Read a test score of a run.

    Args:
        folder: Run folder.
        metric: Name of the score, with or without ``test/``.

    Raises:
        ComparisonError: If the run was not tested, or has no such score.
    """
    place, key = Path(folder), _STAGE + metric.removeprefix(_STAGE)
    try:
        results: object = json.loads((place / ResultsWriter.METRICS).read_text(encoding="utf-8"))
        stored: object = yaml.safe_load((place / "config.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ComparisonError(
            f"{place} has no {Path(error.filename).name}: give runs that `affectkit test` has tested."
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise ComparisonError(f"A file of {place} is damaged ({error}): test the run again.") from error
    scores, protocols = _table(results, "metrics"), _table(results, "protocols")
    value = scores.get(key)
    if not isinstance(value, float | int) or not math.isfinite(value):
        known = sorted(name.removeprefix(_STAGE) for name, score in scores.items() if score is not None)
        raise ComparisonError(f"{place} has no score {metric!r}: it has {', '.join(known) or 'none'}.")
    config = stored if isinstance(stored, Mapping) else {}
    seed: object = config.get("seed_everything")
    data = _table(_table(config, "data"), "init_args").get("root")
    return RunScore(
        seed="" if seed is None else str(seed),
        data="" if data is None else str(data),
        value=float(value),
        folder=place,
        protocol=str(protocols.get(key, "")),
    )


def _table(value: object, name: str) -> Mapping[str, object]:
    found: object = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
