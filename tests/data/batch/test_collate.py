from __future__ import annotations

import math
import random

import pytest
import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import ConversationCollate, ConversationSample
from affectkit.data.schema import ConversationRecord, ShardError, UtteranceRecord

DIMS = {"text": 3, "audio": 2}
TABLE = [2, -100, 0]


def conversation(seed: int, utterances: int) -> ConversationSample:
    draw = random.Random(seed)
    records: list[UtteranceRecord] = [
        {
            "id": f"u{i}",
            "text": f"text {seed} {i}",
            "speaker": draw.randrange(3),
            "label": draw.choice([None, 0, 1, 2]),
            "dims": [draw.choice([None, 0.5]), draw.random()],
            "extra": {"sentiment": draw.choice([None, 0, 1])},
        }
        for i in range(utterances)
    ]
    record: ConversationRecord = {"id": str(seed), "speakers": ["a", "b", "c"], "utterances": records}
    generator = torch.Generator().manual_seed(seed)
    present = torch.rand(utterances, generator=generator) < 0.5
    audio = torch.rand(utterances, 2, generator=generator)
    audio[~present] = math.nan
    features = {
        "text": torch.rand(utterances, 3, generator=generator).half(),
        "audio": audio,
        "audio.present": present.to(torch.uint8),
    }
    if seed == 2:
        del features["audio"], features["audio.present"]
    return ConversationSample(record=record, features=features)


SAMPLES = [conversation(seed, utterances) for seed, utterances in ((0, 4), (1, 1), (2, 6), (3, 6))]


def collate(samples: list[ConversationSample], *, full: bool = True) -> AffectBatch:
    join = ConversationCollate(
        DIMS,
        label_table=TABLE if full else None,
        num_dims=2 if full else 0,
        extra=["sentiment"] if full else [],
        difficulty=[0.0, 0.1, 0.2, 0.3, 0.4] if full else None,
        text=full,
    )
    n = len(samples)
    return join(
        samples,
        keys=[f"k{i}" for i in range(n)],
        positions=list(range(1, n + 1)),
        valid=[i != n - 1 for i in range(n)],
    )


def test_every_cell_is_what_the_record_says() -> None:
    """A naive loop over rows and utterances as the reference."""
    batch = collate(SAMPLES)
    target = batch.target
    assert target.label is not None and target.dims is not None and target.extra is not None
    assert target.weight is not None and batch.speaker is not None
    for row, sample in enumerate(SAMPLES):
        utterances = sample.record["utterances"]
        for place in range(6):
            cell = (row, place)
            if place >= len(utterances):
                assert not batch.masks["utterance"][cell] and not batch.present["text"][cell]
                assert target.label[cell] == target.extra["sentiment"][cell] == -100
                assert target.dims[cell].isnan().all() and target.weight[cell] == 0
                assert batch.speaker[cell] == -1
                assert not batch.inputs["text"][cell].any() and not batch.inputs["audio"][cell].any()
                continue
            said = utterances[place]
            assert batch.masks["utterance"][cell]
            assert target.label[cell] == (-100 if said["label"] is None else TABLE[said["label"]])
            mood = said["extra"]["sentiment"]
            assert target.extra["sentiment"][cell] == (-100 if mood is None else mood)
            for axis, value in enumerate(said["dims"]):
                stored = float(target.dims[cell][axis])
                assert math.isnan(stored) if value is None else stored == pytest.approx(value)
            assert target.weight[cell] == (row != 3)
            assert batch.speaker[cell] == said["speaker"]
            assert torch.equal(batch.inputs["text"][cell], sample.features["text"][place].float())
            heard = bool(sample.features.get("audio.present", torch.zeros(6))[place])
            assert bool(batch.present["audio"][cell]) is heard
            expected: Tensor = sample.features["audio"][place] if heard else torch.zeros(2)
            assert torch.equal(batch.inputs["audio"][cell], expected)
    assert batch.valid.tolist() == [True, True, True, False]
    assert list(batch.inputs) == ["audio", "text"]
    assert batch.meta["positions"] == [1, 2, 3, 4] and batch.meta["difficulty"] == [0.1, 0.2, 0.3, 0.4]
    assert batch.meta["text"] == [[u["text"] for u in s.record["utterances"]] for s in SAMPLES]


