from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from affectkit.data.sources.emotiontalk import EMOTIONTALK

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

CLIPS = ("G00009_42_14_001", "G00009_42_12_002", "G00009_42_14_003", "G00001_07_03_001")


def save(path: Path, labels: dict[str, tuple[int, float]], *, test: str = "G00001") -> None:
    corpora: dict[str, dict[str, dict[str, float]]] = {"train": {}, "val": {}, "test": {}}
    for clip, (emotion, value) in labels.items():
        split = "test" if clip.startswith(test) else "train"
        corpora[split][clip] = {"emo": emotion, "val": value}
    members: dict[str, Any] = {f"{name}_corpus": np.array(c, dtype=object) for name, c in corpora.items()}
    np.savez_compressed(path, **members)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mm-process"
    folder.mkdir()
    # Written out of order, as the published files are.
    save(
        folder / "mm_label.npz",
        {CLIPS[2]: (0, 0.4), CLIPS[0]: (6, -1.2), CLIPS[1]: (4, 2), CLIPS[3]: (3, -2)},
    )
    save(folder / "audio_label.npz", {CLIPS[0]: (0, -10), CLIPS[1]: (4, -10)})
    rows = []
    for clip in reversed(CLIPS):
        group, talk, speaker, _ = clip.split("_")
        rows.append(
            f"{group}/{group}_{talk}/{group}_{talk}_{speaker}/{clip},neutral,[over/]嗯[/over]{clip[-1]}。\n"
        )
    (folder / "transcription.csv").write_text("name,emotion,chinese\n" + "".join(rows), encoding="utf-8")
    return folder


def test_conversations_are_put_together_again(folder: Path, made: Made) -> None:
    manifest, found = made(EMOTIONTALK, folder)
    assert manifest.class_counts == {"train": (1, 0, 0, 0, 1, 0, 1), "test": (0, 0, 0, 1, 0, 0, 0)}
    record = found["train"]["G00009_42"][0]
    assert record["speakers"] == ["G00009_12", "G00009_14"]
    assert [(t["id"], t["speaker"], t["label"], t["dims"]) for t in record["utterances"]] == [
        (CLIPS[0], 1, 6, [-1.2]),
        (CLIPS[1], 0, 4, [2]),
        (CLIPS[2], 1, 0, [0.4]),
    ]
    assert record["utterances"][0]["text"] == "[over/]嗯[/over]1。"
    assert record["utterances"][0]["extra"] == {"audio": 0, "text": None, "video": None}
    assert record["utterances"][2]["extra"] == {"audio": None, "text": None, "video": None}


def test_a_conversation_in_two_splits_is_refused(folder: Path, refused: Refused) -> None:
    labels = dict.fromkeys(CLIPS, (0, 0.0))
    save(folder / "mm_label.npz", labels, test="G00009_42_12")
    refused(EMOTIONTALK, folder, at=folder / "mm_label.npz", row=None, words="'G00009_42' is in two splits")


def test_a_clip_without_words_or_of_another_name_is_refused(folder: Path, refused: Refused) -> None:
    save(folder / "mm_label.npz", {"G00009_42_14_009": (0, 0.0)})
    refused(
        EMOTIONTALK,
        folder,
        at=folder / "transcription.csv",
        row=None,
        words="no words for 'G00009_42_14_009'",
    )
    save(folder / "mm_label.npz", {"G00009_42": (0, 0.0)})
    refused(EMOTIONTALK, folder, at=folder / "mm_label.npz", row=None, words="no GROUP_TALK_SPEAKER_TURN")


def test_words_given_twice_are_refused(folder: Path, refused: Refused) -> None:
    path = folder / "transcription.csv"
    path.write_text(path.read_text(encoding="utf-8") + f"x/{CLIPS[0]},neutral,again\n", encoding="utf-8")
    refused(EMOTIONTALK, folder, at=path, row=6, words="has words already")
