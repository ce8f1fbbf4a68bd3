"""Each heavy or untyped library enters through one module, and nothing read from data is unpickled."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "affectkit"
BRIDGED = (
    "av",
    "faiss",
    "lmdb",
    "mediapipe",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "open_clip",
    "peft",
    "pyarrow",
    "pyedflib",
    "simplejpeg",
    "soundfile",
    "timm",
    "tokenizers",
    "torch_geometric",
    "torchvision",
    "transformers",
    "webdataset",
)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Top-level names that a module imports, by statement or through `require`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            if called in ("require", "import_module") and isinstance(node.args[0].value, str):
                names.add(node.args[0].value)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("library", BRIDGED)
def test_a_library_enters_through_one_module(library: str) -> None:
    assert len([name for name, tree in trees() if library in imported(tree)]) <= 1


def test_pickle_is_only_known_to_the_converter() -> None:
    users = {name for name, tree in trees() if imported(tree) & {"pickle", "dill", "cloudpickle", "joblib"}}
    assert {name for name in users if not name.startswith("data/sources/unpickle/")} == set()


def test_torch_load_never_runs_code() -> None:
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                flags = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert flags.get("weights_only") == "True", f"{name}:{node.lineno}"


def test_no_shell_is_started() -> None:
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("os.system", "os.popen"), f"{name}:{node.lineno}"
                for keyword in node.keywords:
                    assert not (keyword.arg == "shell" and ast.unparse(keyword.value) == "True"), name
