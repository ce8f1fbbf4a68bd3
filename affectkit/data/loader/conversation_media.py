"""Conversations whose turns are recordings, faces and texts as they are stored, padded turn by turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import ConversationCollate, ConversationSample
from affectkit.data.decode import DecodeError
from affectkit.data.decode.audio import decode_audio
from affectkit.data.decode.crop import Crop
from affectkit.data.decode.fit_into import Fit, fit_into
from affectkit.data.decode.picture import Picture
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.schema import ShardError, UtteranceRecord
from affectkit.encoders import TextTokenizer
from affectkit.functional import resample

_ValueT = TypeVar("_ValueT")
#: Members of one turn, each its extension and its bytes.
_Found: TypeAlias = "list[tuple[str, memoryview]]"
#: Entry of a batch with the area of each picture of ``inputs["visual"]``, 0 where there is none.
AREAS: Final = "visual_areas"
#: ``voice-003.wav``, ``face-003.png``, or of several faces ``face-003.01.png``.
_MEMBER: Final = re.compile(r"(voice|face|scene)-(\d+)(?:\.(\d+))?\.([a-z0-9]+)")
_KINDS: Final = {
    "voice": ("wav", "flac"),
    "face": ("jpg", "jpeg", "png", "webp"),
    "scene": ("jpg", "jpeg", "png", "webp"),
}


class SizedPicture(NamedTuple):
    """A picture at the size of the run, and how many pixels it had when it was stored.

    Shape:
        - pixels: (S, S, 3) uint8.
    """

    pixels: NDArray[np.uint8]
    area: float


@dataclass(slots=True, frozen=True)
class ConversationMediaSample:
    """One conversation as read, with what was heard and seen in each turn; nothing where a turn lacks it.

    Shape:
        - voices: U waveforms (T,) float32 in [-1, 1].
    """

    conversation: ConversationSample
    voices: tuple[Tensor, ...] = ()
    faces: tuple[tuple[SizedPicture, ...], ...] = ()
    scenes: tuple[SizedPicture | None, ...] = ()


class ConversationMediaReader:
    """Reads the record of a conversation, and decodes the media of its turns.

    Turn 3 has its voice in ``KEY.voice-003.wav``, its face in ``KEY.face-003.png``, several faces in
    ``KEY.face-003.00.png``, ``KEY.face-003.01.png`` and so on, and what is around them in
    ``KEY.scene-003.jpg``. A turn may lack any of them.

    Args:
        rate: Samples per second that voices are brought to; None = no voices are read.
        resampled: Whether voices of another rate are resampled; else they are an error.
        max_seconds: Seconds of a voice that are kept, from its begin; None = all of it.
        size: Side of the squares that pictures become; None = no pictures are read.
        max_faces: Faces of a turn that are kept, the largest ones.
        scene: Whether scenes are read, with their proportions kept.
        features: Whether stored features are read as well.

    Raises:
        ShardError: If a member is missing, damaged or of no turn, or a rate is another one and must not be.
    """

    def __init__(
        self,
        *,
        rate: int | None,
        resampled: bool = True,
        max_seconds: float | None = None,
        size: int | None,
        max_faces: int = 1,
        scene: bool = False,
        features: bool = False,
    ) -> None:
        self._record = ConversationReader(features=features)
        self._rate = rate
        self._resampled = resampled
        self._max_seconds = max_seconds
        self._size = size
        self._max_faces = max_faces
        self._scene = scene

    def __call__(self, members: Mapping[str, memoryview]) -> ConversationMediaSample:
        """Read ``members``."""
        conversation = self._record(members)
        turns = len(conversation.record["utterances"])
        found = _members(members, turns)
        sample = ConversationMediaSample(conversation)
        if self._rate is not None:
            sample = replace(sample, voices=tuple(self._voice(found["voice"].get(i)) for i in range(turns)))
        if self._size is not None:
            sample = replace(sample, faces=tuple(self._faces(found["face"].get(i)) for i in range(turns)))
        if self._size is not None and self._scene:
            scenes = tuple(self._picture(found["scene"].get(i), "letterbox") for i in range(turns))
            sample = replace(sample, scenes=tuple(some[0] if some else None for some in scenes))
        return sample

    def media(self, members: Mapping[str, memoryview]) -> frozenset[str]:
        """Which of ``"audio"``, ``"text"`` and ``"visual"`` some turn has, without decoding any."""
        kinds = {fit[1] for ext in members if (fit := _MEMBER.fullmatch(ext)) is not None}
        found = {"audio"} if "voice" in kinds else set()
        if "face" in kinds or (self._scene and "scene" in kinds):
            found.add("visual")
        # Records without texts are as good as any other for whoever reads none.
        record = ConversationReader(features=False)(members).record
        if any(str(utterance.get("text") or "").strip() for utterance in record["utterances"]):
            found.add("text")
        return frozenset(found)

    def outline(self, members: Mapping[str, memoryview]) -> ConversationMediaSample:
        """The turns of a damaged conversation, so far as its record is sound, with nothing in them.

        Texts go like all else: the row counts for nothing, and tokens of it would still be encoded.
        """
        conversation = self._record.outline(members)
        record = conversation.record
        silent: list[UtteranceRecord] = [{**u, "text": ""} for u in record["utterances"]]
        conversation = replace(conversation, record={**record, "utterances": silent})
        turns = len(silent)
        return ConversationMediaSample(
            conversation,
            voices=(torch.zeros(0),) * turns if self._rate is not None else (),
            faces=((),) * turns if self._size is not None else (),
            scenes=(None,) * turns if self._size is not None and self._scene else (),
        )

    def _voice(self, found: _Found | None) -> Tensor:
        if not found or self._rate is None:
            return torch.zeros(0)
        if len(found) > 1:
            raise ShardError(
                f"A turn has {len(found)} recordings, among them {found[0][0]!r} and {found[1][0]!r}: keep "
                "one of them."
            )
        audio = _decoded(found[0], lambda data, kind: decode_audio(data, kind=kind))
        if audio.rate != self._rate and not self._resampled:
            raise ShardError(
                f"The member {found[0][0]!r} has {audio.rate} samples per second, and the run reads "
                f"{self._rate}: set resampled to true, or rate to that of the recordings."
            )
        samples = audio.waveform
        if self._max_seconds is not None:
            samples = samples[:, : round(self._max_seconds * audio.rate)]
        return resample(samples.mean(dim=0), audio.rate, self._rate)

    def _faces(self, found: _Found | None) -> tuple[SizedPicture, ...]:
        faces = self._picture(found, "stretch")
        if len(faces) <= self._max_faces:
            return faces
        largest = sorted(range(len(faces)), key=lambda place: -faces[place].area)[: self._max_faces]
        return tuple(faces[place] for place in sorted(largest))

    def _picture(self, found: _Found | None, fit: Fit) -> tuple[SizedPicture, ...]:
        size = self._size or 0

        def sized(data: memoryview, kind: str) -> SizedPicture:
            picture = Picture(data, kind=kind)
            height, width = picture.height, picture.width
            pixels: NDArray[np.uint8] = np.empty((size, size, 3), dtype=np.uint8)
            if (height, width) == (size, size):
                picture.decode_into(pixels)
            else:
                fit_into(picture.decode(), Crop(0, 0, height, width), pixels, fit=fit)
            return SizedPicture(pixels, float(height * width))

        return tuple(_decoded(member, sized) for member in found or ())


class ConversationMediaCollate:
    """Pads conversations to the longest of the batch, and within them every turn to the longest turn.

    Args:
        conversations: Joins records and stored features.
        tokenizer: Makes token ids of texts; None = texts are no input.
        audio: Whether voices are an input.
        size: Side of the pictures; None = pictures are no input.
        scene: Whether the first picture of a turn is its scene.

    Shape:
        - inputs["text"]: (B, U, T) int64, inputs["audio"]: (B, U, S) float32, each with a mask of its shape,
          True = real.
        - inputs["visual"]: (B, U, N, 3, H, W) uint8, the scene first where there is one; masks["visual"]
          (B, U, N), and inputs["visual_areas"] (B, U, N) float32, pixels of each as stored, 0 where none.
        - present[m]: (B, U) bool.
        - Everything else as of :class:`~affectkit.data.collate.ConversationCollate`.
    """

    def __init__(
        self,
        conversations: ConversationCollate,
        *,
        tokenizer: TextTokenizer | None,
        audio: bool,
        size: int | None,
        scene: bool = False,
    ) -> None:
        self._conversations = conversations
        self._tokenizer = tokenizer
        self._audio = audio
        self._size = size
        self._scene = scene

    def __call__(
        self,
        samples: Sequence[ConversationMediaSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        batch = self._conversations(
            [sample.conversation for sample in samples], keys=keys, positions=positions, valid=valid
        )
        turns = batch.masks["utterance"]
        if self._tokenizer is not None:
            self._add_text(batch, samples, turns, self._tokenizer)
        if self._audio:
            self._add_audio(batch, samples, turns)
        if self._size is not None:
            self._add_pictures(batch, samples, turns, self._size)
        return batch

    @staticmethod
    def _add_text(
        batch: AffectBatch,
        samples: Sequence[ConversationMediaSample],
        turns: Tensor,
        tokenizer: TextTokenizer,
    ) -> None:
        said = [
            _text(u, batch.keys[row])
            for row, sample in enumerate(samples)
            for u in sample.conversation.record["utterances"]
        ]
        # Nothing said is nothing to read: no token stands for it.
        rows = iter(tokenizer([text for text in said if text.strip()]))
        ids, mask = tokenizer.padded([next(rows) if text.strip() else [] for text in said])
        longest = max(1, ids.shape[1])
        batch.inputs["text"] = torch.full((*turns.shape, longest), tokenizer.pad_id)
        batch.masks["text"] = torch.zeros(*turns.shape, longest, dtype=torch.bool)
        batch.inputs["text"][..., : ids.shape[1]][turns] = ids
        batch.masks["text"][..., : ids.shape[1]][turns] = mask
        batch.present["text"] = batch.masks["text"].any(dim=2)

    @staticmethod
    def _add_audio(batch: AffectBatch, samples: Sequence[ConversationMediaSample], turns: Tensor) -> None:
        lengths = torch.zeros(turns.shape, dtype=torch.int64)
        for row, sample in enumerate(samples):
            lengths[row, : len(sample.voices)] = torch.tensor([len(voice) for voice in sample.voices])
        # One sample at least, for a batch in which nothing is heard.
        longest = max(1, int(lengths.max()))
        waves = torch.zeros(*turns.shape, longest)
        for row, sample in enumerate(samples):
            for place, voice in enumerate(sample.voices):
                waves[row, place, : len(voice)] = voice
        batch.inputs["audio"] = waves
        batch.masks["audio"] = torch.arange(longest) < lengths.unsqueeze(2)
        batch.present["audio"] = lengths > 0

    def _add_pictures(
        self, batch: AffectBatch, samples: Sequence[ConversationMediaSample], turns: Tensor, size: int
    ) -> None:
        first = int(self._scene)
        most = max((len(faces) for sample in samples for faces in sample.faces), default=0)
        shape = (*turns.shape, first + max(1, most))
        pixels: NDArray[np.uint8] = np.zeros((*shape, size, size, 3), dtype=np.uint8)
        areas = torch.zeros(shape)
        for row, sample in enumerate(samples):
            for turn, faces in enumerate(sample.faces):
                for place, face in enumerate(faces, start=first):
                    pixels[row, turn, place] = face.pixels
                    areas[row, turn, place] = face.area
            for turn, scene in enumerate(sample.scenes):
                if scene is not None:
                    pixels[row, turn, 0] = scene.pixels
                    areas[row, turn, 0] = scene.area
        batch.inputs["visual"] = torch.from_numpy(pixels).movedim(-1, 3).contiguous()
        batch.inputs[AREAS] = areas
        batch.masks["visual"] = areas > 0
        batch.present["visual"] = batch.masks["visual"].any(dim=2)


def _members(members: Mapping[str, memoryview], turns: int) -> dict[str, dict[int, _Found]]:
    """The members of voices, faces and scenes by turn, in the order of their numbers."""
    found: dict[str, dict[int, _Found]] = {name: {} for name in _KINDS}
    for ext in sorted(members):
        fit = _MEMBER.fullmatch(ext)
        if fit is None:
            continue
        name, turn = fit[1], int(fit[2])
        if turn >= turns:
            raise ShardError(
                f"The member {ext!r} belongs to no utterance, there are {turns}: make the data set anew."
            )
        if fit[4] not in _KINDS[name]:
            raise ShardError(
                f"The member {ext!r} is no {name} that can be read: store it as {', '.join(_KINDS[name])}."
            )
        found[name].setdefault(turn, []).append((ext, members[ext]))
    return found


def _decoded(member: tuple[str, memoryview], decode: Callable[[memoryview, str], _ValueT]) -> _ValueT:
    ext, data = member
    try:
        return decode(data, ext.rpartition(".")[2])
    except DecodeError as error:
        raise DecodeError(f"Member {ext!r}: {error}") from error


def _text(utterance: Mapping[str, object], key: str) -> str:
    text = utterance.get("text")
    if not isinstance(text, str):
        raise ShardError(
            f"Conversation {key!r} has an utterance without a text: give it one, empty where nothing was "
            "said."
        )
    return text
