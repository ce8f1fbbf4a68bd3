from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor, nn

from affectkit.adapters import ADAPTERS, TipAdapter
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ImageDataModule
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.encoders.clip import clip_base
from affectkit.heads import ClassificationHead, LabelDistributionHead, PerceptualHead
from affectkit.labels import label_space
from affectkit.tasks import BaseMismatchError, PromptTuningTask
from affectkit.types import Target

SPACE = "meld7.official"
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}
#: Options that make an adapter small.
OPTIONS: dict[str, dict[str, Any]] = {"coop": {"num_context": 2}, "tip_adapter": {"trainable": True}}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*configure_optimizers. returned .None.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.training_step. returned .None.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Plain colours, one for each label, with noise."""
    folder = tmp_path_factory.mktemp("pictures") / "colours"
    manifest = Manifest(
        name="colours",
        kind="image",
        label_space=label_space(SPACE),
        licence=Licence("none", "synthetic"),
        created_by="tests",
        synthetic=True,
    )
    draw = np.random.default_rng(0)
    palette = draw.integers(0, 200, (7, 3))
    with DatasetWriter(folder, manifest) as writer:
        for split, count in (("train", 21), ("val", 9), ("test", 8)):
            for number in range(count):
                pixels = palette[number % 7] + draw.integers(0, 50, (34, 32, 3))
                file = io.BytesIO()
                Image.fromarray(pixels.astype(np.uint8)).save(file, format="PNG")
                key = f"{split}-{number:02}"
                writer.add_item(
                    split, key, {"id": key, "label": number % 7}, members={"png": file.getvalue()}
                )
    return str(folder)


def data(pictures: str, *, batch: int = 8) -> ImageDataModule:
    return ImageDataModule(pictures, size=32, batch_size=batch, crop_scale=(0.8, 1.0), normalize=False)


def batch_of(size: int = 2, /, **inputs: Tensor) -> AffectBatch:
    given = inputs or {"visual": torch.zeros(size, 3, 32, 32, dtype=torch.uint8)}
    return AffectBatch(inputs=given, valid=torch.ones(size, dtype=torch.bool))


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "zero_shot"])
def test_one_word_changes_the_adapter(name: str, pictures: str, tmp_path: Path) -> None:
    task = PromptTuningTask(SPACE, adapter=name, adapter_options=OPTIONS.get(name), lr=0.01)
    before = task.adapter.base.state_dict()
    frozen = {key: value.clone() for key, value in before.items() if "lora" not in key}
    trainer = Trainer(max_epochs=1, enable_checkpointing=False, **QUIET)
    trainer.fit(task, data(pictures))
    after = task.adapter.base.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in frozen.items())
    trainer.save_checkpoint(tmp_path / "task.ckpt")
    stored = torch.load(tmp_path / "task.ckpt", weights_only=True)
    trained = {key for key, parameter in task.named_parameters() if parameter.requires_grad}
    assert trained <= set(stored["state_dict"])
    assert sum(value.numel() for value in stored["state_dict"].values()) < 20_000  # the base has 1.6 million
    again = PromptTuningTask.load_from_checkpoint(tmp_path / "task.ckpt").eval()
    shown = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    expected, found = (part.eval()(batch_of(3, visual=shown)).logits for part in (task, again))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_a_head_of_distributions_wants_an_objective_where_there_are_votes(
    pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageDataModule, "has_votes", lambda self, split: split == "train")
    task = PromptTuningTask(SPACE, adapter="clip_lora", head=LabelDistributionHead(32, 7))
    told = "PromptTuningTask would train the head LabelDistributionHead, .* set objective to 'distribution'"
    with pytest.raises(ValueError, match=told):
        Trainer(max_epochs=1, enable_checkpointing=False, **QUIET).fit(task, data(pictures))


def test_a_cache_of_examples_is_enough_without_training(pictures: str) -> None:
    task = PromptTuningTask(SPACE, adapter="tip_adapter", cache_passes=2)
    module = data(pictures)
    Trainer(max_epochs=1, enable_checkpointing=False, **QUIET).fit(task, module)
    adapter = task.adapter
    assert isinstance(adapter, TipAdapter) and adapter.cache_size == 21
    # The keys are the means of two random views of each training picture.
    views = [[(batch.keys, task.encode(batch).pooled) for batch in module.examples_dataloader(view=view)]
             for view in (0, 1)]  # fmt: skip
    rows = [{key: row for keys, pooled in view for key, row in zip(keys, pooled)} for view in views]
    means = [torch.nn.functional.normalize(rows[0][key] + rows[1][key], dim=0) for key in sorted(rows[0])]
    assert not torch.equal(rows[0]["train-00"], rows[1]["train-00"])
    similar = torch.stack(means) @ adapter.keys.T
    torch.testing.assert_close(similar.amax(dim=1), torch.ones(21), rtol=0, atol=1e-5)


def test_weight_and_sharpness_are_searched_for_validation_and_reset_for_training(pictures: str) -> None:
    seen: list[tuple[str, float]] = []

    class Watched(PromptTuningTask):
        def training_step(self, batch: AffectBatch, batch_idx: int) -> Tensor | None:
            seen.append(("train", self.adapter.alpha_beta[0].item()))  # type: ignore[attr-defined]
            return super().training_step(batch, batch_idx)

        def validation_step(self, batch: AffectBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
            seen.append(("val", self.adapter.alpha_beta[0].item()))  # type: ignore[attr-defined]
            super().validation_step(batch, batch_idx, dataloader_idx)

    options: dict[str, Any] = {"trainable": True, "alpha": 1.234}
    task = Watched(SPACE, adapter="tip_adapter", adapter_options=options, lr=0.01)
    Trainer(max_epochs=2, enable_checkpointing=False, num_sanity_val_steps=0, **QUIET).fit(
        task, data(pictures)
    )
    grid = [0.1 + step * 2.9 / 20 for step in range(20)]
    assert {round(alpha, 3) for stage, alpha in seen if stage == "train"} == {1.234}
    assert all(min(abs(alpha - point) for point in grid) < 1e-5 for stage, alpha in seen if stage == "val")


def test_another_base_is_refused_and_its_weights_are_asked_for(tmp_path: Path) -> None:
    task = PromptTuningTask(SPACE, adapter_options={"num_context": 2})
    trainer = Trainer(max_epochs=0, **QUIET)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt")
    with pytest.raises(BaseMismatchError, match=r"base_weights=FILE"):
        PromptTuningTask.load_from_checkpoint(tmp_path / "task.ckpt", base="tiny:seed=1")
    assert clip_base("tiny:seed=1").identity.digest != task.adapter.base.identity.digest


def test_resuming_gives_the_same_weights(pictures: str, tmp_path: Path) -> None:
    def train(epochs: int, path: Path | None) -> PromptTuningTask:
        torch.manual_seed(0)
        task = PromptTuningTask(SPACE, adapter_options={"num_context": 2}, lr=0.01, schedule="constant")
        trainer = Trainer(max_epochs=epochs, enable_checkpointing=False, **QUIET)
        trainer.fit(task, data(pictures), ckpt_path=None if path is None else str(path))
        trainer.save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return task

    train(1, None)
    resumed, whole = train(2, tmp_path / "1.ckpt"), train(2, None)
    for (name, left), right in zip(resumed.named_parameters(), whole.parameters(), strict=True):
        assert torch.equal(left, right), name


def test_stored_features_take_the_place_of_pictures() -> None:
    task = PromptTuningTask(SPACE, adapter_options={"num_context": 2}).eval()
    pixels = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    stored = task.adapter.encode(task.normalize(pixels)).pooled
    expected = task(batch_of(visual=pixels)).logits
    torch.testing.assert_close(task(batch_of(visual=stored)).logits, expected)
    tuned = PromptTuningTask(SPACE, adapter="clip_lora").eval()
    with pytest.raises(ValueError, match="'clip_lora' changes the image tower: give it pictures"):
        tuned(batch_of(visual=stored))


def test_clips_of_two_streams_run_through_one_tower() -> None:
    task = PromptTuningTask(
        SPACE,
        adapter="zero_shot",
        streams=["face", "context"],
        frames=3,
        temporal_heads=2,
        temporal_hidden_dim=8,
    ).eval()
    clips = {name: torch.randint(256, (2, 3, 3, 32, 32), dtype=torch.uint8) for name in ("face", "context")}
    output = task(batch_of(**clips))
    features = {
        name: task.adapter.encode(task.normalize(clip.flatten(0, 1))).pooled.reshape(2, 3, -1)
        for name, clip in clips.items()
    }
    parts = {name: encoder(features[name]) for name, encoder in task.encoders.items()}
    expected = task.head(task.fusion(parts)).logits
    torch.testing.assert_close(output.logits, expected)


def test_the_mean_over_frames_trains_nothing() -> None:
    task = PromptTuningTask(SPACE, adapter="zero_shot", frames=2, temporal_layers=0).eval()
    assert not any(parameter.requires_grad for parameter in task.parameters())
    clip = torch.randint(256, (2, 2, 3, 32, 32), dtype=torch.uint8)
    singles = [task.adapter.encode(task.normalize(clip[:, place])).pooled for place in range(2)]
    torch.testing.assert_close(task.encode(batch_of(visual=clip)).pooled, (singles[0] + singles[1]) / 2)


def test_a_perceptual_head_reads_values(pictures: str) -> None:
    task = PromptTuningTask(
        None, adapter="clip_lora", objective="pearson", axes=["quality"], head_dims=[4], head_dropout=0.0
    )
    assert isinstance(task.head, PerceptualHead)
    output = task.eval()(batch_of(3))
    assert output.logits is None and output.dims is not None and output.dims.shape == (3, 1)
    assert any("pearson" in str(key) for key in task.val_metrics)


def test_finetuned_parts_of_the_base_are_trained_and_saved(tmp_path: Path) -> None:
    task = PromptTuningTask(SPACE, adapter="linear_probe", finetune=[r"^image.*ln_post"])
    trained = [name for name, parameter in task.named_parameters() if parameter.requires_grad]
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in trained} == {"ln_post", "classifier"}
    checkpoint: dict[str, object] = {"state_dict": task.state_dict()}
    task.on_save_checkpoint(checkpoint)
    saved = checkpoint["state_dict"]
    assert isinstance(saved, dict) and set(trained) <= set(saved)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adapter": "cooop"}, "there is no adapter 'cooop'"),
        ({"adapter_options": {"contexts": 3}}, "has no option 'contexts'"),
        ({"adapter_options": {"num_context": "many"}}, "'num_context'"),
        ({"adapter_options": {"num_context": 90}}, "77"),
        ({"finetune": ["^visual"]}, "fits no parameter of the base"),
        ({"class_names": ["joy"]}, "1 class_names for the 7 labels"),
        ({"objective": "ccc"}, "give head_dims"),
        ({"objective": "distribution", "label_smoothing": 0.1}, "label_smoothing"),
        ({"fusion": "product"}, "fusion='product'"),
        ({"optimizer": "adam"}, "'adamw' or 'sgd'"),
        ({"base": "ViT-Z-99"}, "no model 'ViT-Z-99'"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        PromptTuningTask(SPACE, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["clip_adapter", "cocoop", "coop", "descriptor", "linear_probe", "tip_adapter"]
)
def test_an_adapter_that_a_head_would_switch_off_is_refused(name: str) -> None:
    own = ClassificationHead(32, 7)
    choices: list[dict[str, Any]] = [{"head": own}, {"head_dims": [8]}, {"head": own, "finetune": ["^image"]}]
    for options in choices:
        with pytest.raises(ValueError, match=rf"adapter '{name}' learns: choose 'clip_lora' or 'maple'"):
            PromptTuningTask(SPACE, adapter=name, **options)


@pytest.mark.parametrize("name", ["clip_lora", "maple", "zero_shot"])
def test_every_adapter_under_a_head_learns(name: str) -> None:
    options: dict[str, Any] = {"towers": "image"} if name == "clip_lora" else {}
    task = PromptTuningTask(SPACE, adapter=name, adapter_options=options, head=ClassificationHead(32, 7))
    batch = batch_of(3)
    batch.target = Target(label=torch.tensor([0, 1, 2]), weight=torch.ones(3))
    torch.autograd.backward(task.compute_loss(batch, task(batch)).total)
    trained = {key: p for key, p in task.named_parameters() if p.requires_grad}
    assert all(p.grad is not None for p in trained.values())
    assert any(key.startswith("image_adapter") for key in trained) == (name != "zero_shot")


def test_values_without_a_label_space_need_names() -> None:
    with pytest.raises(ValueError, match="without a label space"):
        PromptTuningTask(None)


def test_pixels_come_as_bytes() -> None:
    task = PromptTuningTask(SPACE, adapter_options={"num_context": 2}).eval()
    with pytest.raises(ValueError, match="normalize to false"):
        task(batch_of(visual=torch.zeros(2, 3, 32, 32)))
    with pytest.raises(ValueError, match="still pictures"):
        task(batch_of(visual=torch.zeros(2, 4, 3, 32, 32, dtype=torch.uint8)))


def test_a_part_of_your_own_takes_the_place_of_the_classifier() -> None:
    class Constant(nn.Module):
        def forward(self, features: Any) -> Any:
            return PerceptualHead(32, num_classes=7)(features)

    task = PromptTuningTask(SPACE, adapter="clip_lora", head=Constant())
    assert task.adapter.base.embed_dim == 32
    assert not any(name.startswith("head") for name in task.state_dict())
