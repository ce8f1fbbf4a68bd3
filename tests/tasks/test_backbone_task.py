"""What the tasks around a published network share."""

from __future__ import annotations

import pytest

from affectkit.encoders import ProjectionEncoder
from affectkit.tasks import MultiAttributeTask, PrototypeDistillTask


def test_weights_of_a_backbone_that_is_not_built_are_refused() -> None:
    own = ProjectionEncoder(4, 4)
    with pytest.raises(ValueError, match=r"MultiAttributeTask got backbone_weights='w\.pt' .* 'visual'"):
        MultiAttributeTask("emoset8", {"scene": 3}, encoders={"visual": own}, backbone_weights="w.pt")
    with pytest.raises(ValueError, match=r"PrototypeDistillTask got backbone_weights='w\.pt' .* 'eyes'"):
        PrototypeDistillTask(
            "ferplus8.official", stream="eyes", encoders={"eyes": own}, backbone_weights="w.pt"
        )
