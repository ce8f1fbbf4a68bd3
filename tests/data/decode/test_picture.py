from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from affectkit.data.decode import DecodeError, Picture, decode_image, has_fast_jpeg
from affectkit.data.decode import jpeg as jpeg_module
from affectkit.data.decode import picture as picture_module


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


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("fast", [True, False])
def test_pixels_are_those_of_pillow_with_and_without_the_extra(
    name: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fast and not has_fast_jpeg():
        pytest.skip("needs the extra 'fast'")
    monkeypatch.setattr(picture_module, "has_fast_jpeg", lambda: fast)
    kind, data = FILES[name]
    picture = Picture(memoryview(data), kind=kind)
    assert (picture.height, picture.width) == (21, 37)
    batch: NDArray[np.uint8] = np.zeros((3, 21, 37, 3), dtype=np.uint8)
    picture.decode_into(batch[1])
    assert np.array_equal(batch[1], pillow(data))
    assert not batch[0].any() and not batch[2].any()
    assert torch.equal(decode_image(data, kind=kind), torch.from_numpy(picture.decode()))


def test_the_fast_decoder_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_fast_jpeg():
        pytest.skip("needs the extra 'fast'")
    monkeypatch.setattr(picture_module, "decode_image", None)
    Picture(FILES["jpg"][1], kind="jpg").decode()
    with pytest.raises(TypeError):
        Picture(FILES["jpg cmyk"][1], kind="jpg").decode()


def test_a_target_that_is_not_contiguous_is_filled_as_well() -> None:
    data = FILES["jpg"][1]
    wide: NDArray[np.uint8] = np.zeros((21, 74, 3), dtype=np.uint8)
    Picture(data, kind="jpg").decode_into(wide[:, ::2])
    assert np.array_equal(wide[:, ::2], pillow(data))
    with pytest.raises(DecodeError, match="does not fit"):
        Picture(data, kind="jpg").decode_into(wide)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_damage_is_an_error(kind: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if fast and not has_fast_jpeg():
        pytest.skip("needs the extra 'fast'")
    monkeypatch.setattr(picture_module, "has_fast_jpeg", lambda: fast)
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
