"""Encoders: from inputs or stored features to encodings.

Frozen extractors turn texts, images and waveforms into rows of features that are stored in shards;
:class:`ProjectionEncoder` is the trained encoder of such rows, :class:`TransformersTokenEncoder` one of
texts themselves. :class:`TimmImageEncoder` is any picture network of timm, :class:`LogMelConvEncoder` a
small one of sound. :mod:`affectkit.encoders.tiny` needs no weights and no network.
:mod:`affectkit.encoders.clip` holds the towers of CLIP models.
"""

from affectkit.encoders import clip, tiny
from affectkit.encoders.dialogue_window import DialogueWindowText, WindowTokens
from affectkit.encoders.face_group import FaceGroupEncoder
from affectkit.encoders.feature_extractor import FeatureExtractor, Waveform
from affectkit.encoders.hypergraph import HypergraphEncoder
from affectkit.encoders.identity import IdentityEncoder
from affectkit.encoders.log_mel import LogMel, Spectrogram
from affectkit.encoders.log_mel_conv import LogMelConvEncoder
from affectkit.encoders.masked_batch_norm import MaskedBatchNorm
from affectkit.encoders.principal_components import PrincipalComponentsEncoder
from affectkit.encoders.projection import ProjectionEncoder
from affectkit.encoders.recording_features import RecordingFeatures
from affectkit.encoders.sequence import SequenceEncoder, SequenceNetwork
from affectkit.encoders.spectrogram_conv import SpectrogramConvEncoder
from affectkit.encoders.spectrogram_masking import SpectrogramMasking
from affectkit.encoders.text_tokenizer import TextTokenizer
from affectkit.encoders.timm_image import TimmImageEncoder
from affectkit.encoders.timm_stages import TimmStageEncoder
from affectkit.encoders.transformers_audio import TransformersAudioEncoder
from affectkit.encoders.transformers_text import TransformersTextEncoder
from affectkit.encoders.transformers_tokens import TransformersTokenEncoder
from affectkit.encoders.utterance import UtteranceEncoder
from affectkit.encoders.weights_digest import weights_digest

__all__ = [
    "DialogueWindowText",
    "FaceGroupEncoder",
    "FeatureExtractor",
    "HypergraphEncoder",
    "IdentityEncoder",
    "LogMel",
    "LogMelConvEncoder",
    "MaskedBatchNorm",
    "PrincipalComponentsEncoder",
    "ProjectionEncoder",
    "RecordingFeatures",
    "SequenceEncoder",
    "SequenceNetwork",
    "Spectrogram",
    "SpectrogramConvEncoder",
    "SpectrogramMasking",
    "TextTokenizer",
    "TimmImageEncoder",
    "TimmStageEncoder",
    "TransformersAudioEncoder",
    "TransformersTextEncoder",
    "TransformersTokenEncoder",
    "UtteranceEncoder",
    "Waveform",
    "WindowTokens",
    "clip",
    "tiny",
    "weights_digest",
]
