from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.graph import (
    LabelGraphError,
    encoded_label_embeddings,
    random_label_embeddings,
    read_label_embeddings,
    write_label_embeddings,
)


def test_random_vectors_belong_to_the_name_and_the_seed() -> None:
    rows = random_label_embeddings(["happy", "sad", "angry"], 16)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    turned = random_label_embeddings(["angry", "happy"], 16)
    assert torch.equal(turned, rows[[2, 0]])
    assert not torch.allclose(rows, random_label_embeddings(["happy", "sad", "angry"], 16, seed=1))
    assert not torch.allclose(rows[0], rows[1])
    with pytest.raises(LabelGraphError, match="dim=0"):
        random_label_embeddings(["happy"], 0)


def test_any_text_encoder_will_do() -> None:
    encoder = TinyTextEncoder(out_dim=8)
    rows = encoded_label_embeddings(["very_happy", "sad"], encoder, template="a {} face")
    assert torch.equal(rows, encoder(["a very happy face", "a sad face"]))

    def broken(texts: Sequence[str]) -> Tensor:
        return torch.zeros(len(texts) + 1, 4)

    with pytest.raises(LabelGraphError, match="one row a text"):
        encoded_label_embeddings(["happy"], broken)


@pytest.mark.parametrize("kind", ["safetensors", "txt"])
def test_vectors_from_a_file(tmp_path: Path, kind: str) -> None:
    words = {"happiness": [1.0, 2.0], "doubt": [3.0, 0.0], "confusion": [1.0, 1.0], "sad": [0.5, 0.25]}
    path = tmp_path / f"vectors.{kind}"
    if kind == "txt":
        lines = [f"{word} {' '.join(map(str, row))}" for word, row in words.items()]
        path.write_text("\n".join([*lines, "unused one two"]), encoding="utf-8")
    else:
        write_label_embeddings(path, list(words), torch.tensor(list(words.values())))
    rows = read_label_embeddings(path, ["sad", "Happy", "doubt/confusion"])
    assert rows.tolist() == [[0.5, 0.25], [1.0, 2.0], [2.0, 0.5]]
    with pytest.raises(LabelGraphError, match="no vector for the label 'awe'"):
        read_label_embeddings(path, ["sad", "awe"])


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelGraphError, match="cannot be read"):
        read_label_embeddings(tmp_path / "absent.txt", ["sad"])
    (tmp_path / "words.txt").write_text("sad 1 zwei\n", encoding="utf-8")
    with pytest.raises(LabelGraphError, match="a word and its numbers"):
        read_label_embeddings(tmp_path / "words.txt", ["sad"])
    (tmp_path / "uneven.txt").write_text("sad 1 2\njoy 1\n", encoding="utf-8")
    with pytest.raises(LabelGraphError, match="differ in width"):
        read_label_embeddings(tmp_path / "uneven.txt", ["sad", "joy"])
    (tmp_path / "absent.txt").write_text("sad nan 2\njoy 1 2\n", encoding="utf-8")
    with pytest.raises(LabelGraphError, match="a vector for the label 'sad' that is not finite"):
        read_label_embeddings(tmp_path / "absent.txt", ["joy", "sad"])
    with pytest.raises(LabelGraphError, match="give one each"):
        write_label_embeddings(tmp_path / "x.safetensors", ["sad"], torch.zeros(2, 3))
