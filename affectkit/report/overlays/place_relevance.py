"""How much each place of a map, or each token, speaks for a score."""

from __future__ import annotations

from torch import Tensor


def grad_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    r"""Maps weighted by the mean gradient of their channel, as far as they speak for the score.

    .. math:: L_p = \max\Bigl(0, \sum_c \alpha_c A_{c,p}\Bigr), \qquad
        \alpha_c = \frac{1}{P} \sum_q \frac{\partial y}{\partial A_{c,q}}

    Args:
        maps: What a layer gave, :math:`A`.
        gradients: Gradient of the score in it.

    Shape:
        - Input: (N, C, H, W) twice.
        - Output: (N, H, W), not negative.

    Raises:
        ValueError: If the shapes differ or are no maps.

    References:
        R. R. Selvaraju et al. Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization. ICCV 2017. arXiv:1610.02391.

    Examples:
        >>> import torch
        >>> maps = torch.tensor([[[[1.0, 0.0], [2.0, -3.0]]]])
        >>> grad_cam(maps, torch.full_like(maps, 0.5)).tolist()
        [[[0.5, 0.0], [1.0, 0.0]]]
    """
    _check(maps, gradients, axes=4, shape="(N, C, H, W)")
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * maps).sum(1).relu()


def token_relevance(tokens: Tensor, gradients: Tensor) -> Tensor:
    r"""Tokens times their gradient, as far as they speak for the score.

    .. math:: r_t = \max\Bigl(0, \sum_d x_{t,d} \frac{\partial y}{\partial x_{t,d}}\Bigr)

    Unlike the maps of a convolution, places of a transformer do not share what a channel means, so that each
    is weighted by its own gradient; unlike a rollout of attention, it is about one score.

    Args:
        tokens: What a layer read, :math:`x`.
        gradients: Gradient of the score in it.

    Shape:
        - Input: (N, T, D) twice.
        - Output: (N, T), not negative.

    Raises:
        ValueError: If the shapes differ or are no tokens.

    Examples:
        >>> import torch
        >>> tokens = torch.tensor([[[1.0, 2.0], [3.0, -4.0]]])
        >>> token_relevance(tokens, torch.ones_like(tokens)).tolist()
        [[3.0, 0.0]]
    """
    _check(tokens, gradients, axes=3, shape="(N, T, D)")
    return (tokens * gradients).sum(-1).relu()


def _check(values: Tensor, gradients: Tensor, *, axes: int, shape: str) -> None:
    if values.ndim != axes or values.shape != gradients.shape:
        raise ValueError(
            f"Relevance got values of shape {tuple(values.shape)} and gradients of {tuple(gradients.shape)}: "
            f"give {shape} twice."
        )
