"""One adapter taught from a few faces: every candidate trained, one chosen on the selection faces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import torch
from ferplus_base import image_features
from ferplus_faces import NEW, Faces, Shots, augment, to_input
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters import ClipAdapter, TipAdapter, load_trained_state, make_adapter, trained_state
from affectkit.encoders.clip import ClipBase
from affectkit.functional import confusion_counts, unweighted_average_recall
from affectkit.types import Encoding

#: Steps after which a run is looked at on the selection faces.
STOPS: Final = (10, 20, 40, 80)
#: Views of each shot: as it is, and moved a little.
VIEWS: Final = 8


class System(NamedTuple):
    """An adapter, its options, and the runs that it is chosen from, each of a rate and further options."""

    adapter: str
    options: Mapping[str, object]
    rates: tuple[float, ...] = ()
    tried: tuple[Mapping[str, object], ...] = ({},)
    batch: int = 16


class Choice(NamedTuple):
    """What was chosen on the selection faces, out of how many candidates."""

    uar: float
    cross_entropy: float
    rate: float | None
    step: int
    options: Mapping[str, object]
    state: Mapping[str, Tensor]


class Taught(NamedTuple):
    """A chosen adapter and how it was chosen."""

    adapter: ClipAdapter
    choice: Choice
    candidates: int
    trained_numbers: int


class Views:
    """Pictures of a shot set as an adapter reads them: pixels, or stored features of the frozen tower."""

    def __init__(self, base: ClipBase, shots: Shots, *, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        pixels = shots.train.pixels
        moved = [augment(pixels, generator) for _ in range(VIEWS - 1)]
        self.base = base
        self.shots = shots
        self.pixels = torch.stack([pixels.float(), *moved])
        features = image_features(base, self.pixels.flatten(0, 1))
        self.features = features.view(VIEWS, len(pixels), -1)
        self.selection = image_features(base, shots.selection.pixels)

    def train(self, *, pixels: bool) -> Tensor:
        """(V, N, ...) pixels or features of the shots."""
        return self.pixels if pixels else self.features


def logits_of(adapter: ClipAdapter, faces: Faces, features: Tensor) -> Tensor:
    """Classify faces in evaluation, on the CPU; stored features are used where the adapter allows it."""
    _module(adapter).eval()
    source = faces.pixels if adapter.adapts_images else features
    with torch.no_grad():
        return torch.cat([_forward(adapter, part).cpu() for part in torch.split(source, 64)])


def teach(system: System, views: Views, *, seed: int, stops: tuple[int, ...] = STOPS) -> Taught:
    """Train every candidate of a system on the shots and keep the best one on the selection faces.

    The best has the highest UAR there, among equals the lowest cross entropy.
    """
    best: Choice | None = None
    candidates = 0

    def look(adapter: ClipAdapter, rate: float | None, step: int, options: Mapping[str, object]) -> None:
        nonlocal best, candidates
        candidates += 1
        logits = logits_of(adapter, views.shots.selection, views.selection)
        label = views.shots.selection.label
        uar = unweighted_average_recall(confusion_counts(logits, label, num_classes=len(NEW)))
        entropy = F.cross_entropy(logits.float(), label)
        if best is None or (float(uar), -float(entropy)) > (best.uar, -best.cross_entropy):
            state = {name: value.clone() for name, value in trained_state(_module(adapter)).items()}
            best = Choice(float(uar), float(entropy), rate, step, options, state)

    for options, rate in itertools.product(system.tried, system.rates or (None,)):
        adapter = _build(system, views, options, seed=seed)
        if rate is None:
            look(adapter, None, 0, options)
        else:
            _train(
                adapter,
                views,
                rate=rate,
                batch=system.batch,
                stops=stops,
                seed=seed,
                look=look,
                tried=options,
            )
    assert best is not None
    chosen = _build(system, views, best.options, seed=seed)
    load_trained_state(_module(chosen), best.state)
    learned = sum(p.numel() for p in _module(chosen).parameters() if p.requires_grad)
    return Taught(chosen, best, candidates, learned)


def _train(
    adapter: ClipAdapter,
    views: Views,
    *,
    rate: float,
    batch: int,
    stops: tuple[int, ...],
    seed: int,
    look: Callable[[ClipAdapter, float, int, Mapping[str, object]], None],
    tried: Mapping[str, object],
) -> None:
    module = _module(adapter)
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=rate, weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)
    source, labels = views.train(pixels=adapter.adapts_images), views.shots.train.label
    queue: list[int] = []
    for step in range(1, stops[-1] + 1):
        if not queue:
            queue = torch.randperm(len(labels), generator=generator).tolist()
        index, queue = torch.tensor(queue[:batch]), queue[batch:]
        drawn = torch.randint(VIEWS, (len(index),), generator=generator)
        if not module.training:  # setting the mode makes it forget its sentences
            module.train()
        logits = _forward(adapter, source[drawn, index])
        loss = F.cross_entropy(logits.float(), labels[index].to(logits.device))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if step in stops:
            look(adapter, rate, step, tried)


def _build(system: System, views: Views, options: Mapping[str, object], *, seed: int) -> ClipAdapter:
    """A fresh adapter, with the random state it trains under; a cache holds the mean view of each shot."""
    torch.manual_seed(seed)
    adapter = make_adapter(system.adapter, views.base, NEW, **{**system.options, **options})
    if isinstance(adapter, TipAdapter):
        adapter.build_cache([(views.features.mean(0), views.shots.train.label)])
    _module(adapter).to(views.base.logit_scale.device)
    return adapter


def _forward(adapter: ClipAdapter, inputs: Tensor) -> Tensor:
    inputs = inputs.to(adapter.base.logit_scale.device)
    features = (
        adapter.encode(to_input(inputs, adapter.base.normalization))
        if adapter.adapts_images
        else Encoding(inputs)
    )
    logits = adapter(features).logits
    assert logits is not None
    return logits


def _module(adapter: ClipAdapter) -> nn.Module:
    assert isinstance(adapter, nn.Module)
    return adapter
