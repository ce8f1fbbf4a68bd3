from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit import distributed
from affectkit.metrics import CLIPScore

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden"
GENERATOR = torch.Generator().manual_seed(0)
#: 6 videos of at most 5 frames.
FRAMES = torch.randn(6, 5, 8, generator=GENERATOR)
TEXT = torch.randn(6, 8, generator=GENERATOR)
MASK = torch.arange(5) < torch.tensor([5, 1, 3, 0, 2, 5]).unsqueeze(1)


def value_of(metric: CLIPScore) -> float:
    value: Tensor = metric.compute()
    return value.item()


def naive(videos: list[list[tuple[Tensor, Tensor]]]) -> float:
    scores = []
    for video in videos:
        frames = []
        for image, text in video:
            x, t = image.double(), text.double()
            frames.append(max(2.5 * float(x @ t) / math.sqrt(float((x @ x) * (t @ t))), 0.0))
        if frames:
            scores.append(sum(frames) / len(frames))
    return sum(scores) / len(scores)


def real_frames(videos: list[int]) -> list[list[tuple[Tensor, Tensor]]]:
    return [[(FRAMES[v, f], TEXT[v]) for f in range(5) if MASK[v, f]] for v in videos]


@pytest.mark.golden
def test_golden_scores_alone_and_together() -> None:
    with np.load(GOLDEN / "metrics_stimuvar_eval.npz", allow_pickle=False) as arrays:
        image, text, expected = (torch.from_numpy(arrays[name]) for name in ("img", "txt", "clipscore"))
    each = []
    for row in range(len(expected)):
        metric = CLIPScore()
        metric.update(image[row : row + 1], text[row : row + 1])
        each.append(value_of(metric))
    assert each == pytest.approx(expected.tolist(), abs=1e-12)
    assert min(each) == 0.0 < max(each)
    for number, split in ((None, 2), (6, 4)):
        metric = CLIPScore(num_videos=number)
        for rows in torch.split(torch.arange(6), split):
            metric.update(image[rows], text[rows], video=rows)
        assert value_of(metric) == pytest.approx(float(expected.mean()), abs=1e-12)


def test_frames_are_averaged_before_videos_and_padding_is_never_looked_at() -> None:
    expected = naive(real_frames(list(range(6))))
    padded = FRAMES.masked_fill(~MASK.unsqueeze(-1), math.nan)
    metric = CLIPScore()
    metric.update(padded[:2], TEXT[:2], mask=MASK[:2])
    metric.update(padded[2:].reshape(2, 2, 5, 8), TEXT[2:].reshape(2, 2, 8), mask=MASK[2:].reshape(2, 2, 5))
    assert value_of(metric) == pytest.approx(expected, abs=1e-12)
    pooled = naive([[pair for video in real_frames(list(range(6))) for pair in video]])
    assert abs(expected - pooled) > 0.01

    without = CLIPScore()
    without.update(padded, TEXT, torch.tensor([1.0, 0.0, 0.5, 1.0, 0.0, 2.0]), MASK)
    assert value_of(without) == pytest.approx(naive(real_frames([0, 2, 3, 5])), abs=1e-12)


def test_frames_in_any_order_and_pieces_meet_again_in_their_video() -> None:
    expected = naive(real_frames(list(range(6))))
    rows = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    video, frame = rows // 5, rows % 5
    metric = CLIPScore(num_videos=9)
    for part in torch.split(torch.arange(30), 7):
        at = video[part], frame[part]
        metric.update(FRAMES[at], TEXT[at[0]], MASK[at].float(), video=at[0])
    assert value_of(metric) == pytest.approx(expected, abs=1e-12)

    pieces = CLIPScore(num_videos=6)
    for cut in (slice(0, 2), slice(2, 5)):
        pieces.update(FRAMES[:, cut], TEXT, mask=MASK[:, cut], video=torch.arange(6))
    assert value_of(pieces) == pytest.approx(expected, abs=1e-12)


def test_nothing_scores_zero_and_a_diverged_vector_does_not_pass() -> None:
    for number in (None, 3):
        empty = CLIPScore(num_videos=number)
        empty.update(FRAMES[:0], TEXT[:0], video=torch.zeros(0, dtype=torch.int64))
        assert value_of(empty) == 0.0
        zero = CLIPScore(num_videos=number)
        zero.update(torch.zeros(1, 8), TEXT[:1], video=torch.tensor([1]))
        assert value_of(zero) == 0.0
    lost = CLIPScore()
    lost.update(torch.full((1, 8), math.nan), TEXT[:1])
    assert math.isnan(value_of(lost))


def test_sums_stay_in_double_precision() -> None:
    holder = torch.nn.Module()
    metric = CLIPScore()
    holder.metric = metric
    holder.to(torch.bfloat16)
    metric.update(FRAMES, TEXT, mask=MASK)
    assert metric.clip_score_sums.dtype == torch.float64
    assert value_of(metric) == pytest.approx(naive(real_frames(list(range(6)))), abs=1e-12)


def test_names_and_refusals() -> None:
    metric = CLIPScore()
    assert (metric.key, metric.protocol) == ("clip_score", "clip_score[2.5*max(cos,0),per_video]")
    with pytest.raises(ValueError, match="num_videos=0"):
        CLIPScore(num_videos=0)
    for image, text, mask in (
        (FRAMES, TEXT[:5], None),
        (FRAMES[..., :7], TEXT, None),
        (FRAMES, TEXT, MASK[:, :4]),
        (FRAMES[0], TEXT[0, 0], None),
    ):
        with pytest.raises(ValueError, match=r"CLIPScore got images .* give"):
            metric.update(image, text, mask=mask)
    with pytest.raises(ValueError, match="no video numbers for 6 rows"):
        CLIPScore(num_videos=6).update(FRAMES, TEXT)
    with pytest.raises(ValueError, match=r"videos 0\.\.5 with num_videos=5; number them 0\.\.4"):
        CLIPScore(num_videos=5).update(FRAMES, TEXT, video=torch.arange(6))


def rank_scores(split: tuple[int, ...]) -> list[float]:
    rank = distributed.rank()
    start = sum(split[:rank])
    mine = torch.arange(start, start + split[rank])
    rows, frames = CLIPScore(), CLIPScore(num_videos=6)
    for part in torch.split(mine, 2) if len(mine) else ():
        rows.update(FRAMES[part], TEXT[part], mask=MASK[part])
    # The frames of a video are spread over the ranks.
    for at in range(rank, 30, len(split)):
        video, frame = at // 5, at % 5
        where = torch.tensor([video])
        frames.update(FRAMES[where, frame], TEXT[where], MASK[where, frame].float(), video=where)
    return [value_of(rows), value_of(frames)]


@pytest.mark.distributed
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("split", [(3, 3), (5, 1), (6, 0)])
def test_ranks_give_what_one_process_gives(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    expected = rank_scores((6,))
    assert expected == pytest.approx([naive(real_frames(list(range(6))))] * 2, abs=1e-12)
    for scores in run_ranks(rank_scores, split):
        assert scores == pytest.approx(expected, abs=1e-12)
