"""How evaluation reads its data: what a checkpoint keeps, so that raw files are read alike later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class DataReading(NamedTuple):
    """What a data module does to a sample in evaluation, in plain values that a checkpoint may hold.

    Places of data are not part of it, as a checkpoint goes where its data do not; but where the labelled
    utterances lie that prompts show is.

    Attributes:
        module: Name of the data module's class, e.g. ``"AudioDataModule"``.
        options: Its constructor arguments that evaluation depends on, and what it has read of the data,
            e.g. which encoders made the features.

    Examples:
        >>> reading = DataReading("AudioDataModule", {"rate": 16000})
        >>> DataReading.from_plain(reading.to_plain()) == reading
        True
    """

    module: str
    options: Mapping[str, object]

    def to_plain(self) -> dict[str, object]:
        """Values that a checkpoint may hold."""
        return {"module": self.module, "options": dict(self.options)}

    @classmethod
    def from_plain(cls, stored: Mapping[str, object]) -> DataReading:
        """Read what :meth:`to_plain` gave.

        Raises:
            ValueError: If it is something else.
        """
        match stored.get("module"), stored.get("options"):
            case str(module), Mapping() as options:
                return cls(module, {str(name): value for name, value in options.items()})
        raise ValueError(f"The stored reading of data is damaged ({dict(stored)}): use a whole checkpoint.")
