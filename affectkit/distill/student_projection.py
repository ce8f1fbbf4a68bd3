"""From the width of a student's features to that of a teacher's."""

from __future__ import annotations

from torch import Tensor, nn


class StudentProjection(nn.Module):
    """A linear map to the teacher's width where one is asked for, and the check that widths agree.

    Args:
        student_dim: Width of the student's embedding; None where it is the teacher's.
        teacher_dim: Width of the teacher's features; None where only the batch tells.
        loss: Whose projection it is, for errors.
    """

    def __init__(self, student_dim: int | None, teacher_dim: int | None, *, loss: str) -> None:
        super().__init__()
        if student_dim is not None and (student_dim < 1 or not teacher_dim or teacher_dim < 1):
            raise ValueError(
                f"{loss} got student_dim={student_dim} and teacher_dim={teacher_dim}: give both widths, or "
                "neither where the student's features are as wide as the teacher's."
            )
        self.in_dim = teacher_dim if student_dim is None else student_dim
        self.loss = loss
        self.linear = (
            nn.Identity()
            if student_dim is None or teacher_dim is None
            else nn.Linear(student_dim, teacher_dim)
        )

    def forward(self, embedding: Tensor | None) -> Tensor:
        """Project ``embedding`` (..., student_dim)."""
        if embedding is None:
            raise ValueError(
                f"{self.loss} compares embeddings, which the model's output lacks: use a head that emits "
                "them."
            )
        if self.in_dim is not None and embedding.shape[-1] != self.in_dim:
            raise ValueError(
                f"{self.loss} was built for student features of width {self.in_dim} and got width "
                f"{embedding.shape[-1]}: give student_dim={embedding.shape[-1]}, and a linear map to the "
                "teacher's width is learnt."
            )
        projected: Tensor = self.linear(embedding)
        return projected
