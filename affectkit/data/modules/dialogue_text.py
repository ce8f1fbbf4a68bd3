"""Utterances of stored conversations with their dialogue around them, for an encoder that is trained."""

from __future__ import annotations

from typing import Literal

from affectkit.data.loader import DataReading, item_target
from affectkit.data.loader.dialogue_text import DialogueTextCollate, DialogueTurn, DialogueTurnReader
from affectkit.data.modules.shard import ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.schema import ShardError
from affectkit.data.store import SampleStore
from affectkit.data.store.utterance_view import UtteranceView
from affectkit.encoders import DialogueWindowText, TextTokenizer
from affectkit.types import Curriculum, Difficulty, RecordDifficulty


class DialogueTextDataModule(ShardDataModule[DialogueTurn]):
    """One utterance a sample, tokenised together with what was said before and after it.

    Reads shards of conversations; each utterance is a sample of its own with the key ``KEY#NUMBER``, so
    batches mix dialogues, and every promise of :class:`ShardDataModule` holds for utterances. Batches hold
    token ids, ``inputs["text"]`` (B, T) and ``masks["text"]``, and where the utterance itself stands,
    ``masks["current"]``; see :class:`~affectkit.encoders.DialogueWindowText`. A difficulty of conversations
    is that of each of their utterances.

    Args:
        root: Folder with a ``manifest.json`` of kind ``conversation``.
        tokenizer: Folder or hub name of the text encoder that will read the ids.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        budget: Tokens of an utterance with its context at most; fewer are faster.
        past: Utterances before it at most; None = all that fit.
        future: Utterances after it at most; 0 for talk that is still going on.
        names: Whether utterances begin with the speaker's name.
        bucket_by_length: Put windows of like length into a batch (training only), so that little of it
            is padding; not with ``shuffle="lanes"``.
        batch_size: Rows of a batch over all ranks together.
        seed: Seed of the order.
        shuffle: ``"global"``, ``"lanes"`` or ``"none"``; see :class:`~affectkit.data.plan.EpochPlan`.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes of ``shuffle="lanes"``.
        tail: Whether training drops the samples after the last full batch or wraps around.
        num_workers: Processes that make batches.
        multiprocessing_context: How these are started; None is the platform's own way.
        pin_memory: Put batches into page-locked memory, where there is a GPU to take them to.
        predict_split: Split that the predict loader reads; it needs no labels.
        verify: What is compared before training starts: ``"size"`` sizes and indexes, ``"headers"`` also
            every header, ``"sha256"`` every byte.
        damage: What becomes of a sample that cannot be read: ``"error"`` stops, ``"mask"`` keeps its row
            with zeros, without targets and with weight 0, warns, and counts it as ``STAGE/damaged``.
        max_damaged: How many rows of an epoch may be masked: a number as an int, a share as a float.
        curriculum: Which samples of the train split an epoch draws from; None draws from all.
        difficulty: How hard a sample is; None takes the curriculum's own ``difficulty``. Without a
            curriculum it is only reported.

    Raises:
        DataModuleError: If the folder holds another kind of samples.
        MissingExtraError: If transformers is not installed.
    """

    kind = "conversation"

    def __init__(
        self,
        root: str,
        tokenizer: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        budget: int = 128,
        past: int | None = None,
        future: int | None = None,
        names: bool = True,
        bucket_by_length: bool = True,
        batch_size: int = 32,
        seed: int = 0,
        shuffle: Shuffle = "global",
        window: int = 65_536,
        lanes: int = 8,
        tail: Literal["drop", "wrap"] = "drop",
        num_workers: int = 0,
        multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = None,
        pin_memory: bool = True,
        predict_split: str = "test",
        verify: Literal["size", "headers", "sha256"] = "headers",
        damage: Literal["error", "mask"] = "error",
        max_damaged: int | float = 0.01,
        curriculum: Curriculum | None = None,
        difficulty: Difficulty | RecordDifficulty | None = None,
    ) -> None:
        super().__init__(
            root,
            label_space=label_space,
            label_merge=label_merge,
            label_drop=label_drop,
            modalities=[],
            batch_size=batch_size,
            seed=seed,
            shuffle=shuffle,
            window=window,
            lanes=lanes,
            tail=tail,
            num_workers=num_workers,
            multiprocessing_context=multiprocessing_context,
            pin_memory=pin_memory,
            predict_split=predict_split,
            verify=verify,
            damage=damage,
            max_damaged=max_damaged,
            curriculum=curriculum,
            difficulty=difficulty,
        )
        self.dialogue_window = DialogueWindowText(
            TextTokenizer(tokenizer), budget=budget, past=past, future=future, names=names
        )
        self._reading = DataReading(
            "DialogueTextDataModule",
            {"tokenizer": tokenizer, "budget": budget, "past": past, "future": future, "names": names},
        )
        # Lanes are read as they are stored, each rank its own: nothing there can be sorted.
        self._bucket_by_length = bucket_by_length and shuffle != "lanes"
        self._lengths: list[int] | None = None
        self._views: dict[str, UtteranceView] = {}

    @property
    def reading(self) -> DataReading:
        """How evaluation reads an utterance; a checkpoint keeps it for predictions on files."""
        return self._reading

    def store(self, split: str) -> SampleStore:
        """The utterances of one split, opened once."""
        if split not in self._views:
            self._views[split] = UtteranceView(super().store(split), skip_damaged=self._damage == "mask")
        return self._views[split]

    def decoder(self, split: str) -> DialogueTurnReader:
        """The record, and which utterance is meant."""
        return DialogueTurnReader()

    def collate(self, split: str) -> DialogueTextCollate:
        """Tokenise with context, with targets in the label order of the run."""
        return DialogueTextCollate(item_target(self.manifest, self.label_map), self.dialogue_window)

    def lengths(self, split: str) -> list[int] | None:
        """Tokens of each window, counted once, where batches go by length."""
        if self._bucket_by_length and self._lengths is None:
            view, decode, found = self.store(split), self.decoder(split), list[int]()
            while len(found) < len(view):
                try:
                    sample = decode(view.get(len(found)))
                except ShardError as error:
                    if self._damage == "error":
                        raise ShardError(f"{view.describe(len(found))}: {error}") from error
                    found.append(0)
                    continue
                # A dialogue's windows are made together: its texts are then tokenised once.
                found += [len(window.ids) for window in self.dialogue_window(sample.names, sample.texts)]
            self._lengths = found
        return self._lengths if self._bucket_by_length else None
