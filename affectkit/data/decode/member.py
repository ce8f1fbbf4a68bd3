"""From the bytes of members to values, by a closed list of kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from affectkit.data.decode.array import decode_npy, decode_safetensors
from affectkit.data.decode.audio import decode_audio
from affectkit.data.decode.error import DecodeError
from affectkit.data.decode.image import decode_image
from affectkit.data.schema import ShardError, member_kind, parse_json

_MAX_TEXT = 64 * 2**20


def decode_member(ext: str, data: bytes | memoryview) -> object:
    """Decode one member by the last part of its extension.

    ===============  ==========================================================
    kind             value
    ===============  ==========================================================
    json             what the JSON holds; NaN and infinities are refused
    txt              ``str``
    cls              ``int``
    npy              ``Tensor``; never Python objects
    safetensors      ``dict[str, Tensor]``
    jpg jpeg png     uint8 ``Tensor`` (H, W, 3)
    webp             the same
    wav flac         :class:`Audio`: float32 ``Tensor`` (channels, T) and its rate
    mp4              ``bytes``: a clip's frames are chosen before they are decoded
    ===============  ==========================================================

    Raises:
        DecodeError: If the content is damaged or the extension is not on the allow-list.

    Examples:
        >>> decode_member("cls", b"3"), decode_member("line-01.txt", b"hello")
        (3, 'hello')
    """
    try:
        return _DECODERS[member_kind(ext)](data)
    except DecodeError:
        raise
    except ShardError as error:
        raise DecodeError(str(error)) from error


def decode_sample(members: Mapping[str, bytes | memoryview], *, where: str = "a sample") -> dict[str, object]:
    """Decode every member of a sample.

    Args:
        members: Extension to content, as ``ShardStore.get`` gives it.
        where: Shard and key, as ``ShardStore.describe`` gives it, for the error.

    Raises:
        DecodeError: If a member is damaged or not allowed; the message begins with ``where``.
    """
    values: dict[str, object] = {}
    for ext, data in members.items():
        try:
            values[ext] = decode_member(ext, data)
        except DecodeError as error:
            raise DecodeError(f"{where}, member {ext!r}: {error}") from error
    return values


def _json(data: bytes | memoryview) -> object:
    return parse_json(data, where="The JSON")


def _text(data: bytes | memoryview) -> str:
    if len(data) > _MAX_TEXT:
        raise DecodeError(
            f"The text has {len(data)} bytes, more than the {_MAX_TEXT} that are read: split it."
        )
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"The text is not UTF-8 ({error}): write it anew in UTF-8.") from error


def _class(data: bytes | memoryview) -> int:
    text = bytes(data[:32]).strip()
    if len(data) > 32 or not text.removeprefix(b"-").isdigit():
        raise DecodeError(f"A class number is wanted instead of {text!r}: write a whole number.")
    return int(text)


_DECODERS: Mapping[str, Callable[[bytes | memoryview], object]] = {
    "cls": _class,
    "flac": lambda data: decode_audio(data, kind="flac"),
    "jpeg": lambda data: decode_image(data, kind="jpeg"),
    "jpg": lambda data: decode_image(data, kind="jpg"),
    "json": _json,
    "mp4": bytes,
    "npy": decode_npy,
    "png": lambda data: decode_image(data, kind="png"),
    "safetensors": decode_safetensors,
    "txt": _text,
    "wav": lambda data: decode_audio(data, kind="wav"),
    "webp": lambda data: decode_image(data, kind="webp"),
}
