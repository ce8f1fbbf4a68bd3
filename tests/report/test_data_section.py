"""The data card says what the manifest states, the environment what is installed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from affectkit.data.shards import Licence, read_manifest
from affectkit.report.data_section import data_section
from affectkit.report.embedding_section import EmbeddedRows, _shapes
from affectkit.report.environment_section import environment_section
from affectkit.report.run_record import RunRecord


def test_the_card_counts_as_the_manifest_does(synthetic_features: Path) -> None:
    stated = json.loads((synthetic_features / "manifest.json").read_text(encoding="utf-8"))
    section = data_section(read_manifest(synthetic_features))
    card, splits, classes = section.tables
    facts = {row[0]: row[1] for row in card.rows}
    assert facts["licence"].endswith("(synthetic)") and facts["terms"] == stated["licence"]["terms"]
    assert facts["origin"].startswith("generated") and facts["made by"] == stated["created_by"]
    for split in ("train", "val", "test"):
        shards = [one for one in stated["shards"] if one["split"] == split]
        row = next(row for row in splits.rows if row[0] == split)
        assert row[1:3] == [str(sum(one[key] for one in shards)) for key in ("samples", "items")]
        column = list(classes.header).index(split)
        counts = [int(row[column].split()[0]) for row in classes.rows]
        assert counts == stated["class_counts"][split]
    assert splits.header[2] == "utterances"
    assert [row[0] for row in classes.rows] == stated["label_space"]["labels"]


def test_what_is_not_stated_is_said(synthetic_features: Path) -> None:
    manifest = replace(
        read_manifest(synthetic_features),
        licence=Licence("unknown", "unknown"),
        created_by="",
        synthetic=False,
    )
    facts = {row[0]: row[1] for row in data_section(manifest).tables[0].rows}
    assert (facts["terms"], facts["made by"], facts["origin"]) == ("not stated", "not stated", "recorded")


def test_the_environment_is_this_one() -> None:
    run = RunRecord(
        Path(), config={"seed_everything": 7, "trainer": {"devices": 2, "precision": "bf16-mixed"}}
    )
    facts = {row[0]: row[1] for row in environment_section(run).tables[0].rows}
    assert torch.__version__.startswith(facts["torch"]) and facts["seed of the training"] == "7"
    assert (facts["processes of the training"], facts["precision of the training"]) == ("2", "bf16-mixed")


def test_classes_are_measured_in_all_dimensions() -> None:
    rows = np.array([[2.0, 0, 0], [0, 3.0, 0], [0, 0, 1.0], [0, 0.6, 0.8]])
    found = _shapes(
        EmbeddedRows(list("abcd"), rows, np.array([0, 0, 1, 3])), ["calm", "glad", "sad", "cross"]
    )
    # Two unit vectors at a right angle lie 0.5 from their mean, squared; "sad" has no row.
    assert found.rows[0][:3] == ["calm", "2", "0.500"]
    assert found.rows[1] == ["glad", "1", "0.000", "cross", f"{np.linalg.norm([0, 0.6, -0.2]):.3f}"]
    assert [row[0] for row in found.rows] == ["calm", "glad", "cross"]
