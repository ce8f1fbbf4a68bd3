"""CMU-MOSI in memory, and the one way in which every system of these benchmarks is trained on it."""

from __future__ import annotations

import functools
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import ConversationCollate, ConversationSample
from affectkit.data.modules import ConversationDataModule, FeatureStatistics
from affectkit.data.modules.feature_statistics import feature_statistics
from affectkit.data.sources import find_source, make_dataset
from affectkit.encoders import TransformersTextEncoder
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.fusion import FusionName, FusionOption
from affectkit.labels import LabelSpace, label_space
from affectkit.predict import extract_features
from affectkit.tasks import ConversationTask

SPACE: Final = "sentiment2.mosi"
#: Of the 62 training videos, drawn by the seed.
HELD_OUT: Final = 12
#: Hidden states of the sentence encoder whose mean is a feature.
LAYERS: Final = (-4, -3, -2, -1)
#: Deviation of the noise on a feature in training, in deviations of the feature. The text and video
#: features as distributed come from networks that learnt from the labels of these very training videos.
NOISE: Final[Mapping[str, float]] = {"text": 8.0, "visual": 8.0}


class Videos(NamedTuple):
    """One split in memory."""

    keys: list[str]
    samples: list[ConversationSample]
    collate: ConversationCollate
    dims: dict[str, int]


def make_features(data: Path, encoder: str | None, work: Path) -> Path:
    """Shards of the features as distributed or, with an encoder, with its features in the text's place."""
    source = data / "mosi" if (data / "mosi").is_dir() else data
    plain = work / "distributed"
    if not plain.is_dir():
        make_dataset(find_source("mosi"), source, out=plain, options={"held_out": "0"})
    if encoder is None:
        return plain
    reader = (
        TinyTextEncoder()
        if encoder == "tiny"
        else TransformersTextEncoder(encoder, layers=LAYERS, combine="mean")
    )
    encoded = work / "encoded"
    extract_features(plain, encoded, encoders={"sentence": reader})
    return encoded


@functools.lru_cache(maxsize=8)
def read_videos(root: Path, modalities: tuple[str, ...], split: str) -> Videos:
    """Every video of a split, in the order of its store."""
    data = ConversationDataModule(str(root), modalities=list(modalities), pin_memory=False)
    store, decode = data.store(split), data.decoder(split)
    keys = [store.key(place) for place in range(len(store))]
    read = [decode(store.get(place)) for place in range(len(store))]
    # Tensors of its own, so that nothing is opened after this.
    samples = [
        ConversationSample(sample.record, {name: sample.features[name] for name in modalities})
        for sample in read
    ]
    return Videos(keys, samples, data.collate(split), data.feature_dims)


