from __future__ import annotations

import io
import pickle
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from affectkit.data.decode import Audio, DecodeError, decode_audio, decode_member, decode_sample
from affectkit.data.decode import audio as audio_module
from affectkit.data.decode import image as image_module
from affectkit.data.schema import MEMBER_EXTENSIONS

PIXELS: npt.NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
SOUND: npt.NDArray[np.float64] = np.random.default_rng(0).uniform(-0.99, 0.99, (50, 2))


def picture(form: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    return file.getvalue()


def sound(form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SOUND, 8000, format=form, subtype=subtype)
    return file.getvalue()


def npy(array: npt.NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


GOOD: dict[str, bytes] = {
    "cls": b" 12\n",
    "json": b'{"a": [1, null]}',
    "txt": "é".encode(),
    "npy": npy(np.arange(6.0).reshape(2, 3)),
    "safetensors": save({"text": torch.ones(2, 3)}),
    "png": picture("PNG"),
    "jpg": picture("JPEG"),
    "jpeg": picture("JPEG"),
    "webp": picture("WEBP"),
    "wav": sound("WAV", "PCM_16"),
    "flac": sound("FLAC", "PCM_16"),
    "mp4": b"anything",
}


def test_every_allowed_kind_has_a_decoder() -> None:
    assert set(GOOD) == MEMBER_EXTENSIONS
    values = decode_sample({f"part-1.{ext}": memoryview(data) for ext, data in GOOD.items()})
    assert values["part-1.cls"] == 12
    assert values["part-1.json"] == {"a": [1, None]}
    assert values["part-1.txt"] == "é"
    assert values["part-1.mp4"] == b"anything"


@pytest.mark.parametrize("ext", ["png", "webp"])
def test_lossless_pictures_keep_their_pixels(ext: str) -> None:
    value = decode_member(ext, GOOD[ext])
    assert isinstance(value, torch.Tensor)
    assert value.dtype == torch.uint8
    assert np.array_equal(value.numpy(), PIXELS)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    value = decode_member("png", picture("PNG", mode))
    assert isinstance(value, torch.Tensor)
    assert value.shape == (5, 7, 3)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(3, dtype=np.int8),
        np.zeros((0, 4), np.float16),
        np.array([True, False]),
    ],
)
def test_arrays_keep_values_shape_and_order(array: npt.NDArray[np.generic]) -> None:
    value = decode_member("npy", npy(array))
    assert isinstance(value, torch.Tensor)
    assert np.array_equal(value.numpy(), array)
    assert value.shape == array.shape


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_waves_equal_what_libsndfile_reads(subtype: str) -> None:
    # Integer WAV is read without libsndfile, the rest with it: both must scale alike.
    data = sound("WAV", subtype)
    value = decode_member("wav", data)
    assert isinstance(value, Audio)
    expected, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert value.rate == rate
    assert value.waveform.shape == (2, 50)
    assert np.array_equal(value.waveform.numpy(), expected.T)


def test_plain_wav_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("no soundfile here")

    monkeypatch.setattr(audio_module, "require", missing)
    assert decode_audio(GOOD["wav"], kind="wav").rate == 8000
    with pytest.raises(ImportError):
        decode_audio(GOOD["flac"], kind="flac")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "ext", ["pkl", "pickle", "pyd", "pth", "pt", "npz", *sorted(MEMBER_EXTENSIONS - {"mp4"})]
)
def test_a_pickle_is_never_run(tmp_path: Path, ext: str) -> None:
    proof = tmp_path / "ran"
    with pytest.raises(DecodeError):
        decode_member(ext, pickle.dumps(Trap(proof)))
    array = np.array([Trap(proof)], dtype=object)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    with pytest.raises(DecodeError):
        decode_member(ext, file.getvalue())
    assert not proof.exists()


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [60_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused(side: int) -> None:
    with pytest.raises(DecodeError):
        decode_member("png", bomb(side, side))


def test_the_limit_on_pixels_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "MAX_PIXELS", 34)
    with pytest.raises(DecodeError, match="7 x 5 pixels"):
        decode_member("png", GOOD["png"])
    monkeypatch.setattr(image_module, "MAX_PIXELS", 35)
    decode_member("png", GOOD["png"])


@pytest.mark.parametrize("ext", ["wav", "flac"])
def test_the_limit_on_samples(monkeypatch: pytest.MonkeyPatch, ext: str) -> None:
    monkeypatch.setattr(audio_module, "MAX_SAMPLES", 99)
    with pytest.raises(DecodeError, match="100 audio samples"):
        decode_member(ext, GOOD[ext])


@pytest.mark.parametrize("shape", ["(1000000000, 1000000000)", "(-1,)", "(3,)", "(1,) * 10**6"])
def test_a_stated_shape_is_not_believed(shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(16)
    with pytest.raises(DecodeError, match="npy"):
        decode_member("npy", data)


def test_a_header_of_two_gigabytes_is_not_believed() -> None:
    with pytest.raises(DecodeError, match="safetensors"):
        decode_member("safetensors", struct.pack("<Q", 2 * 2**30) + b"{}")
    with pytest.raises(DecodeError, match="npy"):
        decode_member("npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{}")


def test_a_picture_under_another_name_is_refused() -> None:
    with pytest.raises(DecodeError, match="no jpg picture"):
        decode_member("jpg", GOOD["png"])


def test_the_error_names_sample_and_member() -> None:
    with pytest.raises(DecodeError, match=r"^train-00000\.tar, sample 'a', member 'face-1\.png': "):
        decode_sample({"face-1.png": b"x"}, where="train-00000.tar, sample 'a'")


CUTTABLE = ["json", "npy", "safetensors", "png", "jpg", "webp", "wav", "flac"]


@pytest.mark.parametrize("ext", CUTTABLE)
def test_truncation_is_found(ext: str) -> None:
    data = GOOD[ext]
    # The last bytes of a JPEG or WebP may be padding that no decoder needs.
    for stop in range(0, len(data) * 3 // 4, max(1, len(data) // 60)):
        with pytest.raises(DecodeError):
            decode_member(ext, data[:stop])


@given(ext=st.sampled_from(CUTTABLE), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_decoded_or_refused_but_never_breaks(ext: str, place: float, bit: int) -> None:
    data = bytearray(GOOD[ext])
    data[int(place * len(data))] ^= 1 << bit
    with suppress(DecodeError):
        decode_member(ext, bytes(data))


@given(ext=st.sampled_from(sorted(MEMBER_EXTENSIONS)), data=st.binary(max_size=80))
def test_any_bytes_are_decoded_or_refused_but_never_break(ext: str, data: bytes) -> None:
    try:
        decode_member(ext, data)
    except DecodeError as error:
        assert "0x7" not in str(error)  # no object addresses in what a user reads
