"""Which lines, cues and turns a file of texts holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectkit.data.decode import DecodeError
from affectkit.predict.texts.text_file import read_pieces
from affectkit.predict.texts.text_piece import TextPiece

SRT = """\ufeff1\r
00:00:01,500 --> 00:00:02,750\r
<i>I can't</i>\r
{\\an8}believe it.\r
\r
2\r
01:02:03,004 --> 01:02:05,000 X1:40\r
♪\r
\r
3\r
00:01:00,000 --> 00:01:01,000\r
<b></b>\r
"""
VTT = """WEBVTT - a talk

NOTE two people
00 is no time

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v.loud Ann &amp; Co>Hello <00:01.500>there</v>

00:03.000 --> 00:04.000
&lt;nothing&gt;
"""


def written(folder: Path, name: str, content: str) -> list[TextPiece]:
    (folder / name).write_text(content, encoding="utf-8", newline="")
    return read_pieces(folder / name)


def test_lines_keep_what_is_in_them(tmp_path: Path) -> None:
    found = written(tmp_path, "a.TXT", "\ufeff\n one \r\ntwo\n\n\n \nthree")
    assert [(p.part, p.text, p.dialogue) for p in found] == [
        ("line 2", " one ", "dialogue 1"),
        ("line 3", "two", "dialogue 1"),
        ("line 7", "three", "dialogue 2"),
    ]


def test_subrip(tmp_path: Path) -> None:
    first, second = written(tmp_path, "a.srt", SRT)
    assert first == TextPiece("cue 1", "I can't believe it.", start=1.5, stop=2.75)
    assert second == TextPiece("cue 2", "♪", start=3723.004, stop=3725.0)


def test_webvtt(tmp_path: Path) -> None:
    first, second = written(tmp_path, "a.vtt", VTT)
    assert first == TextPiece("cue 1", "Hello there", "Ann & Co", start=1.0, stop=2.5)
    assert second.text == "<nothing>" and second.speaker == ""


def test_a_block_without_times_is_a_row_with_its_line(tmp_path: Path) -> None:
    cue = "00:00:0{0},000 --> 00:00:0{0},500\nsaid {0}\n"
    content = f"1\n{cue.format(1)}\n\n2\n00:00:02 -> 00:00:03\nlost\n \n3\n{cue.format(3)}"
    found = written(tmp_path, "a.srt", content)
    assert [(p.part, p.text, bool(p.error)) for p in found] == [
        ("cue 1", "said 1", False),
        ("line 6", "", True),
        ("cue 2", "said 3", False),
    ]
    assert "The block at line 6 has no line of times" in found[1].error
    (wrong,) = [p for p in written(tmp_path, "a.vtt", VTT + "\nlost\n") if p.error]
    assert wrong.part == "line 16"


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"text": "alone"},
        {"dialogue": 7, "speaker": "Ann", "text": "hi", "start": 1, "end": 2.5},
        {"id": "d", "utterances": [{"speaker": "Bo", "text": "x"}, {"speaker": "Al", "text": "y"}]},
        {"id": "e", "speakers": ["Cy"], "utterances": [{"speaker": 0, "text": "z"}, {"speaker": 0}]},
        {"utterances": []},
        ["text"],
    ]
    content = "\n".join(json.dumps(line) for line in lines) + "\n\n{oh\n"
    found = written(tmp_path, "a.jsonl", content)
    assert found[0] == TextPiece("line 1", "alone", dialogue="line 1")
    assert found[1] == TextPiece("line 2", "hi", "Ann", "dialogue 7", 1.0, 2.5)
    assert found[2] == TextPiece("dialogue d turn 0", "x", "Bo", "dialogue d")
    assert found[3].speaker == "Al" and found[4].speaker == "Cy" and found[4].dialogue == "dialogue e"
    assert [piece.part for piece in found[5:]] == ["dialogue e turn 1", "line 5", "line 6", "line 8"]
    assert all('write {"text": ...}' in piece.error for piece in found[5:8])
    assert "Line 8" in found[8].error


def test_what_holds_no_text(tmp_path: Path) -> None:
    for name, content, said in (
        ("a.docx", b"x", r"ends in '\.docx', and the model reads txt, srt, vtt or jsonl"),
        ("a.txt", b" \n\n", "holds no text"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\n<b></b>\n", "holds no text"),
        ("a.vtt", b"WEBVTT\n", "holds no text"),
        ("b.txt", b"ol\xe1", r"not UTF-8 \(byte 2\)"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DecodeError, match=said):
            read_pieces(tmp_path / name)
