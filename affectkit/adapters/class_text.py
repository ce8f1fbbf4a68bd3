"""Fixed sentences about classes, as features of a CLIP model."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters.feature_memory import FeatureMemory
from affectkit.encoders.clip import ClipBase


def readable(names: Sequence[str]) -> tuple[str, ...]:
    """Class names as words: underscores become spaces.

    Raises:
        ValueError: If there is no name, or one stands twice.
    """
    words = tuple(name.replace("_", " ").strip() for name in names)
    if not words or len(set(words)) != len(words):
        raise ValueError(f"the class names are {list(names)}: give at least one, and none twice.")
    return words


class ClassText(nn.Module):
    r"""One feature for each class from sentences that name it.

    .. math:: t_c = \mathrm{unit}\Big(\frac{1}{K} \sum_k \mathrm{unit}(T(\mathrm{template}_k(c)))\Big)

    The features are kept while nothing in the text tower is learned; see
    :class:`~affectkit.adapters.feature_memory.FeatureMemory`.

    Args:
        base: Whose tokenizer is used. It is given again at each call and is no submodule of this one.
        class_names: Names of the classes; underscores become spaces.
        templates: Sentences with ``{}`` where the name stands.

    Shape:
        - Output: (C, E), of unit length.

    Raises:
        ValueError: If a template has no ``{}``, a sentence is too long, or a name has no token.

    Examples:
        >>> from affectkit.encoders.clip import clip_base
        >>> base = clip_base("tiny")
        >>> ClassText(base, ["joy", "deep_sorrow"], ["a face showing {}."])(base).shape
        torch.Size([2, 32])
    """

    ids: Tensor
    end: Tensor

    def __init__(self, base: ClipBase, class_names: Sequence[str], templates: Sequence[str]) -> None:
        super().__init__()
        templates = tuple(templates)
        if not templates or any("{}" not in template for template in templates):
            raise ValueError(
                f"the templates are {list(templates)}: give sentences with {{}} for the class name."
            )
        self.templates = templates
        self.memory = FeatureMemory()
        self.rename(base, class_names)

    def rename(self, base: ClipBase, class_names: Sequence[str]) -> None:
        """Take other class names."""
        words = readable(class_names)
        # A name without a token would hide behind the words of its template.
        base.tokenize(words)
        tokens = base.tokenize([template.format(word) for template in self.templates for word in words])
        length = base.require_text().positions_needed(int(tokens.end.max()))
        self.class_names = tuple(class_names)
        self.register_buffer("ids", tokens.ids[:, :length], persistent=False)
        self.register_buffer("end", tokens.end, persistent=False)
        self.memory.clear()

    def forward(self, base: ClipBase) -> Tensor:
        """Return the features of the classes, (C, E) of unit length."""
        features: Tensor = self.memory(lambda: self._encode(base), lambda: base.require_text().parameters())
        return features

    def _encode(self, base: ClipBase) -> Tensor:
        tower = base.require_text()
        encoded: Tensor = tower(tower.embed(self.ids), self.end, cut=False)
        each = F.normalize(encoded, dim=-1)
        each = each.reshape(len(self.templates), len(self.class_names), -1)
        return F.normalize(each.mean(dim=0), dim=-1)
