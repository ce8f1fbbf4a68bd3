"""The bridge to open_clip: any of its models as a :class:`ClipBase`."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affectkit._optional import require
from affectkit.encoders.clip.base_name import Activation, BaseName
from affectkit.encoders.clip.clip_base import ClipBase
from affectkit.encoders.clip.image_tower import ClipImageTower
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, PixelNormalization
from affectkit.encoders.clip.sentence_text_tower import SentenceTextTower
from affectkit.encoders.clip.text_tower import ClipTextTower
from affectkit.encoders.clip.tokenizer import ClipTokenizer
from affectkit.encoders.clip.transformer_text_tower import TextPool, TransformerTextTower
from affectkit.encoders.clip.unsupported_tower import UnsupportedTowerError

_POOLS: dict[str, TextPool] = {"argmax": "end", "eos": "end", "first": "first", "last": "last"}


def _open_clip() -> Any:
    return require("open_clip", extra="all", purpose="Building a CLIP model")


def known_models() -> list[str]:
    """Names of the models that open_clip has a configuration for."""
    names: list[str] = _open_clip().list_models()
    return names


def model_config(name: str) -> dict[str, Any] | None:
    """open_clip's configuration of a model, also from ``hf-hub:`` and ``local-dir:``; None = unknown."""
    config: dict[str, Any] | None = _open_clip().get_model_config(name)
    return config


def tag_facts(model: str, tag: str) -> dict[str, Any]:
    """What open_clip records of published weights: activation, mean, std; empty = no such weights."""
    facts: dict[str, Any] = _open_clip().get_pretrained_cfg(model, tag)
    return facts


def tags_of(model: str) -> list[str]:
    """Tags of published weights of a model."""
    tags: list[str] = _open_clip().list_pretrained_tags_by_model(model)
    return tags


def fetch_tag(model: str, tag: str) -> Path:
    """Download published weights, or find them in the cache."""
    return Path(_open_clip().download_pretrained(tag_facts(model, tag)))


def random_model(config: Mapping[str, object], *, activation: Activation, seed: int) -> nn.Module:
    """Build a model of open_clip with random weights; the global random state is left alone.

    A sentence encoder named in ``text_cfg`` brings its weights if it is a local folder.
    """
    library = _open_clip()
    options: dict[str, Any] = copy.deepcopy(dict(config))
    text: dict[str, Any] = options["text_cfg"]
    custom = options.pop("custom_text", False)
    sentence = text.get("hf_model_name")
    if sentence:
        text["hf_model_pretrained"] = Path(sentence).is_dir()
    # open_clip leaves these to its factory.
    options["quick_gelu"] = activation == "quick_gelu"
    kind = library.CoCa if "multimodal_cfg" in options else library.CLIP
    if kind is library.CLIP and (custom or sentence):
        kind = library.CustomTextCLIP
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = kind(**options)
    return model


def load_weights(model: nn.Module, file: Path, *, name: str) -> None:
    """Load a weights file (safetensors, or one that torch reads without running code) into ``model``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds the weights of another model, or none.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no weights file {str(file)!r} for the CLIP model '{name}'.")
    try:
        _open_clip().load_checkpoint(model, str(file), strict=True, weights_only=True)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        detail = lines[1] if len(lines) > 1 else lines[0] if lines else type(error).__name__
        raise ValueError(
            f"{file.name!r} does not hold the weights of the CLIP model '{name}' ({detail[:160]}): "
            "give the file of this model, or the model of this file."
        ) from error


def saved_model(name: str) -> tuple[nn.Module, PixelNormalization]:
    """Build and load a model from ``hf-hub:`` or ``local-dir:``, with what it says of pixels.

    Raises:
        ValueError: If there is no model, or one without weights.
    """
    try:
        model: Any = _open_clip().create_model(name, require_pretrained=True)
    except Exception as error:
        raise ValueError(
            f"'{name}' gave no CLIP model ({str(error)[:160]}): give a place with open_clip_config.json and "
            "a weights file."
        ) from error
    facts: dict[str, Any] = model.visual.preprocess_cfg
    return model, PixelNormalization(tuple(facts["mean"]), tuple(facts["std"]))


@functools.lru_cache(maxsize=4)
def _simple_tokenizer(clean: str) -> Any:
    return _open_clip().SimpleTokenizer(clean=clean)


class _SimpleWords:
    """OpenAI's tokenizer, with its start mark or without."""

    def __init__(self, clean: str, *, start_mark: bool) -> None:
        self.clean = clean
        self.start_mark = start_mark
        self.end_id = int(_simple_tokenizer(clean).eot_token_id)

    def __call__(self, texts: list[str], length: int) -> Tensor:
        tokenizer = _simple_tokenizer(self.clean)
        if self.start_mark:
            marked: Tensor = tokenizer(texts, length)
            return marked
        ids: Tensor = tokenizer(texts, length + 1)[:, 1:]
        after = (ids == self.end_id).cumsum(dim=1) > 0
        return ids.masked_fill(after, self.end_id)


