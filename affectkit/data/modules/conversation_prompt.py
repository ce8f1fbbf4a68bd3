"""Utterances of conversations as prompts for a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from affectkit.conversation.prompts import (
    ChatTokenizer,
    ConversationPrompter,
    PromptTemplate,
    UtteranceKnowledge,
)
from affectkit.conversation.retrieval import DemonstrationIndex
from affectkit.data.loader import DataReading, item_target
from affectkit.data.loader.index_conversations import index_conversations
from affectkit.data.loader.prompt_batch import PromptCollate, PromptReader, PromptSample
from affectkit.data.modules.demonstration_leak import check_demonstrations
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.store import SampleStore
from affectkit.data.store.utterance_view import UtteranceView
from affectkit.types import Curriculum, Difficulty, RecordDifficulty


class ConversationPromptDataModule(ShardDataModule[PromptSample]):
    """One utterance a sample, as a prompt that shows it in its conversation; the answer is not in it.

    Batches hold token ids, ``inputs["prompt"]`` (B, T) and ``masks["prompt"]``, for
    :class:`~affectkit.tasks.ConversationLLMTask`; the chats are in ``meta["messages"]``. With
    ``demonstrations``, labelled utterances of the train split are shown that are most similar by a
    stored feature, never any of the same conversation, nor one with the same text, nor one of the
    validation or test split.

    A curriculum goes by conversations: the utterances of one are opened together.

    Args:
        root: Folder with a ``manifest.json`` of conversations.
        tokenizer: Folder or hub name of the language model; ``"tiny"`` needs no file.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their utterances stay, with label -100.
        label_words: Words for the labels, in their order; None takes their names.
        template: Name of a shipped prompt, or a ``PromptTemplate``.
        context: ``"past"``: a prompt shows the turns before. ``"both"``: also those after, which is not
            available while the talk is going on.
        context_window: Turns on a side.
        max_tokens: Tokens that a prompt may have: what is farthest is left out first, the utterance never.
        demonstrations: How many labelled utterances are shown; 0 = none.
        demonstration_index: File of a saved :class:`~affectkit.conversation.retrieval.DemonstrationIndex`;
            None makes one of the train split. Its labels must be those of the run, and it may hold no
            conversation of another split of ``root``, whatever split it calls itself.
        modality: Stored feature that demonstrations are found by.
        knowledge: JSONL file with what is known about each utterance, see
            :class:`~affectkit.conversation.prompts.UtteranceKnowledge`.
        batch_size: Utterances of a batch over all ranks together.
        seed: Seed of the order.
        curriculum: Which conversations an epoch draws from; None draws from all.
        difficulty: How hard a conversation is; None takes the curriculum's own ``difficulty``.
        shuffle: ``"global"``, ``"lanes"`` or ``"none"``; see :class:`~affectkit.data.plan.EpochPlan`.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes of ``shuffle="lanes"``.
        tail: Whether training drops the samples after the last full batch or wraps around.
        num_workers: Processes that make batches.
        multiprocessing_context: How these are started; None is the platform's own way.
        pin_memory: Put batches into page-locked memory, where there is a GPU to take them to.
        predict_split: Split that the predict loader reads; it needs no labels.
        verify: What is compared before training starts: ``"size"`` sizes and indexes, ``"headers"`` also
            every header, ``"sha256"`` every byte.

    Raises:
        DataModuleError: If the folder holds no conversations, or an option does not fit.
        MissingExtraError: If transformers is not installed.
        PromptError: If an option of the prompt is out of range, or knowledge of an utterance is missing.

    References:
        Do LLMs Feel? (PRC-Emo). AAAI 2026. arXiv:2511.07061.

    Deviation from the paper:
        Its buckets are cut over utterances, so that a conversation can lie in two of them.
    """

    kind = "conversation"

    def __init__(
        self,
        root: str,
        tokenizer: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        label_words: list[str] | None = None,
        template: str | PromptTemplate = "prc_emo",
        context: Literal["past", "both"] = "past",
        context_window: int = 5,
        max_tokens: int = 2048,
        demonstrations: int = 0,
        demonstration_index: str | None = None,
        modality: str = "text",
        knowledge: str | None = None,
        batch_size: int = 1,
        seed: int = 0,
        curriculum: Curriculum | None = None,
        difficulty: Difficulty | RecordDifficulty | None = None,
        shuffle: Shuffle = "global",
        window: int = 65_536,
        lanes: int = 8,
        tail: Literal["drop", "wrap"] = "drop",
        num_workers: int = 0,
        multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = None,
        pin_memory: bool = True,
        predict_split: str = "test",
        verify: Literal["size", "headers", "sha256"] = "headers",
    ) -> None:
        if demonstrations < 0 or (demonstration_index is not None and not demonstrations):
            raise DataModuleError(
                f"ConversationPromptDataModule got demonstrations={demonstrations} and "
                f"demonstration_index={demonstration_index!r}: give how many are shown, or leave both out."
            )
        super().__init__(
            root,
            label_space=label_space,
            label_merge=label_merge,
            label_drop=label_drop,
            modalities=[modality] if demonstrations else [],
            batch_size=batch_size,
            seed=seed,
            shuffle=shuffle,
            window=window,
            lanes=lanes,
            tail=tail,
            num_workers=num_workers,
            multiprocessing_context=multiprocessing_context,
            pin_memory=pin_memory,
            predict_split=predict_split,
            verify=verify,
            curriculum=curriculum,
            difficulty=difficulty,
        )
        self.tokenizer = ChatTokenizer(tokenizer)
        self._tokenizer_name = tokenizer
        self._label_words = label_words
        self._template = template
        self._sides: Literal["past", "both"] = context
        self._context_window = context_window
        self._max_tokens = max_tokens
        self._demonstrations = demonstrations
        self._index_file = demonstration_index
        self._modality = modality
        self._knowledge = None if knowledge is None else UtteranceKnowledge.read(knowledge)
        self._index: DemonstrationIndex | None = None
        self._views: dict[str, UtteranceView] = {}

    @property
    def label_words(self) -> list[str]:
        """Words for the labels of the run, in their order.

        Raises:
            DataModuleError: If there are no labels, or the words are of another number.
        """
        space = self.label_space
        if space is None:
            raise DataModuleError(
                f"{self.root} has no labels to choose from: name the label space of the run."
            )
        words = list(space) if self._label_words is None else list(self._label_words)
        if len(words) != len(space):
            raise DataModuleError(
                f"ConversationPromptDataModule got {len(words)} label_words for the {len(space)} labels of "
                f"{space.name!r}: give one for each, in their order."
            )
        return words

    def prompt_facts(self) -> dict[str, str | int]:
        """What prompts show, for the results beside which it belongs."""
        return {
            "prompt": self._template if isinstance(self._template, str) else "own",
            "context": self._sides,
            "context_window": self._context_window,
            "demonstrations": self._demonstrations,
        }

    @property
    def reading(self) -> DataReading:
        """How evaluation asks about an utterance; a checkpoint keeps it for predictions on files."""
        own = self._template
        shown: dict[str, object] = {}
        if self._demonstrations:  # where they lie is part of what a prompt shows
            shown = {
                "demonstration_index": self._index_file,
                "root": None if self._index_file is not None else self.root,
                "label_merge": self._label_merge,
                "label_drop": self._label_drop,
                "modality": self._modality,
                "encoders": self.feature_encoders,
            }
        return DataReading(
            "ConversationPromptDataModule",
            {
                "tokenizer": self._tokenizer_name,
                "label_words": self._label_words,
                "template": own
                if isinstance(own, str)
                else {"system": own.system, "user": own.user, "wording": dict(own.wording)},
                "context": self._sides,
                "context_window": self._context_window,
                "max_tokens": self._max_tokens,
                "demonstrations": self._demonstrations,
                "knowledge": self._knowledge is not None,
                **shown,
            },
        )

    def prompter(self) -> ConversationPrompter:
        """What makes the prompts."""
        return ConversationPrompter(
            self.label_words,
            template=self._template,
            context=self._sides,
            window=self._context_window,
        )

    def demonstration_index(self) -> DemonstrationIndex | None:
        """Where demonstrations are looked up, in the labels of the run; None where none are shown.

        Raises:
            DataModuleError: If there are no labels to show.
            DemonstrationError: If the file is of another encoder, or holds no demonstrations, or such of
                another split than train or of conversations that the run is evaluated on.
            LabelSpaceMismatchError: If the file has other labels.
        """
        if self._index is None and self._demonstrations:
            mapping, space = self.label_map, self.label_space
            if mapping is None or space is None:
                raise DataModuleError(
                    f"{self.root} has no labels to show as demonstrations: set demonstrations to 0."
                )
            if self._index_file is None:
                index = index_conversations(self._conversations("train"), modality=self._modality)
                self._index = index.relabelled(mapping)
            else:
                encoder = self.manifest.features[self._modality].encoder
                stored = DemonstrationIndex.load(self._index_file, encoder=encoder)
                held_out = (self._conversations(split) for split in self.manifest.splits if split != "train")
                train = self._conversations("train")
                check_demonstrations(stored, train=train, held_out=held_out, file=self._index_file)
                self._index = stored.relabelled(stored.label_space.map_to(space))
        return self._index

    def store(self, split: str) -> UtteranceView:
        """The utterances of one split, opened once."""
        if split not in self._views:
            self._views[split] = UtteranceView(super().store(split))
        return self._views[split]

    def decoder(self, split: str) -> PromptReader:
        """The record, and the feature that demonstrations are found by."""
        return PromptReader(self._modality if self._demonstrations else None)

    def collate(self, split: str) -> PromptCollate:
        """Ask, and tokenise, in the label order of the run."""
        return PromptCollate(
            self.prompter(),
            self.tokenizer,
            target=item_target(self.manifest, self.label_map),
            max_tokens=self._max_tokens,
            data=self.manifest.name,
            index=self.demonstration_index(),
            demonstrations=self._demonstrations,
            knowledge=self._knowledge,
        )

    def open_positions(self) -> Callable[[int], Sequence[int]] | None:
        """Which utterances an epoch reads: all of each conversation that the curriculum opens."""
        curriculum = self._curriculum
        if curriculum is None or self.difficulties() is None:
            return None
        spans = [range(first, end) for first, end in pairwise(self.store("train").starts)]

        def choose(epoch: int) -> list[int]:
            each = self.difficulties() or ()
            # Where a model graded utterances one by one, a conversation is as hard as its hardest.
            hard = [max(each[position] for position in span) for span in spans]
            return [position for one in curriculum.positions(hard, epoch=epoch) for position in spans[one]]

        return choose

    def _conversations(self, split: str) -> SampleStore:
        return super().store(split)

    def _open(self, stage: str) -> None:
        super()._open(stage)
        if self._knowledge is not None:
            for view in self._views.values():
                self._knowledge.require(view.key(position) for position in range(len(view)))
        # Both raise where labels or demonstrations do not fit the run.
        self.prompter()
        self.demonstration_index()
