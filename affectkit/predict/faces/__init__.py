"""Faces that a detector of one's own finds."""

from __future__ import annotations

from affectkit.predict.faces.face_detector import FaceDetector, FoundFace
from affectkit.predict.faces.mediapipe_detector import MediapipeFaceDetector
from affectkit.predict.faces.named_detector import named_face_detector
from affectkit.predict.faces.onnx_detector import OnnxFaceDetector
from affectkit.predict.faces.with_faces import with_faces

__all__ = (
    "FaceDetector",
    "FoundFace",
    "MediapipeFaceDetector",
    "OnnxFaceDetector",
    "named_face_detector",
    "with_faces",
)
