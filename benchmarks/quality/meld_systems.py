"""What ``meld.py`` compares: context models, and curricula on one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from affectkit.conversation.named_context import CONTEXTS, MODALITY_CONTEXTS

#: Every context model that the library knows by name, those that come later too.
MODELS: Final = tuple(sorted({*CONTEXTS, *MODALITY_CONTEXTS}))
#: On which the curricula are compared.
CURRICULUM_MODEL: Final = "bc_lstm"
#: Names of two curricula: none at all, and the one that every model is trained with and without.
WITHOUT: Final = "none"
SAME_SPEAKER: Final = "same-speaker shifts"
EPOCHS: Final = 6
#: The recipe's settings but for these: fewer epochs, and dialogues of like length in a batch.
COMMON: Final = ("--trainer.max_epochs", str(EPOCHS), "--data.init_args.bucket_by_length", "true")


#: Options of models that do not learn with the recipe's: by dev, seed 0, without a curriculum. The five
#: encoders and five layers of M2FNet reached 35 % with dropout 0.5 and 53 % with 0.1, one of each 57 %.
OPTIONS: Final[Mapping[str, Mapping[str, float]]] = {
    "m2fnet": {"num_encoders": 1, "num_fusion_layers": 1, "dropout": 0.1},
}


def _part(name: str, **options: object) -> dict[str, object]:
    return {"class_path": f"affectkit.curriculum.{name}", "init_args": options}


def _order(part: Mapping[str, object] | None) -> tuple[str, ...]:
    return ("--data.init_args.curriculum", json.dumps(part))


def _steps(difficulty: Mapping[str, object], *, buckets: int = 4) -> tuple[str, ...]:
    return _order(_part("BabyStepCurriculum", difficulty=difficulty, buckets=buckets))


_HCL: Final = _part("HclDifficulty")
_SOFT: Final = ("--model.init_args.soft_labels", "0.5")

#: Options that make each curriculum.
CURRICULA: Final[Mapping[str, tuple[str, ...]]] = {
    WITHOUT: _order(None),
    "HCL conversation": _steps(_HCL),
    "HCL utterance": (*_order(None), *_SOFT),
    "HCL conversation + utterance": (*_steps(_HCL), *_SOFT),
    SAME_SPEAKER: _steps(_part("WeightedShiftDifficulty", cross_speaker=False)),
    "PRC-Emo, two buckets": _steps(_part("WeightedShiftDifficulty"), buckets=2),
    "competence pacing": _order(
        _part(
            "PacedCurriculum", difficulty=_HCL, pacing=_part("CompetencePacing", full_at=0.7), epochs=EPOCHS
        )
    ),
    "ERNetCL difficulty": _steps(_part("ShiftRatioDifficulty")),
    "ERNetCL weights": (*_order(None), "--model.init_args.sample_weighting", "ernetcl"),
    "SPCL draws": _order(
        _part("DrawnCurriculum", difficulty=_part("CentreDistanceDifficulty"), epochs=EPOCHS)
    ),
}


def system_name(model: str, curriculum: str) -> str:
    """Name of a model trained with a curriculum."""
    return f"{model} | {curriculum}"


def context_systems(models: Iterable[str], curricula: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """System to the options that make it out of the recipe.

    Args:
        models: Each is trained with and without the same-speaker curriculum.
        curricula: Each trains one model, which is trained without any as well.
    """
    pairs = [(model, curriculum) for model in models for curriculum in (WITHOUT, SAME_SPEAKER)]
    chosen = list(curricula)
    pairs += [(CURRICULUM_MODEL, curriculum) for curriculum in ([WITHOUT, *chosen] if chosen else ())]
    return {
        system_name(model, curriculum): (*_model(model), *CURRICULA[curriculum], *COMMON)
        for model, curriculum in pairs
    }


def _model(name: str) -> tuple[str, ...]:
    chosen: tuple[str, ...] = ("--model.init_args.context_model", name)
    if name in OPTIONS:
        chosen = (*chosen, "--model.init_args.context_options", json.dumps(OPTIONS[name]))
    # What reads the modalities apart leaves nothing beside itself.
    return (*chosen, "--model.init_args.residual", "none") if name in MODALITY_CONTEXTS else chosen
