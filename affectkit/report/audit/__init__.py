"""Audits of data sets: duplicates, leakage between splits, conflicts of labels and licences."""

from __future__ import annotations

from affectkit.report.audit.audit import audit_datasets
from affectkit.report.audit.audit_error import AuditError
from affectkit.report.audit.audit_report import AuditReport, SearchCost
from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.finding import SEVERITIES, Finding, Severity
from affectkit.report.audit.picture_hash import picture_hash, picture_similarity
from affectkit.report.audit.text_sketch import jaccard, normal_text, shingles, text_sketch

__all__ = (
    "SEVERITIES",
    "AuditError",
    "AuditReport",
    "AuditSettings",
    "Finding",
    "SearchCost",
    "Severity",
    "audit_datasets",
    "jaccard",
    "normal_text",
    "picture_hash",
    "picture_similarity",
    "shingles",
    "text_sketch",
)
