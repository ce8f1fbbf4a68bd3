"""Emotions of a talk that is still going on, turn by turn."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self, TypeAlias, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.conversation import advance_context, advance_fusion, part_of_state
from affectkit.data.batch import AffectBatch
from affectkit.data.loader.conversation_media import AREAS
from affectkit.encoders import weights_digest
from affectkit.fusion import ModalityDropout
from affectkit.predict.error import PredictError
from affectkit.predict.loaded_task import find_checkpoint, load_task, read_record
from affectkit.tasks import ConversationTask
from affectkit.tasks.evaluation_mode import evaluation_mode
from affectkit.tasks.run_checkpoint import shipped_task
from affectkit.tensor_file import read_tensor_file, write_tensor_file
from affectkit.types import AffectOutput, Encoder, Encoding

#: Features of one modality of one turn.
Features: TypeAlias = "Tensor | NDArray[object] | Sequence[float]"
_KIND: Final = "conversation stream"
_FORMAT: Final = 1
#: The modality whose turns hold several pictures.
_PICTURES: Final = "visual"
#: What a turn goes through one after the other; a task that changes any of it cannot be followed.
_STEPS: Final = ("encode", "fuse", "contextualise", "forward")


class StreamedTurn(NamedTuple):
    """What was found for one turn.

    Attributes:
        dialogue: Name of the conversation.
        turn: Number of the turn in it, from 0.
        speaker: Who spoke.
        label: Index of the emotion in the label space; None where the head gives no logits.
        name: Its name; empty without one.
        probabilities: Probability of each emotion.
        output: Everything that the head gives: logits (C,), dims (V,), ...
    """

    dialogue: str
    turn: int
    speaker: str
    label: int | None
    name: str
    probabilities: dict[str, float]
    output: AffectOutput


@dataclass(slots=True)
class _Dialogue:
    speakers: list[str] = field(default_factory=list)
    turns: int = 0
    state: dict[str, Tensor] = field(default_factory=dict)


class ConversationStream:
    """Adds one utterance after the other to conversations and says the emotion of each at once.

    The answers are those of the task for the whole conversation so far. What a turn costs does not grow with
    the conversation for recurrent models and for attention with a window; see the page on conversation models
    for what each model keeps. Any number of conversations may go on at the same time.

    Args:
        task: The task; it is put into evaluation and moved to ``device``. Where it is trained in between, a
            turn is still added as in evaluation.
        device: Where; None leaves it where it is.

    Raises:
        PredictError: If the task reads future turns, or does not say whether it does, or changes how a
            conversation is read.

    Examples:
        >>> stream = ConversationStream(ConversationTask("meld7.official", {"text": 4}, hidden_dim=8))
        >>> first = stream.add({"text": [0.1, 0.2, 0.3, 0.4]}, "Monica")
        >>> second = stream.add({"text": [0.4, 0.3, 0.2, 0.1]}, "Ross")
        >>> second.turn, second.speaker, len(second.probabilities)
        (1, 'Ross', 7)
        >>> stream.reset()
        >>> stream.add({"text": [0.1, 0.2, 0.3, 0.4]}, "Ross").turn
        0
    """

    def __init__(self, task: ConversationTask, *, device: torch.device | str | None = None) -> None:
        reach = task.reach()
        if reach not in ("past", "none"):
            said = "looks ahead" if reach == "both" else "does not say whether it looks ahead"
            raise PredictError(
                f"{type(task).__name__} {said} (context={reach!r}), and in a talk that is going on "
                "the future is not there: train it with context='past'."
            )
        changed = [
            name for name in _STEPS if getattr(type(task), name) is not getattr(ConversationTask, name)
        ]
        if changed:
            raise PredictError(
                f"{type(task).__name__} has a {changed[0]}() of its own, which a stream cannot follow turn "
                "by turn: change an encoder, the fusion, the context model or the head instead."
            )
        if device is not None:
            task = task.to(device)
        self.task = task.eval()
        self._dialogues: dict[str, _Dialogue] = {}

    @classmethod
    def from_checkpoint(
        cls,
        model: str | os.PathLike[str],
        *,
        task: type[ConversationTask] | None = None,
        device: torch.device | str | None = None,
        **changes: object,
    ) -> Self:
        """Load a trained task.

        Args:
            model: Run folder, of which the best checkpoint is taken, or checkpoint.
            task: Class of the task, where it is one of your own.
            device: Where; None takes the CPU.
            changes: Constructor arguments of the task: parts that it had been given.

        Raises:
            PredictError: If there is no checkpoint, or not one of a conversation task.
        """
        path = find_checkpoint(model)
        record = read_record(path)
        kind = task or shipped_task(record.task)
        if kind is None or not issubclass(kind, ConversationTask):
            raise PredictError(
                f"The checkpoint {path} was written by {record.task}: name one of a ConversationTask, or "
                "give the class of your own task."
            )
        loaded = load_task(path, task=kind, **changes).task
        assert isinstance(loaded, ConversationTask)
        return cls(loaded, device=device)

    @property
    def dialogues(self) -> tuple[str, ...]:
        """Names of the conversations that are going on, the oldest first."""
        return tuple(self._dialogues)

    def add(
        self, features: Features | Mapping[str, Features], speaker: str | int, *, dialogue: str = ""
    ) -> StreamedTurn:
        """Add an utterance and return its emotion.

        Args:
            features: Features (D_m,) by modality, as the task's data have them; a modality that is left out
                is absent. For a task of one modality, its features alone will do. A task with extractors
                takes the turn as it was recorded: a waveform (S,) of the task's rate, token ids (T,), or
                pictures (N, 3, H, W) as bytes.
            speaker: Who speaks, by any name.
            dialogue: Name of the conversation; a new name begins a new one.

        Raises:
            PredictError: If a modality is unknown, has another width, or holds what is no number.
            ValueError: If the model was made for fewer speakers.
        """
        known = self._dialogues.get(dialogue, _Dialogue())
        name = str(speaker)
        speakers = known.speakers if name in known.speakers else [*known.speakers, name]
        batch = self._batch(features, speakers.index(name))
        with evaluation_mode(self.task), torch.no_grad():
            output, state = self._advance(batch, speakers.index(name), known.state)
        self._dialogues[dialogue] = _Dialogue(speakers, known.turns + 1, state)
        return self._found(output, dialogue, known.turns, name)

    def reset(self, dialogue: str | None = None) -> None:
        """Forget a conversation, or all of them.

        Raises:
            PredictError: If there is no such conversation.
        """
        if dialogue is None:
            self._dialogues.clear()
        elif self._dialogues.pop(dialogue, None) is None:
            names = ", ".join(map(repr, self._dialogues)) or "none"
            raise PredictError(f"There is no conversation {dialogue!r} in the stream: it has {names}.")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what the stream keeps of all conversations as safetensors."""
        tensors = {
            f"{number}/{key}": value
            for number, dialogue in enumerate(self._dialogues.values())
            for key, value in dialogue.state.items()
        }
        note: dict[str, object] = {
            "kind": _KIND,
            "format": _FORMAT,
            "weights": weights_digest(self.task),
            "dialogues": [
                {"name": name, "speakers": dialogue.speakers, "turns": dialogue.turns}
                for name, dialogue in self._dialogues.items()
            ],
        }
        write_tensor_file(path, tensors, note)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on where a stream was saved; the conversations of this one are forgotten.

        Raises:
            FileNotFoundError: If there is no such file.
            PredictError: If the file is no saved stream, or one of other weights.
        """
        tensors, note = read_tensor_file(path)
        listed = note.get("dialogues")
        if note.get("kind") != _KIND or note.get("format") != _FORMAT or not isinstance(listed, list):
            raise PredictError(
                f"The file {path} is no saved conversation stream: name one that save() wrote."
            )
        if note.get("weights") != weights_digest(self.task):
            raise PredictError(
                f"The stream in {path} was saved with other weights, whose states mean nothing to this task: "
                "load the checkpoint that it was saved with."
            )
        device = self.task.device
        try:
            self._dialogues = {
                str(entry["name"]): _Dialogue(
                    [str(name) for name in entry["speakers"]],
                    int(entry["turns"]),
                    {key: value.to(device) for key, value in part_of_state(tensors, f"{number}/").items()},
                )
                for number, entry in enumerate(listed)
            }
        except (KeyError, TypeError, ValueError) as error:
            raise PredictError(
                f"The list of conversations in {path} is damaged ({error!r}): save the stream anew."
            ) from error

    def _batch(self, features: Features | Mapping[str, Features], speaker: int) -> AffectBatch:
        widths = {name: self.task.input_dims.get(name) for name in self.task.encoders}
        if not isinstance(features, Mapping):
            if len(widths) != 1:
                raise PredictError(
                    f"The task reads {', '.join(widths)}, and the features do not say what they are: give "
                    "them by modality, e.g. {'" + next(iter(widths)) + "': ...}."
                )
            features = dict.fromkeys(widths, features)
        areas = features.get(AREAS) if _PICTURES in features else None
        unknown = sorted(set(features) - set(widths) - {AREAS if areas is not None else ""})
        if unknown:
            raise PredictError(
                f"The task does not read {unknown[0]!r}, but {', '.join(widths)}: leave it out, or train "
                "with it."
            )
        inputs: dict[str, Tensor] = {}
        masks = {"utterance": torch.ones(1, 1, dtype=torch.bool, device=self.task.device)}
        present: dict[str, Tensor] = {}
        device = self.task.device
        for name, width in widths.items():
            there = name in features
            if width is None:
                # As it was recorded: read by the extractor of the task, and by none where it is absent.
                if there:
                    inputs[name] = torch.as_tensor(features[name]).to(device)[None, None]
                    masks[name] = torch.ones(inputs[name].shape[:3], dtype=torch.bool, device=device)
                    self._check_finite(name, inputs[name])
                continue
            row = torch.as_tensor(features[name], dtype=torch.float32) if there else torch.zeros(width)
            if row.shape != (width,):
                raise PredictError(
                    f"The {name!r} features of the turn have shape {tuple(row.shape)}, and the task reads "
                    f"({width},): give those of one utterance, from the extractor of the training."
                )
            self._check_finite(name, row)
            inputs[name] = row.to(device)[None, None]
            present[name] = torch.tensor([[there]], device=device)
        if areas is not None:
            inputs[AREAS] = torch.as_tensor(areas, dtype=torch.float32).to(device)[None, None]
            self._check_finite(AREAS, inputs[AREAS])
        faces = masks[_PICTURES].shape[2] if _PICTURES in masks else 1
        if faces != (1 if areas is None else inputs[AREAS].numel()):
            raise PredictError(
                f"The turn has {faces} faces, and the training weighed each by its pixels: give as many "
                f"numbers of pixels as {AREAS!r}."
            )
        return AffectBatch(
            inputs=inputs,
            valid=torch.ones(1, dtype=torch.bool, device=device),
            masks=masks,
            present=present,
            speaker=torch.full((1, 1), speaker, dtype=torch.int64, device=device),
            keys=["turn"],
        )

    @staticmethod
    def _check_finite(name: str, row: Tensor) -> None:
        if not bool(row.isfinite().all()):
            raise PredictError(
                f"The {name!r} features of the turn hold NaN or infinity: leave {name!r} out where an "
                "utterance does not have it."
            )

    def _advance(
        self, batch: AffectBatch, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[AffectOutput, dict[str, Tensor]]:
        task = self.task
        parts, present = task.encode_parts(batch) if batch.inputs else ({}, {})
        fusion = task.fusion.fusion if isinstance(task.fusion, ModalityDropout) else task.fusion
        rows: dict[str, Tensor] = {}
        flags: dict[str, bool] = {}
        for name, encoder in task.encoders.items():
            if name in parts:
                rows[name] = parts[name].pooled[:, 0]
                flags[name] = bool(present[name]) if name in present else True
            else:
                # An extractor that had nothing to read.
                rows[name] = torch.zeros(1, cast(Encoder, encoder).out_dim, device=task.device)
                flags[name] = False
        fused, latest = advance_fusion(fusion, rows, flags, speaker, part_of_state(state, "fusion."))
        after = {f"fusion.{key}": value for key, value in latest.items()}
        features = Encoding(pooled=fused.unsqueeze(1), mask=batch.masks["utterance"])
        if task.context is not None:
            context, latest = advance_context(task.context, fused, speaker, part_of_state(state, "context."))
            after.update({f"context.{key}": value for key, value in latest.items()})
            features = task.join_context(features, features._replace(pooled=context.unsqueeze(1)))
        output: AffectOutput = task.head(features)
        return output, after

    def _found(self, output: AffectOutput, dialogue: str, turn: int, speaker: str) -> StreamedTurn:
        def one(value: Tensor | None) -> Tensor | None:
            return None if value is None else value[0, 0]

        single = AffectOutput(
            logits=one(output.logits),
            dims=one(output.dims),
            embedding=one(output.embedding),
            extra=None if output.extra is None else {key: value[0, 0] for key, value in output.extra.items()},
        )
        space = self.task.label_space
        if single.logits is None or space is None:
            return StreamedTurn(dialogue, turn, speaker, None, "", {}, single)
        chances: list[float] = single.logits.double().softmax(0).tolist()
        best = int(single.logits.argmax())
        return StreamedTurn(
            dialogue, turn, speaker, best, space.labels[best], dict(zip(space.labels, chances)), single
        )
