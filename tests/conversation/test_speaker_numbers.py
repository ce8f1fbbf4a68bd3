"""Speakers that a model refuses: an error where it can look, and no answer where it is a graph of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation import MMGCN, DialogueRNN, TransformerContext
from affectkit.types import Context, Encoding

MASK = torch.tensor([[True, True, True, False], [True, True, True, True], [True, True, False, False]])
#: Conversations of 2 speakers at most; the numbers themselves are only names.
SPEAKER = torch.tensor([[0, 7, 0, -1], [1, 0, 1, 0], [3, 3, -1, -1]])
#: The last one has a turn of nobody, or a third speaker.
NOBODY = SPEAKER.clone().index_put_((torch.tensor([1]), torch.tensor([2])), torch.tensor([-1]))
THIRD = SPEAKER.clone().index_put_((torch.tensor([1]), torch.tensor([2])), torch.tensor([5]))


class _Apart(nn.Module):
    """MMGCN over one modality, called as a context model is."""

    def __init__(self) -> None:
        super().__init__()
        self.model = MMGCN({"text": 6}, 4, num_speakers=2)

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        found: Encoding = self.model({"text": features}, None, speaker)
        return found


class _Call(nn.Module):
    """Tensors in, tensors out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        return cast(Context, self.model)(Encoding(x, mask=mask), speaker).pooled


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "rnn": (lambda: DialogueRNN(6, 4, context="both", listener=True, attention=True), (NOBODY,)),
    "order": (
        lambda: TransformerContext(6, 4, num_heads=2, num_speakers=2, context="both"),
        (NOBODY, THIRD),
    ),
    "relative": (lambda: TransformerContext(6, 4, num_heads=2, speakers="relative"), (NOBODY,)),
    "mmgcn": (_Apart, (NOBODY, THIRD)),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_gives_no_answer_for_speakers_that_it_refuses(name: str) -> None:
    torch.manual_seed(0)
    make, refused = MODELS[name]
    call = _Call(make()).eval()
    for parameter in call.parameters():
        nn.init.normal_(parameter, std=0.5)  # vectors of speakers begin as zeros
    x = torch.randn(3, 4, 6)
    program = torch.export.export(call, (x, MASK, SPEAKER), strict=False).module()
    expected = call(x, MASK, SPEAKER)
    torch.testing.assert_close(program(x, MASK, SPEAKER), expected)
    for speaker in refused:
        with pytest.raises(ValueError, match=r"without a speaker|num_speakers=2 and got a conversation of 3"):
            call(x, MASK, speaker)
        found = program(x, MASK, speaker)
        assert bool(found[1].isnan().all())
        # The others of the batch are answered as ever.
        torch.testing.assert_close(found[[0, 2]], expected[[0, 2]])
