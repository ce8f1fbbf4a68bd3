"""A fine-tuned encoder over dialogues: pooling, rates, learning, and its checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import DialogueTextDataModule
from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.encoders import TransformersTokenEncoder
from affectkit.labels import label_space
from affectkit.losses import ClassificationLoss, SimilaritySmoothingLoss
from affectkit.tasks import DialogueTextTask
from affectkit.tasks.layer_rates import layer_rates
from affectkit.types import Encoding

pytest.importorskip("transformers", reason="needs the extra 'text'")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Dialogues whose emotion follows from the first letter of an utterance."""
    folder = tmp_path_factory.mktemp("spoken") / "set"
    template = Manifest(
        name="spoken",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(folder, template) as writer:
        for split, size in (("train", 40), ("val", 10)):
            for dialogue in range(size):
                labels = [(dialogue + 2 * turn) % 5 % 3 for turn in range(4)]
                said: list[UtteranceRecord] = [
                    {"id": f"{turn}", "text": "xyz"[label], "speaker": turn % 2, "label": label}
                    for turn, label in enumerate(labels)
                ]
                talk: ConversationRecord = {"id": f"{dialogue}", "speakers": ["a", "b"], "utterances": said}
                writer.add_conversation(split, f"{split}{dialogue}", talk)
    return str(folder)


def batch(*, filler: int = 0, context: int = 9) -> AffectBatch:
    """Two windows; the second is shorter. ``context`` stands beside the utterances."""
    ids = torch.tensor([[2, context, 3, 11, 12, 3], [2, 21, 22, 3, filler, filler]])
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    current = torch.zeros_like(mask)
    current[0, 3:5] = current[1, 1:3] = True
    return AffectBatch(inputs={"text": ids}, masks={"text": mask, "current": current}, valid=mask[:, 0])


def test_the_tokens_of_the_utterance_are_pooled() -> None:
    task = DialogueTextTask("meld7.official", "tiny").eval()
    with torch.no_grad():
        found = task.encode(batch()).pooled
        encoder = task.encoders["text"]
        assert isinstance(encoder, TransformersTokenEncoder)
        whole: Encoding = encoder(batch().inputs["text"], batch().masks["text"])
        assert whole.tokens is not None
        expected = torch.stack([whole.tokens[0, 3:5].mean(0), whole.tokens[1, 1:3].mean(0)])
        torch.testing.assert_close(found, expected)
        first = DialogueTextTask("meld7.official", "tiny", pooling="cls").eval().encode(batch()).pooled
        torch.testing.assert_close(first, whole.tokens[:, 0])
        # Context is read, padding is not.
        other = task.encode(batch(context=40)).pooled
        assert not torch.allclose(other[0], found[0], atol=1e-4)
        torch.testing.assert_close(other[1], found[1])
        torch.testing.assert_close(task.encode(batch(filler=33)).pooled, found)
        # Without the mark of the utterance, all tokens count.
        plain = batch()
        del plain.masks["current"]
        assert not torch.allclose(task.encode(plain).pooled, found, atol=1e-4)


def test_rates_fall_with_the_depth() -> None:
    task = DialogueTextTask("meld7.official", "tiny", lr=1.0, backbone_lr=0.1, layer_decay=0.5)
    names = {id(parameter): name for name, parameter in task.named_parameters()}
    optimizer, _ = task.optimizer_factory(task.named_parameters(), total_steps=10)
    rate = {names[id(p)]: group["initial_lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rate.keys() == set(names.values())
    for name, value in rate.items():
        layer = 2 if ".layer.1." in name else 1 if ".layer.0." in name else 0
        expected = 0.1 * 0.5 ** (2 - layer) if name.startswith("encoders.") else 1.0
        assert value == pytest.approx(expected), name


def test_frozen_layers_get_no_rate() -> None:
    encoder = TransformersTokenEncoder("tiny", trained_layers=1)
    assert list(layer_rates(encoder, 0.1, decay=0.5, prefix="e.").values()) == [0.1]
    DialogueTextTask("meld7.official", "tiny", trained_layers=1).optimizer_factory(
        DialogueTextTask("meld7.official", "tiny", trained_layers=1).named_parameters(), total_steps=4
    )
    with pytest.raises(ValueError, match="decay=0"):
        layer_rates(encoder, 0.1, decay=0.0, prefix="e.")


def test_it_learns_what_only_the_utterance_says_and_comes_back(tmp_path: Path, spoken: str) -> None:
    torch.manual_seed(0)
    module = DialogueTextDataModule(spoken, "tiny", budget=40, batch_size=16)
    task = DialogueTextTask(
        "meld7.official", "tiny", lr=0.01, backbone_lr=0.003, layer_decay=1.0, class_weights="sqrt"
    )
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=12,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(task, datamodule=module)
    assert float(trainer.callback_metrics["val/accuracy"]) > 0.9
    assert isinstance(task.loss, ClassificationLoss) and len(set(task.loss.class_weight.tolist())) > 1
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    again = DialogueTextTask.load_from_checkpoint(tmp_path / "one.ckpt").eval()
    task.eval()
    for part in module.val_dataloader():
        with torch.no_grad():
            assert torch.equal(again(part).logits, task(part).logits)


def test_options_that_contradict_are_refused() -> None:
    assert isinstance(
        DialogueTextTask("meld7.official", "tiny", soft_labels=0.5).loss, SimilaritySmoothingLoss
    )
    with pytest.raises(ValueError, match="a loss of your own together with"):
        DialogueTextTask("meld7.official", "tiny", loss=ClassificationLoss(7), label_smoothing=0.1)
    with pytest.raises(ValueError, match=r"soft_labels=0\.5 together with label_smoothing"):
        DialogueTextTask("meld7.official", "tiny", soft_labels=0.5, label_smoothing=0.1)
    with pytest.raises(ValueError, match="class_weights='some'"):
        DialogueTextTask("meld7.official", "tiny", class_weights="some")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="no folder"):
        DialogueTextTask("meld7.official", "./nowhere")
