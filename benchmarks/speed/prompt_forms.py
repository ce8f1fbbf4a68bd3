"""Each adapter the straightforward way, and the towers that it cannot do without.

The straightforward way is that of published code: every text fills all positions of the tower, and
every step encodes every text anew. The frozen weights are frozen here too. The numbers come from the
parameters of our own adapter, so that both can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from affectkit.adapters.zero_shot import template_sentences
from affectkit.encoders.clip import ClipBase, Tokens, TransformerTextTower

Logits = Callable[[Tensor], Tensor]
Work = Callable[[], None]


class AdapterCase(NamedTuple):
    """One adapter as it is measured."""

    name: str
    options: Mapping[str, object]
    #: Whether the texts are fixed sentences, which are kept once they are encoded.
    fixed_text: bool


CASES: Final = (
    AdapterCase("zero_shot", {"templates": "plain"}, fixed_text=True),
    AdapterCase("linear_probe", {}, fixed_text=False),
    AdapterCase("clip_adapter", {}, fixed_text=True),
    AdapterCase("tip_adapter", {"trainable": True}, fixed_text=True),
    AdapterCase("coop", {"num_context": 16}, fixed_text=False),
    AdapterCase("descriptor", {"num_context": 8}, fixed_text=False),
    AdapterCase("cocoop", {}, fixed_text=False),
    AdapterCase("maple", {}, fixed_text=False),
    # Without dropout, so that both forms see the same numbers.
    AdapterCase("clip_lora", {"dropout": 0.0}, fixed_text=False),
)


def unit(x: Tensor) -> Tensor:
    """Scale rows to length 1."""
    length: Tensor = x.norm(dim=-1, keepdim=True)
    return x / length


def full_tower(base: ClipBase, embeddings: Tensor, end: Tensor, deep: Sequence[Tensor] = ()) -> Tensor:
    """The text tower over all of its positions, as open_clip writes it."""
    tower = base.text
    assert isinstance(tower, TransformerTextTower) and isinstance(tower.projection, Tensor)
    parts: Any = tower
    x = embeddings + tower.positional_embedding
    mask = torch.full((x.shape[1], x.shape[1]), float("-inf"), device=x.device, dtype=x.dtype).triu(1)
    for layer, block in enumerate(parts.transformer.resblocks):
        if 1 <= layer <= len(deep):
            prompt = deep[layer - 1].expand(x.shape[0], -1, -1)
            x = torch.cat([x[:, :1], prompt, x[:, 1 + prompt.shape[1] :]], dim=1)
        x = block(x, attn_mask=mask)
    normed: Tensor = parts.norm(x)
    return normed[torch.arange(len(normed), device=x.device), end] @ tower.projection


def full_sentences(base: ClipBase, tokens: Tokens, num_classes: int) -> Tensor:
    """Features of sentences about classes, all templates of a class averaged."""
    encoded = unit(full_tower(base, base.require_text().embed(tokens.ids), tokens.end))
    return unit(encoded.reshape(-1, num_classes, encoded.shape[-1]).mean(0))


def sentence_tokens(adapter: Any) -> Tokens:
    """All positions of the sentences of an adapter."""
    words = [name.replace("_", " ") for name in adapter.class_names]
    sentences = [
        sentence.format(word) for sentence in template_sentences(adapter.templates) for word in words
    ]
    base: ClipBase = adapter.base
    return base.tokenize(sentences)


def prompt_pieces(adapter: Any, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings before and after ``count`` vectors, and where each prompt ends."""
    names = [name.replace("_", " ") for name in adapter.class_names]
    ending = adapter.layout.ending
    # Further words than vectors stay words.
    words = getattr(adapter, "words", None) or " ".join("X" * count)
    base: ClipBase = adapter.base
    tokens = base.tokenize([f"{words} {name}{ending}" for name in names])
    embedded = base.require_text().embed(tokens.ids)
    return embedded[:, :1], embedded[:, 1 + count :], tokens.end


