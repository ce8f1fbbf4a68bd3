"""Made-up people who watch made-up videos, with the EEG and the gaze of each."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Manifest
from affectkit.data.synthetic.licence import LICENCE
from affectkit.physiology import BandPower, EngagementIndex, FrontalAsymmetry, GazeRatio, group_means

#: Values of the attributes of SRI-ADV, by which its rows are grouped.
AUDIENCE_VOCABULARY: Final[dict[str, tuple[str, ...]]] = {
    "gender": ("total-user", "male", "female"),
    "age": ("total-user", "46-50", "41-45", "36-40", "31-35", "26-30", "21-25", "under20"),
}
EVERYBODY: Final = "total-user"
_ELECTRODES: Final = ("F3", "F4", "Cz", "Pz")
_RATE: Final = 64
_SECONDS: Final = 3
_GAZE_SAMPLES: Final = 50
# What a video is about, of which its text tells and to which people respond.
_TOPICS: Final = 4


class _Audience(NamedTuple):
    gender: list[str]
    age: list[str]
    taste: NDArray[np.float64]
    mood: NDArray[np.float64]


def write_synthetic_audience(
    out: str | os.PathLike[str],
    *,
    people: int = 42,
    videos: int = 18,
    scenes: int = 2,
    feature_dim: int = 24,
    seed: int = 0,
    overwrite: bool = False,
) -> Manifest:
    """Write groups of people and the scenes that they watched as shards, with how they reacted.

    Each person has a gender, an age and a taste that goes with them; each scene has a topic, which its
    text features tell with noise. For each person and scene, EEG of four electrodes and a track of gaze
    are drawn, and measured by :mod:`affectkit.physiology`: engagement, frontal asymmetry and the share of
    gaze on the frame. A sample is the mean over the people of one gender and age, or over everybody, for
    one scene: ``meta`` holds ``gender``, ``age``, ``video`` and ``scene``, and the numbers ``engagement``,
    ``emotion`` and ``emr``. Of six videos, the fifth is ``val`` and the sixth ``test``. Equal
    arguments give equal bytes.

    Args:
        out: Folder to make.
        people: Number of people; genders and ages take turns, so 14 are the least.
        videos: Number of videos.
        scenes: Scenes of a video.
        feature_dim: Width of the text features.
        seed: Seed of everything.
        overwrite: Replace the data set that lies at ``out``.

    Returns:
        The manifest that was written, of kind ``features``.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
        ValueError: If there are too few people or videos.
    """
    genders, ages = AUDIENCE_VOCABULARY["gender"][1:], AUDIENCE_VOCABULARY["age"][1:]
    if people < len(genders) * len(ages) or videos < 6 or scenes < 1 or feature_dim < _TOPICS:
        raise ValueError(
            f"write_synthetic_audience got people={people}, videos={videos}, scenes={scenes} and "
            f"feature_dim={feature_dim}: give at least {len(genders) * len(ages)}, 6, 1 and {_TOPICS}."
        )
    template = Manifest(
        name="synthetic-audience",
        kind="features",
        label_space=None,
        features={"text": FeatureSpec(feature_dim, "float32", "drawn")},
        licence=LICENCE,
        synthetic=True,
        created_by=(f"write_synthetic_audience({people=}, {videos=}, {scenes=}, {feature_dim=}, {seed=})"),
    )
    rng = np.random.default_rng([seed, 0])
    tongue = rng.normal(size=(_TOPICS, feature_dim))
    audience = _audience(rng, people, genders=genders, ages=ages)
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for video in range(videos):
            split = {4: "val", 5: "test"}.get(video % 6, "train")
            chance = np.random.default_rng([seed, 1, video])
            topic = chance.normal(size=_TOPICS)
            for scene in range(scenes):
                shown = topic + 0.4 * chance.normal(size=_TOPICS)
                text = shown @ tongue + 0.3 * chance.normal(size=feature_dim)
                reactions = _reactions(chance, audience.mood + audience.taste @ shown)
                means = group_means(
                    reactions,
                    {"gender": audience.gender, "age": audience.age},
                    totals={"gender": EVERYBODY, "age": EVERYBODY},
                )
                for (gender, age), (engagement, emotion, emr) in zip(
                    means.keys, means.mean.tolist(), strict=True
                ):
                    key = f"video-{video:03d}-scene-{scene}-{gender}-{age}"
                    record: ItemRecord = {
                        "id": key,
                        "label": None,
                        "meta": {
                            "gender": gender,
                            "age": age,
                            "video": f"video-{video:03d}",
                            "scene": f"video-{video:03d}-scene-{scene}",
                            "engagement": round(engagement, 6),
                            "emotion": round(emotion, 6),
                            "emr": round(emr, 6),
                        },
                    }
                    writer.add_item(
                        split, key, record, features={"text": torch.from_numpy(text.astype(np.float32))}
                    )
    return writer.manifest


def _audience(
    rng: np.random.Generator, people: int, *, genders: tuple[str, ...], ages: tuple[str, ...]
) -> _Audience:
    gender = [genders[person % len(genders)] for person in range(people)]
    age = [ages[person // len(genders) % len(ages)] for person in range(people)]
    # What everybody likes, what people of a gender or age like beside it, and how much they like anything.
    common = rng.normal(size=_TOPICS)
    shared = {name: 0.4 * rng.normal(size=_TOPICS) for name in (*genders, *ages)}
    mood = {name: 0.7 * rng.normal() for name in (*genders, *ages)}
    taste = np.stack(
        [
            common + shared[one] + shared[other] + 0.3 * rng.normal(size=_TOPICS)
            for one, other in zip(gender, age, strict=True)
        ]
    )
    return _Audience(gender, age, taste, np.array([mood[g] + mood[a] for g, a in zip(gender, age)]))


def _reactions(rng: np.random.Generator, liking: NDArray[np.float64]) -> Tensor:
    """Engagement, asymmetry and gaze ratio (people, 3) of people who like what they see so much."""
    people = len(liking)
    time = np.arange(_RATE * _SECONDS) / _RATE
    eeg = rng.normal(scale=2.0, size=(people, len(_ELECTRODES), len(time)))
    # In microvolt: where people like it alpha falls on the left, and beta rises everywhere.
    right = np.array([name == "F4" for name in _ELECTRODES])
    alpha = 10.0 * np.exp(0.15 * np.outer(liking, np.where(right, 1.0, -1.0)))
    beta = 6.0 * np.exp(0.15 * liking)[:, None] * np.ones(len(_ELECTRODES))
    for hertz, size in ((6.0, np.full_like(alpha, 8.0)), (10.0, alpha), (20.0, beta)):
        phase = rng.uniform(0, 2 * np.pi, size=(people, len(_ELECTRODES), 1))
        eeg += size[..., None] * np.sin(2 * np.pi * hertz * time + phase)
    power = BandPower(_RATE)(torch.from_numpy(eeg))
    spread = 0.45 * np.exp(-0.15 * liking)[:, None, None]
    gaze = 0.5 + spread * rng.normal(size=(people, _GAZE_SAMPLES, 2))
    gaze[rng.random(size=(people, _GAZE_SAMPLES)) < 0.05] = np.nan  # blinks
    return torch.stack(
        [
            EngagementIndex()(power),
            FrontalAsymmetry(_ELECTRODES)(power),
            GazeRatio()(torch.from_numpy(gaze)),
        ],
        dim=1,
    )
