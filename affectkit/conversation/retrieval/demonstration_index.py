"""Labelled utterances that are looked up by the similarity of their vectors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from affectkit.conversation.retrieval.demonstration import (
    Asked,
    Demonstration,
    Retrieved,
    same_conversation,
)
from affectkit.conversation.retrieval.exact_cosine import exact_top_k, grid_rows
from affectkit.conversation.retrieval.faiss_bridge import FaissRows, faiss_is_installed
from affectkit.labels import LabelMap, LabelSpace, LabelSpaceMismatchError
from affectkit.tensor_file import read_tensor_file, write_tensor_file
from affectkit.types import IGNORE_LABEL

Exclude: TypeAlias = Callable[[Asked, Demonstration], bool]
Backend: TypeAlias = Literal["auto", "torch", "faiss"]

_KIND: Final = "affectkit demonstrations 1"


class DemonstrationError(ValueError):
    """Demonstrations cannot be used as asked; the message names the thing and the remedy."""


class DemonstrationIndex:
    r"""Labelled utterances of training data, found by :math:`\cos(q, x_i)`, the most similar first.

    The answer is exact: it depends neither on the machine, nor on how many queries are asked at once,
    nor on whether faiss is there; of equally similar demonstrations the earlier comes first. It never
    holds a demonstration of the query's own conversation, nor any text twice, nor the query's own text
    (compared without case and spacing): a copy of an utterance carries the answer with it.

    Args:
        vectors: Vector of each demonstration, made by one encoder.
        demonstrations: What each vector is of.
        label_space: What their labels are counted in.
        encoder: Identity of the encoder, as its ``identity`` or a manifest states it.
        splits: Splits that demonstrations may come from. Anything else is refused: an example from
            the test split would tell the model what it is tested on.
        backend: ``"torch"``, ``"faiss"``, or ``"auto"``: faiss where it is installed.
        block: Rows and queries that are compared at once, which bounds the memory.

    Shape:
        - vectors: (N, D) float.

    Raises:
        DemonstrationError: If there is none, one is from another split or has no label of the space, or
            the vectors are of another number.
        MissingExtraError: If ``"faiss"`` is asked for and is not installed.

    References:
        Do LLMs Feel? (PRC-Emo). AAAI 2026. arXiv:2511.07061.

    Deviation from the paper:
        Its code compares vectors that are not normalised by Euclidean distance, where the paper says
        cosine; it leaves out the utterance itself alone, and only in training; and its labels are those
        of whatever data set an example is from. Here :meth:`relabelled` maps them explicitly.

    Examples:
        >>> from affectkit.labels import label_space
        >>> kept = [Demonstration("Great!", 4, "a"), Demonstration("Oh no.", 3, "b")]
        >>> index = DemonstrationIndex(
        ...     torch.eye(2), kept, label_space=label_space("meld7.official"), encoder="none"
        ... )
        >>> found = index.search(torch.tensor([[1.0, 0.5]]), [Asked("Great!", "c")], k=2)
        >>> [one.demonstration.text for one in found[0]]
        ['Oh no.']
    """

    def __init__(
        self,
        vectors: Tensor,
        demonstrations: Sequence[Demonstration],
        *,
        label_space: LabelSpace,
        encoder: str,
        splits: Sequence[str] = ("train",),
        backend: Backend = "auto",
        block: int = 8192,
    ) -> None:
        if backend not in ("auto", "torch", "faiss") or block < 1:
            raise DemonstrationError(
                f"DemonstrationIndex got backend={backend!r}, block={block}: give 'auto', 'torch' or "
                "'faiss', and a block of at least 1."
            )
        if not demonstrations or len(vectors) != len(demonstrations):
            raise DemonstrationError(
                f"DemonstrationIndex got {len(vectors)} vectors for {len(demonstrations)} demonstrations: "
                "give one for each, and at least one."
            )
        for place, one in enumerate(demonstrations):
            if one.split not in splits:
                raise DemonstrationError(
                    f"Demonstration {place} ({one.text!r}) is from the split {one.split!r}, and only "
                    f"{', '.join(map(repr, splits))} may be shown: leave it out of the index."
                )
            if not 0 <= one.label < len(label_space):
                raise DemonstrationError(
                    f"Demonstration {place} ({one.text!r}) has label {one.label}, which {label_space.name!r} "
                    "does not have: leave utterances without a label out of the index."
                )
        self.vectors = vectors.detach().cpu().float()
        self.demonstrations = tuple(demonstrations)
        self.label_space = label_space
        self.encoder = encoder
        self.splits = tuple(splits)
        self.backend: Backend = backend
        self.block = block
        self._rows = grid_rows(self.vectors)
        self._texts = [folded(one.text) for one in self.demonstrations]
        wanted = backend == "faiss" or (backend == "auto" and faiss_is_installed())
        self._faiss = FaissRows(self._rows, block=block) if wanted else None

    def __len__(self) -> int:
        return len(self.demonstrations)

    @property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over vectors, texts and labels."""
        digest = hashlib.sha256(_plain(self.demonstrations))
        digest.update(json.dumps(list(self.label_space)).encode())
        digest.update(self.vectors.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def search(
        self,
        queries: Tensor,
        asked: Sequence[Asked],
        *,
        k: int,
        exclude: Exclude = same_conversation,
    ) -> list[list[Retrieved]]:
        """Find up to ``k`` demonstrations for each query, the most similar first.

        Args:
            queries: Vectors of the same encoder.
            asked: What each of them is of.
            k: How many; fewer where so few are allowed.
            exclude: Which demonstrations must not be shown for what is asked. A rule of your own takes
                the place of :func:`same_conversation`: call that one too where it is to hold.

        Shape:
            - queries: (Q, D).

        Raises:
            DemonstrationError: If the numbers do not fit, or ``k`` is negative.
        """
        if queries.ndim != 2 or queries.shape[1] != self.vectors.shape[1] or len(queries) != len(asked):
            raise DemonstrationError(
                f"The index holds vectors of width {self.vectors.shape[1]}, but was asked with "
                f"{tuple(queries.shape)} for {len(asked)} utterances: give one vector of the encoder "
                f"{self.encoder!r} for each."
            )
        if k < 0:
            raise DemonstrationError(f"The index was asked for k={k} demonstrations: give 0 or more.")
        found: list[list[Retrieved]] = [[] for _ in asked]
        rows = grid_rows(queries.cpu())
        left, reach = list(range(len(asked))) if k else [], min(len(self), 2 * k + 32)
        while left:
            cosine, position = self._top_k(rows[left], reach)
            for query, near, places in zip(left, cosine.tolist(), position.tolist(), strict=True):
                found[query] = list(self._allowed(asked[query], near, places, k=k, exclude=exclude))
            # Asked again with a longer list where too few of the most similar ones may be shown.
            left = [query for query in left if len(found[query]) < k] if reach < len(self) else []
            reach = min(len(self), reach * 4)
        return found

    def relabelled(self, mapping: LabelMap) -> DemonstrationIndex:
        """The same demonstrations with the labels of another space; those that it drops are left out.

        Args:
            mapping: From this index's label space, e.g. of :meth:`LabelSpace.map_to`.

        Raises:
            LabelSpaceMismatchError: If the map is from another space.
            DemonstrationError: If none is left.
        """
        if not mapping.source.same_order(self.label_space):
            raise LabelSpaceMismatchError(
                f"The index has labels of {self.label_space.name!r} ({self.label_space.order()}), but the "
                f"map is from {mapping.source.name!r} ({mapping.source.order()}): make it with "
                "index.label_space.map_to(...)."
            )
        labels = [mapping(one.label) for one in self.demonstrations]
        kept = [place for place, label in enumerate(labels) if label != IGNORE_LABEL]
        return DemonstrationIndex(
            self.vectors[kept],
            [self.demonstrations[place]._replace(label=labels[place]) for place in kept],
            label_space=mapping.target,
            encoder=self.encoder,
            splits=self.splits,
            backend=self.backend,
            block=self.block,
        )

    @classmethod
    def joined(cls, parts: Sequence[DemonstrationIndex]) -> DemonstrationIndex:
        """One index of several, e.g. of data sets that were relabelled to one space.

        Raises:
            DemonstrationError: If encoders or orders of labels differ, or there is none.
        """
        if not parts:
            raise DemonstrationError("DemonstrationIndex.joined got no index: give at least one.")
        first = parts[0]
        for one in parts[1:]:
            if one.encoder != first.encoder or not one.label_space.same_order(first.label_space):
                raise DemonstrationError(
                    f"An index of {one.encoder!r} with labels {one.label_space.name!r} cannot be joined to "
                    f"one of {first.encoder!r} with {first.label_space.name!r}: encode both with one encoder "
                    "and bring them to one label space with relabelled()."
                )
        return cls(
            torch.cat([one.vectors for one in parts]),
            list(chain.from_iterable(one.demonstrations for one in parts)),
            label_space=first.label_space,
            encoder=first.encoder,
            splits=tuple(dict.fromkeys(chain.from_iterable(one.splits for one in parts))),
            backend=first.backend,
            block=first.block,
        )

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the index as one safetensors file, whole or not at all; returns its size in bytes."""
        note = {
            "kind": _KIND,
            "encoder": self.encoder,
            "label_space": self.label_space.to_dict(),
            "digest": self.digest,
        }
        text = torch.frombuffer(bytearray(_plain(self.demonstrations)), dtype=torch.uint8)
        return write_tensor_file(path, {"vectors": self.vectors, "demonstrations": text}, note)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        encoder: str | None = None,
        splits: Sequence[str] = ("train",),
        backend: Backend = "auto",
        block: int = 8192,
    ) -> DemonstrationIndex:
        """Read what :meth:`save` wrote.

        Args:
            path: The file.
            encoder: Identity of the encoder that queries will be made with; None compares nothing.
            splits: Splits that demonstrations may come from, whatever the file was made with.
            backend: As in the constructor.
            block: As in the constructor.

        Raises:
            FileNotFoundError: If there is no such file.
            TensorFileError: If it is no safetensors file.
            DemonstrationError: If it holds something else, was changed, or is of another encoder or split.
        """
        tensors, note = read_tensor_file(path)
        space = note.get("label_space")
        if note.get("kind") != _KIND or not isinstance(space, dict):
            raise DemonstrationError(
                f"{path} is no index of demonstrations: give a file that DemonstrationIndex.save wrote."
            )
        known = str(note.get("encoder"))
        if encoder is not None and encoder != known:
            raise DemonstrationError(
                f"The demonstrations in {path} were encoded by {known!r}, but the queries by {encoder!r}: "
                "encode both with one encoder."
            )
        fields = json.loads(tensors["demonstrations"].numpy().tobytes())
        found = cls(
            tensors["vectors"],
            [Demonstration(*one) for one in fields],
            label_space=LabelSpace.from_dict(space),
            encoder=known,
            splits=splits,
            backend=backend,
            block=block,
        )
        if found.digest != note.get("digest"):
            raise DemonstrationError(
                f"The demonstrations in {path} are not those that were saved: build the index anew."
            )
        return found

    def __reduce__(self) -> tuple[object, ...]:
        # faiss keeps memory of its own, which does not travel to a worker.
        options = (self.label_space, self.encoder, self.splits, self.backend, self.block)
        return _made_again, (self.vectors, self.demonstrations, *options)

    def _top_k(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        if self._faiss is not None:
            return self._faiss.top_k(queries, k)
        return exact_top_k(queries, self._rows, k, block=self.block)

    def _allowed(
        self, asked: Asked, cosine: Sequence[float], places: Sequence[int], *, k: int, exclude: Exclude
    ) -> Iterator[Retrieved]:
        shown = {folded(asked.text)}
        for near, place in zip(cosine, places, strict=True):
            if len(shown) > k:
                return
            demonstration, text = self.demonstrations[place], self._texts[place]
            if text in shown or exclude(asked, demonstration):
                continue
            shown.add(text)
            yield Retrieved(demonstration, near)


def folded(text: str) -> str:
    """A text without case and without differences of spacing.

    Examples:
        >>> folded(" Oh  NO. ")
        'oh no.'
    """
    return " ".join(text.casefold().split())


def _plain(demonstrations: Sequence[Demonstration]) -> bytes:
    return json.dumps([list(one) for one in demonstrations], ensure_ascii=False).encode()


def _made_again(
    vectors: Tensor,
    demonstrations: Sequence[Demonstration],
    label_space: LabelSpace,
    encoder: str,
    splits: Sequence[str],
    backend: Backend,
    block: int,
) -> DemonstrationIndex:
    return DemonstrationIndex(
        vectors,
        demonstrations,
        label_space=label_space,
        encoder=encoder,
        splits=splits,
        backend=backend,
        block=block,
    )
