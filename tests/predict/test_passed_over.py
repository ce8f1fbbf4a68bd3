"""Files in folders that no item stands for are counted by their endings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectkit.predict import PredictError, find_clips, find_pictures
from affectkit.predict.dialogues.dialogue_item import find_dialogues
from affectkit.predict.passed_over import passed_over


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"?")
    return folder


def test_videos_and_others_are_counted_beside_pictures(tmp_path: Path) -> None:
    names = ("a.png", "b/c.JPG", "b/d.mp4", "b/e.MP4", "f.txt", "README", ".hidden/g.mp4", ".h.mp4")
    folder = files(tmp_path, *names)
    found = passed_over([folder, folder / "b"], find_pictures([folder]))
    assert found == {".mp4": 2, ".txt": 1, "no ending": 1} and next(iter(found)) == ".mp4"
    # What is named is not passed over, and what is named beside its folder has a row.
    assert passed_over([folder / "b" / "d.mp4"], []) == {}
    both = [folder / "b", folder / "b" / "d.mp4"]
    assert passed_over(both, find_clips(both)) == {".jpg": 1}


def test_frames_of_a_clip_are_read(tmp_path: Path) -> None:
    folder = files(tmp_path, "x/1.png", "x/2.png", "y/1.png", "y/notes.txt")
    assert passed_over([folder], find_clips([folder])) == {}
    files(tmp_path, "x/film.mp4")
    assert passed_over([folder], find_clips([folder])) == {".png": 3, ".txt": 1}


def test_what_a_dialogue_names_is_read(tmp_path: Path) -> None:
    folder = files(tmp_path, "d/0.wav", "d/1.wav", "d/0.png")
    turns = [{"speaker": "A", "text": "no", "voice": "d/0.wav", "face": ["d/../d/0.png"]}]
    (folder / "t.jsonl").write_text(json.dumps({"id": "d", "utterances": turns}))
    assert passed_over([folder], find_dialogues([folder], media=True)) == {".wav": 1}
    assert passed_over([folder], find_dialogues([folder])) == {".wav": 2, ".png": 1}


def test_a_folder_without_any_says_what_it_holds(tmp_path: Path) -> None:
    folder = files(tmp_path, "a.mp4", "b.mp4", "c.txt")
    with pytest.raises(PredictError, match=r"holds no jpg.* \(of other files 2 \.mp4, 1 \.txt\): name"):
        find_pictures([folder])
