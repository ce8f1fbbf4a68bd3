"""Whether what a task reads as it was recorded occurs anywhere in its training data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, runtime_checkable

from lightning.pytorch.utilities import rank_zero_warn

from affectkit.data.modules import MixedDataModule

#: What a turn that has a medium has, by the names of its members.
_MEMBERS: Final = {
    "audio": "a voice (KEY.voice-000.wav)",
    "text": "a text",
    "visual": "a face (KEY.face-000.png)",
}


@runtime_checkable
class FindsMedia(Protocol):
    """A data module of recordings, as :class:`~affectkit.data.modules.ConversationMediaDataModule`."""

    root: str
    media: tuple[str, ...]

    def absent_media(self, split: str) -> tuple[str, ...]:
        """Those of ``media`` that no turn of a split has."""
        ...


def check_media(data: object, wanted: Iterable[str], *, task: str) -> None:
    """Name what a task has an encoder for and no training turn has.

    A source of a mixture may lack what another one has, and is then named in a warning.

    Args:
        data: The data module; one that cannot tell is not asked.
        wanted: Media that the task encodes.
        task: Name of the task, for the message.

    Raises:
        ValueError: If no training turn of any source has one of ``wanted``.
    """
    sources = data.sources if isinstance(data, MixedDataModule) else {"": data}
    asked: dict[str, FindsMedia] = {
        name: source for name, source in sources.items() if isinstance(source, FindsMedia)
    }
    for medium in sorted(wanted):
        reading = {name: source for name, source in asked.items() if medium in source.media}
        lacking = {name: source for name, source in reading.items() if medium in source.absent_media("train")}
        what = _MEMBERS.get(medium, medium)
        if lacking and len(lacking) == len(reading):
            roots = " and ".join(source.root for source in lacking.values())
            raise ValueError(
                f"{task} has an encoder for {medium!r}, but no turn of the train split of {roots} has "
                f"{what}: make the shards with them, or leave {medium!r} out of media, here and in the data "
                "module."
            )
        for name, source in lacking.items():
            rank_zero_warn(
                f"No turn of the train split of source {name!r} ({source.root}) has {what}: the encoder for "
                f"{medium!r} of {task} is trained by the other sources alone."
            )
