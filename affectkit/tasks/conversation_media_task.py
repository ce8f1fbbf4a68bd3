"""Emotion recognition in conversation from voices, faces and texts as they were recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Literal, cast

import torch
from torch import Tensor, nn

from affectkit.conversation import ContextName, ContextOption
from affectkit.data.batch import AffectBatch
from affectkit.data.loader.conversation_media import AREAS
from affectkit.encoders import FaceGroupEncoder
from affectkit.encoders.pooled_tokens import Pooling
from affectkit.fusion import FusionName, FusionOption
from affectkit.losses import WeightedSum
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.audio_task import StatesRate
from affectkit.tasks.conversation_parts import MAIN_TERM
from affectkit.tasks.conversation_task import ConversationTask
from affectkit.tasks.media_extractors import LOG_MEL, ExtractorChoice
from affectkit.tasks.metric_objective import MetricObjective, named_metric_loss
from affectkit.tasks.present_turns_loss import PresentTurnsLoss
from affectkit.tasks.random_extractors import RANDOM
from affectkit.tasks.trained_encoders import load_encoders
from affectkit.tasks.turn_extractor import TurnExtractor
from affectkit.types import AffectOutput, Context, Encoder, Encoding, Fusion, Loss, ModalityContext

#: Names of encoders that are known to be random.
_TINY: Final = ("tiny", "tiny-vit")


class ConversationMediaTask(ConversationTask):
    r"""A conversation model whose extractors are part of it: trained along, or frozen.

    .. math:: v_t^m = f_m(x_t^m), \qquad L = L_{\mathrm{emotion}} + \lambda \sum_m L_{\mathrm{metric}}(v^m)

    with f an encoder of single voices, faces or texts, run over the turns that are there and no others, and v
    the vectors that are projected, fused and put into context as those of :class:`ConversationTask`. Batches
    are those of :class:`~affectkit.data.modules.ConversationMediaDataModule`. Every value is plain, so a
    checkpoint builds the task again without arguments; a part that is given ready must be given again.

    Args:
        label_space: Name of the label order, e.g. ``"meld7.official"``.
        media: What is read as it was recorded: any of ``"audio"``, ``"text"`` and ``"visual"``; None = all
            three, or those of ``extractors`` where these are given.
        inputs: Width of stored features that are read beside, by modality.
        text_encoder: Folder or hub name of a text encoder; ``"tiny"`` is small and random.
        text_pooling: How the tokens of a turn become one vector.
        audio_encoder: ``"log_mel"``, a small network on log-mel frames; or a folder or hub name of a model of
            waveforms such as wav2vec2, whose convolutions stay as they are; ``"tiny"`` is small and random.
        rate: Samples per second of the waveforms; must be that of the data module.
        num_mels: Bands of ``"log_mel"``; see :class:`~affectkit.encoders.LogMelConvEncoder`.
        frame_ms: Length of its frames in milliseconds.
        hop_ms: From one frame to the next in milliseconds.
        widths: Channels of each of its layers; None = 16, 32, 64, 96.
        visual_encoder: Name of a picture network in timm; ``"tiny"`` is small.
        visual_pretrained: Whether published weights of it are loaded, and downloaded unless they are there.
        scene: Whether the first picture of a turn is its scene; as in the data module.
        frozen: Modalities whose extractor is not trained. Its weights must then come from somewhere:
            ``extractor_weights``, ``visual_pretrained``, a folder or hub name; only ``"tiny"`` says itself
            that it is random.
        extractor_weights: Checkpoint by modality from which training takes the extractor: a run of a task
            with the same encoder, such as an :class:`AudioTask` with a metric loss. A training that is
            resumed brings its own. ``"random"`` in place of a file says that a frozen extractor is meant to
            be random.
        rates: Learning rate of extractors by modality; the others have ``lr``.
        metric_loss: Compares the vectors of turns of equal and of different labels, within each modality:
            ``"none"``, ``"triplet_batch_hard"``, ``"triplet_semi_hard"``, ``"triplet_batch_all"`` or
            ``"supervised_contrastive"``.
        metric_weight: Weight :math:`\lambda`.
        margin: Margin of the triplets.
        temperature: Temperature of the contrast.
        hidden_dim: Width of the projected vectors.
        dropout: Dropout on projections, context and the head's input.
        context_model: As in :class:`ConversationTask`, like the next six and the last but two.
        context_options: Options of the context model that is named.
        context: ``"past"`` or ``"both"``.
        context_dim: Width of each direction of the context; None takes ``hidden_dim``.
        fusion: Name of a fusion, or one of your own.
        fusion_options: Options of the fusion that is named.
        modality_dropout: Probability of hiding a modality of a turn in training, never all.
        head_dim: Width of a hidden layer in the head; 0 = none.
        class_weights: ``"balanced"``, ``"sqrt"`` or ``"none"``.
        label_smoothing: Mass spread over the classes.
        lr: Learning rate of AdamW.
        weight_decay: Weight decay of matrices.
        schedule: ``"constant"``, ``"cosine"`` or ``"linear"`` decay to 0.
        warmup: Share of all steps over which the rates rise.
        seed: Seed of the random numbers of training.
        extractors: Encoders of your own by modality, each of single items: of waveforms (n, S), token ids
            (n, T) or groups of pictures (n, N, 3, H, W) as bytes, with a mask; they replace the options
            above.
        loss: A loss of your own for the emotion; replaces the two loss options.

    Raises:
        MissingExtraError: If an encoder's package is not installed.
        ValueError: If an option has an unknown name, or contradicts another; when fitting, if a frozen
            extractor has random weights.

    References:
        Vishal Chudasama, Purbayan Kar, Ashish Gudmalwar, Nirmesh Shah, Pankaj Wasnik, Naoyuki Onoe. M2FNet:
        Multi-modal Fusion Network for Emotion Recognition in Conversation. CVPR 2022 workshop.
        arXiv:2206.02187.

    Deviation from the paper:
        M2FNet trains its extractors first, by the metric losses alone, and freezes them: train an
        :class:`AudioTask` first, then give ``extractor_weights`` and ``frozen``. Here both can be one
        training.

    Examples:
        >>> task = ConversationMediaTask(
        ...     "meld7.official", media=["audio"], rate=8000, num_mels=16, widths=[4, 8], hidden_dim=8
        ... ).eval()
        >>> turns = torch.ones(2, 3, dtype=torch.bool)
        >>> batch = AffectBatch(
        ...     inputs={"audio": torch.zeros(2, 3, 4000)}, valid=turns[:, 0],
        ...     masks={"utterance": turns, "audio": turns.unsqueeze(2).expand(2, 3, 4000)},
        ... )
        >>> task(batch).logits.shape
        torch.Size([2, 3, 7])
    """

    WHEN_LOADED: ClassVar[Mapping[str, object]] = MappingProxyType({"visual_pretrained": False})

    def __init__(
        self,
        label_space: str,
        *,
        media: list[str] | None = None,
        inputs: dict[str, int] | None = None,
        text_encoder: str = "tiny",
        text_pooling: Pooling = "mean",
        audio_encoder: str = LOG_MEL,
        rate: int = 16_000,
        num_mels: int = 40,
        frame_ms: float = 32.0,
        hop_ms: float = 16.0,
        widths: list[int] | None = None,
        visual_encoder: str = "tiny",
        visual_pretrained: bool = False,
        scene: bool = False,
        frozen: list[str] | None = None,
        extractor_weights: dict[str, str] | None = None,
        rates: dict[str, float] | None = None,
        metric_loss: MetricObjective = "none",
        metric_weight: float = 0.5,
        margin: float = 0.2,
        temperature: float = 0.1,
        hidden_dim: int = 128,
        dropout: float = 0.3,
        context_model: Literal["none"] | ContextName | Context | ModalityContext = "bc_lstm",
        context_options: dict[str, ContextOption] | None = None,
        context: Literal["past", "both"] = "past",
        context_dim: int | None = None,
        fusion: FusionName | Fusion | None = None,
        fusion_options: dict[str, FusionOption] | None = None,
        modality_dropout: float = 0.0,
        head_dim: int = 0,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        label_smoothing: float = 0.0,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Literal["constant", "cosine", "linear"] = "constant",
        warmup: float = 0.0,
        seed: int = 0,
        extractors: dict[str, Encoder] | None = None,
        loss: Loss | None = None,
    ) -> None:
        given = dict(extractors or {})
        chosen = media if media is not None else [] if given else ["audio", "text", "visual"]
        choice = ExtractorChoice(
            text=text_encoder,
            text_pooling=text_pooling,
            audio=audio_encoder,
            rate=rate,
            num_mels=num_mels,
            frame_ms=frame_ms,
            hop_ms=hop_ms,
            widths=(16, 32, 64, 96) if widths is None else widths,
            visual=visual_encoder,
            visual_pretrained=visual_pretrained,
            scene=scene,
        )
        made = choice.make(chosen, given)
        named = {"frozen": frozen or [], "extractor_weights": extractor_weights or {}, "rates": rates or {}}
        for option, names in named.items():
            unknown = sorted(set(names) - made.keys())
            if unknown:
                raise ValueError(
                    f"ConversationMediaTask got {option} for {unknown[0]!r}, which it has no extractor of: "
                    f"give some of {', '.join(made)}."
                )
        held = sorted(set(frozen or ()) & set(rates or ()))
        if held or metric_weight < 0:
            raise ValueError(
                f"ConversationMediaTask got frozen={frozen}, rates={rates}, metric_weight={metric_weight}: "
                "an extractor that is frozen has no learning rate, and a weight is 0 or more."
            )
        super().__init__(
            label_space,
            dict(inputs or {}),
            extractors=made,
            hidden_dim=hidden_dim,
            dropout=dropout,
            context_model=context_model,
            context_options=context_options,
            context=context,
            context_dim=context_dim,
            head_dim=head_dim,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            lr=lr,
            weight_decay=weight_decay,
            schedule=schedule,
            warmup=warmup,
            seed=seed,
            fusion=fusion,
            fusion_options=fusion_options,
            modality_dropout=modality_dropout,
            loss=loss,
        )
        for name in frozen or ():
            self._extractor(name).freeze()
        self.optimizer_factory = AdamWFactory(
            lr=lr,
            weight_decay=weight_decay,
            schedule=schedule,
            warmup=warmup,
            rates={rf"^encoders\.{re.escape(name)}\.turns\.": own for name, own in (rates or {}).items()},
        )
        # A frozen extractor has nothing to learn from a comparison of its vectors.
        learning = [name for name in made if name not in (frozen or ())]
        terms: dict[str, Loss] = {}
        for name in learning:
            metric = named_metric_loss(metric_loss, margin=margin, temperature=temperature, view=name)
            if metric is not None:
                terms[f"{name}_metric"] = PresentTurnsLoss(metric, name)
        self._compared = tuple(learning) if terms else ()
        if terms:
            self.loss = WeightedSum({MAIN_TERM: self.loss, **terms}, dict.fromkeys(terms, metric_weight))
        self.rate = rate
        self._extractor_weights = {
            name: file for name, file in (extractor_weights or {}).items() if file != RANDOM
        }
        # A folder or hub name brings its weights, "tiny" says that it has none.
        said = {
            "audio": audio_encoder != LOG_MEL,
            "text": True,
            "visual": visual_pretrained or visual_encoder in _TINY,
        }
        self._weights_stated = frozenset(
            {name for name, stated in said.items() if stated and name not in given}
            | (extractor_weights or {}).keys()
        )
        self._vectors: dict[str, Encoding] | None = None
        if terms:
            # Not by a `forward` of its own, which a stream of turns could not follow.
            self.register_forward_pre_hook(_collect_vectors)
            self.register_forward_hook(_hand_on_vectors, with_kwargs=True, always_call=True)
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        """Compare with the data; when fitting, take over extractors of other runs."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if "audio" in self.encoders and isinstance(data, StatesRate) and data.rate != self.rate:
            raise ValueError(
                f"{type(self).__name__} hears {self.rate} samples per second, but {type(data).__name__} "
                f"brings recordings to {data.rate}: set the data module's rate to {self.rate}."
            )
        seen = dict(self.encoders.items()).get("visual")
        if isinstance(seen, TurnExtractor) and isinstance(seen.extractor, FaceGroupEncoder):
            read, given = seen.extractor.scene, getattr(data, "scene", seen.extractor.scene)
            if given != read:
                raise ValueError(
                    f"{type(self).__name__} has scene={read}, but {type(data).__name__} has scene={given}, "
                    "so that a face would be taken for a scene or a scene for a face: set both alike."
                )
        if stage == "fit":
            for name, checkpoint in self._extractor_weights.items():
                part = self._extractor(name).extractor
                # A task of pictures has the network alone, and here it reads groups of them.
                part = part.encoder if isinstance(part, FaceGroupEncoder) else part
                load_encoders(nn.ModuleDict({name: part}), checkpoint)

    def encode_modality(self, name: str, batch: AffectBatch) -> Encoding:
        """Encode one modality; faces by their areas."""
        encoder = self.encoders[name]
        if not isinstance(encoder, TurnExtractor):
            return super().encode_modality(name, batch)
        mask = batch.masks.get(name, batch.masks.get("utterance"))
        if isinstance(encoder.extractor, FaceGroupEncoder) and AREAS in batch.inputs:
            mask = batch.inputs[AREAS]
        found = encoder.vectors(batch.inputs[name], mask)
        if self._vectors is not None and name in self._compared:
            self._vectors[name] = found
        projected: Encoding = encoder.projection(found.pooled, found.mask)
        return projected

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the extractors."""
        made = {
            name: encoder.extractor
            for name, encoder in self.encoders.items()
            if isinstance(encoder, TurnExtractor)
        }
        facts = ", ".join(f"{name}: {type(part).__name__}" for name, part in made.items())
        return {**super().report_facts(), "extractors": facts}

    def _extractor(self, name: str) -> TurnExtractor:
        return cast(TurnExtractor, self.encoders[name])


def _collect_vectors(task: nn.Module, arguments: tuple[AffectBatch, ...]) -> None:
    cast(ConversationMediaTask, task)._vectors = {}


def _hand_on_vectors(
    module: nn.Module,
    arguments: tuple[AffectBatch, ...],
    named: Mapping[str, AffectBatch],
    output: object,
) -> AffectOutput | None:
    """Put the vectors that are compared among the views of the output, so that they live as long as it."""
    task = cast(ConversationMediaTask, module)
    found, task._vectors = task._vectors or {}, None
    if not isinstance(output, AffectOutput):
        # It stopped with an error; or a strategy has put a whole step in the place of `forward`.
        return None
    batch = arguments[0] if arguments else named["batch"]
    turns = batch.masks["utterance"]
    views: dict[str, Tensor] = dict(output.views or {})
    for name in task._compared:
        if name in found:
            views[name], there = found[name].pooled, found[name].mask
            views[f"{name}.present"] = turns if there is None else there & turns
        else:
            # Data of an evaluation that lack a modality as a whole: no turn has it.
            views[name] = torch.zeros(*turns.shape, 1, device=turns.device)
            views[f"{name}.present"] = torch.zeros_like(turns)
    return output._replace(views=views)
