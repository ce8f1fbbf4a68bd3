"""A small CLIP model of faces: a frozen sentence encoder, and an image tower trained towards it."""

from __future__ import annotations

import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from ferplus_faces import KNOWN, Faces, augment, to_input
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from affectkit.adapters.templates import TEMPLATES
from affectkit.encoders.clip import ClipBase, clip_base, clip_base_from_config
from affectkit.functional import confusion_counts, unweighted_average_recall, vote_cross_entropy_rows

SIDE: Final = 48
#: One face in so many of the known classes is kept out of training, to see what was learned.
HELD_OUT: Final = 20


class BaseSettings(NamedTuple):
    """Size of the image tower, and how it is trained."""

    width: int = 128
    layers: int = 4
    patch: int = 16
    epochs: int = 30
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.05


class Trained(NamedTuple):
    """A base model and how well it knows the known classes, on faces held out of training."""

    base: ClipBase
    known_uar: float
    known_accuracy: float
    seconds: float


def random_base(encoder: str, settings: BaseSettings) -> ClipBase:
    """The model before training; ``tiny`` stands for affectkit's tiny random one."""
    if encoder == "tiny":
        return clip_base("tiny")
    folder = Path(encoder)
    hidden: int = json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"]
    vision = {
        "image_size": SIDE,
        "patch_size": settings.patch,
        "layers": settings.layers,
        "width": settings.width,
        "head_width": 32,
    }
    return clip_base_from_config(
        {
            "embed_dim": hidden,
            "vision_cfg": vision,
            # As wide as the image features, so that nothing random stands behind the sentence encoder.
            "text_cfg": {
                "hf_model_name": str(folder),
                "hf_tokenizer_name": str(folder),
                "hf_pooler_type": "mean_pooler",
                "hf_proj_type": None,
                "context_length": 64,
            },
        },
        name="ferplus-known",
        normalization="half",
    )


def sentences(base: ClipBase) -> Tensor:
    """Features of every template with every known class, (T, 4, E) of unit length."""
    templates = TEMPLATES["seen"]
    tokens = base.tokenize([template.format(name) for template in templates for name in KNOWN])
    with torch.no_grad():
        return F.normalize(base.encode_text(tokens), dim=-1).view(len(templates), len(KNOWN), -1)


@torch.no_grad()
def whiten_patches(base: ClipBase, pixels: Tensor) -> None:
    """Let the patch embedding start as whitening filters of some faces, in place.

    From random filters a tower as small as this one takes most of its epochs to see anything.
    """
    embedding = base.image.get_submodule("visual.conv1")
    assert isinstance(embedding, torch.nn.Conv2d)
    side, width = int(embedding.kernel_size[0]), embedding.out_channels
    patches = F.unfold(to_input(pixels, base.normalization)[:, :1], side, stride=side)
    rows = patches.transpose(1, 2).flatten(0, 1)
    rows = rows - rows.mean(0)
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    count = min(width, side * side)
    filters = (vectors[:, -count:] / (values[-count:] + 0.01).sqrt()).T.view(count, 1, side, side)
    embedding.weight.zero_()
    # The three channels of a grey picture are the same.
    embedding.weight[:count] = filters / 3


def fit_base(base: ClipBase, faces: Faces, settings: BaseSettings, *, device: torch.device) -> Trained:
    """Train the image tower to tell the sentences of a face from those of the other known classes.

    Each face meets a sentence of a template drawn for it; its target is the distribution of its votes, and
    rare classes weigh as much as common ones.
    """
    began = time.monotonic()
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(faces.label), generator=generator)
    cut = max(1, len(order) // HELD_OUT)
    held, rows = faces.rows(order[:cut]), faces.rows(order[cut:])
    whiten_patches(base, rows.pixels[:2000])
    base = base.to(device)
    text = sentences(base)
    base.image.requires_grad_(True)
    base.logit_scale.requires_grad_(True)
    matrices = [p for p in base.image.parameters() if p.ndim > 1]
    vectors = [p for p in base.image.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": [*vectors, base.logit_scale], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)
    steps = max(1, len(rows.label) // settings.batch) * settings.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_cosine(step, steps))
    weight = 1 / torch.tensor(rows.counts()).clamp(min=1).float()
    weight = (weight / weight.mean()).to(device)
    base.train()
    step = 0
    for epoch in range(settings.epochs):
        total = 0.0
        shuffled = torch.randperm(len(rows.label), generator=generator)
        for index in torch.split(shuffled, settings.batch)[: steps // settings.epochs]:
            batch = Faces(*(column.to(device) for column in rows.rows(index)))
            images = to_input(augment(batch.pixels, generator), base.normalization)
            drawn = torch.randint(len(text), (len(index),), generator=generator).to(device)
            features = F.normalize(base.image(images).pooled, dim=-1)
            logits = base.logit_scale.exp() * torch.einsum("be,bce->bc", features, text[drawn])
            each = vote_cross_entropy_rows(logits, batch.votes)
            share = weight[batch.label]
            loss = (each * share).sum() / share.sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(base.image.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                base.logit_scale.clamp_(max=math.log(100))
            total += float(loss.detach())
            step += 1
        taken = time.monotonic() - began
        left = taken / (epoch + 1) * (settings.epochs - epoch - 1)
        mean = total * settings.epochs / steps
        print(f"base, epoch {epoch + 1}: loss {mean:.3f}; about {left / 60:.0f} min left", flush=True)
    base.requires_grad_(False).eval()
    features = F.normalize(image_features(base, held.pixels), dim=-1)
    guess = (features @ F.normalize(text.mean(0), dim=-1).T.cpu()).argmax(1)
    uar = float(unweighted_average_recall(confusion_counts(guess, held.label, num_classes=len(KNOWN))))
    accuracy = float((guess == held.label).double().mean())
    return Trained(base, 100 * uar, 100 * accuracy, time.monotonic() - began)


def image_features(base: ClipBase, pixels: Tensor) -> Tensor:
    """Features of faces by the frozen image tower as it gives them, (N, E), on the CPU."""
    device = base.logit_scale.device
    with torch.no_grad():
        parts = [
            base.image(to_input(part.to(device), base.normalization)).pooled
            for part in torch.split(pixels, 256)
        ]
    return torch.cat(parts).cpu()


def trained_base(
    encoder: str, faces: Faces, settings: BaseSettings, *, device: torch.device, work: Path
) -> Trained:
    """Train the base, or load it as it was trained before from the same faces with the same settings."""
    folder = work / f"base-{_fingerprint(encoder, faces, settings)}"
    weights, facts = folder / "image_tower.safetensors", folder / "facts.json"
    base = random_base(encoder, settings)
    if facts.is_file():
        state = load_file(weights)
        base.logit_scale.data = state.pop("logit_scale")
        base.image.load_state_dict(state)
        return Trained(base.to(device).eval(), **json.loads(facts.read_text(encoding="utf-8")))
    trained = fit_base(base, faces, settings, device=device)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.cpu().contiguous() for name, value in trained.base.image.state_dict().items()}
    save_file({**state, "logit_scale": trained.base.logit_scale.detach().cpu()}, weights)
    # Last: with it, the folder counts as finished.
    known = {name: value for name, value in trained._asdict().items() if name != "base"}
    facts.write_text(json.dumps(known), encoding="utf-8")
    return trained


def _warm_cosine(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _fingerprint(encoder: str, faces: Faces, settings: BaseSettings) -> str:
    digest = hashlib.sha256(repr((Path(encoder).name, settings, TEMPLATES["seen"])).encode())
    for column in faces:
        digest.update(column.numpy().tobytes())
    return digest.hexdigest()[:12]
