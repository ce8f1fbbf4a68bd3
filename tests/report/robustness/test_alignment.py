"""Accuracy by which modality tells the truth."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import f1_score

from affectkit.report.robustness import alignment_report, label_alignment


def test_alignment_by_hand() -> None:
    label = torch.tensor([2, 2, 2, 2, 2, -100])
    own = {
        "text": torch.tensor([2, 0, 2, 0, 0, 2]),
        "audio": torch.tensor([2, 2, 2, 0, -100, 2]),
        "video": torch.tensor([2, 0, 1, 0, 2, 2]),
    }
    assert label_alignment(label, own) == ["consistent", "audio", "mixed", "mixed", "", ""]
    assert label_alignment(label.reshape(2, 3), {n: v.reshape(2, 3) for n, v in own.items()})[1] == "audio"
    with pytest.raises(ValueError, match="at least two"):
        label_alignment(label, {"text": label})


def test_scores_of_each_part_equal_those_of_its_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    label, prediction = (torch.randint(3, (200,), generator=generator) for _ in range(2))
    label[5] = -100
    names = ["audio", "video", "consistent", "mixed", ""]
    parts = [names[place] for place in torch.randint(5, (200,), generator=generator).tolist()]
    report = alignment_report(prediction, label, parts, num_classes=3)
    assert list(report.rows) == sorted(names[:4])
    for name in names[:4]:
        rows = [place for place in range(200) if parts[place] == name and label[place] >= 0]
        truth, guess = label[rows].tolist(), prediction[rows].tolist()
        right = sum(one == other for one, other in zip(truth, guess, strict=True))
        assert report.rows[name] == len(rows) and report.accuracy[name] == pytest.approx(right / len(rows))
        assert report.weighted_f1[name] == pytest.approx(f1_score(truth, guess, average="weighted"))
    audio, video = report.accuracy["audio"], report.accuracy["video"]
    assert report.gap("audio", "video") == report.gap("video", "audio") == pytest.approx(abs(audio - video))
    assert report.reliance("audio") == pytest.approx(audio / (audio + video))
    assert report.gap("audio", "text") is None and report.reliance("consistent") is None


def test_nothing_right_and_lengths_that_differ() -> None:
    report = alignment_report(torch.tensor([1]), torch.tensor([0]), ["audio"], num_classes=2)
    assert report.reliance("audio") is None
    with pytest.raises(ValueError, match="one of each"):
        alignment_report(torch.tensor([1]), torch.tensor([0]), [], num_classes=2)
