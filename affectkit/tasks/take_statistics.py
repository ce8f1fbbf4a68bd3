"""Mean and deviation of training features, into the encoders that standardise by them."""

from __future__ import annotations

from torch import nn

from affectkit.encoders import ProjectionEncoder
from affectkit.tasks.data_agreement import MeasuresFeatures


def take_statistics(encoders: nn.ModuleDict, data: object, *, task: str) -> None:
    """Give each encoder that standardises the numbers of the training split.

    Args:
        encoders: Encoder of each modality; those that do not standardise are left alone.
        data: The data module.
        task: Name of the task, for the message.

    Raises:
        ValueError: If the data module does not measure its features.
    """
    if not isinstance(data, MeasuresFeatures):
        raise ValueError(
            f"{task} was built with standardize=True, but {type(data).__name__} has no feature_statistics(): "
            "train with a module of stored features, or set standardize to false."
        )
    statistics = data.feature_statistics()
    for name, encoder in encoders.items():
        if isinstance(encoder, ProjectionEncoder) and encoder.standardize:
            encoder.set_statistics(statistics[name].mean, statistics[name].deviation)
