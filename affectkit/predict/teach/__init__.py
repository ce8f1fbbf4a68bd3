"""A teacher's answers, computed once and stored beside the pictures."""

from __future__ import annotations

from affectkit.predict.teach.make_prototypes import make_prototypes
from affectkit.predict.teach.picture_teacher import PictureTeacher
from affectkit.predict.teach.store_answers import store_teacher_answers

__all__ = ("PictureTeacher", "make_prototypes", "store_teacher_answers")