def model_tokenizer(text_config: Mapping[str, Any], *, folder: str | None = None) -> ClipTokenizer:
    """The tokenizer that a configuration's ``text_cfg`` asks for."""
    options: dict[str, Any] = dict(text_config.get("tokenizer_kwargs") or {})
    length = int(text_config.get("context_length", 77))
    source = text_config.get("hf_tokenizer_name") or text_config.get("hf_model_name")
    if not source:
        # The start mark is ours to leave out: SigLIP's texts have none, and its tokenizer is a download.
        words = _SimpleWords(options.pop("clean", "lower"), start_mark=options.pop("start_mark", True))
        if options:
            raise UnsupportedTowerError(
                f"a tokenizer with {sorted(options)} drops words at random: choose a model without them."
            )
        return ClipTokenizer(words, context_length=length, end_id=words.end_id, pad_id=0)
    if text_config.get("tokenizer_mode"):
        raise UnsupportedTowerError(
            f"the tokenizer mode {text_config['tokenizer_mode']!r} puts a token behind the padding, where "
            "prompts have no room: choose another model."
        )
    library = _open_clip()
    try:
        sentences: Any = library.tokenizer.HFTokenizer(folder or source, context_length=length, **options)
    except Exception as error:
        raise ValueError(
            f"the tokenizer {folder or source!r} of a CLIP model could not be loaded "
            f"({type(error).__name__}): it needs a folder that is there, or the hub and the extra 'text'."
        ) from error
    inner: Any = sentences.tokenizer
    end = inner.eos_token_id if inner.eos_token_id is not None else inner.sep_token_id
    ends: Tensor = sentences([""], length)
    return ClipTokenizer(
        sentences,
        context_length=length,
        end_id=end if end is not None and bool((ends == end).any()) else None,
        pad_id=0 if options.get("strip_sep_token") else inner.pad_token_id,
    )


def wrap_model(
    model: nn.Module,
    text_config: Mapping[str, Any],
    *,
    name: BaseName,
    normalization: PixelNormalization = NORMALIZATIONS["clip"],
    folder: str | None = None,
) -> ClipBase:
    """Take a model of open_clip apart into the towers of a :class:`ClipBase`.

    Args:
        model: ``CLIP``, ``CustomTextCLIP`` or ``CoCa`` of open_clip.
        text_config: Its ``text_cfg``, which says how texts are tokenised.
        name: How the model is asked for again.
        normalization: What the weights expect of pixels.
        folder: Where the tokenizer's files are, if not where ``text_config`` says.
    """
    parts: Any = model
    tokenizer = model_tokenizer(text_config, folder=folder)
    image = _image_tower(parts.visual)
    return ClipBase(
        image=image,
        text=_text_tower(parts, tokenizer, embed_dim=image.out_dim),
        tokenizer=tokenizer,
        logit_scale=parts.logit_scale,
        logit_bias=parts.logit_bias,
        normalization=normalization,
        name=str(name),
    )


def _image_tower(visual: Any) -> ClipImageTower:
    size = visual.image_size
    height, width = (size, size) if isinstance(size, int) else size
    kind = type(visual).__name__
    if kind == "VisionTransformer":
        hidden, out_dim = visual.conv1.out_channels, visual.output_dim
    elif kind == "ModifiedResNet":
        hidden, out_dim = visual.attnpool.c_proj.in_features, visual.output_dim
    else:
        hidden = visual.trunk.num_features
        with torch.no_grad():
            was_training = visual.training
            out_dim = visual.eval()(torch.zeros(1, 3, height, width)).shape[-1]
            visual.train(was_training)
    return ClipImageTower(
        visual,
        out_dim=int(out_dim),
        width=int(hidden),
        image_size=(int(height), int(width)),
        promptable=kind == "VisionTransformer",
    )


def _text_tower(model: Any, tokenizer: ClipTokenizer, *, embed_dim: int) -> ClipTextTower:
    # CLIP holds the parts of its text tower itself, the others as one module.
    text = getattr(model, "text", model)
    if hasattr(text, "pooler"):
        return SentenceTextTower(
            text, out_dim=embed_dim, context_length=tokenizer.context_length, prefix=tokenizer.prefix
        )
    pool = text.text_pool_type if text is model else text.pool_type
    class_embedding: nn.Parameter | None = getattr(text, "cls_emb", None)
    if getattr(text, "use_pad_mask", False) or getattr(text, "correct_cls_mask", False) or pool not in _POOLS:
        raise UnsupportedTowerError(
            f"a text tower with pooling {pool!r} and a padding mask of its own cannot run from embeddings: "
            "choose a model whose text tower pools its end mark, its first or its last position."
        )
    return TransformerTextTower(
        token_embedding=text.token_embedding,
        positional_embedding=text.positional_embedding,
        transformer=text.transformer,
        norm=text.ln_final,
        projection=text.text_projection,
        pool="class" if class_embedding is not None else _POOLS[pool],
        causal=text.attn_mask is not None,
        prefix=tokenizer.prefix,
        class_embedding=class_embedding,
    )
