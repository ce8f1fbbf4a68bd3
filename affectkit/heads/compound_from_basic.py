"""Compound emotions from a head of basic ones."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from affectkit.functional import CompoundRule, compound_scores
from affectkit.labels import LabelSpace, compound_pairs, label_space
from affectkit.types import AffectOutput, Encoding, Head


class CompoundFromBasic(nn.Module):
    r"""A head of basic emotions that answers with compound ones; it brings no weights of its own.

    .. math:: z_{ab} = \log (p_a\, p_b), \quad \log \frac{p_a + p_b}{2}, \quad \text{or} \quad
        \log \min(p_a, p_b)

    Each compound, such as "fearfully surprised", is a pair of basic emotions; its score is the product, the
    mean or the smaller of their probabilities, see :func:`~affectkit.functional.compound_scores`. So a model
    of basic emotions predicts compounds that it never saw, or is trained through them.

    Args:
        head: Head with one logit for each basic emotion.
        basic: The basic emotions in the order of its logits, or the name of their space.
        compound: The compounds, or the name of their space, e.g. ``"cexprdb7.abaw"``.
        rule: ``"product"``, ``"sum"`` or ``"min"``.
        pairs: Names of the two basic emotions of each compound, where its words do not say them.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., K), in the order of ``compound``; ``extra["basic"]`` (..., C); the rest
          as the head gives it.

    Raises:
        UnknownLabelError: If a compound is not made of two of the basic emotions.
        ValueError: If the rule is unknown, or the head gives another number of logits.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild.
        ECCV 2024 workshops. arXiv:2407.12927: the pairs. The rules are ours.

    Examples:
        >>> import torch
        >>> from affectkit.heads import ClassificationHead
        >>> head = CompoundFromBasic(ClassificationHead(16, 7), "fer7.official", "cexprdb7.abaw")
        >>> head(Encoding(torch.zeros(2, 16))).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        head: Head,
        basic: LabelSpace | str,
        compound: LabelSpace | str,
        *,
        rule: CompoundRule = "product",
        pairs: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self.basic = label_space(basic) if isinstance(basic, str) else basic
        self.compound = label_space(compound) if isinstance(compound, str) else compound
        if rule not in ("product", "sum", "min"):
            raise ValueError(f"CompoundFromBasic got rule={rule!r}: give 'product', 'sum' or 'min'.")
        if pairs is not None and len(pairs) != len(self.compound):
            raise ValueError(
                f"CompoundFromBasic got {len(pairs)} pairs for the {len(self.compound)} labels of "
                f"{self.compound.name!r}: give one for each, in their order."
            )
        self.head: Head = head
        self.rule: CompoundRule = rule
        self.pairs = (
            compound_pairs(self.compound, self.basic)
            if pairs is None
            else tuple((self.basic.index(first), self.basic.index(second)) for first, second in pairs)
        )

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict basic emotions and combine them."""
        output = self.head(features)
        if output.logits is None or output.logits.shape[-1] != len(self.basic):
            shape = None if output.logits is None else tuple(output.logits.shape)
            raise ValueError(
                f"CompoundFromBasic got logits of shape {shape} for the {len(self.basic)} labels of "
                f"{self.basic.name!r}: give a head with one logit for each."
            )
        scores = compound_scores(output.logits, self.pairs, rule=self.rule)
        return output._replace(logits=scores, extra={**(output.extra or {}), "basic": output.logits})
