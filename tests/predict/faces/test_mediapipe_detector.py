"""The bridge to mediapipe, without a model of theirs: what is refused, and what its results become."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from affectkit.predict import PredictError, named_face_detector
from affectkit.predict.faces.mediapipe_detector import MediapipeFaceDetector

mediapipe: Any = pytest.importorskip("mediapipe", reason="mediapipe, of the extra faces, is not installed")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"no model")
    with pytest.raises(PredictError, match=r"a\.tflite is no face detector of mediapipe \(.+\): give one"):
        named_face_detector(f"mediapipe:{tmp_path / 'a.tflite'}")
    with pytest.raises(PredictError, match=r"gone\.tflite cannot be read"):
        named_face_detector(f"mediapipe:{tmp_path / 'gone.tflite'}")


def test_detections_become_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = "mediapipe.tasks.python.components.containers"
    bounding_box, category, detections = (
        cast(Any, import_module(f"{place}.{name}")) for name in ("bounding_box", "category", "detections")
    )
    seen: list[Any] = []

    class Detector:
        """Answers as mediapipe's does, in its own classes."""

        def detect(self, image: Any) -> Any:
            seen.append(image)
            box = bounding_box.BoundingBox(origin_x=3, origin_y=4, width=10, height=20)
            sure = category.Category(score=0.875)
            face = detections.Detection(bounding_box=box, categories=[sure])
            return detections.DetectionResult(detections=[face])

    vision = mediapipe.tasks.vision
    monkeypatch.setattr(vision.FaceDetector, "create_from_options", staticmethod(lambda options: Detector()))
    (tmp_path / "a.tflite").write_bytes(b"model")
    detector = MediapipeFaceDetector(tmp_path / "a.tflite")
    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    (face,) = detector(pixels)
    assert face == ((3.0, 4.0, 13.0, 24.0), 0.875)
    assert np.array_equal(seen[0].numpy_view(), pixels) and detector.identity.startswith(
        "mediapipe a.tflite "
    )
