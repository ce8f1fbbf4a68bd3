"""Emotion recognition in conversation."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from affectkit.conversation import (
    CONTEXTS,
    MODALITY_CONTEXTS,
    ContextName,
    ContextOption,
    named_context,
    named_modality_context,
)
from affectkit.curriculum import ErnetclWeighting
from affectkit.data.batch import AffectBatch
from affectkit.encoders import ProjectionEncoder
from affectkit.functional import answering_turn, emotion_shift_labels
from affectkit.fusion import (
    FusionAttention,
    FusionName,
    FusionOption,
    ModalityDropout,
    ModalityExpertFusion,
)
from affectkit.heads import ClassificationHead, MultiHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.answered_target import answered_target
from affectkit.tasks.conversation_parts import (
    check_modalities,
    chosen_fusion,
    conversation_metrics,
    emotion_loss,
    model_name,
    wants_modalities,
    with_auxiliary,
)
from affectkit.tasks.data_agreement import MeasuresFeatures
from affectkit.tasks.label_presence import check_labelled
from affectkit.tasks.media_presence import check_media
from affectkit.tasks.random_extractors import refuse_random_extractors
from affectkit.tasks.turn_extractor import TurnExtractor
from affectkit.types import (
    AffectOutput,
    Context,
    Encoder,
    Encoding,
    Fusion,
    Head,
    Loss,
    LossTerms,
    ModalityContext,
    Target,
)

#: Name of the auxiliary label that is made, not stored.
SHIFT_LABEL = "emotion_shift"


class ConversationTask(AffectTask):
    r"""Emotion of each utterance from any modalities, in the context of its conversation.

    Stored features of each modality are projected to one width, fused, put into context by a
    recurrent model, and classified. Any utterance may lack any modality; padding and masked
    utterances never influence others. Every value is plain, so a checkpoint builds the task again
    without arguments; a part that is given ready must be given again.

    Args:
        label_space: Name of the label order, e.g. ``"meld7.official"``.
        inputs: Width of the stored features of each modality, e.g. ``{"text": 384}``.
        extractors: Encoders of what a turn was recorded as, by modality, e.g. of waveforms; each reads one
            turn at a time, is trained along, and its vectors are projected as stored features are. One
            that you froze must bring trained weights. See
            :class:`~affectkit.tasks.ConversationMediaTask` for all that belongs to it.
        hidden_dim: Width of the projected features.
        standardize: Bring stored features to mean 0 and deviation 1 by the numbers of the training
            split, which a checkpoint keeps.
        input_dropout: Dropout on the stored features.
        layer_norm: Normalise the projected features.
        dropout: Dropout on projections, context and the head's input.
        head_dropout: Dropout on the head's input instead of ``dropout``; what it reads has already
            gone through that of projections and context.
        context_model: Name of a context model, e.g. ``"dialogue_rnn"``, see
            :func:`~affectkit.conversation.named_context`; ``"none"``: each utterance by itself; or one of
            your own. A model that wants the modalities apart (a
            :class:`~affectkit.types.ModalityContext`, e.g. ``"m2fnet"``) stands in the place of the fusion.
        context_options: Options of the context model that is named, e.g. ``{"listener": True}``.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it sees
            the whole conversation, which is not available while the talk is going on.
        context_dim: Width of each direction of the context; None takes ``hidden_dim``. Like ``context``, it
            does not reach into a context model that you give ready.
        context_cell: Recurrence of ``"bc_lstm"``: ``"lstm"`` or ``"gru"``.
        context_layers: Layers of ``"bc_lstm"``.
        target: Whose emotion a turn is to tell: ``"speaker"``, that of its own speaker; ``"interlocutor"``,
            that of the one who answers, i.e. the label of the next turn of somebody else. The second needs
            a model that reads no future, and leaves out turns that nobody answers.
        shift_metrics: Also score the turns where a speaker's emotion shifts, and those where it stays; see
            :func:`~affectkit.metrics.emotion_shift_metrics`.
        residual: What the head reads of the utterance itself, beside its context: ``"none"``;
            ``"concat"``, both side by side; ``"add"``, their sum after a linear layer. None takes
            ``"concat"``, and ``"none"`` for a model that wants the modalities apart.
        head_dim: Width of a hidden layer in the head; 0 = none.
        class_weights: Weight of the classes by their counts in the training split: ``"balanced"``,
            ``"sqrt"``, or ``"none"``.
        focal_gamma: Focal exponent; 0 is plain cross entropy.
        label_smoothing: Mass spread over the classes.
        soft_labels: Share of training over which labels grow from alike emotions to themselves; see
            :class:`~affectkit.losses.SimilaritySmoothingLoss`. 0 = themselves from the start.
        auxiliary: Further labels to predict in training, with their numbers of classes, e.g.
            ``{"sentiment": 3}`` for ``Target.extra["sentiment"]``. ``{"emotion_shift": 2}`` needs no stored
            labels: whether the emotion differs from that of the same speaker's turn before.
        auxiliary_weight: Weight of each auxiliary loss.
        sample_weighting: ``"ernetcl"`` lets conversations with many emotional shifts count less,
            early in training above all; see :class:`~affectkit.curriculum.ErnetclWeighting`.
        lr: Learning rate of AdamW.
        weight_decay: Weight decay of matrices.
        schedule: ``"constant"``, ``"cosine"`` or ``"linear"`` decay to 0.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.
        fusion: Name of a fusion, e.g. ``"fusion_attention"``, see
            :func:`~affectkit.fusion.named_fusion`; or one of your own, of encodings ``hidden_dim``
            wide. None takes ``"gated"`` where there are several modalities.
        fusion_options: Options of the fusion that is named, e.g. ``{"trunk": "text"}``.
        modality_dropout: Probability of hiding a modality of an utterance in training, never all;
            see :class:`~affectkit.fusion.ModalityDropout`.
        gate_balance: Weight of the balance of ``"modality_experts"`` in the loss; 0.01 to 0.1.
        head: A head of your own, for features of the width that ``residual`` gives.
        loss: A loss of your own; replaces the four loss options.

    Raises:
        ValueError: If an option has an unknown name, or one contradicts a part that was given.

    References:
        ``"bc_lstm"``: S. Poria et al. Context-Dependent Sentiment Analysis in User-Generated Videos.
        ACL 2017. ``"dialogue_rnn"``: N. Majumder et al. DialogueRNN: An Attentive RNN for Emotion
        Detection in Conversations. AAAI 2019. arXiv:1811.00405.

    Examples:
        >>> import torch
        >>> task = ConversationTask("meld7.official", {"text": 16}, hidden_dim=8).eval()
        >>> mask = torch.ones(2, 5, dtype=torch.bool)
        >>> batch = AffectBatch(
        ...     inputs={"text": torch.zeros(2, 5, 16)}, valid=mask[:, 0], masks={"utterance": mask},
        ...     speaker=torch.zeros(2, 5, dtype=torch.int64),
        ... )
        >>> task(batch).logits.shape
        torch.Size([2, 5, 7])
    """

    def __init__(
        self,
        label_space: str,
        inputs: dict[str, int],
        *,
        extractors: dict[str, Encoder] | None = None,
        hidden_dim: int = 128,
        standardize: bool = False,
        input_dropout: float = 0.0,
        layer_norm: bool = True,
        dropout: float = 0.3,
        head_dropout: float | None = None,
        context_model: Literal["none"] | ContextName | Context | ModalityContext = "bc_lstm",
        context_options: dict[str, ContextOption] | None = None,
        context: Literal["past", "both"] = "past",
        context_dim: int | None = None,
        context_cell: Literal["lstm", "gru"] = "lstm",
        context_layers: int = 1,
        target: Literal["speaker", "interlocutor"] = "speaker",
        shift_metrics: bool = False,
        residual: Literal["none", "concat", "add"] | None = None,
        head_dim: int = 0,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        focal_gamma: float = 0.0,
        label_smoothing: float = 0.0,
        soft_labels: float = 0.0,
        auxiliary: dict[str, int] | None = None,
        auxiliary_weight: float = 0.5,
        sample_weighting: Literal["none", "ernetcl"] = "none",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Literal["constant", "cosine", "linear"] = "constant",
        warmup: float = 0.0,
        seed: int = 0,
        fusion: FusionName | Fusion | None = None,
        fusion_options: dict[str, FusionOption] | None = None,
        modality_dropout: float = 0.0,
        gate_balance: float = 0.0,
        head: Head | None = None,
        loss: Loss | None = None,
    ) -> None:
        for name, value, known in (
            ("context_model", context_model, ("none", *CONTEXTS, *MODALITY_CONTEXTS)),
            ("target", target, ("speaker", "interlocutor")),
            ("residual", residual, ("none", "concat", "add")),
            ("class_weights", class_weights, ("none", "balanced", "sqrt")),
            ("sample_weighting", sample_weighting, ("none", "ernetcl")),
        ):
            if isinstance(value, str) and value not in known:
                raise ValueError(
                    f"ConversationTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        if loss is not None and (class_weights != "none" or focal_gamma or label_smoothing or soft_labels):
            raise ValueError(
                "ConversationTask got a loss of your own together with class_weights, focal_gamma, "
                "label_smoothing or soft_labels: set these in that loss, and leave them out here."
            )
        raw = dict(extractors or {})
        check_modalities(inputs, raw)
        names = [*inputs, *raw]
        space = named_label_space(label_space)
        model_options: dict[str, ContextOption] = dict(context_options or {})
        if context_model == "bc_lstm":
            model_options = {"cell": context_cell, "num_layers": context_layers, **model_options}
        elif context_options and (context_model == "none" or not isinstance(context_model, str)):
            raise ValueError(
                "ConversationTask got context_options without the name of a context model: set context_model "
                "to a name, or set the options in the model that you give."
            )
        state_dim = hidden_dim if context_dim is None else context_dim
        apart = wants_modalities(context_model)
        if apart and (fusion is not None or fusion_options or residual not in (None, "none")):
            raise ValueError(
                f"ConversationTask got context_model={model_name(context_model)!r}, which reads the "
                "modalities apart, together with a fusion, fusion_options or a residual: leave these out."
            )
        mixer: Fusion
        if not apart:
            mixer = chosen_fusion(
                fusion, names, hidden_dim, dropout=dropout, context=context, options=fusion_options
            )
        elif isinstance(context_model, str):
            widths = dict.fromkeys(names, hidden_dim)
            mixer = named_modality_context(
                context_model, widths, state_dim, dropout=dropout, context=context, options=model_options
            )
        else:
            mixer = cast(ModalityContext, context_model)
        if gate_balance and not isinstance(mixer, ModalityExpertFusion):
            raise ValueError(
                f"ConversationTask got gate_balance={gate_balance}, and {type(mixer).__name__} has no gate "
                "to balance: set fusion to 'modality_experts', or leave gate_balance out."
            )
        experts = mixer if isinstance(mixer, ModalityExpertFusion) else None
        if modality_dropout:
            mixer = ModalityDropout(mixer, rate=modality_dropout)
        recurrence: Context | None = None
        if not apart and not isinstance(context_model, str):
            recurrence = cast(Context, context_model)
        elif not apart and isinstance(context_model, str) and context_model != "none":
            recurrence = named_context(
                context_model,
                mixer.out_dim,
                state_dim,
                dropout=dropout,
                context=context,
                options=model_options,
            )
        beside = residual or ("none" if apart else "concat")
        width = mixer.out_dim if recurrence is None else recurrence.out_dim
        if recurrence is not None and beside == "concat":
            width += mixer.out_dim
        last = dropout if head_dropout is None else head_dropout
        main: Head = head or ClassificationHead(width, len(space), hidden_dim=head_dim, dropout=last)
        further = auxiliary or {}
        heads = {
            name: ClassificationHead(width, count, dropout=last) for name, count in sorted(further.items())
        }
        emotion = loss or emotion_loss(space, label_smoothing, gamma=focal_gamma, soft_labels=soft_labels)
        widths = {**inputs, **{name: encoder.out_dim for name, encoder in raw.items()}}
        projections = {
            name: ProjectionEncoder(
                width,
                hidden_dim,
                dropout=dropout,
                input_dropout=input_dropout,
                layer_norm=layer_norm,
                # Vectors of an encoder that is trained have no mean of their own to be known beforehand.
                standardize=standardize and name in inputs,
            )
            # Sorted, so that the random start never depends on the order of a dict.
            for name, width in sorted(widths.items())
        }
        super().__init__(
            {
                name: TurnExtractor(raw[name], projection) if name in raw else projection
                for name, projection in projections.items()
            },
            fusion=mixer,
            context=recurrence,
            head=MultiHead(main, heads) if further else main,
            loss=with_auxiliary(emotion, further, weight=auxiliary_weight),
            metrics=conversation_metrics(len(space), shifts=shift_metrics),
            optimizer=AdamWFactory(lr=lr, weight_decay=weight_decay, schedule=schedule, warmup=warmup),
            label_space=space,
            seed=seed,
        )
        self._inputs = dict(inputs)
        self._standardize = standardize
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self._emotion_loss = emotion
        self._learns_labels = loss is None
        self._target = target
        self._shift_metrics = shift_metrics
        self._auxiliary = frozenset(further)
        self._residual = beside
        self._apart = apart
        self._shortcut: nn.Module | None = None
        if recurrence is not None and beside == "add":
            self._shortcut = nn.Linear(mixer.out_dim, recurrence.out_dim)
        # In a tuple: registered once already, as the fusion or inside it.
        self._experts: tuple[ModalityExpertFusion, ...] = (
            (experts,) if experts is not None and gate_balance else ()
        )
        self._gate_balance = gate_balance
        self._imbalance: Tensor | None = None
        self._weights_stated: frozenset[str] = frozenset()
        self._weighting = ErnetclWeighting() if sample_weighting == "ernetcl" else None
        if target == "interlocutor" and shift_metrics:
            raise ValueError(
                "ConversationTask got shift_metrics with target='interlocutor': a shift is one of the turns "
                "of a speaker, so leave one of the two out."
            )
        if target == "interlocutor" and self.reach() not in ("past", "none"):
            raise ValueError(
                f"ConversationTask got target='interlocutor' with {self._context_name()}, which may read the "
                f"answer that it is to predict (context={self.reach()!r}): set context to 'past'."
            )
        self.save_hyperparameters()

    @property
    def input_dims(self) -> dict[str, int | None]:
        """Width of the features of each modality."""
        return dict(self._inputs)

    def setup(self, stage: str) -> None:
        """Compare with the data; when fitting, take over class counts and feature statistics."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if stage == "fit":
            raw = [name for name, encoder in self.encoders.items() if isinstance(encoder, TurnExtractor)]
            check_media(data, raw, task=type(self).__name__)
            if self._learns_labels:  # what a loss of your own learns is not known here
                check_labelled(data, task=type(self).__name__)
        if not self._standardize or stage != "fit":
            # A trained task brings its numbers along in the checkpoint.
            return
        if not isinstance(data, MeasuresFeatures):
            raise ValueError(
                f"ConversationTask was built with standardize=True, but {type(data).__name__} has no "
                "feature_statistics(): train with a ConversationDataModule, or set standardize to False."
            )
        statistics = data.feature_statistics()
        for name in self._inputs:
            projection = cast(ProjectionEncoder, self.encoders[name])
            projection.set_statistics(statistics[name].mean, statistics[name].deviation)

    def on_fit_start(self) -> None:
        """Refuse an extractor with random weights that is not trained."""
        # Not in `setup`, after which a checkpoint is loaded where a training is resumed.
        encoders = cast("dict[str, nn.Module]", dict(self.encoders.items()))
        refuse_random_extractors(encoders, stated=self._weights_stated, task=type(self).__name__)

    def fuse(self, batch: AffectBatch) -> Encoding:
        """Encode and fuse; in training, measure how fair the gate of experts is."""
        parts, present = self.encode_parts(batch)
        for experts in self._experts if self.training else ():
            # By what the gate itself sees, so that a modality is hidden before both.
            hides = isinstance(self.fusion, ModalityDropout)
            shown = cast(ModalityDropout, self.fusion).shown(parts, present) if hides else present
            self._imbalance = experts.balance(parts, shown)
            fused: Encoding = experts(parts, shown)
            return fused
        if self._apart:
            return cast(ModalityContext, self.fusion)(parts, present, batch.speaker)
        return self.fusion(parts, present)

    def contextualise(self, fused: Encoding, batch: AffectBatch) -> Encoding:
        """Put each utterance into its context, beside the utterance itself where asked for."""
        return self.join_context(fused, super().contextualise(fused, batch))

    def join_context(self, fused: Encoding, context: Encoding) -> Encoding:
        """What the head reads of utterances and of their context."""
        if self.context is None or self._residual == "none":
            return context
        if self._shortcut is None:
            return context._replace(pooled=torch.cat([fused.pooled, context.pooled], dim=-1))
        shortcut: Tensor = self._shortcut(fused.pooled)
        return context._replace(pooled=context.pooled + shortcut)

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Compare with the labels; in training, conversations may count by the curriculum's weight."""
        target = self.asked(batch)
        if (
            self._weighting is not None
            and self.training
            and batch.target.label is not None
            and batch.speaker is not None
        ):
            mask = batch.masks["utterance"]
            # How hard a conversation is depends on what was felt in it, not on whose emotion is asked for.
            weight = self._weighting.weights(batch.target.label, batch.speaker, mask, progress=self.progress)
            target = target._replace(weight=weight if target.weight is None else weight * target.weight)
        terms = self.loss(output, target)
        imbalance, self._imbalance = self._imbalance, None
        if imbalance is None:
            return terms
        total = terms.total + self._gate_balance * imbalance.to(terms.total.dtype)
        return terms._replace(total=total, terms={**terms.terms, "gate_balance": imbalance.detach()})

    def asked(self, batch: AffectBatch) -> Target:
        """The target of a batch as the task reads it: whose emotion, and where it shifts."""
        target, mask = batch.target, batch.masks.get("utterance")
        extra = dict(target.extra or {})
        if SHIFT_LABEL in self._auxiliary and target.label is not None and SHIFT_LABEL not in extra:
            speaker, real = self._speakers(batch)
            extra[SHIFT_LABEL] = emotion_shift_labels(target.label, speaker, real)
            target = target._replace(extra=extra)
        if self._target == "speaker" or mask is None:
            return target
        place = answering_turn(*self._speakers(batch))
        return answered_target(target, place)

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of a stage; those of emotion shifts are told who speaks."""
        target = self.asked(batch)
        if not self._shift_metrics or output.logits is None or target.label is None:
            super().update_metrics(metrics, batch, output)
        elif len(metrics):
            metrics.update(output.logits, target.label, target.weight, speaker=batch.speaker)

    def _speakers(self, batch: AffectBatch) -> tuple[Tensor, Tensor]:
        mask = batch.masks.get("utterance")
        if batch.speaker is None or mask is None:
            raise ValueError(
                "ConversationTask needs to know who speaks for target='interlocutor' and for emotion shifts: "
                "give conversations with speakers, or leave these two out."
            )
        return batch.speaker, mask

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        if self._class_weights != "none" and isinstance(self._emotion_loss, ClassificationLoss):
            self._emotion_loss.set_class_weights(counts, self._class_weights)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add whether future utterances were read."""
        facts = {"context": self.reach(), "context_model": self._context_name(), "target": self._target}
        return {**super().report_facts(), **facts}

    def reach(self) -> Literal["none", "past", "both", "unknown"]:
        """What a prediction reads of its conversation: nothing, the past, or the future too."""
        model = self._context_part()
        # A fusion may look at several utterances as well.
        looks = {getattr(part, "context", "unknown") for part in (model,) if part is not None}
        looks |= {part.context for part in self.modules() if isinstance(part, FusionAttention)}
        for one in ("unknown", "both", "past"):
            if one in looks:
                return one
        return "none"

    def _context_part(self) -> object:
        if not self._apart:
            return self.context
        return self.fusion.fusion if isinstance(self.fusion, ModalityDropout) else self.fusion

    def _context_name(self) -> str:
        model = self._context_part()
        return "none" if model is None else type(model).__name__
