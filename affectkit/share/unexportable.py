"""Which parts no exporter can follow, and the operation that stops it."""

from __future__ import annotations

from torch import nn

from affectkit.share.error import ShareError

_SPEAKERS = (
    "decides by the numbers of the speakers (`bool((speaker < 0).any())` in speaker_numbers), which a graph "
    "of tensors cannot"
)

#: By the name of a part's class: what it does that a graph of tensors with a batch of any size cannot hold.
UNEXPORTABLE: dict[str, str] = {
    "AttentionalSelectiveFusion": (
        "asks for the size of the batch as a Python number (`len(flags)`), which makes it a "
        "constant of the graph"
    ),
    "AudienceTask": (
        "spreads over the hypergraph of everybody (hypergraph_propagation), so that a row has no answer "
        "without all others and a batch of another size none at all"
    ),
    "ConversationLLMTask": (
        "scores each answer behind a key-value cache that it repeats in between "
        "(cache.batch_repeat_interleave), which is an object and no tensor"
    ),
    "DialogueGCN": _SPEAKERS,
    "DialogueRNN": f"{_SPEAKERS}, and makes as many states as there are (`int(speaker.max())`)",
    "MMGCN": _SPEAKERS,
    "VisualnessTask": "reads strings and tokenises them itself (encode_texts), and a graph reads tensors",
}


def check_exportable(task: nn.Module) -> None:
    """Refuse a task that is known to stop an exporter.

    Raises:
        ShareError: If it, or a part of it, is one of :data:`UNEXPORTABLE`; the message names the operation.
    """
    kinds = dict.fromkeys(kind.__name__ for part in task.modules() for kind in type(part).__mro__)
    for name, reason in UNEXPORTABLE.items():
        if name in kinds:
            raise ShareError(
                f"{name} cannot be exported: it {reason}; use it from Python, with load_pretrained or "
                "load_from_checkpoint."
            )
