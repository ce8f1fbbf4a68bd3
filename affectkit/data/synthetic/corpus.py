"""Conversations of two drawn speakers with synthetic faces, voices and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from affectkit.data.synthetic.action_units import action_units
from affectkit.data.synthetic.confusion import blend
from affectkit.data.synthetic.emotion_chain import emotion_chain
from affectkit.data.synthetic.face import FaceIdentity, FaceView, draw_face
from affectkit.data.synthetic.sentences import sentence
from affectkit.data.synthetic.voice import SAMPLE_RATE, VoiceIdentity, prosody, synthesise_voice
from affectkit.labels import LabelSpace, label_space

#: Valence and arousal of each emotion at full intensity, on -1..1. Numbers of this generator,
#: chosen after the circumplex; not taken from a study.
AFFECT: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "neutral": (0.0, -0.1),
        "surprise": (0.3, 0.8),
        "fear": (-0.6, 0.7),
        "sadness": (-0.7, -0.5),
        "joy": (0.8, 0.5),
        "disgust": (-0.7, 0.1),
        "anger": (-0.6, 0.8),
    }
)


@dataclass(frozen=True, slots=True)
class SyntheticUtterance:
    """One turn of a synthetic conversation.

    Attributes:
        id: Number of the utterance within the conversation, as text.
        text: What is said.
        speaker: 0 or 1.
        label: Index of the felt emotion in the corpus's label space.
        intensity: Strength of the feeling in [0, 1].
        dims: Valence and arousal on -1..1.
        image: (H, W, 3) uint8 face, or ``None`` where the camera failed.
        waveform: (N,) float32 voice at 8 kHz, or ``None`` where the microphone failed.
        start: Begin in seconds from the begin of the conversation.
        end: End in seconds.
    """

    id: str
    text: str
    speaker: int
    label: int
    intensity: float
    dims: tuple[float, float]
    image: npt.NDArray[np.uint8] | None
    waveform: npt.NDArray[np.float32] | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SyntheticConversation:
    """A synthetic conversation of two people."""

    id: str
    speakers: tuple[str, str]
    utterances: tuple[SyntheticUtterance, ...]


class SyntheticCorpus:
    """A corpus of made-up conversations; nothing in it was ever said, seen or felt by anyone.

    Two speakers with emotional inertia and contagion talk for some turns. Each turn has a drawn
    face whose action units follow the emotion, a synthesised voice whose prosody follows it, and
    a templated sentence. Every modality is ambiguous in its own way (see
    :data:`~affectkit.data.synthetic.CONFUSIONS`), intensity varies, and each modality is
    unreliable now and then: a scarf, dark glasses, a noisy line, words that say nothing.
    It serves demonstrations, tests and debugging; a result on it says nothing about people.

    Conversation ``i`` depends on ``seed`` and ``i`` alone, whatever was drawn before.

    Args:
        num_conversations: Length of the corpus.
        seed: Seed of everything.
        first: Index of the first conversation, so that splits of one seed do not overlap.
        turns: Fewest and most utterances of a conversation.
        inertia: Probability that a speaker's emotion stays.
        contagion: Probability that a speaker takes over the other's emotion.
        ambiguity: Mean share of the confusable emotion in what a modality shows.
        unreliability: Probability that a modality of an utterance is disturbed.
        missing: Probability that the face, and that the voice, of an utterance is absent.
        image_size: Height and width of the faces in pixels.

    Raises:
        ValueError: If a size is not positive or a probability is outside [0, 1].
        IndexError: If a conversation outside the corpus is asked for.

    Examples:
        >>> corpus = SyntheticCorpus(2, seed=7)
        >>> corpus[1].id, corpus[1].utterances[0].image.shape
        ('conversation-000001', (48, 48, 3))
    """

    def __init__(
        self,
        num_conversations: int,
        seed: int = 0,
        *,
        first: int = 0,
        turns: tuple[int, int] = (6, 14),
        inertia: float = 0.45,
        contagion: float = 0.15,
        ambiguity: float = 0.3,
        unreliability: float = 0.15,
        missing: float = 0.0,
        image_size: int = 48,
    ) -> None:
        if num_conversations < 0 or seed < 0 or first < 0 or image_size < 8 or not 1 <= turns[0] <= turns[1]:
            raise ValueError(
                f"SyntheticCorpus: num_conversations={num_conversations}, seed={seed} and first={first} must "
                f"not be negative, image_size={image_size} must be at least 8, turns={turns} ascend from 1."
            )
        for name, value in (
            ("ambiguity", ambiguity),
            ("unreliability", unreliability),
            ("missing", missing),
        ):
            if not 0 <= value <= 1 or (name == "ambiguity" and value == 1):
                raise ValueError(f"SyntheticCorpus: {name}={value} must be a probability; give one below 1.")
        self.num_conversations = num_conversations
        self.seed = seed
        self.first = first
        self.turns = turns
        self.inertia = inertia
        self.contagion = contagion
        self.ambiguity = ambiguity
        self.unreliability = unreliability
        self.missing = missing
        self.image_size = image_size

    @property
    def label_space(self) -> LabelSpace:
        """Order of the labels: ``meld7.official``."""
        return label_space("meld7.official")

    def __len__(self) -> int:
        return self.num_conversations

    def __iter__(self) -> Iterator[SyntheticConversation]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> SyntheticConversation:
        if not 0 <= position < self.num_conversations:
            raise IndexError(
                f"SyntheticCorpus: conversation {position} is outside 0..{self.num_conversations - 1}; "
                "raise num_conversations."
            )
        number = self.first + position
        rng = np.random.default_rng([self.seed, number])
        faces = (FaceIdentity.draw(rng), FaceIdentity.draw(rng))
        voices = (VoiceIdentity.draw(rng), VoiceIdentity.draw(rng))
        background = tuple(int(value) for value in rng.integers(90, 230, 3))
        space = self.label_space
        turns = emotion_chain(
            int(rng.integers(self.turns[0], self.turns[1] + 1)),
            rng,
            inertia=self.inertia,
            contagion=self.contagion,
        )
        clock = 0.0
        utterances = []
        for order, (speaker, emotion) in enumerate(turns):
            intensity = float(rng.uniform(0.5, 1.0))
            disturbed = [bool(draw < self.unreliability) for draw in rng.random(3)]
            absent = rng.random(2) < self.missing
            text = self._text(emotion, rng, intensity, silent=disturbed[0])
            image = self._image(
                emotion, rng, intensity, faces[speaker], background, hidden=bool(disturbed[1])
            )
            waveform = self._waveform(emotion, rng, intensity, voices[speaker], drowned=disturbed[2])
            valence, arousal = AFFECT[emotion]
            spread = rng.normal(0.0, 0.08, 2)
            end = clock + len(waveform) / SAMPLE_RATE
            utterances.append(
                SyntheticUtterance(
                    id=str(order),
                    text=text,
                    speaker=speaker,
                    label=space.index(emotion),
                    intensity=intensity,
                    dims=(
                        float(np.clip(intensity * valence + spread[0], -1.0, 1.0)),
                        float(np.clip(intensity * arousal + spread[1], -1.0, 1.0)),
                    ),
                    image=None if absent[0] else image,
                    waveform=None if absent[1] else waveform,
                    start=round(clock, 4),
                    end=round(end, 4),
                )
            )
            clock = end + float(rng.uniform(0.1, 0.6))
        return SyntheticConversation(f"conversation-{number:06d}", ("A", "B"), tuple(utterances))

    def _text(self, emotion: str, rng: np.random.Generator, intensity: float, *, silent: bool) -> str:
        mixture = blend(emotion, "text", rng, intensity=1.0, ambiguity=self.ambiguity)
        own = rng.random() < mixture[emotion]
        shown = emotion if own else next(name for name in mixture if name != emotion)
        return sentence(shown, rng, named=0.6 * intensity, silent=1.0 if silent else 0.5 * (1.0 - intensity))

    def _image(
        self,
        emotion: str,
        rng: np.random.Generator,
        intensity: float,
        identity: FaceIdentity,
        background: tuple[int, ...],
        *,
        hidden: bool,
    ) -> npt.NDArray[np.uint8]:
        mixture = blend(emotion, "visual", rng, intensity=intensity, ambiguity=self.ambiguity)
        right, down, size, light = rng.uniform(-1.0, 1.0, 4)
        covered = ("scarf", "glasses", "both")[int(rng.integers(3))]
        view = FaceView(
            shift=(0.03 * float(right), 0.03 * float(down)),
            scale=1.0 + 0.06 * float(size),
            brightness=0.9 + 0.2 * float(light),
            background=(background[0], background[1], background[2]),
            occlusion=covered if hidden else "none",
            noise=6.0,
        )
        return draw_face(action_units(mixture), identity, view=view, size=self.image_size, rng=rng)

    def _waveform(
        self,
        emotion: str,
        rng: np.random.Generator,
        intensity: float,
        identity: VoiceIdentity,
        *,
        drowned: bool,
    ) -> npt.NDArray[np.float32]:
        mixture = blend(emotion, "audio", rng, intensity=intensity, ambiguity=self.ambiguity)
        seconds = float(rng.uniform(0.6, 1.0))
        noise = 0.1 if drowned else 0.004
        return synthesise_voice(prosody(mixture), identity, rng, seconds=seconds, noise=noise)
