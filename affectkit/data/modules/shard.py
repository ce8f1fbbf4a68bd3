"""What every data module over shards does: stores, label safety, loaders and their position."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, Literal, TypeVar, cast

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from affectkit.curriculum import ModelDifficulty
from affectkit.data.collate import Collate
from affectkit.data.loader import DataReading, Decode, ShardLoader, Transform
from affectkit.data.modules.annotated_dims import annotated_dims
from affectkit.data.modules.grades_samples import GradesSamples
from affectkit.data.modules.has_votes import has_votes
from affectkit.data.plan import Shuffle
from affectkit.data.shards import Manifest, read_manifest
from affectkit.data.store import SampleStore, open_store, record_difficulties
from affectkit.data.store.difficulty_labels import check_difficulty_labels
from affectkit.labels import AffectScale, LabelMap, LabelSpace, label_space, reconcile
from affectkit.types import IGNORE_LABEL, Curriculum, Difficulty, RecordDifficulty

SampleT = TypeVar("SampleT")


class DataModuleError(ValueError):
    """The data cannot be used as asked; the message names the thing and the remedy."""


class ShardDataModule(LightningDataModule, Generic[SampleT]):
    """Train, val, test and predict loaders over one folder of shards.

    A subclass says how a sample is read (:meth:`decoder`) and how samples become a batch
    (:meth:`collate`). Everything else is the same for all kinds of data: evaluation sees every
    sample once, whatever the number of ranks; training is equal on all ranks; the position of the
    training loader is part of the checkpoint; and labels are those of the run, never silently those
    of the files. Rank and number of ranks come from the trainer; without one they are 0 of 1.

    Args:
        root: Folder with a ``manifest.json``: shards, or the LMDB built from them.
        label_space: Name of the run's label space; None takes that of the manifest. The same labels
            in another order are mapped by name; anything else needs ``label_merge`` or ``label_drop``.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        modalities: Features to load; None takes all that are stored.
        batch_size: Rows of a batch over all ranks together.
        seed: Seed of order and augmentation.
        shuffle: ``"global"``, ``"lanes"`` or ``"none"``; see :class:`~affectkit.data.plan.EpochPlan`.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes of ``shuffle="lanes"``.
        tail: Whether training drops the samples after the last full batch or wraps around.
        num_workers: Processes that make batches; stored features are fastest with 0.
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
        DataModuleError: If features or labels are asked for that the data does not have, or no difficulty
            is known.
        LabelSpaceMismatchError: If the stored labels are not those of the run, or the difficulty names
            others; both orders are printed.
    """

    #: Kind of samples, as a manifest states it; None reads any.
    kind: ClassVar[str | None] = None

    def __init__(
        self,
        root: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        modalities: list[str] | None = None,
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
        super().__init__()
        own: Difficulty | RecordDifficulty | None = getattr(curriculum, "difficulty", None)
        self._curriculum = curriculum
        self._difficulty = own if difficulty is None else difficulty
        if curriculum is not None and self._difficulty is None:
            raise DataModuleError(
                f"{type(curriculum).__name__} has no attribute 'difficulty': give the data module one, e.g. "
                f"difficulty=HclDifficulty()."
            )
        self._measured: list[float] | None = None
        self._graded_epoch: int | None = None
        self.root = root
        self.batch_size = batch_size
        self.seed = seed
        self._label_space = label_space
        self._label_merge = label_merge
        self._label_drop = label_drop
        self._modalities = modalities
        self._shuffle: Shuffle = shuffle
        self._window = window
        self._lanes = lanes
        self._tail: Literal["drop", "wrap"] = tail
        self._num_workers = num_workers
        self._context = multiprocessing_context
        self._pin_memory = pin_memory
        self._predict_split = predict_split
        self._verify: Literal["size", "headers", "sha256"] = verify
        self._damage: Literal["error", "mask"] = damage
        self._max_damaged = max_damaged
        self._manifest: Manifest | None = None
        self._stores: dict[str, SampleStore] = {}
        self._train: ShardLoader[SampleT] | None = None
        self._resume: Mapping[str, object] | None = None

    @abstractmethod
    def decoder(self, split: str) -> Decode[SampleT]:
        """Members of one sample to the sample."""

    @abstractmethod
    def collate(self, split: str) -> Collate[SampleT]:
        """Samples to a batch."""

    def transform(self, split: str) -> Transform[SampleT] | None:
        """Change of each sample, seeded by (seed, epoch, position); none unless overridden."""
        return None

    def lengths(self, split: str) -> Sequence[int] | None:
        """Lengths by which batches are put together; none unless overridden."""
        return None

    @property
    def reading(self) -> DataReading | None:
        """How evaluation reads a sample; None where raw files cannot be read that way."""
        return None

    def open_positions(self) -> Callable[[int], Sequence[int]] | None:
        """Which positions of the train split an epoch reads; all without a curriculum."""
        curriculum = self._curriculum
        if curriculum is None or self.difficulties() is None:
            return None
        # Asked for each time, since a model may have measured them anew.
        return lambda epoch: curriculum.positions(self.difficulties() or (), epoch=epoch)

    @property
    def model_difficulty(self) -> ModelDifficulty | None:
        """The difficulty that a model in training measures before each epoch; None where none does."""
        return self._difficulty if isinstance(self._difficulty, ModelDifficulty) else None

    @property
    def graded_epoch(self) -> int | None:
        """Epoch whose difficulties a model has measured; None where none has, or needs to."""
        return self._graded_epoch

    def grade(self, difficulty: Sequence[float], *, epoch: int) -> None:
        """Take the difficulties of ``epoch`` that a model has measured; the same on every rank.

        Args:
            difficulty: One number for each sample of the train split, in the order of its store. NaN
                counts as hard as the hardest.
            epoch: Epoch, from 0, that draws by them.

        Raises:
            DataModuleError: If no model was to measure them, or their number is not that of the samples.
        """
        size = len(self.store("train"))
        if self.model_difficulty is None or len(difficulty) != size:
            raise DataModuleError(
                f"{self.root} got {len(difficulty)} difficulties of a model for {size} samples: give one for "
                "each, and a difficulty that models measure, e.g. CentreDistanceDifficulty()."
            )
        hardest = max((value for value in difficulty if not math.isnan(value)), default=0.0)
        self._measured = [hardest if math.isnan(value) else float(value) for value in difficulty]
        self._graded_epoch = epoch
        if self._train is not None:
            self._train.forget_plan()

    @property
    def follows_curriculum(self) -> bool:
        """Whether epochs draw from what a curriculum opens."""
        return self._curriculum is not None

    def difficulties(self) -> list[float] | None:
        """Difficulty of each sample of the train split, read once; None where none was asked for.

        Every rank reads all of it, so the numbers are the same for any number of ranks.
        """
        if self._difficulty is not None and self._measured is None:
            self._measured = self.measure(self._difficulty)
        return self._measured

    def measure(self, difficulty: Difficulty | RecordDifficulty) -> list[float]:
        """Difficulty of each sample of the train split, in the order of its store.

        Raises:
            ShardError: If a sample has none, or cannot be read.
        """
        return record_difficulties(
            self.store("train"),
            difficulty,
            kind=self.manifest.kind,
            label_map=self.label_map,
            skip_damaged=self._damage == "mask",
        )

    def curriculum_order(self, epoch: int) -> list[tuple[str, float]]:
        """Key and difficulty of what ``epoch`` may draw from, easiest first; empty without a curriculum."""
        difficulty, choose = self.difficulties(), self.open_positions()
        if difficulty is None or choose is None:
            return []
        store = self.store("train")
        return [(store.key(int(place)), difficulty[int(place)]) for place in choose(epoch)]

    def graded_order(self, epoch: int) -> list[tuple[str, float]]:
        """Key and difficulty of every sample as a model measured it for ``epoch``; empty where none did."""
        if self._graded_epoch != epoch or self._measured is None:
            return []
        store = self.store("train")
        return [(store.key(place), hard) for place, hard in enumerate(self._measured)]

    def shown_keys(self, epoch: int) -> list[str]:
        """Keys in the order in which ``epoch`` shows them over all ranks, with or without a curriculum."""
        store = self.store("train")
        batches = self._loader("train").plan(epoch).batches()
        return [store.key(int(place)) for batch in batches for place in batch.positions]

    @property
    def manifest(self) -> Manifest:
        """What the folder holds."""
        if self._manifest is None:
            self._manifest = read_manifest(self.root)
        return self._manifest

    @property
    def label_space(self) -> LabelSpace | None:
        """Label space of the run, in whose order the batches' labels are; None without labels."""
        if self._label_space is None:
            return self.manifest.label_space
        return label_space(self._label_space)

    @property
    def label_map(self) -> LabelMap | None:
        """From the stored labels to those of the run; None where no labels are stored."""
        stored, wanted = self.manifest.label_space, self.label_space
        if stored is None or wanted is None:
            return None
        return reconcile(stored, wanted, merge=self._label_merge, drop=self._label_drop)

    @property
    def affect_scale(self) -> AffectScale | None:
        """Axes and range of the affect dimensions in the batches; None without any."""
        return self.manifest.dims

    @property
    def extra_spaces(self) -> Mapping[str, LabelSpace]:
        """Label spaces of the further targets, by name."""
        return self.manifest.extra_spaces

    def target_fields(self, source: str = "") -> frozenset[str]:
        """Which of ``label``, ``multilabel``, ``dims`` and ``extra.NAME`` the data states.

        Args:
            source: Matters to a mixture alone.
        """
        found = {f"extra.{name}" for name in self.extra_spaces}
        if self.label_space is not None:
            found.add("multilabel" if self.label_space.kind == "multilabel" else "label")
        if self.affect_scale is not None:
            found.add("dims")
        return frozenset(found)

    def annotated_dims(self, split: str) -> tuple[bool, ...]:
        """Whether each affect dimension has a value somewhere in a split."""
        return annotated_dims(self.store(split), skip_damaged=self._damage == "mask")

    def has_votes(self, split: str) -> bool:
        """Whether some sample of a split has votes of annotators."""
        return has_votes(self.store(split), skip_damaged=self._damage == "mask")

    @property
    def feature_dims(self) -> dict[str, int]:
        """Width of each modality that the batches hold, sorted by name."""
        stored = self.manifest.features
        wanted = sorted(stored) if self._modalities is None else sorted(set(self._modalities))
        missing = [name for name in wanted if name not in stored]
        if missing:
            raise DataModuleError(
                f"{self.root} has no features {missing[0]!r} (it has {', '.join(sorted(stored)) or 'none'}): "
                f"make them with `affectkit extract`, or leave {missing[0]!r} out of modalities."
            )
        return {name: stored[name].dim for name in wanted}

    @property
    def feature_encoders(self) -> dict[str, str]:
        """What made the features of each modality that the batches hold, sorted by name."""
        return {name: self.manifest.features[name].encoder for name in self.feature_dims}

    def class_counts(self, split: str) -> Tensor:
        """Labelled items of a split per class of the run, int64 (C,).

        Raises:
            DataModuleError: If the data has no labels.
        """
        mapping = self.label_map
        if mapping is None:
            raise DataModuleError(
                f"{self.root} has no labels to count: use data with labels, or do without class weights."
            )
        self.manifest.split_shards(split)
        counts = torch.zeros(len(mapping.target), dtype=torch.int64)
        for stored, count in enumerate(self.manifest.class_counts[split]):
            if mapping.table[stored] != IGNORE_LABEL:
                counts[mapping.table[stored]] += count
        return counts

    def store(self, split: str) -> SampleStore:
        """The samples of one split, opened once."""
        if split not in self._stores:
            self._stores[split] = open_store(self.root, split, verify=self._verify)
        return self._stores[split]

    def setup(self, stage: str) -> None:
        """Open what ``stage`` needs, so that damaged data is an error before training starts.

        All ranks tell each other how it went: where one cannot open the data, every one stops.

        Raises:
            DataModuleError: If the folder holds another kind of samples, or another rank failed.
            ShardError: If a file is absent, cut or damaged.
        """
        failure: Exception | None = None
        try:
            self._open(stage)
        except Exception as error:  # whatever it is, the other ranks must not wait for this one
            failure = error
        opened = failure is None
        everywhere = opened if self.trainer is None else self.trainer.strategy.reduce_boolean_decision(opened)
        if failure is not None:
            raise failure
        if not everywhere:
            raise DataModuleError(
                f"Another rank could not open {self.root}, and its own message says why: see that every node "
                f"has the whole data set there, then start again."
            )

    def _open(self, stage: str) -> None:
        if self.kind is not None and self.manifest.kind != self.kind:
            raise DataModuleError(
                f"{self.root} holds samples of kind {self.manifest.kind!r}: {type(self).__name__} reads "
                f"{self.kind!r} only, so give it another folder."
            )
        splits = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}
        for split in splits.get(stage, (self._predict_split,)):
            if split != "val" or split in self.manifest.splits:
                self.store(split)
        # properties that raise where labels or features do not fit the run
        _ = self.label_map, self.feature_dims
        if self._difficulty is not None:
            check_difficulty_labels(self._difficulty, self.label_space, data=self.root)

    def train_dataloader(self) -> ShardLoader[SampleT]:
        """Loader of the train split, at the position of the checkpoint if one was loaded.

        Without a trainer, asking again after an epoch was read to its end gives the next epoch.

        Raises:
            DataModuleError: If the split is smaller than one batch.
        """
        loader = self._loader("train")
        if not len(loader):
            raise DataModuleError(
                f"The train split of {self.root} has {len(loader.store)} samples, less than one batch of "
                f"{self.batch_size}: choose a smaller batch_size, or tail='wrap'."
            )
        module: object = None if self.trainer is None else getattr(self.trainer, "lightning_module", None)
        if self.model_difficulty is not None and module is not None and not isinstance(module, GradesSamples):
            raise DataModuleError(
                f"The difficulty {type(self._difficulty).__name__} is measured by the model, and "
                f"{type(module).__name__} has no grade_samples(): train a task of affectkit.tasks, or choose "
                "a difficulty of the data."
            )
        if self._resume is not None:
            loader.load_state_dict(self._resume)
            self._resume = None
        elif self.trainer is None and self._train is not None:
            loader.set_epoch(self._train.state_dict()["epoch"])
        self._train = loader
        return loader

    def val_dataloader(self) -> ShardLoader[SampleT] | list[ShardLoader[SampleT]]:
        """Loader of the val split, every sample once; an empty list where there is no such split."""
        return self._loader("val") if "val" in self.manifest.splits else []

    def test_dataloader(self) -> ShardLoader[SampleT]:
        """Loader of the test split, every sample once."""
        return self._loader("test")

    def predict_dataloader(self) -> ShardLoader[SampleT]:
        """Loader of ``predict_split`` in its order, every sample once."""
        return self._loader(self._predict_split, training=False)

    def examples_dataloader(self, split: str = "train", *, view: int | None = None) -> ShardLoader[SampleT]:
        """Loader of a split in its order, every sample once, e.g. to build a cache of examples from.

        Args:
            split: Which split.
            view: Samples as in this epoch of training, randomly changed; None = as in evaluation.
        """
        loader = self._loader(split, training=False, augment=view is not None)
        loader.set_epoch(view or 0)
        return loader

    def state_dict(self) -> dict[str, object]:
        """Position of the training loader and what a model measured, equal on all ranks."""
        state: dict[str, object] = {}
        if self._graded_epoch is not None:
            measured = torch.tensor(self._measured, dtype=torch.float64)
            state["graded"] = {"epoch": self._graded_epoch, "difficulty": measured}
        if self._train is not None:
            return {**state, "train": dict(self._train.state_dict())}
        return state if self._resume is None else {**state, "train": dict(self._resume)}

    def load_state_dict(self, state_dict: Mapping[str, object]) -> None:
        """Keep a position; the next :meth:`train_dataloader` goes there.

        Not the loader's own state in Lightning's loops: that one is dropped when the optimizer is
        configured from ``trainer.estimated_stepping_batches``.
        """
        self._train = None
        self._resume = cast("Mapping[str, object] | None", state_dict.get("train"))
        graded = cast("Mapping[str, object] | None", state_dict.get("graded"))
        if graded is not None:
            measured = cast(Tensor, graded["difficulty"]).tolist()
            self.grade(measured, epoch=cast(int, graded["epoch"]))

    def _loader(
        self, split: str, *, training: bool | None = None, augment: bool | None = None
    ) -> ShardLoader[SampleT]:
        training = split == "train" if training is None else training
        augment = training if augment is None else augment
        rank, world_size = self._share()
        return ShardLoader(
            self.store(split),
            self.decoder(split),
            collate=self.collate(split),
            global_batch=self.batch_size,
            seed=self.seed,
            shuffle=self._shuffle if training else "none",
            window=self._window,
            lanes=self._lanes,
            tail=self._tail if training else "mask",
            lengths=self.lengths(split) if training else None,
            positions=self.open_positions() if training else None,
            transform=self.transform(split) if augment else None,
            rank=rank,
            world_size=world_size,
            num_workers=self._num_workers,
            multiprocessing_context=self._context,
            pin_memory=self._pin_memory,
            damage=self._damage,
            max_damaged=self._max_damaged,
        )

    def _share(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        # With model parallelism several processes share one replica and must read the same rows:
        # the strategy knows, and gives nothing where there is one process.
        share = self.trainer.distributed_sampler_kwargs
        if share is None:
            return self.trainer.global_rank, self.trainer.world_size
        return int(share["rank"]), int(share["num_replicas"])