def straightforward(name: str, adapter: Any) -> Logits:
    """Logits of pictures as published code computes them."""
    base: ClipBase = adapter.base
    classes = len(adapter.class_names)

    def scaled(pictures: Tensor, texts: Tensor) -> Tensor:
        logits: Tensor = base.logit_scale.exp() * unit(pictures) @ unit(texts).T
        return logits

    def encode(images: Tensor) -> Tensor:
        features: Tensor = base.image(images).pooled
        return features

    if name == "linear_probe":

        def probe(images: Tensor) -> Tensor:
            logits: Tensor = adapter.scale * adapter.classifier(unit(encode(images)).float())
            return logits

        return probe

    if name in ("zero_shot", "clip_adapter", "tip_adapter", "clip_lora"):
        tokens = sentence_tokens(adapter)

        def with_sentences(images: Tensor) -> Tensor:
            features = encode(images)
            texts = full_sentences(base, tokens, classes)
            if name == "clip_adapter":
                mixed: Tensor = adapter.ratio * adapter.adapter(features) + (1 - adapter.ratio) * features
                return scaled(mixed, texts)
            if name == "tip_adapter":
                affinity = unit(features).float() @ adapter.keys.T
                alpha, beta = adapter.alpha_beta
                found: Tensor = alpha * (-beta * (1 - affinity)).exp() @ adapter.values
                return scaled(features, texts) + found
            return scaled(features, texts)

        return with_sentences

    before, after, end = prompt_pieces(adapter, adapter.context.shape[-2])

    def around(vectors: Tensor) -> Tensor:
        return torch.cat([before, vectors.expand(classes, -1, -1), after], dim=1)

    if name == "cocoop":

        def conditional(images: Tensor) -> Tensor:
            features = unit(encode(images))
            prompts = torch.cat([around(adapter.context + shift) for shift in adapter.shift(features)])
            texts = unit(full_tower(base, prompts, end.repeat(len(images))))
            logits: Tensor = torch.einsum("be,bce->bc", features, texts.reshape(len(images), classes, -1))
            return base.logit_scale.exp() * logits

        return conditional

    if name == "maple":

        def in_both(images: Tensor) -> Tensor:
            features: Tensor = adapter.encode(images).pooled
            return scaled(features, full_tower(base, around(adapter.context), end, list(adapter.deep)))

        return in_both

    def learned(images: Tensor) -> Tensor:
        return scaled(encode(images), full_tower(base, around(adapter.context), end))

    return learned


def backward_of(outputs: Tensor) -> None:
    if outputs.requires_grad:
        torch.autograd.backward(outputs, torch.ones_like(outputs))


def towers_alone(name: str, adapter: Any, images: Tensor) -> Work:
    """What is left of a step when everything but the cut towers is taken away: the limit.

    Embeddings are made beforehand; the towers run forward, and backward to the embeddings or to the
    parameters inside.
    """
    base: ClipBase = adapter.base
    tower = base.text
    assert tower is not None
    embeddings: Tensor | None = None
    end = torch.empty(0, dtype=torch.int64)
    deep: list[Tensor] = []
    if name == "clip_lora":
        ids, end = sentence_tokens(adapter)
        embeddings = tower.embed(ids[:, : tower.positions_needed(int(end.max()))]).detach()
    elif name in ("coop", "descriptor", "cocoop", "maple"):
        vectors = adapter.context
        if name == "cocoop":
            vectors = vectors.expand(len(images), 1, *vectors.shape)
        prompts: Tensor = adapter.layout(tower, vectors)
        embeddings = prompts.detach().flatten(0, -3).requires_grad_()
        end = adapter.layout.end.repeat(len(embeddings) // len(adapter.class_names))
        deep = [vector.detach().clone().requires_grad_() for vector in getattr(adapter, "deep", [])]
    prompted: list[Tensor] = []
    if name == "maple":
        prompted = [
            project(vector).detach().requires_grad_()
            for project, vector in zip(adapter.to_image, [adapter.context, *adapter.deep])
        ]

    def work() -> None:
        if prompted:
            backward_of(base.image.forward_prompted(images, prompted).pooled)
        else:
            backward_of(base.encode_image(images).pooled)
        if embeddings is not None:
            texts: Tensor = tower(embeddings, end, deep=deep, cut=False)
            backward_of(texts)

    return work


def weights_left_to_learn(base: ClipBase, images: Tensor) -> Work:
    """The image tower where somebody froze nothing and only told the optimizer less."""

    def work() -> None:
        base.image.requires_grad_(True)
        try:
            features: Tensor = base.image(images).pooled
            backward_of(features)
        finally:
            base.image.requires_grad_(False)
            for parameter in base.image.parameters():
                parameter.grad = None

    return work
