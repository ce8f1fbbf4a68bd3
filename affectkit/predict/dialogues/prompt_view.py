"""How a language model is asked about an utterance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Self, cast

from affectkit.conversation.prompts import PromptTemplate
from affectkit.predict.dialogues.shown_demonstrations import ShownDemonstrations
from affectkit.predict.error import PredictError
from affectkit.predict.run_data import RunData
from affectkit.predict.texts.text_view import named_tokenizer


class PromptView(NamedTuple):
    """What :class:`~affectkit.data.modules.ConversationPromptDataModule` asks about an utterance.

    Attributes:
        tokenizer: Folder or hub name of the language model.
        label_words: Words for the labels, in their order; None takes their names.
        template: Name of a shipped prompt, or one of your own.
        context: ``"past"`` or ``"both"``.
        context_window: Turns on a side.
        max_tokens: Tokens that a prompt may have.
        demonstrations: Labelled utterances that prompts show; None = none.
    """

    tokenizer: str
    label_words: tuple[str, ...] | None = None
    template: str | PromptTemplate = "prc_emo"
    context: Literal["past", "both"] = "past"
    context_window: int = 5
    max_tokens: int = 2048
    demonstrations: ShownDemonstrations | None = None

    @classmethod
    def of_run(cls, data: RunData, *, demonstrations: ShownDemonstrations | None = None) -> Self:
        """What a run says.

        Args:
            data: How the run read its data.
            demonstrations: What its prompts show, see :meth:`ShownDemonstrations.of_run`.

        Raises:
            PredictError: If prompts of the run showed more than a dialogue holds.
        """
        if data.options.get("knowledge"):
            raise PredictError(
                f"The prompts of the run ({data.place}) showed knowledge, which a raw dialogue does not "
                "bring: make shards of it and use `affectkit predict --config`, or train without."
            )
        context = data.value("context", str, "past")
        if context not in ("past", "both"):
            raise PredictError(
                f"The {data.place} states context={context!r}: restore the file that the training wrote."
            )
        words: list[object] | None = data.optional("label_words", list)
        return cls(
            named_tokenizer(data),
            None if words is None else tuple(map(str, words)),
            _template(data),
            cast('Literal["past", "both"]', context),
            data.value("context_window", int, 5),
            data.value("max_tokens", int, 2048),
            demonstrations,
        )

    def described(self) -> str:
        """What is shown, in a few words."""
        sides = "before it" if self.context == "past" else "on each side"
        shown = "" if self.demonstrations is None else f" and {self.demonstrations.name}"
        return f"a prompt for each turn, with {self.context_window} turns {sides}{shown}"


def _template(data: RunData) -> str | PromptTemplate:
    # A configuration of one's own template has it as a class with its arguments, a checkpoint bare.
    stated = data.options.get("template")
    parts = stated.get("init_args", stated) if isinstance(stated, Mapping) else None
    match parts:
        case {"system": str(system), "user": str(user), **more}:
            return PromptTemplate(system, user, cast("dict[str, str]", more.get("wording") or {}))
    return data.value("template", str, "prc_emo")
