from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from affectkit.data.decode import DecodeError, Picture, decode_image, has_fast_jpeg, torchvision_jpeg
from affectkit.data.decode import jpeg as jpeg_module
from affectkit.data.decode import picture as picture_module
from affectkit.data.decode.torchvision_jpeg import has_torchvision_jpeg


def encoded(kind: str, *, mode: str = "RGB", size: tuple[int, int] = (37, 21), **options: object) -> bytes:
    draw = np.random.default_rng(0)
    channels = len(Image.new(mode, (1, 1)).getbands())
    small = draw.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    picture = Image.fromarray(small.squeeze(), mode=mode).resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, format={"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind], **options)
    return file.getvalue()


def pillow(data: bytes) -> NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.uint8)


FILES = {
    "jpg": ("jpg", encoded("jpg", quality=88)),
    "jpg 4:4:4": ("jpg", encoded("jpg", quality=95, subsampling=0)),
    "jpg progressive": ("jpeg", encoded("jpg", progressive=True)),
    "jpg grey": ("jpg", encoded("jpg", mode="L")),
    "jpg cmyk": ("jpg", encoded("jpg", mode="CMYK")),
    "png": ("png", encoded("png")),
    "png alpha": ("png", encoded("png", mode="RGBA")),
    "webp": ("webp", encoded("webp", lossless=True)),
}


DECODERS = ("simplejpeg", "torchvision", "pillow")


def use(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be the best decoder of JPEG files that there is."""
    if decoder == "simplejpeg" and not has_fast_jpeg():
        pytest.skip("needs the extra 'fast'")
    if decoder == "torchvision" and not has_torchvision_jpeg():
        pytest.skip("needs a torchvision that decodes JPEG files")
    monkeypatch.setattr(picture_module, "has_fast_jpeg", lambda: decoder == "simplejpeg")
    monkeypatch.setattr(picture_module, "has_torchvision_jpeg", lambda: decoder == "torchvision")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_pixels_are_those_of_pillow_with_every_decoder(
    name: str, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(decoder, monkeypatch)
    kind, data = FILES[name]
    picture = Picture(memoryview(data), kind=kind)
    assert (picture.height, picture.width) == (21, 37)
    batch: NDArray[np.uint8] = np.zeros((3, 21, 37, 3), dtype=np.uint8)
    picture.decode_into(batch[1])
    assert np.array_equal(batch[1], pillow(data))
    assert not batch[0].any() and not batch[2].any()
    assert torch.equal(decode_image(data, kind=kind), torch.from_numpy(picture.decode()))


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_best_decoder_is_the_one_that_runs(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(decoder, monkeypatch)
    functions = {
        "simplejpeg": "decode_jpeg",
        "torchvision": "decode_jpeg_torchvision",
        "pillow": "decode_image",
    }
    for other, function in functions.items():
        if other != decoder:
            monkeypatch.setattr(picture_module, function, None)
    for name in ("jpg", "jpg grey"):
        Picture(FILES[name][1], kind="jpg").decode()
    if decoder != "pillow":
        with pytest.raises(TypeError):
            Picture(FILES["jpg cmyk"][1], kind="jpg").decode()


@pytest.mark.parametrize("failure", [OSError("libjpeg.so: not found"), RuntimeError("operator is absent")])
def test_a_torchvision_that_does_not_load_is_passed_over(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise failure

    torchvision_jpeg._decoder.cache_clear()
    monkeypatch.setattr(torchvision_jpeg, "require", broken)
    assert not has_torchvision_jpeg()
    torchvision_jpeg._decoder.cache_clear()


def test_a_target_that_is_not_contiguous_is_filled_as_well() -> None:
    data = FILES["jpg"][1]
    wide: NDArray[np.uint8] = np.zeros((21, 74, 3), dtype=np.uint8)
    Picture(data, kind="jpg").decode_into(wide[:, ::2])
    assert np.array_equal(wide[:, ::2], pillow(data))
    with pytest.raises(DecodeError, match="does not fit"):
        Picture(data, kind="jpg").decode_into(wide)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_damage_is_an_error(kind: str, decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(decoder, monkeypatch)
    data = FILES[kind][1]
    for broken in (b"", b"\x00" * 64, data[:12], data[: len(data) // 2], data[: len(data) * 3 // 4]):
        with pytest.raises(DecodeError, match="damaged"):
            Picture(broken, kind=kind).decode()


def test_a_claimed_size_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MAX_PIXELS", 21 * 37 - 1)
    for kind in ("jpg", "png"):
        with pytest.raises(DecodeError, match="over the limit"):
            Picture(FILES[kind][1], kind=kind)


def test_without_the_extra_its_decoder_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> object:
        raise ModuleNotFoundError("No module named 'simplejpeg'", name="simplejpeg")

    monkeypatch.setattr("importlib.import_module", missing)
    jpeg_module._require.cache_clear()
    with pytest.raises(ImportError, match=r"affectkit\[fast\]"):
        jpeg_module.jpeg_size(b"")
