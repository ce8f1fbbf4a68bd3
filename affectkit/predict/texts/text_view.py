"""How a text becomes token ids."""

from __future__ import annotations

from typing import NamedTuple, Self

from affectkit.encoders import TextTokenizer
from affectkit.predict.error import PredictError
from affectkit.predict.run_data import RunData


class TextView(NamedTuple):
    """What :class:`~affectkit.data.modules.TextDataModule` does to a text.

    Attributes:
        tokenizer: Folder or hub name of the text encoder.
        max_length: Tokens kept of a text; None = what the tokenizer states, 512 at most.
    """

    tokenizer: str
    max_length: int | None = None

    @classmethod
    def of_run(cls, data: RunData) -> Self:
        """What a run says.

        Raises:
            PredictError: If it names no tokenizer.
        """
        return cls(named_tokenizer(data), data.optional("max_length", int))

    def load(self) -> TextTokenizer:
        """Load the tokenizer.

        Raises:
            PredictError: If it is a folder that is not there.
        """
        return load_tokenizer(self.tokenizer, max_length=self.max_length)


def named_tokenizer(data: RunData) -> str:
    """The tokenizer that a run names.

    Raises:
        PredictError: If it names none.
    """
    name = data.optional("tokenizer", str)
    if not name:
        raise PredictError(
            f"The {data.place} names no tokenizer for {data.module}: restore the file that the "
            "training wrote."
        )
    return name


def load_tokenizer(name: str, *, max_length: int | None = None) -> TextTokenizer:
    """Load a tokenizer.

    Raises:
        PredictError: If it is a folder that is not there.
    """
    try:
        return TextTokenizer(name, max_length=max_length)
    except FileNotFoundError as error:
        raise PredictError(
            f"The tokenizer {name!r} of the training is not there: run the command where its folder lies, or "
            "give the view in Python."
        ) from error
