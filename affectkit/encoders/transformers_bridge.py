"""The bridge to transformers: its tokenizers and models, from a folder or by a hub name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from affectkit._optional import require


class TextModelSource(NamedTuple):
    """Where a tokenizer and a model of transformers are read from.

    Attributes:
        name: What transformers is given: an absolute folder, or a hub name.
        local: Whether it is a folder, which is read without the network.
        label: Its name without the place on this machine, which does not belong in a data set.
    """

    name: str
    local: bool
    label: str


def text_model_source(name_or_path: str, *, owner: str) -> TextModelSource:
    """Tell a folder from a hub name.

    Args:
        name_or_path: Local folder, or a hub name.
        owner: Who wants it, for the error.

    Raises:
        FileNotFoundError: If the name is written as a path and no folder is there.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        # Absolute, since the process that a pickle goes to may stand in another folder.
        place = folder.resolve()
        return TextModelSource(str(place), True, place.name)
    if folder.is_absolute() or name_or_path.startswith((".", "~")):
        raise FileNotFoundError(
            f"{owner} found no folder {name_or_path!r}: "
            "give a folder with config, tokenizer and weights, or a hub name."
        )
    return TextModelSource(name_or_path, False, name_or_path)


def load_tokenizer(source: TextModelSource) -> Any:
    """Load a tokenizer that pads on the right.

    Raises:
        MissingExtraError: If transformers is not installed.
    """
    tokenizer: Any = _transformers().AutoTokenizer.from_pretrained(source.name, local_files_only=source.local)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def load_text_model(source: TextModelSource) -> nn.Module:
    """Load a model without a head, in float32 whatever the file holds, in evaluation.

    Raises:
        MissingExtraError: If transformers is not installed.
    """
    loaded: nn.Module = _transformers().AutoModel.from_pretrained(source.name, local_files_only=source.local)
    # float32 whatever the file holds: half precision makes features depend on the batch.
    return loaded.float().eval()


def _transformers() -> Any:
    return require("transformers", extra="text", purpose="Encoding text with a transformer")
