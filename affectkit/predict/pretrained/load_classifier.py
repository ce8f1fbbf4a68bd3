"""Classifiers of transformers, from a folder or by a hub name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from torch import nn

from affectkit.encoders import weights_digest

# The one module that transformers enters through; what it loads itself has no head.
from affectkit.encoders.transformers_bridge import _transformers
from affectkit.predict.error import PredictError
from affectkit.predict.local_model import HUB
from affectkit.tasks.saved_folder import is_saved_folder

_HEADS: Final = ("ForImageClassification", "ForAudioClassification", "ForSequenceClassification")

InputKind: TypeAlias = Literal["picture", "recording", "text"]
_KINDS: Final[dict[str, InputKind]] = {
    "pixel_values": "picture",
    "input_values": "recording",
    "input_features": "recording",
    "input_ids": "text",
}


class LoadedClassifier(NamedTuple):
    """A classifier with what prepares its inputs.

    Attributes:
        model: The network, in float32 and in evaluation.
        kind: What it reads.
        names: What it calls its logits, in their order.
        source: What transformers was given: a folder, or a hub name.
        label: Its name without the place on this machine.
        identity: First twelve digits of the SHA-256 of its weights.
        several: Whether its labels may hold together, each with a sigmoid of its own.
    """

    model: nn.Module
    kind: InputKind
    names: tuple[str, ...]
    source: str
    label: str
    identity: str
    several: bool = False

    def load_preparer(self) -> Any:
        """The image processor or feature extractor that lies beside the weights."""
        library: Any = _transformers()
        kind = library.AutoImageProcessor if self.kind == "picture" else library.AutoFeatureExtractor
        return kind.from_pretrained(self.source, local_files_only=Path(self.source).is_dir())


def is_classifier(model: str) -> bool:
    """Whether a model is named as one of transformers: ``hf:NAME``, or a folder with its ``config.json``."""
    return model.startswith(HUB) or ((Path(model) / "config.json").is_file() and not is_saved_folder(model))


def load_classifier(model: str) -> LoadedClassifier:
    """Load a classifier of pictures, recordings or texts.

    Args:
        model: Folder, or ``hf:NAME``, which is downloaded unless it is there.

    Raises:
        MissingExtraError: If transformers is not installed.
        PredictError: If it is no such classifier.
    """
    library: Any = _transformers(purpose="Predicting with a classifier of transformers")
    name = model.removeprefix(HUB)
    local = Path(name).is_dir() and not model.startswith(HUB)
    source = str(Path(name).resolve()) if local else name
    config: Any = library.AutoConfig.from_pretrained(source, local_files_only=local)
    architectures = list(config.architectures or ())
    found: Any = getattr(library, architectures[0], None) if architectures else None
    kind = _KINDS.get(getattr(found, "main_input_name", ""))
    if found is None or kind is None or not architectures[0].endswith(_HEADS):
        raise PredictError(
            f"The model {model} is {', '.join(architectures) or 'of no stated kind'}: name a classifier of "
            f"pictures, recordings or texts, whose class ends in {', '.join(_HEADS[:-1])} or {_HEADS[-1]}."
        )
    if config.problem_type == "regression" or config.num_labels < 2:
        what = config.problem_type or "a single output"
        raise PredictError(
            f"The model {model} is made for {what}, and a row has probabilities of labels: name a classifier "
            "of at least two."
        )
    network: Any = found.from_pretrained(source, local_files_only=local)
    named = cast("dict[int, str]", config.id2label)
    return LoadedClassifier(
        network.float().eval(),
        kind,
        tuple(str(named[place]) for place in range(config.num_labels)),
        source,
        Path(source).name if local else name,
        weights_digest(network)[:12],
        config.problem_type == "multi_label_classification",
    )
