"""Which tensors a trained task reads, from the task and the configuration of its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from torch import nn

from affectkit.share.error import ShareError
from affectkit.share.tensor_spec import MASK, SPEAKER, TensorSpec
from affectkit.tasks import AffectTask

#: Steps of an axis of time where nothing says how many: turns, tokens; seconds of sound.
_TURNS, _TOKENS, _SECONDS = 16, 128, 4.0


def input_specs(
    task: AffectTask, data: Mapping[str, object], *, length: int | None = None
) -> tuple[TensorSpec, ...]:
    """List the tensors of a batch, without the samples themselves.

    Args:
        task: The task.
        data: Its data module in the configuration of the run: ``class_path`` and ``init_args``.
        length: Steps of an axis of time (turns, tokens, samples); None = those of the configuration, else
            16 turns, 128 tokens, 4 seconds.

    Raises:
        ShareError: If the data module is none that is known, or leaves the size of its pictures open.
    """
    path = data.get("class_path")
    kind = str(path).rpartition(".")[2]
    options = data.get("init_args")
    values = options if isinstance(options, Mapping) else {}
    if kind == "MixedDataModule":
        sources = values.get("sources")
        first = next(iter(sources.values()), None) if isinstance(sources, Mapping) else None
        return input_specs(task, cast("Mapping[str, object]", first or {}), length=length)
    if kind not in _READERS:
        raise ShareError(
            f"What {path or 'the data module of this run'} gives to a model is not known to the export: it "
            "knows "
            f"{', '.join(sorted(_READERS))}; export the parts of such a model yourself with torch.export."
        )
    return tuple(_READERS[kind](task, values, length))


def _pictures(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    return _pixels(data, (), "pixels (channel, row, column)")


def _clips(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    steps = _whole(data, "segments", 16)
    return _pixels(data, (steps,), "pixels (frame, channel, row, column)")


def _pixels(data: Mapping[str, object], before: tuple[int, ...], meaning: str) -> list[TensorSpec]:
    size = data.get("size", 224)
    if not isinstance(size, int):
        raise ShareError(
            "The data module of this run leaves pictures at their own size, and an exported model reads one "
            "size: train with a size, e.g. --data.init_args.size 224."
        )
    streams = data.get("streams")
    names = sorted(map(str, streams)) if isinstance(streams, list) and streams else ["visual"]
    if data.get("patterns"):
        names += [f"{name}_lbp" for name in names]
    shape = (*before, 3, size, size)
    if data.get("normalize", True):
        how = f"{meaning}, normalised as {data.get('normalization', 'imagenet')!r}"
        return [TensorSpec(name, "float32", shape, how) for name in names]
    return [TensorSpec(name, "uint8", shape, f"{meaning} from 0 to 255") for name in names]


def _sounds(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    rate = _whole(data, "rate", 16_000)
    crop = data.get("crop_seconds")
    seconds = float(crop) if isinstance(crop, (int, float)) else _SECONDS
    steps = length or round(seconds * rate)
    return [
        TensorSpec(
            "audio", "float32", (steps,), f"waveform at {rate} Hz from -1 to 1, silence after its end"
        ),
        TensorSpec(f"{MASK}audio", "bool", (steps,), "true where the recording has sound"),
    ]


def _conversations(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    turns = length or _TURNS
    features = [
        TensorSpec(name, "float32", (turns, width), "features (turn, width); zeros after the last turn")
        for name, width in _widths(task).items()
    ]
    return [
        *features,
        TensorSpec(f"{MASK}utterance", "bool", (turns,), "true on the turns of the conversation"),
        TensorSpec(
            SPEAKER,
            "int64",
            (turns,),
            "who speaks, numbered from 0; -1 after the last turn. A model that reads it answers NaN for a "
            "conversation with a turn of nobody, or with more speakers than it was made for",
        ),
    ]


def _features(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    if not data.get("views"):
        return [
            TensorSpec(name, "float32", (width,), "features (width)") for name, width in _widths(task).items()
        ]
    found: list[TensorSpec] = []
    steps = data.get("view_steps")
    for name, width in _widths(task).items():
        count = length or (steps.get(name) if isinstance(steps, Mapping) else None)
        if not isinstance(count, int):
            raise ShareError(
                f"Nothing says how many steps the {name!r} features of {type(task).__name__} have, which it "
                "reads one by one: give a length, `affectkit export --length N`."
            )
        found.append(TensorSpec(name, "float32", (count, width), "features (step, width)"))
        found.append(TensorSpec(f"{MASK}{name}", "bool", (count,), "true on real steps"))
    return found


def _texts(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    return _tokens(task, data, length or data.get("max_length"))


def _dialogue_texts(task: AffectTask, data: Mapping[str, object], length: int | None) -> list[TensorSpec]:
    found = _tokens(task, data, length or data.get("budget"))
    steps = found[0].shape
    return [*found, TensorSpec(f"{MASK}current", "bool", steps, "true on the tokens of the utterance itself")]


def _tokens(task: AffectTask, data: Mapping[str, object], steps: object) -> list[TensorSpec]:
    count = steps if isinstance(steps, int) else _TOKENS
    size = next((table.num_embeddings for table in task.modules() if isinstance(table, nn.Embedding)), 2)
    words = f"tokens of {data.get('tokenizer', 'the tokenizer')!r}, filled up after the last"
    return [
        TensorSpec("text", "int64", (count,), words, limit=size),
        TensorSpec(f"{MASK}text", "bool", (count,), "true on tokens of the text"),
    ]


def _widths(task: AffectTask) -> dict[str, int]:
    """Width of the features of each modality; a part that was given ready says it as its own."""
    found: dict[str, int] = {}
    for name, width in sorted(task.input_dims.items()):
        known = width if width is not None else getattr(task.encoders[name], "out_dim", None)
        if not isinstance(known, int):
            raise ShareError(
                f"{type(task).__name__} does not say how wide its {name!r} features are: give its encoder an "
                "attribute out_dim, or name the width in the task's inputs."
            )
        found[name] = known
    return found


def _whole(data: Mapping[str, object], name: str, default: int) -> int:
    value = data.get(name, default)
    return value if isinstance(value, int) else default


_READERS: dict[str, Callable[[AffectTask, Mapping[str, object], int | None], list[TensorSpec]]] = {
    "AudioDataModule": _sounds,
    "ClipDataModule": _clips,
    "ConversationDataModule": _conversations,
    "DialogueTextDataModule": _dialogue_texts,
    "FeatureDataModule": _features,
    "ImageDataModule": _pictures,
    "TextDataModule": _texts,
}
