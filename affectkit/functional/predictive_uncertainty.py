"""How unsure several predictions are together, and how much of that is disagreement."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PredictiveUncertainty(NamedTuple):
    """What several probability vectors of one row say together.

    Shape:
        - mean: (..., C), the mean probability.
        - entropy: (...), entropy of the mean, in nats.
        - information: (...), what of it is disagreement, in nats: 0 where all say the same.
    """

    mean: Tensor
    entropy: Tensor
    information: Tensor


def predictive_uncertainty(probabilities: Tensor) -> PredictiveUncertainty:
    r"""Mean of K predictions, its entropy, and the mutual information of answer and predictor.

    .. math::
        \bar p = \frac1K \sum_k p_k, \qquad H = -\sum_c \bar p_c \log \bar p_c, \qquad
        I = H + \frac1K \sum_k \sum_c p_{kc} \log p_{kc}

    The rest, :math:`H - I`, is the doubt that each of them has: rows of people who could not agree either.

    Args:
        probabilities: Of members of an ensemble, or of passes with dropout.

    Shape:
        - probabilities: (K, ..., C)

    Raises:
        ValueError: If there is no prediction, or it is not over classes.

    References:
        Lakshminarayanan, Pritzel and Blundell, Simple and Scalable Predictive Uncertainty Estimation using
        Deep Ensembles, NeurIPS 2017, arXiv:1612.01474.

        Houlsby, Huszár, Ghahramani and Lengyel, Bayesian Active Learning for Classification and Preference
        Learning, arXiv:1112.5745.

    Examples:
        >>> import torch
        >>> sure = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # each is sure, of something else
        >>> _, entropy, information = predictive_uncertainty(sure)
        >>> round(entropy.item(), 4), round(information.item(), 4)
        (0.6931, 0.6931)
    """
    if probabilities.ndim < 2 or not len(probabilities):
        raise ValueError(
            f"predictive_uncertainty got probabilities {tuple(probabilities.shape)}: give (K, ..., C) of at "
            "least one prediction."
        )
    mean = probabilities.mean(0)
    entropy = torch.special.entr(mean).sum(-1)
    doubt = torch.special.entr(probabilities).sum(-1).mean(0)
    # Rounding may leave a disagreement of -1e-8 where there is none.
    return PredictiveUncertainty(mean, entropy, (entropy - doubt).clamp(min=0))
