"""Decoding the members of samples, by an allow-list: nothing that is read can execute code."""

from __future__ import annotations

from affectkit.data.decode.array import decode_npy, decode_safetensors
from affectkit.data.decode.audio import Audio, decode_audio
from affectkit.data.decode.error import DecodeError
from affectkit.data.decode.image import decode_image
from affectkit.data.decode.member import decode_member, decode_sample

__all__ = (
    "Audio",
    "DecodeError",
    "decode_audio",
    "decode_image",
    "decode_member",
    "decode_npy",
    "decode_safetensors",
    "decode_sample",
)
