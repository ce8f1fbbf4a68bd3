"""What an exported file says of itself, and what is refused; recipes are exported in the files beside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor, nn

from affectkit.recipes import recipes
from affectkit.share import UNEXPORTABLE, BatchCall, ShareError, export_task, read_export_note
from affectkit.share.input_specs import input_specs
from affectkit.share.parity import check_parity
from affectkit.share.torch_program import ProgramCall
from affectkit.tasks import AffectTask

Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]


def test_every_obstacle_is_one_of_a_recipe_and_of_a_class() -> None:
    named = [recipe for row in UNEXPORTABLE for recipe in row.recipes]
    assert all(row.recipes for row in UNEXPORTABLE) and len(named) == len(set(named))
    assert {f"{name}_tiny" for name in named} < {recipe.name for recipe in recipes()}


def test_an_onnx_model_answers_outside_affectkit(build: Build, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra 'export'")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra 'export'")
    task, _, data = build("text_cat_dim_tiny")
    report = export_task(task, tmp_path / "model.onnx", data=data, form="onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == [spec.name for spec in report.inputs]
    assert [given.name for given in session.get_outputs()] == list(report.outputs)
    call = BatchCall(task, report.inputs)
    inputs = call.example(4, seed=9)
    with torch.no_grad():
        expected = call(*inputs)
    found = session.run(
        None, {spec.name: row.numpy() for spec, row in zip(report.inputs, inputs, strict=True)}
    )
    assert len(expected) == len(found) >= 1
    for mine, theirs in zip(expected, found, strict=True):
        torch.testing.assert_close(torch.from_numpy(theirs), mine, atol=1e-4, rtol=1e-4)
    note = read_export_note(report.path)
    assert note["form"] == "onnx" and task.label_space is not None
    assert note["label_space"]["labels"] == list(task.label_space)  # type: ignore[index]


def test_the_file_says_what_it_is(build: Build, tmp_path: Path) -> None:
    task, _, data = build("emotion_gcn_tiny")
    report = export_task(task, tmp_path / "model.pt2", data=data, facts={"checkpoint_sha256": "12ab"})
    note = read_export_note(report.path)
    assert note["checkpoint_sha256"] == "12ab"
    assert note["label_space"] == {
        "name": "meld7.official",
        "kind": "categorical",
        "labels": ["neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"],
    }
    assert note["inputs"] == [
        {
            "name": "face",
            "dtype": "uint8",
            "shape": ["batch", 3, 32, 32],
            "meaning": "pixels (channel, row, column) from 0 to 255",
        }
    ]
    assert note["preparation"] == {"size": 32, "streams": ["face"], "normalize": False}
    assert note["outputs"] == ["logits", "dims"] and json.dumps(note)


def test_a_length_changes_the_axis_of_time(build: Build) -> None:
    task, _, data = build("erc_curriculum_tiny")
    shapes = {spec.name: spec.shape for spec in input_specs(task, data, length=5)}
    assert shapes["text"] == (5, 128) and shapes["mask.utterance"] == shapes["speaker"] == (5,)
    assert {spec.name: spec.shape for spec in input_specs(task, data)}["speaker"] == (16,)


def test_a_model_that_answers_otherwise_is_never_written(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, _, data = build("text_cat_dim_tiny")
    right = ProgramCall.__call__

    def off(self: ProgramCall, *tensors: Tensor) -> list[Tensor]:
        return [found + 0.25 for found in right(self, *tensors)]

    monkeypatch.setattr(ProgramCall, "__call__", off)
    (tmp_path / "model.pt2").write_text("before")
    with pytest.raises(
        ShareError, match=r"differs from the task by up to 0\.25 in logits on a batch of 1 rows"
    ):
        export_task(task, tmp_path / "model.pt2", data=data)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_model_of_one_batch_size_is_refused(build: Build) -> None:
    task, _, data = build("erc_curriculum_tiny")
    call = BatchCall(task, input_specs(task, data))

    def three(*tensors: Tensor) -> list[Tensor]:
        raise RuntimeError("expected 3 rows")

    with pytest.raises(ShareError, match=r"cannot run a batch of 1 rows \(RuntimeError: expected 3 rows"):
        check_parity(call, three, form="onnx")


def test_an_answer_that_is_no_number_is_a_difference(build: Build) -> None:
    task, _, data = build("erc_curriculum_tiny")
    call = BatchCall(task, input_specs(task, data))
    with pytest.raises(ShareError, match="up to nan"):
        check_parity(call, lambda *tensors: [torch.full((1, 16, 7), torch.nan)], form="onnx")
    with pytest.raises(ShareError, match="up to inf"):
        check_parity(call, lambda *tensors: [torch.zeros(1, 1)], form="onnx")


class _Decides(nn.Module):
    """A head that looks at values, which no exporter can follow."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Any) -> Any:
        if bool(features.pooled.sum() > 0):
            features = features._replace(pooled=-features.pooled)
        return self.head(features)


def test_an_unknown_obstacle_is_named(build: Build, tmp_path: Path) -> None:
    task, _, data = build("text_cat_dim_tiny")
    task.head = _Decides(task.head)  # type: ignore[arg-type]
    with pytest.raises(ShareError, match=r"cannot follow an operation of it .*data-dependent"):
        export_task(task, tmp_path / "model.pt2", data=data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"class_path": "mine.Data", "init_args": {}}, "What mine.Data gives to a model is not known"),
        ({"class_path": "affectkit.data.modules.ImageDataModule", "init_args": {"size": None}}, "own size"),
    ],
)
def test_data_of_unknown_form_is_refused(
    data: dict[str, object], why: str, build: Build, tmp_path: Path
) -> None:
    task, _, _ = build("neurogaze_distill_tiny")
    with pytest.raises(ShareError, match=why):
        export_task(task, tmp_path / "model.pt2", data=data)


def test_a_file_of_somebody_else_has_no_note(tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="There is no file"):
        read_export_note(tmp_path / "absent.pt2")
    program = torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "other.pt2")
    with pytest.raises(ShareError, match="holds no note of affectkit"):
        read_export_note(tmp_path / "other.pt2")
