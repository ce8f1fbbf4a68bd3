"""Knowledge by utterance: read, asked for, missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.conversation.prompts import PromptError, UtteranceKnowledge, UtteranceReading

LINES = (
    '{"key": "d0#0", "explicit": "so", "speaker_profile": "calm\u2028man"}\n\n'
    '{"key": "d0#1", "implicit": "é"}\n'
)


def test_a_file_is_read_and_every_utterance_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "known.jsonl").write_text(LINES, encoding="utf-8")
    known = UtteranceKnowledge.read(tmp_path / "known.jsonl")
    assert len(known) == 2 and known["d0#1"] == UtteranceReading(implicit="é")
    assert known["d0#0"] == UtteranceReading("so", "", "calm\u2028man")
    known.require(["d0#1", "d0#0"])
    with pytest.raises(PromptError, match=r"known\.jsonl says nothing about utterance 'd1#0' \(2 of 3"):
        known.require(["d0#0", "d1#0", "d1#1"])
    with pytest.raises(PromptError, match="'d9#9'"):
        known["d9#9"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Line 2 of known.jsonl is no JSON"),
        ("[]", "Line 2 of known.jsonl has no 'key'"),
        ('{"key": 3}', "has no 'key'"),
        ('{"key": "a", "profile": "x"}', "wrong field 'profile'"),
        ('{"key": "a", "explicit": null}', "wrong field 'explicit'"),
        ('{"key": "d0#0"}', "'d0#0' of an earlier line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "known.jsonl").write_text('{"key": "d0#0"}\n' + line, encoding="utf-8")
    with pytest.raises(PromptError, match=reason.replace(".", r"\.")):
        UtteranceKnowledge.read(tmp_path / "known.jsonl")
