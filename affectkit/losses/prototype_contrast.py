"""Rows near the centre of their class, which a queue of earlier rows gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.functional import prototype_contrast_rows
from affectkit.functional.prototype_contrast import PrototypeContrastForm
from affectkit.losses.labelled_rows import labelled_rows
from affectkit.losses.mean_over_ranks import mean_over_ranks
from affectkit.types import AffectOutput, LossTerms, Target


class PrototypeContrastLoss(nn.Module):
    r"""Contrast of rows with the batch and the centres of all classes, mean over the rows not yet learnt.

    .. math:: L = \frac{1}{|A|} \sum_{i \in A} \ell_i, \qquad
        A = \{i : \ell_i > \ell_{min}\}, \qquad
        c_k = \frac{1}{|S_k|} \sum_{x \in S_k} x

    with :math:`\ell` of :func:`affectkit.functional.prototype_contrast_rows` and :math:`S_k` drawn anew in
    each step from the last rows of class k. A rare class, which a batch may lack, is thus always among the
    candidates. In evaluation the centres stay those of the last step. Rows come from all ranks, the queue is
    equal on each and part of the state dict, and what is drawn depends on ``seed`` and the steps alone: one
    batch over any number of ranks, with and without interruption, is the same.

    Args:
        num_classes: Number of classes C.
        dim: Width D of the vectors.
        temperature: :math:`\tau`; published between 0.05 and 0.08.
        pool_size: Rows that are kept of each class.
        support_size: Rows that a centre is the mean of; a class with fewer has its default centre.
        form: ``"plain"``, or ``"decoupled"``.
        min_loss: :math:`\ell_{min}`; None takes the published 0.3, or 0 for the decoupled form.
        centres: Default centres, C vectors; None draws directions at random.
        seed: Seed of all that is drawn.
        view: Name of the view to read instead of the embedding.

    Shape:
        - output.embedding or the view: (B, D) or (B, U, D)
        - target.label: (B,) or (B, U), -100 = absent

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        Xiaohui Song, Longtao Huang, Hui Xue, Songlin Hu. Supervised Prototypical Contrastive Learning for
        Emotion Recognition in Conversation. EMNLP 2022. arXiv:2210.08713.

    Deviation from the paper:
        Beyond ``pool_size`` the oldest row of a class leaves its queue, where the official code drops one at
        random, and a default centre is no member of it.

    Examples:
        >>> loss = PrototypeContrastLoss(2, 2, temperature=0.5, centres=[[1.0, 0.0], [0.0, 1.0]])
        >>> terms = loss(AffectOutput(embedding=torch.eye(2)), Target(label=torch.tensor([0, 1])))
        >>> round(float(terms.total), 4)
        0.5514
    """

    default_centres: Tensor
    centres: Tensor
    pool: Tensor
    seen: Tensor
    steps: Tensor

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        temperature: float = 0.05,
        pool_size: int = 256,
        support_size: int = 64,
        form: PrototypeContrastForm = "plain",
        min_loss: float | None = None,
        centres: Sequence[Sequence[float]] | None = None,
        seed: int = 0,
        view: str | None = None,
    ) -> None:
        super().__init__()
        if num_classes < 2 or dim < 1 or not 1 <= support_size <= pool_size or not temperature > 0:
            raise ValueError(
                f"PrototypeContrastLoss got num_classes={num_classes}, dim={dim}, pool_size={pool_size}, "
                f"support_size={support_size}, temperature={temperature}: give 2 classes or more, a width, "
                "1 <= support_size <= pool_size, and a temperature above 0."
            )
        if form not in ("plain", "decoupled"):
            raise ValueError(f"PrototypeContrastLoss got form={form!r}: give 'plain' or 'decoupled'.")
        if centres is None:
            generator = torch.Generator().manual_seed(_drawn_from(seed, 0))
            start = F.normalize(torch.randn(num_classes, dim, generator=generator), dim=1)
        else:
            start = torch.tensor([list(centre) for centre in centres], dtype=torch.float32)
        if start.shape != (num_classes, dim):
            raise ValueError(
                f"PrototypeContrastLoss got centres of shape {tuple(start.shape)}: give {num_classes} "
                f"vectors of {dim} numbers."
            )
        self.temperature = temperature
        self.support_size = support_size
        self.form = form
        self.min_loss = (0.3 if form == "plain" else 0.0) if min_loss is None else min_loss
        self.seed = seed
        self.view = view
        self.register_buffer("default_centres", start)
        self.register_buffer("centres", start.clone())
        self.register_buffer("pool", torch.zeros(num_classes, pool_size, dim))
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Contrast rows; in training they enter the queue first."""
        rows = labelled_rows(
            output,
            target,
            "PrototypeContrastLoss",
            views=() if self.view is None else (self.view,),
            normalized=False,
            gather=True,
        )
        self._check(rows.candidates, rows.candidate_label)
        if self.training:
            self._remember(rows.candidates.detach(), rows.candidate_label)
        loss = prototype_contrast_rows(
            rows.anchors,
            rows.candidates,
            self.centres,
            rows.label,
            rows.candidate_label,
            rows.own,
            temperature=self.temperature,
            form=self.form,
        )
        counted = loss > self.min_loss
        total = rows.weighted(torch.where(counted, loss, 0.0)).sum() + rows.nothing
        number = torch.tensor(len(rows.anchors), device=total.device)
        mean, divisor = mean_over_ranks(total, counted.sum(), number, gather=True)
        return LossTerms(mean, {"prototype_contrast": mean.detach()}, divisor)

    def _check(self, rows: Tensor, label: Tensor) -> None:
        classes, dim = self.centres.shape
        if rows.shape[1] != dim or (len(label) and not 0 <= int(label.min()) <= int(label.max()) < classes):
            raise ValueError(
                f"PrototypeContrastLoss was built for {classes} classes and vectors of {dim} numbers and got "
                f"vectors of {rows.shape[1]} and labels {sorted(set(label.tolist()))}: build it with the "
                "label space and width of the model."
            )

    @torch.no_grad()
    def _remember(self, rows: Tensor, label: Tensor) -> None:
        """Put rows into the queues, the last ones over the oldest, and draw the centres of this step."""
        size = self.pool.shape[1]
        membership = F.one_hot(label, len(self.seen))
        arriving = membership.sum(0)
        place = (membership.cumsum(0) - 1).gather(1, label.unsqueeze(1)).squeeze(1)
        # Of more rows of a class than its queue holds only the last ones: a place is written once.
        kept = place >= arriving[label] - size
        slot = (self.seen[label] + place) % size
        self.pool[label[kept], slot[kept]] = rows[kept].to(self.pool.dtype)
        self.seen += arriving
        self.steps += 1
        generator = torch.Generator().manual_seed(_drawn_from(self.seed, int(self.steps)))
        order = torch.rand(self.pool.shape[:2], generator=generator).to(self.pool.device)
        filled = torch.arange(size, device=order.device) < self.seen.unsqueeze(1)
        drawn = order.masked_fill(~filled, math.inf).topk(self.support_size, largest=False).indices
        members = self.pool.gather(1, drawn.unsqueeze(-1).expand(-1, -1, self.pool.shape[2]))
        ready = self.seen >= self.support_size
        self.centres.copy_(torch.where(ready.unsqueeze(1), members.mean(1), self.default_centres))


def _drawn_from(seed: int, step: int) -> int:
    """Seed of what one step draws."""
    sequence = np.random.SeedSequence([abs(seed), int(seed < 0), step])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
