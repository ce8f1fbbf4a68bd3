"""How likely a language model finds each of a few answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from affectkit.conversation.language_model.embedding_noise import embedding_noise
from affectkit.types import Encoding


class LabelScorer(nn.Module):
    r"""How likely each answer is after a prompt, :math:`s_c = \sum_t \log p(a_{c,t} \mid x, a_{c,<t})`.

    An answer is its words and the end of a turn, so that no answer is the beginning of another and
    :math:`\mathrm{softmax}(s)` is the model's own distribution, restricted to the answers: whatever it
    would say, the prediction is one of them. The prompt is read once; its keys and values are shared by
    all answers. Where prompts are of different length, the padding has no influence.

    Args:
        model: A causal language model that is called as those of transformers are, adapted or not.
        answers: Token ids of each answer, the end of a turn included.
        noise: Strength of the noise on embeddings in training (NEFTune); 0 = none.

    Shape:
        - Input: ids of prompts (B, T) int64, padded on any side; ``mask`` (B, T), True = real.
        - Output: ``pooled`` (B, C) float32.

    Raises:
        ValueError: If there is no answer, one is empty, or one is the beginning of another.

    Examples:
        >>> from affectkit.conversation.prompts import ChatTokenizer
        >>> from affectkit.encoders.transformers_bridge import text_model_source, load_language_model
        >>> tokenizer = ChatTokenizer("tiny")
        >>> source = text_model_source("tiny", owner="me")
        >>> model = load_language_model(source, dtype=torch.float32, four_bit=False)
        >>> scorer = LabelScorer(model, [tokenizer.answer(word) for word in ("joy", "anger")]).eval()
        >>> prompt = torch.tensor([tokenizer.prompt([{"role": "user", "content": "Hurray!"}])])
        >>> scorer(prompt).pooled.shape
        torch.Size([1, 2])
    """

    modality: Final = "text"
    #: It reads no stored features, so that a task has no width to compare with the data's.
    reads_raw: Final = True

    answers: Tensor
    lengths: Tensor

    def __init__(self, model: nn.Module, answers: Sequence[Sequence[int]], *, noise: float = 0.0) -> None:
        super().__init__()
        rows = [list(answer) for answer in answers]
        if not rows or not all(rows) or not noise >= 0.0:
            raise ValueError(
                f"LabelScorer got {len(rows)} answers, the shortest of "
                f"{min(map(len, rows), default=0)} tokens, and noise={noise}: give at least one answer, none "
                "of them empty, and noise of at least 0."
            )
        for place, row in enumerate(rows):
            for other, longer in enumerate(rows):
                if place != other and longer[: len(row)] == row:
                    raise ValueError(
                        f"Answer {place} is the beginning of answer {other}: end each with the token that "
                        "ends a turn, and let no two be the same."
                    )
        self.model = model
        self.noise = noise
        self.out_dim = len(rows)
        longest = max(map(len, rows))
        padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        # No part of the weights: they follow from the labels and the tokenizer.
        self.register_buffer("answers", padded, persistent=False)
        self.register_buffer("lengths", torch.tensor([len(row) for row in rows]), persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Score every answer after each prompt."""
        prompt, real = left_padded(x, mask)
        count, longest = self.answers.shape
        output: Any = self._call(
            input_ids=prompt,
            attention_mask=real.long(),
            position_ids=_positions(real),
            use_cache=True,
            logits_to_keep=1,
        )
        first = output.logits[:, -1].float().log_softmax(dim=-1)
        score: Tensor = first[:, self.answers[:, 0]]
        if longest > 1:
            cache: Any = output.past_key_values
            cache.batch_repeat_interleave(count)
            further = self._counted()[:, :-1].repeat(len(x), 1)
            seen = torch.cat([real.repeat_interleave(count, dim=0), further], dim=1)
            output = self._call(
                input_ids=self.answers[:, :-1].repeat(len(x), 1),
                attention_mask=seen.long(),
                position_ids=_positions(seen)[:, -(longest - 1) :],
                past_key_values=cache,
                use_cache=True,
            )
            said = _log_probability(output.logits, self.answers[:, 1:].repeat(len(x), 1))
            score = score + (said * self._counted()[:, 1:].repeat(len(x), 1)).sum(dim=1).reshape(-1, count)
        return Encoding(pooled=score)

    def answer_log_probability(self, x: Tensor, mask: Tensor | None, answer: Tensor) -> Tensor:
        """Log-probability of one answer a prompt, e.g. the right one in training.

        Args:
            x: Prompts, as in :meth:`forward`.
            mask: As in :meth:`forward`.
            answer: Which answer.

        Shape:
            - answer: (B,) int64.
            - result: (B,) float32.
        """
        prompt, real = left_padded(x, mask)
        said, counted = self.answers[answer], self._counted()[answer]
        ids, seen = torch.cat([prompt, said], dim=1), torch.cat([real, counted], dim=1)
        inputs: dict[str, Tensor] = {"input_ids": ids}
        if self.training and self.noise:
            language_model: Any = self.model
            embeddings: Tensor = language_model.get_input_embeddings()(ids)
            inputs = {"inputs_embeds": embedding_noise(embeddings, seen, alpha=self.noise)}
        output: Any = self._call(
            **inputs,
            attention_mask=seen.long(),
            position_ids=_positions(seen),
            use_cache=False,
            # What the answer is predicted from begins with the last token of the prompt.
            logits_to_keep=said.shape[1] + 1,
        )
        logits: Tensor = output.logits[:, -(said.shape[1] + 1) : -1]
        return (_log_probability(logits, said) * counted).sum(dim=1)

    @torch.no_grad()
    def write(self, x: Tensor, mask: Tensor | None = None, *, max_tokens: int) -> list[list[int]]:
        """What the model says by itself, always taking the most likely token; up to the end of a turn.

        Args:
            x: Prompts, as in :meth:`forward`.
            mask: As in :meth:`forward`.
            max_tokens: Tokens of an answer, at most.
        """
        prompt, real = left_padded(x, mask)
        ends = {int(row[length - 1]) for row, length in zip(self.answers, self.lengths)}
        generator: Any = self.model
        written: Tensor = generator.generate(
            input_ids=prompt,
            attention_mask=real.long(),
            max_new_tokens=max_tokens,
            do_sample=False,
            eos_token_id=sorted(ends),
            pad_token_id=min(ends),
        )
        found: list[list[int]] = []
        for row in written[:, prompt.shape[1] :].tolist():
            stop = next((place for place, token in enumerate(row) if token in ends), len(row))
            found.append(row[:stop])
        return found

    def _counted(self) -> Tensor:
        """True on the tokens of each answer, (C, L)."""
        return torch.arange(self.answers.shape[1], device=self.answers.device) < self.lengths[:, None]

    def _call(self, **inputs: object) -> Any:
        return self.model(**inputs)


def left_padded(ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Prompts with all padding on the left, so that every answer follows its prompt at once.

    Shape:
        - ids: (B, T); mask: (B, T), None = everything is real.
        - result: ids (B, T) and mask (B, T).

    Examples:
        >>> left_padded(torch.tensor([[5, 6, 0]]), torch.tensor([[True, True, False]]))[0].tolist()
        [[0, 5, 6]]
    """
    real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
    # Stable: real tokens keep their order behind the others.
    order = real.long().sort(dim=1, stable=True).indices
    return ids.gather(1, order), real.gather(1, order)


def _positions(real: Tensor) -> Tensor:
    return (real.long().cumsum(dim=1) - 1).clamp(min=0)


def _log_probability(logits: Tensor, ids: Tensor) -> Tensor:
    """Of each token, (B, L)."""
    found: Tensor = logits.float().log_softmax(dim=-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    return found
