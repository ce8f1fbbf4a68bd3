"""Prototype distillation in your own loop: a teacher, its prototypes, students without and with the prior.

Everything is drawn, so nothing can be learned about the method from the numbers.

Run it: `python examples/distil_faces.py` (writes prototypes.png and geometric_prior.png)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from affectkit.data.synthetic.scene import EMOTIONS
from affectkit.data.synthetic.write_pictures import scenes
from affectkit.distill import GeometricPriorLoss, PrototypeDistillationLoss, VAPrototypeGrid, WeightSchedule
from affectkit.encoders import TimmImageEncoder
from affectkit.heads import ProjectedHead
from affectkit.labels import LabelSpace, ValenceArousalWheel
from affectkit.losses import ClassificationLoss, WeightedSum
from affectkit.report.figures import embedding_figure, prototype_grid_figure
from affectkit.types import AffectOutput, Target

SPACE = LabelSpace("drawn7.v1", EMOTIONS)
MARKED = ("joy", "surprise")
STEPS = 120


class Network(nn.Module):
    """A tiny picture network with class scores and an embedding beside them."""

    def __init__(self, embedding_dim: int = 0) -> None:
        super().__init__()
        self.encoder = TimmImageEncoder("tiny")
        self.head = ProjectedHead(self.encoder.out_dim, len(SPACE), embedding_dim=embedding_dim)

    def forward(self, faces: Tensor) -> AffectOutput:
        """Predict for normalised faces (B, 3, H, W)."""
        output: AffectOutput = self.head(self.encoder(faces))
        return output


def draw_faces(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Faces of people who were never there, (N, 3, 32, 32), and their emotions."""
    drawn = scenes({"train": count}, seed=seed, context=1.0)
    faces, labels = zip(*((scene.portrait(size=32), SPACE.index(scene.emotion)) for _, _, scene, _ in drawn))
    pixels = torch.stack([torch.from_numpy(face) for face in faces]).permute(0, 3, 1, 2)
    return (pixels.float() / 255 - 0.5) / 0.25, torch.tensor(labels)


def train(network: Network, loss: WeightedSum, faces: Tensor, labels: Tensor, *, steps: int) -> Network:
    """Train on batches of all classes."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    network.train()
    for step in range(steps):
        chosen = torch.randint(len(faces), (56,), generator=generator)
        loss.set_progress(step / steps)
        terms = loss(network(faces[chosen]), Target(label=labels[chosen]))
        optimizer.zero_grad()
        torch.autograd.backward(terms.total)
        optimizer.step()
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the pictures")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    faces, labels = draw_faces(420, seed=0)
    shown, truth = draw_faces(210, seed=1)
    truth_loss = ClassificationLoss(len(SPACE), label_smoothing=0.055)

    # A teacher, and what its features look like in each region of valence and arousal.
    torch.manual_seed(0)
    teacher = train(Network(), WeightedSum({"emotion": truth_loss}), faces, labels, steps=options.steps)
    anchors = torch.tensor(ValenceArousalWheel().anchors(SPACE))
    with torch.no_grad():
        said: AffectOutput = teacher(faces)
    assert said.embedding is not None
    grid = VAPrototypeGrid.from_features(said.embedding, anchors[labels], origin="a teacher on drawn faces")
    wheel = dict(zip(SPACE, ValenceArousalWheel().anchors(SPACE)))
    options.out.mkdir(parents=True, exist_ok=True)
    prototype_grid_figure(grid, wheel).savefig(options.out / "prototypes.png", dpi=100)

    # Two students that differ in the prior alone; its published weight of 0.012 is for 100 epochs.
    found = {}
    for name, weight in (("without the prior", 0.0), ("with the prior", 0.5)):
        torch.manual_seed(0)
        loss = WeightedSum(
            {
                "emotion": truth_loss,
                "prototypes": PrototypeDistillationLoss(grid, anchors=anchors.tolist()),
                # No spread is free here, so that the picture shows what the term does.
                "prior": GeometricPriorLoss([SPACE.index(label) for label in MARKED], cap=0.0),
            },
            {"prototypes": 0.12, "prior": WeightSchedule(weight, begin=0.2, finish=0.6)},
        )
        student = train(Network(grid.feature_dim), loss, faces, labels, steps=options.steps)
        with torch.no_grad():
            output: AffectOutput = student(shown)
        assert output.logits is not None and output.embedding is not None
        right = float((output.logits.argmax(1) == truth).double().mean())
        spread = float(
            GeometricPriorLoss([SPACE.index("joy"), SPACE.index("surprise")], cap=0.0, margin=0.0)(
                output, Target(label=truth)
            ).terms["spread"]
        )
        print(f"{name}: accuracy on new faces {right:.2f}, spread of joy and surprise {spread:.3f}")
        found[name] = output.embedding.double().numpy()
    figure = embedding_figure(
        found, truth.numpy(), SPACE.labels, marked=MARKED, title="Drawn faces the students never saw"
    )
    figure.savefig(options.out / "geometric_prior.png", dpi=100)
    print(f"pictures: {options.out / 'prototypes.png'}, {options.out / 'geometric_prior.png'}")


if __name__ == "__main__":
    main()
