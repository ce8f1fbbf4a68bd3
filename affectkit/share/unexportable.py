"""Which parts no exporter can follow, and the operation that stops it."""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import nn

from affectkit.share.error import ShareError


class Unexportable(NamedTuple):
    """A part that a graph of tensors with a batch of any size cannot hold.

    Attributes:
        part: Name of its class.
        reason: What it does, as the end of a sentence that begins with "it".
        recipes: Recipes that have it.
    """

    part: str
    reason: str
    recipes: tuple[str, ...]


#: All that is known to stop an exporter; `docs/share.md` shows the same rows.
UNEXPORTABLE: Final[tuple[Unexportable, ...]] = (
    Unexportable(
        "AudienceTask",
        "spreads over the hypergraph of everybody (`hypergraph_propagation`), so that a row has no answer "
        "without all others",
        ("hypergraph_audience",),
    ),
    Unexportable(
        "ConversationLLMTask",
        "repeats a key-value cache between its answers (`cache.batch_repeat_interleave`), which is an object "
        "and no tensor",
        ("prc_emo",),
    ),
    Unexportable(
        "DialogueGCN",
        "lists the edges between turns and the relations that occur among them (`torch.unique` in "
        "RelationConvolution), and a graph of tensors has room for one number of them",
        ("dialogue_gcn",),
    ),
    Unexportable(
        "TurnExtractor",
        "encodes the turns that are there and no others (`x[there]`), and a graph of tensors has room for "
        "one number of them",
        ("m2fnet_media",),
    ),
    Unexportable(
        "VisualnessTask",
        "reads strings and tokenises them itself (`encode_texts`), and a graph reads tensors",
        ("tip_clip",),
    ),
)


def check_exportable(task: nn.Module) -> None:
    """Refuse a task that is known to stop an exporter.

    Raises:
        ShareError: If it, or a part of it, is one of :data:`UNEXPORTABLE`; the message names the operation.
    """
    kinds = {kind.__name__ for part in task.modules() for kind in type(part).__mro__}
    for known in UNEXPORTABLE:
        if known.part in kinds:
            raise ShareError(
                f"{known.part} cannot be exported: it {known.reason}; use it from Python, with "
                "load_pretrained or load_from_checkpoint."
            )
