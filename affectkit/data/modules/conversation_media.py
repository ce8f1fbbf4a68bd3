"""Conversations from shards as they were recorded: voices, faces and texts, turn by turn."""

from __future__ import annotations

from typing import Literal, TypeAlias

from affectkit.data.collate import ConversationCollate
from affectkit.data.loader import DataReading
from affectkit.data.loader.conversation_media import ConversationMediaCollate, ConversationMediaReader
from affectkit.data.loader.conversation_media import ConversationMediaSample as _Sample
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.schema import ShardError
from affectkit.encoders import TextTokenizer
from affectkit.types import Curriculum, Difficulty, RecordDifficulty

#: What a turn may be read from.
Medium: TypeAlias = Literal["audio", "text", "visual"]
_MEDIA = ("audio", "text", "visual")


class ConversationMediaDataModule(ShardDataModule[_Sample]):
    """One dialogue a sample, its turns as recordings, pictures and token ids, for encoders that are trained.

    Reads the shards that ``affectkit extract`` reads: the voice of turn 3 is ``KEY.voice-003.wav``, its face
    ``KEY.face-003.png``; of several faces, ``KEY.face-003.00.png``, ``KEY.face-003.01.png`` and so on, cut
    out and not resized, since a face counts by its area; what is around them ``KEY.scene-003.jpg``. Batches
    hold waveforms (B, U, S), token ids (B, U, T) and pictures (B, U, N, 3, H, W) as bytes, with masks; see
    :class:`~affectkit.data.loader.conversation_media.ConversationMediaCollate`. A turn may lack any of them.

    Args:
        root: Folder with a ``manifest.json`` of kind ``conversation``.
        media: What is read: any of ``"audio"``, ``"text"`` and ``"visual"``; None = all three.
        tokenizer: Folder or hub name of the text encoder that will read the ids; ``"tiny"`` is for a look at
            how it runs. Needed where texts are read.
        max_tokens: Tokens kept of a text; None = what the tokenizer states, 512 at most.
        rate: Samples per second that every voice is brought to.
        resampled: Whether voices of another rate are resampled; with false they are an error.
        max_seconds: Seconds of a voice that are kept, from its begin; None = all of it.
        size: Side of the squares that pictures become; faces are stretched, scenes keep their proportions.
        max_faces: Faces of a turn that are kept, the largest ones.
        scene: Whether the scene of a turn is read, as the first of its pictures.
        features: Stored features to read beside, e.g. ``["text"]`` where ``media`` leaves texts out.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their utterances stay, with label -100.
        batch_size: Conversations of a batch over all ranks together.
        seed: Seed of the order.
        curriculum: Which conversations an epoch draws from; None draws from all.
        difficulty: How hard a conversation is; None takes the curriculum's own ``difficulty``.
            Without a curriculum it is only reported.
        bucket_by_length: Put conversations of like length into a batch (training only).
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

    Raises:
        DataModuleError: If the folder holds no conversations, an option does not fit another, or no
            difficulty is known.
        MissingExtraError: If transformers is not installed and texts are read.
    """

    kind = "conversation"

    def __init__(
        self,
        root: str,
        *,
        media: list[Medium] | None = None,
        tokenizer: str | None = None,
        max_tokens: int | None = None,
        rate: int = 16_000,
        resampled: bool = True,
        max_seconds: float | None = None,
        size: int = 112,
        max_faces: int = 4,
        scene: bool = False,
        features: list[str] | None = None,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        batch_size: int = 8,
        seed: int = 0,
        curriculum: Curriculum | None = None,
        difficulty: Difficulty | RecordDifficulty | None = None,
        bucket_by_length: bool = False,
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
    ) -> None:
        super().__init__(
            root,
            label_space=label_space,
            label_merge=label_merge,
            label_drop=label_drop,
            modalities=features or [],
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
        chosen = _MEDIA if media is None else tuple(sorted(set(media)))
        unknown = [name for name in chosen if name not in _MEDIA]
        twice = sorted(set(chosen) & set(features or ()))
        if unknown or twice or not chosen:
            raise DataModuleError(
                f"ConversationMediaDataModule got media={list(chosen)}, features={features or []}: give some "
                f"of {', '.join(_MEDIA)}, and no modality both ways."
            )
        if rate < 1 or size < 1 or max_faces < 1 or (max_seconds is not None and max_seconds <= 0):
            raise DataModuleError(
                f"ConversationMediaDataModule got rate={rate}, max_seconds={max_seconds}, size={size}, "
                f"max_faces={max_faces}: give numbers above 0."
            )
        if "text" in chosen and tokenizer is None:
            raise DataModuleError(
                "ConversationMediaDataModule reads texts and has no tokenizer: name the folder of the text "
                "encoder that will read the ids, or leave 'text' out of media."
            )
        self.media: tuple[str, ...] = chosen
        self.rate = rate
        self._tokenizer = None
        if "text" in chosen and tokenizer is not None:
            self._tokenizer = TextTokenizer(tokenizer, max_length=max_tokens)
        self._size = size if "visual" in chosen else None
        self.scene = scene and self._size is not None
        self._reader = ConversationMediaReader(
            rate=rate if "audio" in chosen else None,
            resampled=resampled,
            max_seconds=max_seconds,
            size=self._size,
            max_faces=max_faces,
            scene=scene,
            features=bool(features),
        )
        self._reading = DataReading(
            "ConversationMediaDataModule",
            {
                "media": list(chosen),
                "tokenizer": tokenizer,
                "max_tokens": max_tokens,
                "rate": rate,
                "resampled": resampled,
                "max_seconds": max_seconds,
                "size": size,
                "max_faces": max_faces,
                "scene": scene,
                "features": list(features or []),
            },
        )
        self._bucket_by_length = bucket_by_length
        self._lengths: list[int] | None = None
        self._absent: dict[str, tuple[str, ...]] = {}

    @property
    def reading(self) -> DataReading:
        """How evaluation reads a dialogue; a checkpoint keeps it for predictions on files."""
        return self._reading

    def decoder(self, split: str) -> ConversationMediaReader:
        """Record and media, decoded."""
        return self._reader

    def collate(self, split: str) -> ConversationMediaCollate:
        """Padding collate in the label order of the run."""
        mapping, scale = self.label_map, self.manifest.dims
        conversations = ConversationCollate(
            self.feature_dims,
            label_table=None if mapping is None else mapping.table,
            num_dims=0 if scale is None else len(scale),
            extra=sorted(self.manifest.extra_spaces),
            difficulty=self.difficulties() if split == "train" and self.model_difficulty is None else None,
        )
        return ConversationMediaCollate(
            conversations,
            tokenizer=self._tokenizer,
            audio="audio" in self.media,
            size=self._size,
            scene=self.scene,
        )

    def lengths(self, split: str) -> list[int] | None:
        """Utterances of each conversation, where batches go by length."""
        if self._bucket_by_length and self._lengths is None:
            store = self.store("train")
            self._lengths = [self._turns(position) for position in range(len(store))]
        return self._lengths

    def absent_media(self, split: str) -> tuple[str, ...]:
        """Those of :attr:`media` that no turn of a split has; read only until each was found once.

        Raises:
            ShardError: If a conversation is damaged and must not be.
        """
        if split not in self._absent:
            missing, store = set(self.media), self.store(split)
            for position in range(len(store)):
                if not missing:
                    break
                try:
                    missing -= self._reader.media(store.get(position))
                except ShardError:
                    if self._damage == "error":
                        raise
            self._absent[split] = tuple(sorted(missing))
        return self._absent[split]

    def _turns(self, position: int) -> int:
        try:
            return len(ConversationReader.record(self.store("train").get(position))["utterances"])
        except ShardError:
            if self._damage == "error":
                raise
            return 1
