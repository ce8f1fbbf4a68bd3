"""Emotion recognition in conversation by a causal language model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.conversation.language_model import LabelScorer, free_answer, low_rank_updates, save_updates
from affectkit.conversation.prompts import ChatTokenizer
from affectkit.data.batch import AffectBatch
from affectkit.data.loader.prompt_batch import PROMPT
from affectkit.encoders.transformers_bridge import load_language_model, text_model_source
from affectkit.encoders.weights_digest import weights_digest
from affectkit.fusion import MeanFusion
from affectkit.labels import label_space as named_label_space
from affectkit.metrics import classification_metrics
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.answer_loss import ANSWER, AnswerHead, AnswerLoss
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.free_answer_share import FreeAnswerShare
from affectkit.tasks.trained_weights import BaseMismatchError, check_base
from affectkit.types import AffectOutput, Loss


@runtime_checkable
class DescribesPrompts(Protocol):
    """A data module of prompts, as :class:`~affectkit.data.modules.ConversationPromptDataModule`."""

    tokenizer: ChatTokenizer

    @property
    def label_words(self) -> list[str]:
        """Words that prompts name the labels by."""
        ...

    def prompt_facts(self) -> Mapping[str, str | int]:
        """What prompts show."""
        ...


class ConversationLLMTask(AffectTask):
    r"""Emotion of an utterance, answered by a language model with low-rank updates.

    In training the model learns to say the word of the right label and to end there; the tokens of the
    prompt are never learned. In evaluation it is asked how likely it finds *each* label's word, so that
    its answer is always a label and its probabilities go to the metrics as those of any other task.
    The loss is that of the global batch, a token of an answer, for any number of ranks and accumulated
    batches. Optimizer and schedule go through a curriculum without a break.

    Every value is plain, so a checkpoint builds the task again; it holds the updates alone, with the
    label space and the digest of the frozen weights, which are read from ``language_model``.

    Args:
        label_space: Name of the label order, e.g. ``"meld7.official"``.
        language_model: Local folder, or a hub name, which is downloaded unless it is there; ``"tiny"``
            is random and needs no file.
        label_words: Words for the labels, in their order; None takes their names. The same as the data
            module's.
        score: What labels are ranked by: the ``"probability"`` of the whole answer, or that ``"per_token"``,
            for labels whose words differ much in length.
        lora_rank: Rank r of the updates.
        lora_alpha: Numerator of their scale, alpha / r.
        lora_dropout: Dropout on their input.
        lora_targets: Names of the layers that get updates; None = every linear layer.
        quantization: ``"nf4"`` keeps the frozen weights in four bits, which needs bitsandbytes and an
            NVIDIA GPU.
        weights_dtype: Element type of the frozen weights. Updates are trained in float32 anyhow.
        checkpointing: Compute activations anew in the backward pass, for their memory.
        noise: Strength of the noise on embeddings in training, alpha of NEFTune; 0 = none.
        free_answers: Evaluation also lets the model write what it likes: ``STAGE/free_accuracy`` counts
            answers that name the right label and no other, ``STAGE/refused`` those that name none or
            several. It costs as much again.
        lr: Learning rate of AdamW.
        weight_decay: Weight decay of the updates.
        schedule: ``"constant"``, ``"cosine"`` or ``"linear"`` decay to 0.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.
        loss: A loss of your own on the log-probabilities of answers, in ``output.extra``.

    Raises:
        MissingExtraError: If transformers or peft is not installed.
        ValueError: If an option is out of range, or four bits are asked for where they cannot be had.

    References:
        Do LLMs Feel? (PRC-Emo). AAAI 2026. arXiv:2511.07061.

    Deviation from the paper:
        Its code loads the model anew, with a new optimizer and schedule, at every phase of the
        curriculum; here one training goes through all of them. It lets the model write freely and compares
        the text; that is ``free_answers``.

    Examples:
        >>> import torch
        >>> task = ConversationLLMTask("meld7.official", "tiny", lora_rank=2).eval()
        >>> ids = torch.full((2, 9), 70)
        >>> batch = AffectBatch(inputs={"prompt": ids}, valid=torch.ones(2, dtype=torch.bool))
        >>> task(batch).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        label_space: str,
        language_model: str,
        *,
        label_words: list[str] | None = None,
        score: Literal["probability", "per_token"] = "probability",
        lora_rank: int = 32,
        lora_alpha: float = 128.0,
        lora_dropout: float = 0.05,
        lora_targets: list[str] | None = None,
        quantization: Literal["none", "nf4"] = "none",
        weights_dtype: Literal["float32", "bfloat16"] = "float32",
        checkpointing: bool = False,
        noise: float = 0.0,
        free_answers: bool = False,
        lr: float = 3e-4,
        weight_decay: float = 0.0,
        schedule: Literal["constant", "cosine", "linear"] = "linear",
        warmup: float = 0.03,
        seed: int = 0,
        loss: Loss | None = None,
    ) -> None:
        for name, value, known in (
            ("score", score, ("probability", "per_token")),
            ("quantization", quantization, ("none", "nf4")),
            ("weights_dtype", weights_dtype, ("float32", "bfloat16")),
        ):
            if value not in known:
                raise ValueError(
                    f"ConversationLLMTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        space = named_label_space(label_space)
        words = list(space) if label_words is None else list(label_words)
        if len(words) != len(space):
            raise ValueError(
                f"ConversationLLMTask got {len(words)} label_words for the {len(space)} labels of "
                f"{space.name!r}: give one for each, in their order."
            )
        tokenizer = ChatTokenizer(language_model)
        answers = [tokenizer.answer(word) for word in words]
        source = text_model_source(language_model, owner="ConversationLLMTask")
        base = load_language_model(
            source,
            dtype=torch.bfloat16 if weights_dtype == "bfloat16" else torch.float32,
            four_bit=quantization == "nf4",
        )
        digest = weights_digest(base)
        adapted = low_rank_updates(
            base,
            rank=lora_rank,
            alpha=lora_alpha,
            dropout=lora_dropout,
            targets="all-linear" if lora_targets is None else lora_targets,
            quantized=quantization == "nf4",
            checkpointing=checkpointing,
        )
        # Loaded for evaluation, while a module that is built begins in training.
        scorer = LabelScorer(adapted, answers, noise=noise).train()
        lengths = [len(answer) for answer in answers]
        super().__init__(
            {PROMPT: scorer},
            fusion=MeanFusion({PROMPT: len(space)}),
            head=AnswerHead(lengths, per_token=score == "per_token"),
            loss=loss or AnswerLoss(lengths),
            metrics=classification_metrics(len(space)),
            optimizer=AdamWFactory(lr=lr, weight_decay=weight_decay, schedule=schedule, warmup=warmup),
            label_space=space,
            seed=seed,
        )
        self.tokenizer = tokenizer
        self.label_words = words
        self._free_answers = free_answers
        self._longest = max(lengths) + 8
        self._base = {"name": source.label, "digest": digest}
        self.val_free = _free_metrics(wanted=free_answers)
        self.test_free = _free_metrics(wanted=free_answers)
        self._facts: dict[str, str | int] = {}
        # Weights of four bits bring along numbers that no state could be compared with.
        self.strict_loading = quantization == "none"
        self.save_hyperparameters()

    @property
    def scorer(self) -> LabelScorer:
        """The language model and the answers that it chooses from."""
        return cast(LabelScorer, self.encoders[PROMPT])

    def setup(self, stage: str) -> None:
        """Compare labels, words and tokens with those of the data's prompts.

        Raises:
            ValueError: If the prompts name the labels by other words, or are of another tokenizer.
        """
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, DescribesPrompts):
            return
        if data.label_words != self.label_words:
            raise ValueError(
                f"ConversationLLMTask answers with {', '.join(self.label_words)}, but the prompts name "
                f"{', '.join(data.label_words)}: give task and data module the same label_words."
            )
        if data.tokenizer.identity != self.tokenizer.identity:
            raise ValueError(
                f"The prompts were made for {data.tokenizer.source.label!r}, which writes chats in other "
                f"tokens than {self.tokenizer.source.label!r}: set the data module's tokenizer to the "
                "language model."
            )
        self._facts = dict(data.prompt_facts())

    def forward(self, batch: AffectBatch) -> AffectOutput:
        """Score every label; in training the right answer alone, which costs less."""
        label = batch.target.label
        if not self.training or label is None:
            return super().forward(batch)
        said = self.scorer.answer_log_probability(
            batch.inputs[PROMPT], batch.masks.get(PROMPT), label.clamp(min=0)
        )
        return AffectOutput(extra={ANSWER: said})

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of a stage, and to those of free answers where they are asked for."""
        super().update_metrics(metrics, batch, output)
        free = self.val_free if metrics is self.val_metrics else self.test_free
        label = batch.target.label
        if not len(free) or label is None:
            return
        written = self.scorer.write(batch.inputs[PROMPT], batch.masks.get(PROMPT), max_tokens=self._longest)
        answers = [free_answer(self.tokenizer.decode(ids), self.label_words) for ids in written]
        stage = "val" if free is self.val_free else "test"
        free.update(answers, label, batch.target.weight)
        for name, metric in free.items(keep_base=True, copy_state=False):
            self.log(f"{stage}/{name}", metric, on_step=False, on_epoch=True, batch_size=len(batch))

    def save_adapter(self, folder: str | Path) -> None:
        """Write the updates as peft does, to be read by any program that knows peft.

        Args:
            folder: Where ``adapter_model.safetensors`` and ``adapter_config.json`` are written.
        """
        save_updates(self.scorer.model, Path(folder))

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the language model, how much of it is trained, and what its prompts show."""
        trained = sum(p.numel() for p in self.parameters() if p.requires_grad)
        return {
            **super().report_facts(),
            "language_model": self._base["name"],
            "base_digest": self._base["digest"],
            "trained_parameters": trained,
            **self._facts,
        }

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Leave the frozen weights out, and name them."""
        state = cast("dict[str, Tensor]", checkpoint["state_dict"])
        trained = self._trained_names()
        kept = {name: value for name, value in state.items() if name in trained or not _of_model(name)}
        checkpoint["state_dict"] = kept
        super().on_save_checkpoint(checkpoint)
        cast("dict[str, object]", checkpoint[KEY])["base"] = dict(self._base)

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse another language model, or updates of other layers."""
        super().on_load_checkpoint(checkpoint)
        record = checkpoint.get(KEY)
        stored = record.get("base") if isinstance(record, Mapping) else None
        check_base(stored, **self._base, task=type(self).__name__, option="language_model=FOLDER")
        state = cast("dict[str, Tensor]", checkpoint["state_dict"])
        trained, own = self._trained_names(), self.state_dict()
        differing = sorted(trained ^ {name for name in state if _of_model(name)})
        if differing:
            raise BaseMismatchError(
                f"The checkpoint and the task have updates of different layers, {differing[0]!r} is one: "
                "build the task with the lora_targets that it was trained with."
            )
        frozen = {name: value for name, value in own.items() if _of_model(name) and name not in trained}
        checkpoint["state_dict"] = {**frozen, **state}

    def _trained_names(self) -> set[str]:
        return {name for name, parameter in self.named_parameters() if parameter.requires_grad}


def _of_model(name: str) -> bool:
    return name.startswith(f"encoders.{PROMPT}.model.")


def _free_metrics(*, wanted: bool) -> MetricCollection:
    metrics = {"free_accuracy": FreeAnswerShare("right"), "refused": FreeAnswerShare("refused")}
    # Not in groups: both are alike after a batch of wrong answers, and are not the same.
    return MetricCollection(dict(metrics) if wanted else {}, compute_groups=False)
