"""How an utterance is shown with its dialogue."""

from __future__ import annotations

from typing import NamedTuple, Self

from affectkit.encoders import DialogueWindowText
from affectkit.predict.run_data import RunData
from affectkit.predict.texts.text_view import load_tokenizer, named_tokenizer


class DialogueView(NamedTuple):
    """What :class:`~affectkit.data.modules.DialogueTextDataModule` does to an utterance.

    Attributes:
        tokenizer: Folder or hub name of the text encoder.
        budget: Tokens of an utterance with its context at most.
        past: Utterances before it at most; None = all that fit.
        future: Utterances after it at most; None = all that fit.
        names: Whether utterances begin with the speaker's name.
    """

    tokenizer: str
    budget: int = 128
    past: int | None = None
    future: int | None = None
    names: bool = True

    @classmethod
    def of_run(cls, data: RunData) -> Self:
        """What a run says.

        Raises:
            PredictError: If it names no tokenizer.
        """
        return cls(
            named_tokenizer(data),
            data.value("budget", int, 128),
            data.optional("past", int),
            data.optional("future", int),
            data.value("names", bool, True),
        )

    def load(self) -> DialogueWindowText:
        """Load the tokenizer and make the windows.

        Raises:
            PredictError: If it is a folder that is not there.
        """
        return DialogueWindowText(
            load_tokenizer(self.tokenizer),
            budget=self.budget,
            past=self.past,
            future=self.future,
            names=self.names,
        )

    def described(self) -> str:
        """What is shown, in a few words."""
        before = "all that fits" if self.past is None else f"{self.past} turns"
        after = "all that fits" if self.future is None else f"{self.future} turns"
        return f"each turn with {before} before and {after} after it, in {self.budget} tokens"
