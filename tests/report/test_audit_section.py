"""What an audit found is told beside the results, and only where it is of the same data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest, read_manifest
from affectkit.labels import LabelSpace
from affectkit.report import build_report
from affectkit.report.audit import AuditError, audit_datasets
from affectkit.report.audit_section import audit_section, find_audit

WORDS = "Nobody had told them that the concert was cancelled."


def make(folder: Path, *, name: str = "notes", words: str = WORDS) -> Path:
    """A text of the training split is in the test split too, and that split has no "sad"."""
    folder.parent.mkdir(exist_ok=True)
    template = Manifest(
        name=name,
        kind="text",
        label_space=LabelSpace("mood2.notes", ("glad", "sad")),
        licence=Licence("CC0", "open"),
        created_by="a test",
    )
    rows: list[tuple[str, str, ItemRecord]] = [
        ("train", "a", {"id": "1", "label": 0, "text": WORDS}),
        ("train", "b", {"id": "2", "label": 1, "text": "She asked for the manager and then walked out."}),
        ("test", "c", {"id": "3", "label": 0, "text": words}),
    ]
    with DatasetWriter(folder, template) as writer:
        for split, key, record in rows:
            writer.add_item(split, key, record)
    return folder


def kinds(root: Path, run: Path, **options: Path) -> set[str]:
    found = find_audit(run, root, read_manifest(root), **options)
    assert found is not None
    return {finding.code for finding in found.findings}


@pytest.mark.parametrize("place", ["run/audit.json", "sets/notes.audit.json", "sets/audit.json"])
def test_an_audit_is_found_in_the_run_and_beside_the_data(tmp_path: Path, place: str) -> None:
    root, run = make(tmp_path / "sets" / "notes"), tmp_path / "run"
    run.mkdir()
    # Without one, the manifest alone tells that a class is absent, and cannot tell of duplicates.
    assert kinds(root, run) == {"absent_class"}
    audit_datasets([root]).write(tmp_path / place)
    assert kinds(root, run) == {"absent_class", "duplicate_text"}


def test_an_audit_of_other_data_is_passed_by_and_refused_where_it_is_named(tmp_path: Path) -> None:
    root, run = make(tmp_path / "sets" / "notes"), tmp_path / "run"
    run.mkdir()
    place = tmp_path / "sets" / "audit.json"
    audit_datasets([root]).write(place)
    shutil.rmtree(root)
    make(root, words="His brother laughed until the whole table joined in.")
    assert kinds(root, run) == {"absent_class"}
    with pytest.raises(AuditError, match="not an audit of 'notes' as it is now"):
        kinds(root, run, file=place)
    for text in ("[]", "{", json.dumps({"format": "affectkit-audit", "findings": [{}], "datasets": []})):
        place.write_text(text)
        assert kinds(root, run) == {"absent_class"}
        with pytest.raises(AuditError, match="is no audit: give the file that"):
            kinds(root, run, file=place)


def test_of_several_data_sets_only_what_concerns_this_one_is_told(tmp_path: Path) -> None:
    root = make(tmp_path / "notes")
    # The first has a name that the second one's begins with, and nothing in common with it.
    other = make(tmp_path / "more", name="notes of others", words="The river was higher than anyone knew.")
    place = tmp_path / "both.json"
    report = audit_datasets([root, other])
    report.write(place)
    found = find_audit(tmp_path, root, read_manifest(root), file=place)
    assert found is not None and set(found.audited) == {"notes", "notes of others"}
    assert any(one.places == ("notes of others/test",) for one in report.findings)
    assert all(any(p.split("/")[0] == "notes" for p in one.places) for one in found.findings)
    everything = find_audit(tmp_path, None, None, file=place)
    assert everything is not None and len(everything.findings) == len(report.findings)


def test_the_section_counts_and_lists(tmp_path: Path) -> None:
    root = make(tmp_path / "my notes")
    section = audit_section(find_audit(tmp_path, root, read_manifest(root)), root=root)
    assert (
        section is not None and "were not audited" in section.text and "0 errors, 1 warning," in section.text
    )
    assert f"affectkit audit '{root}' --out" in section.text
    audit_datasets([root]).write(tmp_path / "audit.json")
    section = audit_section(find_audit(tmp_path, root, read_manifest(root)), root=root)
    assert section is not None and "an audit of notes found: 1 error, 1 warning, 0 notes" in section.text
    (table,) = section.tables
    assert [row[:3] for row in table.rows] == [
        ["error", "duplicate text", "notes/train, notes/test"],
        ["warning", "absent class", "notes/test"],
    ]
    assert audit_section(find_audit(tmp_path, None, None)) is None


def test_errors_stand_at_the_top_of_the_report(tmp_path: Path) -> None:
    root, run = make(tmp_path / "notes"), tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(json.dumps({"data": {"init_args": {"root": str(root)}}}))
    assert "cannot be trusted: see" not in build_report(run).read_text(encoding="utf-8")
    audit_datasets([root]).write(tmp_path / "found.json")
    page = build_report(run, audit=tmp_path / "found.json").read_text(encoding="utf-8")
    assert page.index("cannot be trusted: see") < page.index("duplicate text")
