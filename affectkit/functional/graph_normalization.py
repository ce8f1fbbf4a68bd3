"""From the adjacency of a graph to the matrix that a graph convolution multiplies by."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

#: How messages are scaled; see :func:`normalized_propagation`.
GraphNormalization: TypeAlias = Literal["symmetric", "receiver", "none"]


def normalized_propagation(adjacency: Tensor, normalization: GraphNormalization = "symmetric") -> Tensor:
    r"""Matrix P of the step :math:`X' = P X`, in which node i sends :math:`A_{ij}` of itself to node j.

    ========== =====================================================================
    symmetric  :math:`P = D^{-1/2} A^\top D^{-1/2}`, D the sums of what each node sends
    receiver   :math:`P = R^{-1} A^\top`, R the sums of what each node receives
    none       :math:`P = A^\top`
    ========== =====================================================================

    The transpose is that of the official code of ML-GCN and Emotion-GCN; for adjacencies whose rows
    sum to 1, as theirs do, ``symmetric`` equals ``none``.

    Args:
        adjacency: Weights of 0 or more.
        normalization: One of the rows above. A node that sends, or receives, nothing divides by 1.

    Shape:
        - adjacency: (N, N)
        - output: (N, N), of the dtype of ``adjacency``

    Raises:
        ValueError: If the normalisation is unknown, or a weight is negative.

    References:
        Zhao-Min Chen, Xiu-Shen Wei, Peng Wang, Yanwen Guo. Multi-Label Image Recognition with Graph
        Convolutional Networks. CVPR 2019. arXiv:1904.03582.

    Examples:
        >>> normalized_propagation(torch.tensor([[1.0, 3.0], [0.0, 1.0]]), "receiver").tolist()
        [[1.0, 0.0], [0.75, 0.25]]
    """
    if normalization not in get_args(GraphNormalization):
        raise ValueError(
            f"normalized_propagation got normalization={normalization!r}: give one of "
            f"{', '.join(get_args(GraphNormalization))}."
        )
    if bool((adjacency < 0).any()):
        raise ValueError(
            "normalized_propagation got a negative weight, under which a sum of weights may vanish: give "
            "weights of 0 or more, e.g. the absolute values."
        )
    if normalization == "none":
        return adjacency.T.clone()
    total = adjacency.sum(1 if normalization == "symmetric" else 0)
    total = torch.where(total > 0, total, 1.0)
    if normalization == "receiver":
        return adjacency.T / total.unsqueeze(1)
    scale = total.rsqrt()
    return scale.unsqueeze(1) * adjacency.T * scale
