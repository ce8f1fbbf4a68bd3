"""How well a text says what the frames of a video show, by the cosine of their vectors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.metrics.exact_state import ExactStateMetric

#: The factor of the paper, which spreads the cosines of CLIP over 0..1.
_FACTOR = 2.5


class CLIPScore(ExactStateMetric):
    r"""Cosine of image and text vectors, over 0 and times 2.5: the mean over frames, then over videos.

    .. math:: \frac1{|V|} \sum_{v \in V} \frac{1}{|F_v|} \sum_{f \in F_v}
        2.5 \max\bigl(\cos(x_f, t_f), 0\bigr)

    A video without a real frame counts for nothing; a vector of length 0 scores 0. Sums are float64 and are
    summed over ranks.

    Which text stands for a video is the caller's choice: StimuVAR scores the reason of a model, with the
    words of the label taken out and "A photo depicts" put before it.

    torchmetrics has a metric of this name in ``torchmetrics.multimodal``. That one reads pictures and
    captions through a model of ``transformers``, which it downloads, scales by 100, and takes the mean of
    all pairs before it cuts at 0. This one is given the vectors, of any two towers that share a space
    (e.g. ``affectkit.encoders.clip``), knows the frames of a video, and cuts each frame at 0 as the paper
    does.

    Args:
        num_videos: None: each row of a batch is a video. A number: rows are frames, or pieces, of videos
            named by ``video`` in ``update``, which may lie in several batches and on several ranks; any
            number at least the number of videos will do.

    Raises:
        ValueError: If ``num_videos`` is below 1.

    Shape:
        - image: (..., T, D) frames of a video, or (..., D) one frame
        - text: (..., D)
        - weight: (...)
        - mask: (..., T)
        - video: (...) int64
        - compute: () float64; 0 without any frame

    References:
        Jack Hessel, Ari Holtzman, Maxwell Forbes, Ronan Le Bras, Yejin Choi. CLIPScore: A Reference-free
        Evaluation Metric for Image Captioning. EMNLP 2021. arXiv:2104.08718. StimuVAR, official code (frames
        and videos).

    Deviation from the paper:
        StimuVAR's script writes its table anew for each video, so that its mean is the score of the last
        video alone; here all videos count.

    Examples:
        >>> frames = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]]])
        >>> text, mask = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[True, True], [True, False]])
        >>> score = CLIPScore()
        >>> score.update(frames, text, mask=mask)
        >>> score.key, round(float(score.compute()), 4)
        ('clip_score', 1.375)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = _FACTOR

    #: (K, 2): sum of the scores and number of the frames of each video, or of the videos where K is 1.
    clip_score_sums: Tensor

    def __init__(self, *, num_videos: int | None = None) -> None:
        super().__init__()
        if num_videos is not None and num_videos < 1:
            raise ValueError(f"CLIPScore got num_videos={num_videos}; give 1 or more, or None.")
        self.num_videos = num_videos
        zeros = torch.zeros(1 if num_videos is None else num_videos, 2, dtype=torch.float64)
        self.add_state("clip_score_sums", default=zeros, dist_reduce_fx="sum")

    @property
    def key(self) -> str:
        """``clip_score``."""
        return "clip_score"

    @property
    def protocol(self) -> str:
        """``clip_score[2.5*max(cos,0),per_video]``."""
        return f"clip_score[{_FACTOR:g}*max(cos,0),per_video]"

    def update(
        self,
        image: Tensor,
        text: Tensor,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        video: Tensor | None = None,
    ) -> None:
        """Add videos, or frames of videos.

        Args:
            image: Vectors of frames (..., T, D), or of one frame a row (..., D).
            text: Vectors (..., D).
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
            mask: Frames (..., T), True = real; None = all are.
            video: Number (...) of the video that each row belongs to; needed where ``num_videos`` is
                given, and not looked at otherwise.

        Raises:
            ValueError: If shapes do not match, or a video is missing or out of range.
        """
        frames = image.unsqueeze(-2) if image.ndim == text.ndim else image
        rows = text.shape[:-1]
        fits = text.ndim > 0 and frames.shape[:-2] == rows and frames.shape[-1:] == text.shape[-1:]
        if not fits or (mask is not None and mask.shape != frames.shape[:-1]):
            marks = "" if mask is None else f" with a mask {tuple(mask.shape)}"
            raise ValueError(
                f"CLIPScore got images {tuple(image.shape)}{marks} and texts {tuple(text.shape)}; give "
                "images (..., T, D) or (..., D), a mask (..., T) and texts (..., D)."
            )
        real = torch.ones_like(frames[..., 0], dtype=torch.bool) if mask is None else mask.bool()
        if weight is not None:
            real = real & (weight > 0).unsqueeze(-1)
        cosine = F.cosine_similarity(frames.detach().double(), text.detach().double().unsqueeze(-2), dim=-1)
        # Filled, not multiplied: what stands in a skipped frame may be NaN.
        score = (_FACTOR * cosine.clamp(min=0)).where(real, 0.0)
        sums = torch.stack([score.sum(-1), real.sum(-1).double()], -1).reshape(-1, 2)
        if self.num_videos is None:
            seen = sums[:, 1] > 0
            means = sums[:, 0] / sums[:, 1].clamp(min=1)
            self.clip_score_sums += torch.stack([means.sum(), seen.sum().double()])
        else:
            number = self._video_numbers(video, len(sums), self.num_videos)
            self.clip_score_sums.index_add_(0, number, sums)

    def compute(self) -> Tensor:
        """Scalar float64: mean over the videos that have frames; 0 without any."""
        total, count = self.clip_score_sums.unbind(-1)
        if self.num_videos is None:
            return (total / count.clamp(min=1)).squeeze(0)
        return (total / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)

    def _video_numbers(self, video: Tensor | None, num_rows: int, num_videos: int) -> Tensor:
        if video is None or video.numel() != num_rows:
            raise ValueError(
                f"CLIPScore with num_videos got {'no' if video is None else video.numel()} video numbers for "
                f"{num_rows} rows; give `video` in update, one number a row."
            )
        number = video.reshape(-1)
        if num_rows and (int(number.min()) < 0 or int(number.max()) >= num_videos):
            raise ValueError(
                f"CLIPScore got videos {int(number.min())}..{int(number.max())} with "
                f"num_videos={num_videos}; number them 0..{num_videos - 1}."
            )
        return number
