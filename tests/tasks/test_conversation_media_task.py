"""Extractors inside a conversation model: who is trained, what has no influence, what is compared."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast, get_args

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn

from affectkit.data import AffectBatch, ConversationMediaDataModule
from affectkit.data.loader.conversation_media import AREAS
from affectkit.data.synthetic import write_synthetic
from affectkit.encoders import FaceGroupEncoder, LogMelConvEncoder
from affectkit.fusion import FusionName
from affectkit.losses import ClassificationLoss, SupervisedContrastiveLoss
from affectkit.tasks import AudioTask, ConversationMediaTask, ConversationTask
from affectkit.tasks.turn_extractor import TurnExtractor
from affectkit.types import AffectOutput, Encoding, Target

pytest.importorskip("transformers", reason="needs the extra 'text'")
pytest.importorskip("timm", reason="needs the extra 'vision'")
SMALL: dict[str, object] = {
    "rate": 8000,
    "num_mels": 16,
    "widths": [4, 6],
    "hidden_dim": 8,
    "dropout": 0.0,
    "context_dim": 8,
}


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


def task(**options: object) -> ConversationMediaTask:
    torch.manual_seed(0)
    return ConversationMediaTask("meld7.official", **{**SMALL, **options})  # type: ignore[arg-type]


def data(root: str, **options: object) -> ConversationMediaDataModule:
    usual = {"tokenizer": "tiny", "max_tokens": 12, "rate": 8000, "size": 32, "batch_size": 4}
    return ConversationMediaDataModule(root, **{**usual, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus") / "set"
    write_synthetic(folder, train=4, val=2, test=3, seed=0, missing=0.3)
    return str(folder)


@pytest.fixture(scope="module")
def batch(corpus: str) -> AffectBatch:
    """Three dialogues with voices and faces missing here and there."""
    (found,) = data(corpus).test_dataloader()
    for name in ("audio", "visual"):
        assert 0 < int(found.present[name].sum()) < int(found.masks["utterance"].sum())
    return found


def test_a_gradient_reaches_every_extractor(batch: AffectBatch) -> None:
    model = task(context_model="m2fnet", context_options={"num_heads": 2}, fusion=None)
    assert sorted(model.encoders) == ["audio", "text", "visual"]
    terms = model.compute_loss(batch, model(batch))
    torch.autograd.backward(terms.total)
    silent = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None
        or not bool(parameter.grad.isfinite().all())
        or not bool(parameter.grad.any())
    ]
    # A bias before a normalisation, and that of a key, change nothing that comes out.
    assert not [name for name in silent if name.startswith("encoders") and not name.endswith("bias")]


@pytest.mark.parametrize(
    "fusion", sorted({*get_args(FusionName)} - {"attentional_selective"})
)  # it joins two
def test_any_fusion_joins_all_three(fusion: FusionName, batch: AffectBatch) -> None:
    options = {"trunk": "text"} if fusion == "fusion_attention" else {}
    if fusion == "leader_follower":
        options = {"leader": "text"}
    model = task(fusion=fusion, fusion_options=options).eval()
    logits = model(batch).logits
    assert logits is not None and logits.shape == (*batch.masks["utterance"].shape, 7)
    assert bool(logits[batch.masks["utterance"]].isfinite().all())


def padded(batch: AffectBatch) -> AffectBatch:
    """With two turns and more of every turn added, all of it garbage."""
    inputs, masks = dict(batch.inputs), dict(batch.masks)
    for name, garbage in (("audio", torch.nan), ("text", 1), ("visual", 255), (AREAS, 0.0)):
        x = inputs[name]
        longer = x.new_full((x.shape[0], x.shape[1] + 2, x.shape[2] + 3, *x.shape[3:]), garbage)
        longer[:, : x.shape[1], : x.shape[2]] = x
        mask = masks.get(name)
        if mask is not None:
            wide = mask.new_zeros(longer.shape[: mask.ndim])
            wide[:, : x.shape[1], : x.shape[2]] = mask
            masks[name] = wide
            longer[~wide] = garbage
        inputs[name] = longer

    def further(x: Tensor, value: int | float | bool) -> Tensor:
        return torch.cat([x, x.new_full((len(x), 2, *x.shape[2:]), value)], dim=1)

    masks["utterance"] = further(batch.masks["utterance"], False)
    assert batch.speaker is not None
    return replace(
        batch,
        inputs=inputs,
        masks=masks,
        present={name: further(flag, False) for name, flag in batch.present.items()},
        speaker=further(batch.speaker, -1),
    )


@pytest.mark.parametrize("training", [False, True])
def test_what_fills_a_batch_and_what_is_absent_have_no_influence(batch: AffectBatch, training: bool) -> None:
    # In training too, where statistics of the batch are taken; nothing is drawn.
    audio = LogMelConvEncoder(8000, num_mels=16, widths=(4, 6), time_masks=0, band_masks=0)
    model = task(context_model="none", extractors={"audio": audio}, media=["text", "visual"]).train(training)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    turns = batch.masks["utterance"]
    expected = model(batch).logits
    found = model(padded(batch)).logits
    assert expected is not None and found is not None
    torch.testing.assert_close(found[:, : turns.shape[1]][turns], expected[turns], atol=2e-5, rtol=1e-4)


def test_a_modality_that_nobody_has(batch: AffectBatch) -> None:
    model = task(metric_loss="triplet_batch_hard")
    none = replace(
        batch,
        masks={**batch.masks, "audio": torch.zeros_like(batch.masks["audio"])},
        present={**batch.present, "audio": torch.zeros_like(batch.present["audio"])},
    )
    terms = model.compute_loss(none, model(none))
    torch.autograd.backward(terms.total)
    assert float(terms.terms["audio_metric"]) == 0.0 and float(terms.terms["text_metric"]) > 0.0
    # Other processes may have heard somebody, and wait for every gradient.
    unread = [
        name for name, one in model.encoders.named_parameters() if one.requires_grad and one.grad is None
    ]
    assert unread == []
    # Data of an evaluation may lack it as a whole.
    model.eval()
    less = replace(batch, inputs={name: x for name, x in batch.inputs.items() if name != "audio"})
    torch.testing.assert_close(model(less).logits, model(none).logits)
    assert bool(model.compute_loss(less, model(less)).total.isfinite())


def test_turns_are_compared_within_each_modality(batch: AffectBatch) -> None:
    model = task(metric_loss="supervised_contrastive", metric_weight=0.3, temperature=0.2).eval()
    terms = model.compute_loss(batch, model(batch))
    label, weight = batch.target.label, batch.target.weight
    assert label is not None and weight is not None
    turns = weight > 0  # the last dialogue only fills the batch
    assert int(turns.sum()) < int(batch.masks["utterance"].sum())
    emotion = ClassificationLoss(7)(model(batch), batch.target).total.item()
    total = emotion
    for name in ("audio", "text", "visual"):
        mask = batch.inputs[AREAS] if name == "visual" else batch.masks[name]
        extractor = cast(TurnExtractor, model.encoders[name])
        vectors = extractor.vectors(batch.inputs[name], mask).pooled
        there = batch.present[name] & turns
        naive = SupervisedContrastiveLoss(temperature=0.2)(
            AffectOutput(embedding=vectors[there]), Target(label=label[there])
        )
        share = (naive.total * naive.weight / turns.sum()).item()
        assert float(terms.terms[f"{name}_metric"]) == pytest.approx(share, rel=1e-5) and share > 0
        total += 0.3 * share
    assert terms.total.item() == pytest.approx(total, rel=1e-5)


def test_the_vectors_of_a_batch_live_and_die_with_its_output(batch: AffectBatch) -> None:
    model = task(metric_loss="supervised_contrastive", media=["text"], context_model="none").eval()
    seen: list[weakref.ref[Tensor]] = []
    text = cast(TurnExtractor, model.encoders["text"])
    text.turns.register_forward_hook(lambda *found: seen.append(weakref.ref(cast(Encoding, found[2]).pooled)))
    output = model(batch)
    expected = model.compute_loss(batch, output).total.item()
    # A prediction, the shares of a fusion and a stream of turns ask for no loss.
    fewer = replace(batch, masks={**batch.masks, "text": torch.zeros_like(batch.masks["text"])})
    fewer.masks["text"][:, 0, :2] = True
    model(fewer)
    model.encode_parts(batch)
    assert model.compute_loss(batch, output).total.item() == expected
    assert len(seen) == 3 and [one() is None for one in seen] == [False, True, True]
    del output
    assert seen[0]() is None
    # A task that stops with an error keeps nothing either.
    with pytest.raises(ValueError, match="got token id"):
        model(replace(batch, inputs={"text": batch.inputs["text"] + 10_000}))
    assert model(batch=batch).views is not None and model._vectors is None


def test_frozen_extractors_and_rates(batch: AffectBatch) -> None:
    model = task(
        frozen=["text"], rates={"visual": 0.5}, metric_loss="triplet_semi_hard", lr=0.1, context_model="none"
    ).train()
    text, visual = (cast(TurnExtractor, model.encoders[name]) for name in ("text", "visual"))
    assert not text.turns.training and visual.turns.training and text.projection.training
    torch.autograd.backward(model.compute_loss(batch, model(batch)).total)
    assert all(parameter.grad is None for parameter in text.turns.parameters())
    assert "text_metric" not in model.compute_loss(batch, model(batch)).terms
    optimizer, _ = model.optimizer_factory(model.named_parameters(), total_steps=1)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in visual.turns.parameters()} == {0.5}
    assert {rates[id(p)] for p in visual.projection.parameters()} == {0.1}
    assert not {id(p) for p in text.turns.parameters()} & rates.keys()


def trainer(**options: object) -> Trainer:
    usual: dict[str, object] = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
    }
    return Trainer(**{**usual, **options})  # type: ignore[arg-type]


def test_an_extractor_of_another_run_is_taken_over(corpus: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    voices = AudioTask("meld7.official", rate=8000, num_mels=16, widths=[4, 6])
    torch.save({"state_dict": voices.state_dict()}, tmp_path / "voices.ckpt")
    model = task(
        media=["audio"],
        frozen=["audio"],
        extractor_weights={"audio": str(tmp_path / "voices.ckpt")},
        context_model="none",
    )
    trainer(limit_val_batches=0).fit(model, data(corpus, media=["audio"]))
    expected = voices.encoders["audio"].state_dict()
    found = cast(TurnExtractor, model.encoders["audio"]).extractor.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    wrong = task(media=["audio"], num_mels=20, extractor_weights={"audio": str(tmp_path / "voices.ckpt")})
    with pytest.raises(ValueError, match="does not hold the encoders audio of this task"):
        trainer().fit(wrong, data(corpus, media=["audio"]))


def test_a_conversation_task_takes_extractors_beside_stored_features() -> None:
    torch.manual_seed(0)
    voice = LogMelConvEncoder(8000, num_mels=16, widths=(4, 6))
    model = ConversationTask("meld7.official", {"text": 5}, extractors={"audio": voice}, hidden_dim=8).eval()
    assert model.input_dims == {"text": 5}
    turns = torch.tensor([[True, True, False]])
    heard = torch.zeros(1, 3, 900, dtype=torch.bool)
    heard[0, 0] = True
    batch = AffectBatch(
        inputs={"text": torch.randn(1, 3, 5), "audio": torch.randn(1, 3, 900)},
        valid=turns[:, 0],
        masks={"utterance": turns, "audio": heard},
        speaker=torch.tensor([[0, 1, -1]]),
    )
    assert model(batch).logits.shape == (1, 3, 7)


def test_options_that_contradict_each_other(corpus: str) -> None:
    for options, message in (
        ({"media": ["smell"]}, "knows no encoder for 'smell'"),
        ({"frozen": ["smell"]}, "got frozen for 'smell', which it has no extractor of"),
        ({"rates": {"text": 0.1}, "media": ["audio"]}, "got rates for 'text'"),
        ({"frozen": ["audio"], "rates": {"audio": 0.1}}, "frozen has no learning rate"),
        ({"inputs": {"audio": 3}, "media": ["audio"]}, "'audio' as stored features and with an extractor"),
        ({"media": []}, "got no modality"),
        ({"extractors": {"audio": LogMelConvEncoder(16000)}}, "an encoder of sound at 16000 Hz"),
    ):
        with pytest.raises(ValueError, match=message):
            task(**options)
    with pytest.raises(ValueError, match=r"hears 8000 samples per second.*brings recordings to 4000"):
        trainer().fit(task(media=["audio"]), data(corpus, media=["audio"], rate=4000))
    with pytest.raises(ValueError, match=r"has scene=False.*has scene=True.*set both alike"):
        trainer().fit(task(media=["visual"]), data(corpus, media=["visual"], scene=True))


class _Colours(nn.Module):
    """A picture as six numbers, without statistics of a batch."""

    out_dim = 6

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(48, 6)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        small = nn.functional.adaptive_avg_pool2d(x.float() / 255, 4)
        return Encoding(torch.tanh(self.layer(small.flatten(1))))


class _Loudness(nn.Module):
    """A voice as five numbers, without statistics of a batch."""

    out_dim = 5

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 5)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        assert mask is not None
        real = mask.float()
        heard = torch.stack([x.square() * real, x.diff(dim=1, prepend=x[:, :1]).abs() * real], dim=1)
        return Encoding(torch.tanh(self.layer(10.0 * heard.sum(2) / real.sum(1, keepdim=True))))


def _train(root: str, out: str, ranks: int) -> None:
    torch.manual_seed(0)
    model = task(
        extractors={"audio": _Loudness(), "visual": FaceGroupEncoder(_Colours())},
        metric_loss="triplet_batch_all",
        lr=0.01,
        rates={"visual": 0.02},
    )
    run = trainer(
        devices=ranks,
        strategy=DDPStrategy(process_group_backend="gloo") if ranks > 1 else SingleDeviceStrategy("cpu"),
        max_epochs=2,
    )
    run.fit(model, data(root, media=["audio", "visual"], batch_size=2, tokenizer=None))
    if run.is_global_zero:
        found = {**model.state_dict(), "val/loss": run.callback_metrics["val/loss"]}
        torch.save(found, Path(out) / f"{ranks}.pt")


@pytest.mark.distributed
def test_two_ranks_train_what_one_trains(corpus: str, forked: _Forked, tmp_path: Path) -> None:
    for ranks in (1, 2):
        assert set(forked(_train, corpus, str(tmp_path), ranks, ranks=ranks)) == {0}
    one, two = (torch.load(tmp_path / f"{ranks}.pt", weights_only=True) for ranks in (1, 2))
    expected: dict[str, Tensor] = one
    for name, value in expected.items():
        torch.testing.assert_close(two[name], value, atol=2e-5, rtol=1e-4, msg=name)