def test_dtypes_are_those_a_model_wants() -> None:
    batch = collate(SAMPLES)
    assert batch.target.label is not None and batch.target.dims is not None
    assert batch.speaker is not None and batch.target.weight is not None
    assert {t.dtype for t in batch.inputs.values()} == {torch.float32}
    assert {t.dtype for t in (batch.target.label, batch.speaker)} == {torch.int64}
    assert {t.dtype for t in (batch.target.dims, batch.target.weight)} == {torch.float32}
    assert {t.dtype for t in (batch.valid, *batch.masks.values(), *batch.present.values())} == {torch.bool}


def test_data_without_labels_gives_no_targets_but_weights() -> None:
    batch = collate(SAMPLES, full=False)
    assert batch.target.label is None and batch.target.dims is None and batch.target.extra is None
    assert batch.target.weight is not None and batch.target.weight.sum() == 4 + 1 + 6
    assert batch.meta == {"positions": [1, 2, 3, 4]}


def test_padding_of_a_longer_neighbour_changes_nothing() -> None:
    alone, together = collate(SAMPLES[:2]), collate(SAMPLES)
    assert torch.equal(alone.inputs["text"][0], together.inputs["text"][0, :4])
    assert alone.inputs["text"].shape == (2, 4, 3)


def test_features_that_do_not_fit_are_refused() -> None:
    wrong = ConversationSample(record=SAMPLES[0].record, features={"text": torch.zeros(3, 3)})
    with pytest.raises(
        ShardError, match=r"'k0' has 'text' features of shape \(3, 3\) for 4 utterances of width 3"
    ):
        collate([wrong])


def test_a_label_outside_the_stored_space_is_refused() -> None:
    record: ConversationRecord = {
        "id": "x",
        "speakers": ["a"],
        "utterances": [{"id": "0", "text": "", "speaker": 0, "label": 3}],
    }
    with pytest.raises(ShardError, match="'k0' has label 3, but the label space of its shards ends at 2"):
        collate([ConversationSample(record=record, features={})])


def test_dims_of_another_number_are_refused() -> None:
    record: ConversationRecord = {
        "id": "x",
        "speakers": ["a"],
        "utterances": [{"id": "0", "text": "", "speaker": 0, "label": 0, "dims": [0.0]}],
    }
    with pytest.raises(ShardError, match="has 1 affect dimensions in utterance 0, but its scale has 2"):
        collate([ConversationSample(record=record, features={})])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("speaker", 1),
        ("speaker", -1),
        ("speaker", "0"),
        ("speaker", None),
        ("label", 1.5),
        ("label", -1),
        ("label", "joy"),
        ("label", 2**70),
        ("dims", [0.5, "x"]),
        ("dims", 0.5),
        ("extra", {"sentiment": -1}),
        ("extra", [1]),
    ],
)
def test_a_malformed_field_is_refused_by_name(field: str, value: object) -> None:
    said = {"id": "0", "text": "", "speaker": 0, "label": 0, field: value}
    record = {"id": "x", "speakers": ["a"], "utterances": [said]}
    with pytest.raises(ShardError, match=rf"Sample 'k0'.*{field}"):
        collate([ConversationSample(record=record, features={})])  # type: ignore[arg-type]


def test_a_missing_field_is_refused_by_name() -> None:
    record = {"id": "x", "speakers": ["a"], "utterances": [{"id": "0", "text": "", "label": 0}]}
    with pytest.raises(ShardError, match=r"Sample 'k0'.*missing speaker"):
        collate([ConversationSample(record=record, features={})])  # type: ignore[arg-type]
