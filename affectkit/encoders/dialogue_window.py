"""An utterance and what was said around it, as one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from affectkit.encoders.plain_punctuation import plain_punctuation
from affectkit.encoders.text_tokenizer import TextTokenizer


class WindowTokens(NamedTuple):
    """Ids of a window, and where its current utterance stands in them: ``ids[start:stop]``."""

    ids: list[int]
    start: int
    stop: int


class DialogueWindowText:
    """Token ids of an utterance between the past and the future of its dialogue.

    ``[start] Ann: hi Bob: hello [sep] Ann: great news [sep] Bob: what is it? [end]``: every utterance after
    the name of who says it, the current one fenced on the sides that have context. What separates two texts
    of a pair for the tokenizer is the fence, so it is ``</s></s>`` for RoBERTa. The current utterance stays
    whole as long as it fits; what is left of the budget goes to past and future in equal parts, and what
    one side does not need to the other. Context is cut at its far ends.

    Args:
        tokenizer: Makes the ids; its ``max_length`` is an upper limit of ``budget``.
        budget: Tokens of a window at most, marks included.
        past: Utterances before the current one at most; None = all that fit.
        future: Utterances after it at most; 0 for talk that is still going on.
        names: Whether utterances begin with the speaker's name.

    Raises:
        ValueError: If a number is out of range.

    References:
        T. Kim, P. Vossen. EmoBERTa: Speaker-Aware Emotion Recognition in Conversation with RoBERTa. 2021.
        arXiv:2108.12009.

    Examples:
        >>> window = DialogueWindowText(TextTokenizer("tiny"), budget=12, names=False)
        >>> one = window(["Ann", "Bob", "Ann"], ["ab", "c", "de"])[1]
        >>> window.tokenizer.tokenizer.convert_ids_to_tokens(one.ids)
        ['[CLS]', 'a', '##b', '[SEP]', 'c', '[SEP]', 'd', '##e', '[SEP]']
        >>> one.ids[one.start : one.stop] == one.ids[4:5]
        True
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        *,
        budget: int = 128,
        past: int | None = None,
        future: int | None = None,
        names: bool = True,
    ) -> None:
        self.tokenizer = tokenizer
        self.budget = min(budget, tokenizer.max_length)
        self._prefix, self._fence, self._suffix = _marks(tokenizer.tokenizer)
        least = len(self._prefix) + len(self._suffix) + 1
        if self.budget < least or min(past or 0, future or 0) < 0:
            raise ValueError(
                f"DialogueWindowText got budget={budget}, past={past}, future={future}: give a budget of at "
                f"least {least} tokens, and numbers of utterances that are not negative, or None."
            )
        self.past = past
        self.future = future
        self.names = names

    def __call__(self, speakers: Sequence[str], texts: Sequence[str]) -> list[WindowTokens]:
        """Window of each utterance of a dialogue, in its order.

        Raises:
            ValueError: If the lengths differ.
        """
        turns = self._tokens(speakers, texts)
        return [self._window(turns, place) for place in range(len(turns))]

    def at(self, place: int, speakers: Sequence[str], texts: Sequence[str]) -> WindowTokens:
        """Window of the utterance at ``place`` alone."""
        # A turn has a token at least: more of them than the budget are never seen.
        first = max(0, place - self.budget)
        stop = place + self.budget + 1
        return self._window(self._tokens(speakers[first:stop], texts[first:stop]), place - first)

    def _tokens(self, speakers: Sequence[str], texts: Sequence[str]) -> list[list[int]]:
        if len(speakers) != len(texts):
            raise ValueError(
                f"DialogueWindowText got {len(speakers)} speakers for {len(texts)} utterances: give one for "
                "each."
            )
        if not texts:
            return []
        plain = [plain_punctuation(text) if self.tokenizer.ascii_punctuation else text for text in texts]
        said = [f"{name}: {text}" for name, text in zip(speakers, plain)] if self.names else plain
        rows: list[list[int]] = self.tokenizer.tokenizer(said, add_special_tokens=False)["input_ids"]
        # Nothing said: the mark of padding would be hidden, so that of the end stands for it.
        return [row or self._suffix[:1] or [self.tokenizer.pad_id] for row in rows]

    def _window(self, turns: Sequence[Sequence[int]], place: int) -> WindowTokens:
        room = self.budget - len(self._prefix) - len(self._suffix)
        current = list(turns[place][:room])
        room -= len(current)
        first = 0 if self.past is None else max(0, place - self.past)
        stop = len(turns) if self.future is None else place + 1 + self.future
        before = [token for turn in turns[first:place] for token in turn]
        after = [token for turn in turns[place + 1 : stop] for token in turn]
        kept_before, kept_after = _shares(len(before), len(after), room, fence=len(self._fence))
        head = [*before[len(before) - kept_before :], *self._fence] if kept_before else []
        tail = [*self._fence, *after[:kept_after]] if kept_after else []
        start = len(self._prefix) + len(head)
        ids = [*self._prefix, *head, *current, *tail, *self._suffix]
        return WindowTokens(ids, start, start + len(current))


def _shares(before: int, after: int, room: int, *, fence: int) -> tuple[int, int]:
    """Tokens of past and future that ``room`` holds, each side with its fence."""
    if before and after and room >= 2 * fence + 2:
        free = room - 2 * fence
        # The past gets the odd token.
        least_before, least_after = min(before, free - free // 2), min(after, free // 2)
        return min(before, free - least_after), min(after, free - least_before)
    free = max(0, room - fence)
    # Where only one side fits, it is the past, which is known in a talk that is going on as well.
    return (min(before, free), 0) if before else (0, min(after, free))


def _marks(tokenizer: Any) -> tuple[list[int], list[int], list[int]]:
    """What the tokenizer puts before, between and after the two texts of a pair."""
    text: list[int] = tokenizer("a", add_special_tokens=False)["input_ids"]
    pair: list[int] = tokenizer("a", "a")["input_ids"]
    size = len(text)
    places = [place for place in range(len(pair) - size + 1) if pair[place : place + size] == text]
    first, second = places[0], places[-1]
    return pair[:first], pair[first + size : second], pair[second + size :]
