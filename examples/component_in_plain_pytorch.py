"""A component in your own network and your own loop: no Lightning, no batch class, tensors in and out.

Run it: `python examples/component_in_plain_pytorch.py`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.conversation import DialogueRNN
from affectkit.data.synthetic import SyntheticCorpus
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.functional import confusion_counts, f1_score
from affectkit.types import IGNORE_LABEL, Encoding


class MyNetwork(nn.Module):
    """Your module; DialogueRNN is one of its parts."""

    def __init__(self, in_dim: int, num_classes: int) -> None:
        super().__init__()
        self.context = DialogueRNN(in_dim, 64, context="past")
        self.classifier = nn.Linear(in_dim + self.context.out_dim, num_classes)

    def forward(self, text: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """Map (B, U, D) sentences to (B, U, C) logits."""
        in_context: Encoding = self.context(Encoding(text, mask=mask), speaker)
        logits: Tensor = self.classifier(torch.cat([text, in_context.pooled], dim=-1))
        return logits


def load(conversations: SyntheticCorpus) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Encode the sentences and pad the conversations to one length."""
    encoder = TinyTextEncoder()
    text, label, speaker = [], [], []
    for conversation in conversations:
        turns = conversation.utterances
        text.append(encoder([turn.text for turn in turns]))
        label.append(torch.tensor([turn.label for turn in turns]))
        speaker.append(torch.tensor([turn.speaker for turn in turns]))
    pad = nn.utils.rnn.pad_sequence
    labels = pad(label, batch_first=True, padding_value=IGNORE_LABEL)
    speakers = pad(speaker, batch_first=True, padding_value=-1)
    return pad(text, batch_first=True), labels != IGNORE_LABEL, speakers, labels


def main() -> None:
    torch.manual_seed(0)
    text, mask, speaker, label = load(SyntheticCorpus(80, seed=0))
    held_out = load(SyntheticCorpus(30, seed=0, first=80))
    network = MyNetwork(text.shape[-1], num_classes=7)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for epoch in range(30):
        logits: Tensor = network(text, mask, speaker)
        loss = functional.cross_entropy(logits[mask], label[mask])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
    with torch.no_grad():
        prediction: Tensor = network(*held_out[:3]).argmax(dim=-1)
    counts = confusion_counts(prediction[held_out[1]], held_out[3][held_out[1]], num_classes=7)
    score = f1_score(counts, average="weighted")
    print(f"weighted F1 on {int(held_out[1].sum())} held-out synthetic utterances, text only: {score:.3f}")


if __name__ == "__main__":
    main()
