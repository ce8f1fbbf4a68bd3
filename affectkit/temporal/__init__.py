"""Temporal models: features of frames to one encoding of a clip. Plain torch, no Lightning."""

from affectkit.temporal.conv_net import TemporalConvNet
from affectkit.temporal.face_area_pooling import FaceAreaPooling, FramePooling
from affectkit.temporal.frame_features import frame_features
from affectkit.temporal.frame_mean import FrameMean
from affectkit.temporal.frame_to_clip import FrameToClip
from affectkit.temporal.streams import TemporalStreams
from affectkit.temporal.transformer import TemporalTransformer

__all__ = [
    "FaceAreaPooling",
    "FrameMean",
    "FramePooling",
    "FrameToClip",
    "TemporalConvNet",
    "TemporalStreams",
    "TemporalTransformer",
    "frame_features",
]
