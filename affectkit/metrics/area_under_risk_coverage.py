"""Area under the risk-coverage curve."""

from __future__ import annotations

from torch import Tensor

from affectkit.functional import area_under_risk_coverage, risk_coverage
from affectkit.metrics.confidence_rows import ConfidenceRowsMetric


class AreaUnderRiskCoverage(ConfidenceRowsMetric):
    r"""Mean share of wrong answers over all coverages: 0 to 1, lower is better.

    .. math:: \frac1N \sum_i \mathrm{risk}(c_i), \qquad
        \mathrm{risk}(c) = \frac{|\{j : c_j \ge c, \hat y_j \ne y_j\}|}{|\{j : c_j \ge c\}|}

    with :math:`c_i` the largest probability of row i.

    Args:
        num_classes: Number of classes C.

    References:
        Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers, ICLR
        2019, arXiv:1805.08206.

    Examples:
        >>> import torch
        >>> area = AreaUnderRiskCoverage(2)
        >>> area.update(torch.tensor([[0.9, 0.1], [0.8, 0.2]]).log(), torch.tensor([0, 1]))
        >>> area.compute().item()
        0.25
    """

    higher_is_better = False

    @property
    def key(self) -> str:
        """``aurc``."""
        return "aurc"

    @property
    def protocol(self) -> str:
        """``aurc[largest probability]``."""
        return "aurc[largest probability]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return area_under_risk_coverage(risk_coverage(*self.answers()))
