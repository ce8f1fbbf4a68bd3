"""Two pictures of fusion and margins: which modality counted, and what a triplet margin does to an embedding.

Voices, words and faces are made up, so nothing can be learned about people from the pictures.

Run it: `python examples/draw_many_voices.py` (writes modality_weights.png and margin.png)
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.callbacks import ResultsWriter
from affectkit.data import ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.data.synthetic.scene import EMOTIONS
from affectkit.data.synthetic.write_pictures import scenes
from affectkit.encoders import TimmImageEncoder
from affectkit.heads import ProjectedHead
from affectkit.labels import LabelSpace
from affectkit.losses import ClassificationLoss, TripletMarginLoss, WeightedSum
from affectkit.predict import extract_features, named_extractor
from affectkit.report.figures import embedding_figure
from affectkit.report.modality_section import modality_section, read_heard_turns
from affectkit.tasks import ConversationTask
from affectkit.types import AffectOutput, Target

SPACE = LabelSpace("drawn7.v1", EMOTIONS)
MARKED = ("joy", "surprise")


def draw_modalities(out: Path, *, epochs: int) -> None:
    """Train on talks of which a quarter of everything is lost, and draw one of the test split."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic(folder / "corpus", train=40, val=5, test=11, ambiguity=0.1, missing=0.25)
        extractors = {modality: named_extractor(modality) for modality in ("text", "visual", "audio")}
        extract_features(folder / "corpus", folder / "features", encoders=extractors)
        data = ConversationDataModule(str(folder / "features"), batch_size=8)
        task = ConversationTask(
            "meld7.official", data.feature_dims, hidden_dim=32, context="both", standardize=True, lr=3e-3
        )
        trainer = Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[ResultsWriter(folder / "run")],
        )
        trainer.fit(task, datamodule=data)
        (scores,) = trainer.test(task, datamodule=data, verbose=False)
        print(f"weighted F1 on talks with gaps: {scores['test/weighted_f1']:.2f}")
        section = modality_section(read_heard_turns(folder / "run" / ResultsWriter.PREDICTIONS))
        assert section is not None
        section.pictures[0].figure.savefig(out / "modality_weights.png", dpi=100)


def draw_faces(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Faces of people who were never there, (N, 3, 32, 32), and their emotions."""
    drawn = scenes({"train": count}, seed=seed, context=1.0)
    faces, labels = zip(*((scene.portrait(size=32), SPACE.index(scene.emotion)) for _, _, scene, _ in drawn))
    pixels = torch.stack([torch.from_numpy(face) for face in faces]).permute(0, 3, 1, 2)
    return (pixels.float() / 255 - 0.5) / 0.25, torch.tensor(labels)


def embed(weight: float, *, steps: int) -> Tensor:
    """Train a network on drawn faces, the margin weighted by ``weight``, and embed other faces."""
    torch.manual_seed(0)
    faces, labels = draw_faces(420, seed=0)
    encoder = TimmImageEncoder("tiny")
    head = ProjectedHead(encoder.out_dim, len(SPACE), embedding_dim=32)
    loss = WeightedSum(
        {"emotion": ClassificationLoss(len(SPACE)), "margin": TripletMarginLoss(mining="semi_hard")},
        {"margin": weight},
    )
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(len(faces), (56,), generator=generator)
        terms = loss(head(encoder(faces[chosen])), Target(label=labels[chosen]))
        optimizer.zero_grad()
        torch.autograd.backward(terms.total)
        optimizer.step()
    encoder.eval()
    head.eval()
    shown, truth = draw_faces(210, seed=1)
    with torch.no_grad():
        output: AffectOutput = head(encoder(shown))
    assert output.logits is not None and output.embedding is not None
    right = float((output.logits.argmax(1) == truth).double().mean())
    print(f"margin weighted by {weight:g}: accuracy on new faces {right:.2f}")
    return output.embedding


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the pictures")
    parser.add_argument("--steps", type=int, default=100, help="steps on faces")
    parser.add_argument("--epochs", type=int, default=12, help="epochs on talks")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    draw_modalities(options.out, epochs=options.epochs)
    _, truth = draw_faces(210, seed=1)
    found = {
        name: embed(weight, steps=options.steps).double().numpy()
        for name, weight in (("before: cross entropy alone", 0.0), ("after: with the triplet margin", 1.0))
    }
    figure = embedding_figure(
        found, truth.numpy(), SPACE.labels, marked=MARKED, title="Drawn faces that training never saw"
    )
    figure.savefig(options.out / "margin.png", dpi=100)
    print(f"pictures: {options.out / 'modality_weights.png'}, {options.out / 'margin.png'}")


if __name__ == "__main__":
    main()
