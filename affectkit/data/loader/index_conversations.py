"""Stored conversations as demonstrations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from affectkit.conversation.retrieval import Demonstration, DemonstrationError, DemonstrationIndex
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.loader.prompt_batch import conversation_name, utterance_vector
from affectkit.data.store import SampleStore


def index_conversations(
    store: SampleStore, *, modality: str = "text", splits: Sequence[str] = ("train",)
) -> DemonstrationIndex:
    """Make demonstrations of every utterance that has a label and a feature, in the stored label space.

    The conversations of another data set can be added: :meth:`DemonstrationIndex.relabelled` brings its
    labels to those of the run, :meth:`DemonstrationIndex.joined` puts both together.

    Args:
        store: Conversations with features, see ``affectkit extract``.
        modality: The feature that they are found by.
        splits: Splits that demonstrations may come from.

    Raises:
        DemonstrationError: If the store is of another split, or has no labels or no such feature.
    """
    manifest = store.manifest
    if manifest.label_space is None or modality not in manifest.features:
        raise DemonstrationError(
            f"The data set {manifest.name!r} has no labels or no features {modality!r} to make "
            "demonstrations of: make the features with `affectkit extract`, or show no demonstrations."
        )
    vectors: list[Tensor] = []
    kept: list[Demonstration] = []
    read = ConversationReader()
    for position in range(len(store)):
        members = store.get(position)
        record, features = read.record(members), read(members).features
        for turn, utterance in enumerate(record["utterances"]):
            vector = utterance_vector(features, modality, turn)
            if utterance["label"] is None or vector is None:
                continue
            vectors.append(vector)
            kept.append(
                Demonstration(
                    text=utterance["text"],
                    label=utterance["label"],
                    conversation=conversation_name(manifest.name, f"{store.key(position)}#{turn}"),
                    split=store.split,
                    speaker=record["speakers"][utterance["speaker"]],
                )
            )
    return DemonstrationIndex(
        torch.stack(vectors) if vectors else torch.zeros(0, manifest.features[modality].dim),
        kept,
        label_space=manifest.label_space,
        encoder=manifest.features[modality].encoder,
        splits=splits,
    )
