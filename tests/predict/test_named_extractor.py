from __future__ import annotations

import sys
from pathlib import Path

import pytest

from affectkit._optional import MissingExtraError
from affectkit.predict import ExtractError, named_extractor


@pytest.mark.parametrize("modality", ["text", "visual", "audio"])
def test_tiny_is_there_for_every_modality(modality: str) -> None:
    one, two = named_extractor(modality), named_extractor(modality, "tiny")
    assert one.modality == modality
    assert one.identity == two.identity and one.out_dim > 0


def test_only_text_knows_other_names() -> None:
    with pytest.raises(ExtractError, match="no visual encoder 'resnet'"):
        named_extractor("visual", "resnet")


def test_a_folder_without_a_model_is_named_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ExtractError, match="cannot be loaded") as caught:
        named_extractor("text", str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_missing_extra_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"affectkit\[text\]"):
        named_extractor("text", "some/model")
