from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from affectkit.data.synthetic import CONFUSIONS, blend
from affectkit.labels import label_space

EMOTIONS = label_space("meld7.official").labels


@pytest.mark.parametrize("modality", sorted(CONFUSIONS))
def test_groups_partition_the_label_space(modality: str) -> None:
    assert sorted(e for group in CONFUSIONS[modality] for e in group) == sorted(EMOTIONS)


def test_all_modalities_together_separate_every_pair_and_none_alone_does() -> None:
    def confused(modality: str, pair: tuple[str, str]) -> bool:
        return any(set(pair) <= set(group) for group in CONFUSIONS[modality])

    pairs = list(combinations(EMOTIONS, 2))
    for modality in CONFUSIONS:
        assert any(confused(modality, pair) for pair in pairs)
    assert not any(all(confused(modality, pair) for modality in CONFUSIONS) for pair in pairs)


def test_the_partner_is_of_the_group_and_its_mean_share_is_the_ambiguity() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(4000):
        mixture = blend("fear", "audio", rng, intensity=0.8, ambiguity=0.3)
        partner = next(name for name in mixture if name != "fear")
        assert partner in {"surprise", "joy", "anger"}
        assert sum(mixture.values()) == pytest.approx(0.8)
        shares.append(mixture[partner] / 0.8)
    assert np.mean(shares) == pytest.approx(0.3, abs=0.02)


def test_without_ambiguity_only_the_emotion_shows() -> None:
    assert blend("fear", "text", np.random.default_rng(0), intensity=0.5, ambiguity=0.0) == {"fear": 0.5}


@pytest.mark.parametrize(("emotion", "modality"), [("fear", "touch"), ("envy", "text")])
def test_unknown_names_are_refused(emotion: str, modality: str) -> None:
    with pytest.raises(ValueError, match=emotion):
        blend(emotion, modality, np.random.default_rng(0), intensity=1.0, ambiguity=0.1)
