from __future__ import annotations

import torch

from affectkit.report.robustness import ANY, MissingPattern, missing_draws


def test_draws_belong_to_sample_and_modality_alone() -> None:
    together = missing_draws(["a", "b", "c"], (3, 8), modality="text", seed=1)
    alone = missing_draws(["b"], (1, 5), modality="text", seed=1)
    assert torch.equal(together[1, :5], alone[0])
    others = [
        missing_draws(["b"], (1, 5), modality="audio", seed=1),
        missing_draws(["b"], (1, 5), modality="text", seed=2),
        missing_draws(["c"], (1, 5), modality="text", seed=1),
    ]
    assert not any(torch.equal(alone, other) for other in others)
    rows = missing_draws([str(number) for number in range(2000)], (2000,), modality="text", seed=0)
    assert rows.shape == (2000,) and abs(float((rows < 0.3).double().mean()) - 0.3) < 0.03


def test_patterns_take_away_one_modality_or_any_but_never_all() -> None:
    keys = [str(number) for number in range(3000)]
    draws = {name: missing_draws(keys, (3000,), modality=name, seed=0) for name in ("audio", "text")}
    present = {"audio": torch.arange(3000) % 3 > 0, "text": torch.ones(3000, dtype=torch.bool)}
    one = MissingPattern("text", 0.5, 0).apply(present, draws)
    assert torch.equal(one["audio"], present["audio"])
    assert torch.equal(one["text"], draws["text"] >= 0.5)
    some = MissingPattern(ANY, 0.5, 0).apply(present, draws)
    assert bool((some["audio"] | some["text"]).all()) and not bool((some["audio"] & ~present["audio"]).any())
    more = MissingPattern(ANY, 0.8, 0).apply(present, draws)
    assert all(not bool((more[name] & ~some[name]).any()) for name in present)
    assert int(more["text"].sum()) < int(some["text"].sum()) < 3000
