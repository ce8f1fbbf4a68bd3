"""Made-up conversations with drawn faces, synthesised voices and templated sentences."""

from __future__ import annotations

from affectkit.data.synthetic.action_units import ACTION_UNITS, EMOTION_ACTION_UNITS, action_units
from affectkit.data.synthetic.confusion import CONFUSIONS, blend
from affectkit.data.synthetic.corpus import SyntheticConversation, SyntheticCorpus, SyntheticUtterance
from affectkit.data.synthetic.emotion_chain import BASE_RATES, Turn, emotion_chain
from affectkit.data.synthetic.face import FaceIdentity, FaceView, draw_face
from affectkit.data.synthetic.scene import PROPS, WALLS, Frame, Scene
from affectkit.data.synthetic.sentences import sentence
from affectkit.data.synthetic.voice import (
    EMOTION_PROSODY,
    SAMPLE_RATE,
    Prosody,
    VoiceIdentity,
    prosody,
    synthesise_voice,
)
from affectkit.data.synthetic.write_audience import AUDIENCE_VOCABULARY, write_synthetic_audience
from affectkit.data.synthetic.write_captions import write_synthetic_captions
from affectkit.data.synthetic.write_clips import write_synthetic_clips
from affectkit.data.synthetic.write_emodb_folder import write_emodb_folder
from affectkit.data.synthetic.write_emoset_folder import write_emoset_folder
from affectkit.data.synthetic.write_pictures import write_face_folder, write_synthetic_pictures
from affectkit.data.synthetic.write_sequences import SEQUENCE_WIDTHS, write_synthetic_sequences
from affectkit.data.synthetic.write_synthetic import write_synthetic

__all__ = (
    "ACTION_UNITS",
    "AUDIENCE_VOCABULARY",
    "BASE_RATES",
    "CONFUSIONS",
    "EMOTION_ACTION_UNITS",
    "EMOTION_PROSODY",
    "PROPS",
    "SAMPLE_RATE",
    "SEQUENCE_WIDTHS",
    "WALLS",
    "FaceIdentity",
    "FaceView",
    "Frame",
    "Prosody",
    "Scene",
    "SyntheticConversation",
    "SyntheticCorpus",
    "SyntheticUtterance",
    "Turn",
    "VoiceIdentity",
    "action_units",
    "blend",
    "draw_face",
    "emotion_chain",
    "prosody",
    "sentence",
    "synthesise_voice",
    "write_emodb_folder",
    "write_emoset_folder",
    "write_face_folder",
    "write_synthetic",
    "write_synthetic_audience",
    "write_synthetic_captions",
    "write_synthetic_clips",
    "write_synthetic_pictures",
    "write_synthetic_sequences",
)
