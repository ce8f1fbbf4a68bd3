"""How the voices, faces and texts of a dialogue are shown."""

from __future__ import annotations

from typing import NamedTuple, Self

from affectkit.data.collate import ConversationCollate
from affectkit.data.loader.conversation_media import ConversationMediaCollate, ConversationMediaReader
from affectkit.predict.error import PredictError
from affectkit.predict.run_data import RunData
from affectkit.predict.texts.text_view import load_tokenizer


class MediaView(NamedTuple):
    """What :class:`~affectkit.data.modules.ConversationMediaDataModule` does to a dialogue.

    Attributes:
        media: What is read: some of ``"audio"``, ``"text"`` and ``"visual"``.
        tokenizer: Folder or hub name of the text encoder; None where texts are not read.
        max_tokens: Tokens kept of a text; None = what the tokenizer states, 512 at most.
        rate: Samples per second that voices are brought to.
        resampled: Whether voices of another rate are resampled; else they are an error.
        max_seconds: Seconds of a voice that are kept; None = all of it.
        size: Side of the squares that pictures become.
        max_faces: Faces of a turn that are kept, the largest ones.
        scene: Whether the scene of a turn is read.
    """

    media: tuple[str, ...]
    tokenizer: str | None = None
    max_tokens: int | None = None
    rate: int = 16_000
    resampled: bool = True
    max_seconds: float | None = None
    size: int = 112
    max_faces: int = 4
    scene: bool = False

    @classmethod
    def of_run(cls, data: RunData) -> Self:
        """What a run says.

        Raises:
            PredictError: If the run read stored features beside, which files do not hold.
        """
        beside: list[object] = data.value("features", list, [])
        if beside:
            raise PredictError(
                f"The model read stored features of {', '.join(map(str, beside))} beside its media "
                f"({data.place}), which files do not hold: make shards of them and use "
                "`affectkit predict --config`, or train without."
            )
        stated: list[object] = data.value("media", list, ["audio", "text", "visual"])
        return cls(
            tuple(map(str, stated)),
            data.optional("tokenizer", str),
            data.optional("max_tokens", int),
            data.value("rate", int, 16_000),
            data.value("resampled", bool, True),
            data.optional("max_seconds", float),
            data.value("size", int, 112),
            data.value("max_faces", int, 4),
            data.value("scene", bool, False),
        )

    def reader(self) -> ConversationMediaReader:
        """What decodes a dialogue."""
        seen = "visual" in self.media
        return ConversationMediaReader(
            rate=self.rate if "audio" in self.media else None,
            resampled=self.resampled,
            max_seconds=self.max_seconds,
            size=self.size if seen else None,
            max_faces=self.max_faces,
            scene=self.scene and seen,
        )

    def collate(self) -> ConversationMediaCollate:
        """What joins dialogues.

        Raises:
            PredictError: If texts are read and no tokenizer is named, or its folder is not there.
        """
        tokenizer = None
        if "text" in self.media:
            if self.tokenizer is None:
                raise PredictError(
                    "The model reads texts, and no tokenizer is named: restore the file that the training "
                    "wrote."
                )
            tokenizer = load_tokenizer(self.tokenizer, max_length=self.max_tokens)
        return ConversationMediaCollate(
            ConversationCollate({}, label_table=None),
            tokenizer=tokenizer,
            audio="audio" in self.media,
            size=self.size if "visual" in self.media else None,
            scene=self.scene and "visual" in self.media,
        )

    def described(self) -> str:
        """What is shown, in a few words."""
        return f"the {', '.join(self.media)} of their turns"
