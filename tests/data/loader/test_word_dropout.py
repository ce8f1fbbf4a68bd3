from __future__ import annotations

import pytest
import torch

from affectkit.data.loader import WordDropout
from affectkit.data.schema import ItemRecord


def record(text: str) -> ItemRecord:
    return {"id": "0", "label": 1, "text": text}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_words_are_hidden_with_the_probability_and_the_rest_stays() -> None:
    text = " ".join(f"w{number}" for number in range(4000))
    heard = WordDropout(0.3, mark="[MASK]")(record(text), generator=generator())["text"].split(" ")
    # Standard deviation of the share: 0.007.
    assert abs(heard.count("[MASK]") / 4000 - 0.3) < 0.03
    assert all(word in ("[MASK]", f"w{number}") for number, word in enumerate(heard))


def test_without_a_mark_words_are_left_out() -> None:
    text = " ".join(f"w{number}" for number in range(400))
    heard = WordDropout(0.5)(record(text), generator=generator())["text"].split()
    assert 100 < len(heard) < 300 and heard == [word for word in text.split(" ") if word in set(heard)]


def test_the_same_chance_hides_the_same_words_and_the_record_given_stays() -> None:
    given = record("so very good indeed my friend")
    hide = WordDropout(0.5, mark="_")
    assert hide(given, generator=generator(3)) == hide(given, generator=generator(3))
    assert len({hide(given, generator=generator(seed))["text"] for seed in range(20)}) > 5
    assert given == record("so very good indeed my friend")
    assert hide(given, generator=generator())["label"] == 1


def test_something_of_every_text_stays() -> None:
    hide = WordDropout(0.99, mark="_")
    texts = {hide(record("so good"), generator=generator(seed))["text"] for seed in range(50)}
    assert "_ _" not in texts and texts <= {"so good", "_ good", "so _"}
    assert hide(record("good"), generator=generator())["text"] == "good"
    assert hide(record(""), generator=generator())["text"] == ""


def test_white_space_stays_as_it_is_written() -> None:
    hide = WordDropout(0.5, mark="_")
    heard = {hide(record("so\n very\tgood "), generator=generator(seed))["text"] for seed in range(40)}
    assert {"so\n very\tgood ", "_\n very\tgood ", "so\n _\t_ "} <= heard and len(heard) == 7


@pytest.mark.parametrize("probability", [-0.1, 1.0])
def test_a_probability_out_of_range_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=f"probability={probability}: give 0 to below 1"):
        WordDropout(probability)
