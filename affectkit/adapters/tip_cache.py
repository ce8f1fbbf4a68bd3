"""The few labelled pictures that a Tip-Adapter looks things up in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from affectkit.adapters.labelled_features import LabelledRows, collect_labelled, mean_over_passes
from affectkit.adapters.tensor_file import read_tensors, write_tensors
from affectkit.types import Encoding

_KIND = "affectkit tip cache 1"


class TipCache(NamedTuple):
    """Keys and values of a cache model.

    Shape:
        - keys: (N, E), unit length.
        - values: (N, C), one-hot.
    """

    keys: Tensor
    values: Tensor


def build_tip_cache(
    batches: LabelledRows,
    encode: Callable[[Tensor], Encoding],
    *,
    num_classes: int,
    passes: int = 1,
    device: torch.device | str = "cpu",
    modality: str = "visual",
) -> TipCache:
    r"""Turn labelled pictures into keys :math:`\mathrm{norm}(\frac1P \sum_p f_p)` and one-hot values.

    With an augmenting loader, ``passes`` is the number of augmented views that are averaged, before
    scaling to unit length as the official code does; stored features need one pass. Batches with keys
    may come in any order and spread over ranks, and the cache is the same; pairs must come in one order.

    Args:
        batches: Something to go over ``passes`` times: a loader of ``AffectBatch``, or pairs of pictures
            (normalised floats) or features and labels.
        encode: Pictures to features, e.g. the image tower.
        num_classes: Number of classes C, also of those that no picture shows.
        passes: Number of times to go over ``batches``.
        device: Where the cache is wanted.
        modality: Name of the input of an ``AffectBatch``.

    Raises:
        ValueError: If there is nothing to go over, a label is not a class, or rows are shuffled
            without keys.

    References:
        Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
        ECCV 2022, arXiv:2207.09519.

    Examples:
        >>> rows = [(torch.tensor([[3.0, 4.0]]), torch.tensor([1]))]
        >>> build_tip_cache(rows, Encoding, num_classes=3)
        TipCache(keys=tensor([[0.6000, 0.8000]]), values=tensor([[0., 1., 0.]]))
    """
    if passes < 1:
        raise ValueError(f"build_tip_cache got passes={passes}: give at least 1.")
    where = torch.device(device)
    rows = mean_over_passes(
        [collect_labelled(batches, encode, device=where, modality=modality) for _ in range(passes)]
    )
    highest = int(rows.labels.max())
    if int(rows.labels.min()) < 0 or highest >= num_classes:
        raise ValueError(
            f"a label of the cache is outside 0..{num_classes - 1} (the highest is {highest}): "
            "give pictures of the adapter's classes."
        )
    keys = functional.normalize(rows.features, dim=-1)
    return TipCache(keys, functional.one_hot(rows.labels, num_classes).to(keys.dtype))


def save_tip_cache(path: Path | str, cache: TipCache, *, class_names: Sequence[str], digest: str) -> int:
    """Write a cache as safetensors, with the names of the classes and the digest of the base model.

    Returns:
        Size of the file in bytes.
    """
    about = {"class_names": list(class_names), "digest": digest}
    return write_tensors(path, cache._asdict(), kind=_KIND, about=about)


def load_tip_cache(path: Path | str, *, class_names: Sequence[str], digest: str) -> TipCache:
    """Read a cache and compare what it was made for.

    Raises:
        ValueError: If the file is no cache, or was made for other classes or with other weights.
    """
    tensors, about = read_tensors(path, kind=_KIND)
    if list(class_names) != about["class_names"]:
        raise ValueError(
            f"the cache {path} is of the classes {about['class_names']}, the adapter of "
            f"{list(class_names)}: build a cache for these classes."
        )
    if digest != about["digest"]:
        raise ValueError(
            f"the cache {path} was made with other weights (digest {about['digest']}, the base has "
            f"{digest}): build it anew with this base."
        )
    return TipCache(tensors["keys"], tensors["values"])
