"""A run is opened with the weights of its checkpoint, and with no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.encoders import TimmImageEncoder, timm_bridge
from affectkit.report.robustness import open_run
from affectkit.tasks import CategoricalDimensionalTask

# jsonargparse deprecates what older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NETWORK = "test_resnet"
ENCODER = {"class_path": "affectkit.encoders.TimmImageEncoder"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    write_synthetic_pictures(root, train=7, val=7, test=7, overwrite=True)
    return root


@pytest.mark.parametrize(
    "stated",
    [
        {"pictures": "visual", "backbone": NETWORK, "backbone_pretrained": True},
        {"pictures": "visual", "backbone": NETWORK, "backbone_weights": "moved/away.safetensors"},
        {"encoders": {"visual": {**ENCODER, "init_args": {"name": NETWORK, "pretrained": True}}}},
        {
            "encoders": {
                "visual": {
                    **ENCODER,
                    "init_args": {"name": NETWORK, "pretrained": False, "weights": "moved/away.safetensors"},
                }
            }
        },
    ],
    ids=["pretrained", "file", "pretrained part", "part from a file"],
)
def test_published_weights_are_not_read_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: dict[str, object]
) -> None:
    common: dict[str, Any] = {"scale": "va.unit", "head": "separate"}
    part: dict[str, Any] = {"encoders": {"visual": TimmImageEncoder(NETWORK)}}
    own = part if "encoders" in stated else {"pictures": "visual", "backbone": NETWORK}
    trained = CategoricalDimensionalTask("meld7.official", **common, **own)
    (tmp_path / "checkpoints").mkdir()
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "checkpoints" / "last.ckpt")
    model = {"label_space": "meld7.official", **common, **stated}
    data = {"root": str(pictures), "label_space": "meld7.official", "size": 32, "normalize": False}
    parts = {
        "model": {"class_path": "affectkit.tasks.CategoricalDimensionalTask", "init_args": model},
        "data": {"class_path": "affectkit.data.modules.ImageDataModule", "init_args": data},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(parts))
    created = timm_bridge._create

    def offline(name: str, pretrained: bool, *given: Any, **options: Any) -> torch.nn.Module:
        assert not pretrained, "published weights were asked for"
        return created(name, pretrained, *given, **options)

    monkeypatch.setattr(timm_bridge, "_create", offline)
    opened = open_run(tmp_path).task.state_dict()
    for name, weight in trained.state_dict().items():
        torch.testing.assert_close(opened[name], weight, rtol=0, atol=0)
