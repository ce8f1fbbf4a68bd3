"""The part of a report that says what an audit found in the data of a run."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from affectkit.data.shards import Manifest
from affectkit.report.audit import SEVERITIES, AuditError, Finding
from affectkit.report.audit.audited_set import AuditedSet
from affectkit.report.audit.class_counts import class_count_findings
from affectkit.report.page import Section, Table

HEADING: Final = "Audit of the data"
_NAME: Final = "audit.json"


class DataAudit(NamedTuple):
    """What is known about the trustworthiness of the data of a run.

    Attributes:
        findings: What concerns these data, worst first.
        audited: Names of the data sets that were audited; empty where only the manifest was looked at.
    """

    findings: Sequence[Finding]
    audited: Sequence[str] = ()

    @property
    def errors(self) -> int:
        """Number of findings after which results cannot be trusted."""
        return sum(finding.severity == "error" for finding in self.findings)


def find_audit(
    folder: Path, root: object, manifest: Manifest | None, *, file: str | os.PathLike[str] | None = None
) -> DataAudit | None:
    """What `affectkit audit` found in the data of a run.

    Unless a file is given, it is looked for as ``audit.json`` in the run folder, as ``DATA.audit.json``
    beside the folder of the data, and as ``audit.json`` beside it; one of other data, or of the data
    before a change, is passed by. Without any, what the manifest alone tells is found.

    Args:
        folder: The run folder.
        root: The folder or address of the data, where there is a single one.
        manifest: Its manifest, where it can be read.
        file: What `affectkit audit --out` wrote.

    Returns:
        None where there is neither an audit nor a manifest.

    Raises:
        AuditError: If ``file`` is no audit, or not one of these data.
    """
    if file is not None:
        given = _read(Path(file))
        if manifest is None:
            return DataAudit(given.findings, [name for name, _ in given.sets])
        found = _about(given, manifest)
        if found is None:
            raise AuditError(
                f"{file} is not an audit of {manifest.name!r} as it is now (it is one of "
                f"{', '.join(name for name, _ in given.sets)}): run `affectkit audit {root} --out {file}`."
            )
        return found
    if manifest is None:
        return None
    for path in _places(folder, root):
        try:
            found = _about(_read(path), manifest) if path.is_file() else None
        except AuditError:
            continue  # a file of the same name that is something else
        if found is not None:
            return found
    return DataAudit(class_count_findings(AuditedSet(manifest.name, manifest)))


def audit_section(found: DataAudit | None, *, root: object = None) -> Section | None:
    """Findings by severity; None where nothing is known of the data."""
    if found is None:
        return None
    counts = ", ".join(
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity in SEVERITIES
        for number in [sum(one.severity == severity for one in found.findings)]
    )
    if found.audited:
        text = (
            f"What an audit of {', '.join(found.audited)} found: {counts}. After an error, results on these "
            "data cannot be trusted; a warning should be looked at and told; a note is usual in such data."
        )
    else:
        command = f"affectkit audit {shlex.quote(str(root))} --out {_NAME}"
        text = (
            "These data were not audited for duplicates and for leaks between their splits; their manifest "
            f"alone tells: {counts}. To audit them: {command}, then affectkit report with --audit {_NAME}."
        )
    rows = [
        [one.severity, one.code.replace("_", " "), ", ".join(one.places), one.message]
        for one in found.findings
    ]
    header = ["severity", "kind", "where", "finding"]
    tables = [Table("Findings", header, rows, words=True)] if rows else []
    return Section(HEADING, text=text, tables=tables)


class _Stored(NamedTuple):
    """An audit as its file has it: findings, and the fingerprint of each split of each data set."""

    findings: list[Finding]
    sets: list[tuple[str, dict[str, str]]]


def _places(folder: Path, root: object) -> Iterable[Path]:
    yield folder / _NAME
    data = Path(str(root or "")).absolute()
    if root and data.name:
        yield data.with_name(f"{data.name}.{_NAME}")
        yield data.with_name(_NAME)


def _read(path: Path) -> _Stored:
    wrong = f"{path} is no audit: give the file that `affectkit audit DIR --out FILE` wrote."
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AuditError(wrong) from error
    if not isinstance(value, Mapping) or value.get("format") != "affectkit-audit":
        raise AuditError(wrong)
    try:
        findings = [
            Finding(**{**one, "places": tuple(one["places"]), "examples": tuple(one["examples"])})
            for one in value["findings"]
        ]
        sets = [
            (str(one["name"]), {split: str(what["fingerprint"]) for split, what in one["splits"].items()})
            for one in value["datasets"]
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise AuditError(wrong) from error
    return _Stored(findings, sets)


def _about(stored: _Stored, manifest: Manifest) -> DataAudit | None:
    """What concerns one data set, which is known by its content and not by its name."""
    content = {split: manifest.fingerprint(split) for split in manifest.splits}
    name = next((name for name, splits in stored.sets if splits == content), None)
    if name is None:
        return None
    mine = [
        one
        for one in stored.findings
        if any(place == name or place.startswith(f"{name}/") for place in one.places)
    ]
    return DataAudit(mine, [other for other, _ in stored.sets])
