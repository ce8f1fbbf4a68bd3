"""A model card: Markdown under a head of YAML, as the hub wants it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from affectkit.calibration import StoredScaling
from affectkit.labels.sensitive_attributes import sensitive_attributes
from affectkit.share.card_facts import CardFacts, facts_of_run, facts_of_task
from affectkit.share.ethics_page import ETHICS
from affectkit.tasks import AffectTask

_TEMPLATE: Final = Path(__file__).parents[1] / "templates" / "model_card.md.jinja"
#: What a model of the hub is for, by the data module of its training.
_PIPELINES: Final[Mapping[str, str]] = {
    "AudioDataModule": "audio-classification",
    "ClipDataModule": "video-classification",
    "DialogueTextDataModule": "text-classification",
    "ImageDataModule": "image-classification",
    "TextDataModule": "text-classification",
}


def card_of_run(folder: str | Path) -> str:
    """The card of the model in a run folder; what the folder does not say, the card says is missing.

    Raises:
        ShareError: If it is no run folder, or holds no checkpoint.
    """
    return render_card(facts_of_run(folder))


def card_of_task(task: AffectTask, *, scaling: StoredScaling | None = None) -> str:
    """The card of a task alone, whose data and results nobody states.

    Args:
        task: The task.
        scaling: The scaling of its logits that lies beside it, if one does.
    """
    return render_card(facts_of_task(task, scaling=scaling))


def render_card(facts: CardFacts) -> str:
    """Write a card.

    Args:
        facts: What is known.

    Returns:
        The text, beginning with the head between two lines of ``---``.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["line"] = _line
    body = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        card=facts,
        labels=[] if facts.label_space is None else list(facts.label_space),
        sensitive=_sensitive(facts),
        restricted=sorted(
            {
                data.klass
                for data in facts.data or ()
                if data.klass in ("academic", "non-commercial", "unknown")
            }
        ),
        # Beside the card: a model travels further than any documentation.
        ethics=f"[page on ethics and law]({ETHICS})",
    )
    head = yaml.safe_dump(_head(facts), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n{body}"


def _head(facts: CardFacts) -> dict[str, object]:
    head: dict[str, object] = {
        "library_name": "affectkit",
        # The weights have the licence that their author gives them: nobody has yet.
        "license": "unknown",
        "tags": ["affectkit", "affective-computing", "emotion-recognition"],
    }
    if facts.module in _PIPELINES:
        head["pipeline_tag"] = _PIPELINES[facts.module]
    tested = {name: value for name, value in facts.metrics.items() if value is not None}
    if tested and facts.data:
        head["model-index"] = [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": _PIPELINES.get(facts.module, "other")},
                        "dataset": {"name": data.name, "type": data.name, "split": "test"},
                        "metrics": [
                            {"type": facts.protocols.get(name, name), "name": name, "value": value}
                            for name, value in sorted(tested.items())
                        ],
                    }
                    # Metrics of several sets together belong to none of them.
                    for data in (facts.data if len(facts.data) == 1 else ())
                ],
            }
        ]
    return head


def _sensitive(facts: CardFacts) -> list[str]:
    space = facts.label_space
    names = [*facts.outputs, *(() if space is None else space)]
    return sensitive_attributes(names, space="" if space is None else space.name)


def _line(value: object) -> str:
    """Words of other people, in one line and without a table's bars."""
    return " ".join(str(value).split()).replace("|", "/")
