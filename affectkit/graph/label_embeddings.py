"""Vectors of label names: drawn, read from a file, or made by any text encoder."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.graph.error import LabelGraphError
from affectkit.graph.stored_graph import read_stored
from affectkit.labels import canonical
from affectkit.tensor_file import write_tensor_file

#: Texts to rows (n, E): the ``encode`` of a text encoder, or a feature extractor itself.
TextRows: TypeAlias = Callable[[Sequence[str]], Tensor]


def random_label_embeddings(names: Sequence[str], dim: int, *, seed: int = 0) -> Tensor:
    """Unit vectors (n, dim) in random directions; a name's vector does not depend on the others.

    Args:
        names: Names of the nodes.
        dim: Width E.
        seed: Seed of all of them.

    Examples:
        >>> one = random_label_embeddings(["happy", "sad"], 4)
        >>> torch.equal(one[1], random_label_embeddings(["sad"], 4)[0])
        True
    """
    if dim < 1:
        raise LabelGraphError(f"random_label_embeddings got dim={dim}: give at least 1.")
    rows: list[Tensor] = []
    for name in names:
        # torch's generator takes the lower 32 bits of a seed only, so that both must go into these.
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{name}".encode()))
        rows.append(torch.randn(dim, generator=generator))
    return F.normalize(torch.stack(rows), dim=1)


def encoded_label_embeddings(names: Sequence[str], encoder: TextRows, *, template: str = "{}") -> Tensor:
    """Vectors (n, E) of label names by a text encoder, detached, in float32.

    Args:
        names: Names of the nodes; underscores become spaces.
        encoder: Any function from texts to rows, e.g. :class:`~affectkit.encoders.TransformersTextEncoder`.
        template: What the encoder reads, with the name in place of ``{}``.

    Raises:
        LabelGraphError: If the encoder gives no row for each name.

    Examples:
        >>> from affectkit.encoders.tiny import TinyTextEncoder
        >>> rows = encoded_label_embeddings(["happy", "sad"], TinyTextEncoder(out_dim=8))
        >>> tuple(rows.shape)
        (2, 8)
    """
    with torch.no_grad():
        rows = encoder([template.format(name.replace("_", " ")) for name in names])
    if rows.ndim != 2 or len(rows) != len(names):
        raise LabelGraphError(
            f"The text encoder gave a tensor of shape {tuple(rows.shape)} for {len(names)} label names: it "
            "must give one row a text."
        )
    return rows.detach().float()


def write_label_embeddings(path: str | os.PathLike[str], names: Sequence[str], rows: Tensor) -> None:
    """Write a vector for each name as safetensors, which :func:`read_label_embeddings` reads."""
    if rows.ndim != 2 or len(rows) != len(names):
        raise LabelGraphError(f"{len(names)} names got vectors of shape {tuple(rows.shape)}: give one each.")
    write_tensor_file(path, dict(zip(names, rows.float().unbind())), {"format": "affectkit-label-embeddings"})


def read_label_embeddings(path: str | os.PathLike[str], names: Sequence[str]) -> Tensor:
    """Vectors (n, E) of label names from a file.

    A name that the file lacks is looked up by its canonical form, e.g. "happy" as "happiness", and
    then as the mean of its words, e.g. "doubt/confusion".

    Args:
        path: A ``.safetensors`` with a vector for each word, or a text file with a word and its numbers on
            each line, as GloVe's are. Of a text file only the lines of words that are needed are parsed.
        names: Names of the nodes.

    Raises:
        LabelGraphError: If the file is damaged, or has no vector for a name.
    """
    forms = {name: _forms(name) for name in names}
    wanted = {word for form in forms.values() for words in form for word in words}
    if Path(path).suffix == ".safetensors":
        stored, _ = read_stored(path)
        vectors = {name.lower(): row.float() for name, row in stored.items() if name.lower() in wanted}
    else:
        vectors = _read_text(Path(path), wanted)
    rows: list[Tensor] = []
    for name in names:
        found = next((words for words in forms[name] if all(word in vectors for word in words)), None)
        if found is None:
            raise LabelGraphError(
                f"{os.fspath(path)} has no vector for the label {name!r}: add one, or make all vectors with "
                "a text encoder (encoded_label_embeddings)."
            )
        if not all(bool(vectors[word].isfinite().all()) for word in found):
            raise LabelGraphError(
                f"{os.fspath(path)} has a vector for the label {name!r} that is not finite: make it anew."
            )
        rows.append(torch.stack([vectors[word] for word in found]).mean(0))
    if any(row.shape != rows[0].shape or row.ndim != 1 for row in rows):
        raise LabelGraphError(f"The label vectors of {os.fspath(path)} differ in width: use one model's.")
    return torch.stack(rows)


def _forms(name: str) -> list[tuple[str, ...]]:
    """What to look a name up as, best first: the name, its canonical form, its words."""
    return [
        (name.lower(),),
        (canonical(name).lower(),),
        tuple(re.findall(r"\w+", name.lower().replace("_", " "))),
    ]


def _read_text(path: Path, wanted: set[str]) -> dict[str, Tensor]:
    vectors: dict[str, Tensor] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                word, _, numbers = line.partition(" ")
                if word in wanted:
                    vectors[word] = torch.tensor([float(number) for number in numbers.split()])
    except (OSError, ValueError) as error:
        raise LabelGraphError(
            f"{path} cannot be read as label vectors ({error}): give a word and its numbers on each line."
        ) from error
    return vectors
