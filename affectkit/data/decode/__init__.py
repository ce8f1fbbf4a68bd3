"""Decoding the members of samples, by an allow-list: nothing that is read can execute code."""

from __future__ import annotations

from affectkit.data.decode.array import decode_npy, decode_safetensors
from affectkit.data.decode.audio import Audio, audio_seconds, decode_audio
from affectkit.data.decode.box_crop import box_crop
from affectkit.data.decode.crop import Crop, centre_crop, crop_into, random_crop
from affectkit.data.decode.error import DecodeError
from affectkit.data.decode.fit_into import Fit, fit_into
from affectkit.data.decode.frames import Frames, StillFrames, open_frames
from affectkit.data.decode.image import decode_image
from affectkit.data.decode.jpeg import has_fast_jpeg
from affectkit.data.decode.member import decode_member, decode_sample
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.decode.picture import Picture
from affectkit.data.decode.segment_indices import random_offsets, segment_indices
from affectkit.data.decode.video import VideoFrames

__all__ = (
    "Audio",
    "Crop",
    "DecodeError",
    "Fit",
    "Frames",
    "NormalizePixels",
    "Picture",
    "StillFrames",
    "VideoFrames",
    "audio_seconds",
    "box_crop",
    "centre_crop",
    "crop_into",
    "decode_audio",
    "decode_image",
    "decode_member",
    "decode_npy",
    "decode_safetensors",
    "decode_sample",
    "fit_into",
    "has_fast_jpeg",
    "open_frames",
    "random_crop",
    "random_offsets",
    "segment_indices",
)
