from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from affectkit.data.decode import DecodeError, StillFrames, VideoFrames, open_frames

av = pytest.importorskip("av", reason="needs the extra 'video'")


def video(frames: int = 48, *, every: int = 12, b_frames: int = 0) -> bytes:
    """An mp4 whose frame i is grey of brightness 4 i, with a key frame every ``every`` frames."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"sc_threshold": "1000000000"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = every
        stream.codec_context.max_b_frames = b_frames
        stream.bit_rate = 4_000_000
        for i in range(frames):
            shade = np.full((48, 64, 3), 4 * i, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return file.getvalue()


def shades(frames: VideoFrames, indices: list[int]) -> list[int]:
    return [round(float(pixels.mean()) / 4) for pixels in frames.read(indices)]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_frames_that_were_asked_for_come_out(b_frames: int) -> None:
    frames = VideoFrames(memoryview(video(b_frames=b_frames)))
    assert len(frames) == 48 and frames.size == (48, 64)
    for indices in ([0], [47], [5, 6, 7], [3, 3, 30], [0, 11, 12, 13, 24, 47], list(range(48))):
        assert shades(frames, indices) == indices


def test_what_lies_between_is_not_decoded() -> None:
    frames = VideoFrames(video(every=12))
    assert shades(frames, [1, 25, 37]) == [1, 25, 37]
    # two frames of each of three stretches that begin with a key frame, of 48
    assert frames.decoded == 6
    whole = VideoFrames(video(every=100))
    assert shades(whole, [1, 25, 37]) == [1, 25, 37]
    assert whole.decoded == 38


def test_frames_are_read_twice_alike() -> None:
    frames = VideoFrames(video())
    assert all(np.array_equal(a, b) for a, b in zip(frames.read([2, 40]), frames.read([2, 40]), strict=True))


def test_damage_and_wrong_indices_are_errors() -> None:
    data = video()
    for broken in (b"", b"\x00" * 100, data[: len(data) // 2], data[:200]):
        with pytest.raises(DecodeError, match="mp4"):
            list(VideoFrames(broken).read([0]))
    with pytest.raises(IndexError):
        list(VideoFrames(data).read([48]))
    for indices in ([3, 2], [-1]):
        with pytest.raises(IndexError, match="ascending"):
            list(VideoFrames(data).read(indices))


def still(value: int, size: tuple[int, int] = (6, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(file, format="PNG")
    return file.getvalue()


def test_pictures_are_frames_in_the_order_of_their_names() -> None:
    members = {f"frame-{i:03}.png": still(i) for i in (2, 0, 1)}
    frames = open_frames({"json": b"{}", **members})
    assert len(frames) == 3 and frames.size == (4, 6)
    found: list[NDArray[np.uint8]] = list(frames.read([0, 0, 2]))
    assert [int(pixels[0, 0, 0]) for pixels in found] == [0, 0, 2]


def test_a_clip_without_frames_or_of_two_sizes_is_an_error() -> None:
    with pytest.raises(DecodeError, match="no frames"):
        open_frames({"json": b"{}"})
    frames = StillFrames({"frame-0.png": still(0), "frame-1.png": still(1, (7, 4))})
    with pytest.raises(DecodeError, match="at one size"):
        list(frames.read([0, 1]))


def test_a_video_goes_before_pictures() -> None:
    assert isinstance(open_frames({"mp4": video(), "jpg": b""}), VideoFrames)