class MosiVideos(LightningDataModule):
    """The videos from memory: a batch is joined in well under a millisecond for each video.

    Args:
        root: The shards.
        modalities: What to read of them.
        seed: Draws the order and the videos that are held out.
        held_out: How many of the training videos are; 0 trains on all.
        noise: Deviation of the noise on a modality in training and on the held-out videos, never in the
            test, in deviations of the feature.
    """

    def __init__(
        self,
        root: Path,
        modalities: Sequence[str],
        *,
        seed: int,
        held_out: int = HELD_OUT,
        noise: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.noise = dict(noise or {})
        self._train = read_videos(root, tuple(modalities), "train")
        self._test = read_videos(root, tuple(modalities), "test")
        order = torch.randperm(len(self._train.keys), generator=torch.Generator().manual_seed(seed)).tolist()
        self._held, self._kept = sorted(order[:held_out]), sorted(order[held_out:])
        self._seed = seed
        self._statistics = self.feature_statistics()

    @property
    def label_space(self) -> LabelSpace:
        """Labels of the batches."""
        return label_space(SPACE)

    @property
    def feature_dims(self) -> dict[str, int]:
        """Width of each modality."""
        return self._train.dims

    def class_counts(self, split: str) -> Tensor:
        """How often each label occurs in a split."""
        videos, places = (
            (self._test, range(len(self._test.keys)))
            if split == "test"
            else (self._train, self._kept if split == "train" else self._held)
        )
        labels = [turn["label"] for place in places for turn in videos.samples[place].record["utterances"]]
        return torch.bincount(torch.tensor([label for label in labels if label is not None]), minlength=2)

    def feature_statistics(self) -> dict[str, FeatureStatistics]:
        """Mean and deviation over the videos that are trained on."""
        return {
            name: feature_statistics(
                [self._train.samples[place].features[name] for place in self._kept], dim=dim
            )
            for name, dim in self.feature_dims.items()
        }

    def train_dataloader(self) -> DataLoader[int]:
        """Ten videos a batch, in an order of their own in every epoch."""
        return DataLoader(
            self._kept,  # type: ignore[arg-type]
            batch_size=10,
            shuffle=True,
            drop_last=True,
            generator=torch.Generator().manual_seed(self._seed),
            collate_fn=functools.partial(_join, self._train),
        )

    def val_dataloader(self) -> DataLoader[int] | list[AffectBatch]:
        """The held-out videos in one batch."""
        # Lightning takes an empty list for: there is nothing to validate on.
        return self._whole(self._train, self._held) if self._held else []

    def test_dataloader(self) -> DataLoader[int]:
        """The test videos in one batch."""
        return self._whole(self._test, list(range(len(self._test.keys))))

    def _whole(self, videos: Videos, places: list[int]) -> DataLoader[int]:
        return DataLoader(
            places,  # type: ignore[arg-type]
            batch_size=len(places),
            collate_fn=functools.partial(_join, videos),
        )

    def on_after_batch_transfer(self, batch: AffectBatch, dataloader_idx: int) -> AffectBatch:
        """Add the noise."""
        trainer = self.trainer
        if trainer is None or not (trainer.training or trainer.validating):
            return batch
        # The held-out videos always look the same; training draws anew in each step.
        fixed = torch.Generator().manual_seed(self._seed) if trainer.validating else None
        for name in sorted(set(self.noise) & set(batch.inputs)):
            clean = batch.inputs[name]
            drawn = torch.randn(clean.shape, generator=fixed) * self._statistics[name].deviation.float()
            batch.inputs[name] = clean + self.noise[name] * drawn
        return batch


def build(
    data: MosiVideos,
    *,
    fusion: FusionName | None,
    seed: int,
    modality_dropout: float = 0.0,
) -> ConversationTask:
    """The same settings for every fusion, found by five-fold cross validation over the training videos."""
    return ConversationTask(
        SPACE,
        data.feature_dims,
        hidden_dim=64,
        standardize=True,
        input_dropout=0.5,
        dropout=0.4,
        context_model="bc_lstm",
        context_cell="gru",
        context_dim=64,
        context="both",
        residual="concat",
        lr=2e-3,
        weight_decay=0.05,
        schedule="cosine",
        warmup=0.1,
        fusion=fusion,
        fusion_options=_options(fusion, data),
        modality_dropout=modality_dropout,
        gate_balance=0.05 if fusion == "modality_experts" else 0.0,
        seed=seed,
    )


def _options(fusion: FusionName | None, data: MosiVideos) -> dict[str, FusionOption] | None:
    """Who leads: the words, as wherever these fusions were published."""
    words = next((name for name in ("sentence", "text") if name in data.feature_dims), None)
    named = {"fusion_attention": "trunk", "leader_follower": "leader"}
    return None if fusion not in named or words is None else {named[fusion]: words}


def fit(task: ConversationTask, data: MosiVideos, *, epochs: int) -> dict[str, float]:
    """Train to the last epoch, and look at the held-out videos once, at the end."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=epochs,
            check_val_every_n_epoch=epochs,
            num_sanity_val_steps=0,
            gradient_clip_val=1.0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
        trainer.fit(task, data)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def _join(videos: Videos, places: Sequence[int]) -> AffectBatch:
    return videos.collate(
        [videos.samples[place] for place in places],
        keys=[videos.keys[place] for place in places],
        positions=list(places),
        valid=[True] * len(places),
    )
