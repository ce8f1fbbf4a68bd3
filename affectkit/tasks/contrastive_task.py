"""Encoders that learn from what modalities have in common, without labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, cast, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import StepLR
from torchmetrics import MetricCollection

from affectkit.data.batch import AffectBatch
from affectkit.encoders import SequenceEncoder, SequenceNetwork
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss, MultilabelLoss, PairwiseContrastiveLoss, WeightedSum
from affectkit.metrics import classification_metrics, multilabel_metrics
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.optimizer_config import OptimizerConfig
from affectkit.tasks.trained_encoders import load_encoders
from affectkit.types import AffectOutput, Encoder, Encoding, Loss

#: What is trained.
ContrastiveStage: TypeAlias = Literal["online", "encoders", "probe"]


class ContrastiveTask(AffectTask):
    r"""Encoders trained by contrast between modalities alone, and a classifier that only reads them.

    Encoder m gives features :math:`f_{m,v}` of view v of a recording, a head on it
    :math:`p_{m,v} = W_2 \mathrm{ReLU}(W_1 f_{m,v})`:

    .. math::
        L = L_{\mathrm{pairs}}(p) + L_{\mathrm{classes}}\bigl(c([\bar f_1; \dots; \bar f_M])\bigr), \qquad
        \bar f_m = \mathrm{sg}\Bigl(\tfrac1V \sum_v f_{m,v}\Bigr)

    where sg stops the gradient: no label reaches an encoder. ``stage="online"`` trains both at once, as
    published; ``"encoders"`` the first term alone, for which data need no label; ``"probe"`` then the second
    one, on the encoders of ``encoder_weights``, which stay as they are. Only the train split is ever trained
    on. A recording that lacks a modality is in no pair of it, and the classifier reads a learned vector
    in its place.

    Views come from the data module, ``FeatureDataModule(views=2, view_steps={...})``; features without time
    have one view, which ``mode="infonce"`` is content with.

    Args:
        label_space: Name of the label order, with one or several labels a sample.
        inputs: Width of the stored features of each modality, e.g. ``{"audio": 128, "text": 300}``.
        stage: What is trained; see above.
        encoder_weights: Checkpoint of a run of ``"online"`` or ``"encoders"``, for ``"probe"``.
        networks: ``"conv"`` or ``"transformer"`` by modality; ``"conv"`` for those not named.
        channels: Width of each block of ``"conv"``; None = 128, 128.
        kernel_size: Steps that each of its convolutions sees.
        num_layers: Layers of ``"transformer"``.
        num_heads: Attention heads of ``"transformer"``.
        max_steps: Most steps that ``"transformer"`` can be given, at least those of a view.
        feature_dim: Width of :math:`f`.
        hidden_dim: Width inside the heads :math:`p`.
        projection_dim: Width of :math:`p`.
        dropout: Dropout inside the encoders.
        mode: ``"infonce"`` or ``"official"``; see :class:`~affectkit.losses.PairwiseContrastiveLoss`.
        temperature: Temperature of the contrast.
        learnable_temperature: Whether it is learnt, from that value.
        pairs: Pairs of modalities; None takes all.
        head_dim: Width of a hidden layer in the classifier; 0 = none.
        head_dropout: Dropout in the classifier.
        class_weights: Weight of the classes by their counts in the training split.
        positive_weight: Weight of each label where it holds, for several labels a sample.
        optimizer: ``"sgd"`` (momentum 0.9) or ``"adamw"``.
        lr: Learning rate.
        weight_decay: Weight decay.
        decay_every: Epochs after which the rate is multiplied by ``decay``; 0 keeps it.
        decay: See above.
        seed: Seed of the random numbers of training.
        encoders: Encoders of your own by modality, in the place of those that would be built.

    Raises:
        ValueError: If there are not two modalities, or an option contradicts another.

    References:
        Riccardo Franceschini, Enrico Fini, Cigdem Beyan, Alessandro Conti, Federica Arrigoni, Elisa Ricci.
        Multimodal Emotion Recognition with Modality-Pairwise Unsupervised Contrastive Loss. ICPR 2022.
        arXiv:2207.11482.

    Deviation from the paper:
        The official code also takes label-free steps on the validation and test rows, and draws training rows
        by their labels; neither is done here. Its positions in a text index the batch. Faces go through
        a graph convolution and pictures through R(2+1)D there; here every modality is stored features, or
        ``encoders`` of your own.

    Examples:
        >>> import torch
        >>> task = ContrastiveTask("ravdess8.official", {"audio": 6, "text": 4}, channels=[8]).eval()
        >>> shape = {"audio": (2, 2, 30, 6), "text": (2, 2, 9, 4)}
        >>> batch = AffectBatch(
        ...     inputs={name: torch.zeros(size) for name, size in shape.items()},
        ...     masks={name: torch.ones(size[:3]).bool() for name, size in shape.items()},
        ...     valid=torch.ones(2).bool(),
        ... )
        >>> output = task(batch)
        >>> output.logits.shape, output.views["audio"].shape
        (torch.Size([2, 8]), torch.Size([2, 2, 512]))
    """

    def __init__(
        self,
        label_space: str,
        inputs: dict[str, int],
        *,
        stage: ContrastiveStage = "online",
        encoder_weights: str | None = None,
        networks: dict[str, SequenceNetwork] | None = None,
        channels: list[int] | None = None,
        kernel_size: int = 3,
        num_layers: int = 6,
        num_heads: int = 4,
        max_steps: int = 128,
        feature_dim: int = 512,
        hidden_dim: int = 1024,
        projection_dim: int = 512,
        dropout: float = 0.0,
        mode: Literal["infonce", "official"] = "infonce",
        temperature: float = 0.07,
        learnable_temperature: bool = False,
        pairs: list[list[str]] | None = None,
        head_dim: int = 0,
        head_dropout: float = 0.0,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        positive_weight: list[float] | None = None,
        optimizer: OptimizerName = "sgd",
        lr: float = 1e-3,
        weight_decay: float = 1e-3,
        decay_every: int = 0,
        decay: float = 0.9,
        seed: int = 0,
        encoders: dict[str, Encoder] | None = None,
    ) -> None:
        space = named_label_space(label_space)
        several = space.kind == "multilabel"
        if stage not in get_args(ContrastiveStage) or (encoder_weights is not None and stage != "probe"):
            raise ValueError(
                f"ContrastiveTask got stage={stage!r} and encoder_weights={encoder_weights!r}: give "
                "'online', 'encoders' or 'probe', and weights for 'probe' alone."
            )
        if class_weights not in ("none", "balanced", "sqrt") or (several and class_weights != "none"):
            raise ValueError(
                f"ContrastiveTask got class_weights={class_weights!r} for {space.name!r}: give 'none', "
                "'balanced' or 'sqrt', and positive_weight where a sample has several labels."
            )
        if positive_weight is not None and (not several or len(positive_weight) != len(space)):
            raise ValueError(
                f"ContrastiveTask got {len(positive_weight)} positive weights for the {len(space)} labels of "
                f"{space.name!r}: give one for each of several labels a sample, or none."
            )
        if decay_every < 0 or not 0.0 < decay <= 1.0:
            raise ValueError(
                f"ContrastiveTask got decay_every={decay_every} and decay={decay}: give 0 or more epochs, "
                "and a share in (0, 1]."
            )
        own = dict(encoders or {})
        unknown = sorted({*(networks or {})} - ({*inputs} - {*own}))
        if unknown:
            raise ValueError(
                f"ContrastiveTask got a network for {unknown[0]!r}, and it builds encoders of "
                f"{', '.join(sorted({*inputs} - {*own})) or 'nothing'}: correct the name."
            )
        names = sorted({*inputs, *own})
        parts: dict[str, Encoder] = {
            name: own[name]
            if name in own
            else SequenceEncoder(
                inputs[name],
                feature_dim,
                network=(networks or {}).get(name, "conv"),
                channels=channels or (128, 128),
                kernel_size=kernel_size,
                num_layers=num_layers,
                num_heads=num_heads,
                max_steps=max_steps,
                dropout=dropout,
            )
            for name in names
        }
        contrast = PairwiseContrastiveLoss(
            names, mode=mode, temperature=temperature, learnable=learnable_temperature, pairs=pairs
        )
        emotion: Loss = (
            MultilabelLoss(positive_weight=positive_weight) if several else ClassificationLoss(len(space))
        )
        mixer = ConcatFusion({name: part.out_dim for name, part in parts.items()})
        metrics = multilabel_metrics if several else classification_metrics
        super().__init__(
            parts,
            fusion=mixer,
            head=ClassificationHead(mixer.out_dim, len(space), hidden_dim=head_dim, dropout=head_dropout),
            loss=_loss(stage, contrast, emotion),
            # A classifier that nothing trains has no score.
            metrics=MetricCollection({}) if stage == "encoders" else metrics(len(space)),
            optimizer=named_optimizer(
                optimizer,
                lr=lr,
                weight_decay=weight_decay,
                schedule="constant",
                warmup=0.0,
                warmup_factor=None,
                milestones=(0.5, 0.75),
                rates={},
            ),
            label_space=space,
            seed=seed,
        )
        self.projections = nn.ModuleDict()
        if stage != "probe":
            self.projections.update(
                {
                    name: nn.Sequential(
                        nn.Linear(part.out_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, projection_dim)
                    )
                    for name, part in parts.items()
                }
            )
        else:
            self.encoders.requires_grad_(False).eval()
        if stage == "encoders":
            cast(nn.Module, self.head).requires_grad_(False)
            mixer.requires_grad_(False)
        self.stage: ContrastiveStage = stage
        self._inputs = {name: width for name, width in inputs.items() if name not in own}
        self._encoder_weights = encoder_weights
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self._decay_every = decay_every
        self._decay = decay
        self.save_hyperparameters()

    @property
    def input_dims(self) -> Mapping[str, int | None]:
        """Width of the stored features of each modality; unknown where the encoder is your own."""
        return {**super().input_dims, **self._inputs}

    def train(self, mode: bool = True) -> Self:
        """Set the mode; encoders that are only read stay in evaluation."""
        super().train(mode)
        if self.stage == "probe":
            self.encoders.eval()
        return self

    def setup(self, stage: str) -> None:
        """Compare with the data; before a probe is fitted, take over the encoders."""
        super().setup(stage)
        if stage == "fit" and self.stage == "probe":
            if self._encoder_weights is None:
                raise ValueError(
                    "ContrastiveTask has stage='probe' and no encoder_weights: give the checkpoint of a run "
                    "of stage 'encoders' or 'online'."
                )
            load_encoders(self.encoders, self._encoder_weights)

    def encode_modality(self, name: str, batch: AffectBatch) -> Encoding:
        """Mean of the views of a modality, and beside it each of them as ``tokens`` (B, V, D)."""
        if "utterance" in batch.masks:
            raise ValueError(
                "ContrastiveTask got conversations, and it contrasts single recordings: give it a "
                "FeatureDataModule, or add output.views to a ConversationTask of your own."
            )
        encoder = cast(Encoder, self.encoders[name])
        values, mask = batch.inputs[name], batch.masks.get(name)
        if mask is None or mask.ndim < 3:
            views = encoder(values, mask).pooled.unsqueeze(1)
        else:
            found = encoder(values.flatten(0, 1), mask.flatten(0, 1))
            views = found.pooled.reshape(*values.shape[:2], -1)
        return Encoding(pooled=views.mean(dim=1), tokens=views)

    def forward(self, batch: AffectBatch) -> AffectOutput:
        """Classify what the encoders give, and project it for the contrast."""
        parts, present = self.encode_parts(batch)
        # The one place where labels could reach an encoder.
        read = {name: Encoding(pooled=part.pooled.detach()) for name, part in parts.items()}
        output = self.head(self.fusion(read, present))
        if self.stage == "probe":
            return output
        views: dict[str, Tensor] = {name: self.projections[name](part.tokens) for name, part in parts.items()}
        some = next(iter(views.values()))
        for name in self.encoders.keys() - views.keys():
            # Data of an evaluation that lack a modality as a whole: nobody has it.
            views[name] = torch.zeros_like(some)
            present[name] = torch.zeros(len(some), dtype=torch.bool, device=some.device)
        return output._replace(views={**views, **{f"{name}.present": flag for name, flag in present.items()}})

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of a stage, with one or several labels a row."""
        several = self.label_space is not None and self.label_space.kind == "multilabel"
        target = batch.target.multilabel if several else batch.target.label
        if len(metrics) and output.logits is not None and target is not None:
            metrics.update(output.logits, target, batch.target.weight)

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        for part in cast(nn.Module, self.loss).modules():
            if self._class_weights != "none" and isinstance(part, ClassificationLoss):
                part.set_class_weights(counts, self._class_weights)

    def configure_optimizers(self) -> Optimizer | OptimizerConfig | None:
        """Make the optimizer, and a rate that falls by epochs."""
        optimizer = super().configure_optimizers()
        if not self._decay_every or not isinstance(optimizer, Optimizer):
            return optimizer
        schedule = StepLR(optimizer, self._decay_every, self._decay)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}

    def report_facts(self) -> dict[str, str | int | float]:
        """Add what was trained."""
        return {**super().report_facts(), "stage": self.stage}


def _loss(stage: ContrastiveStage, contrast: Loss, emotion: Loss) -> Loss:
    match stage:
        case "encoders":
            return contrast
        case "probe":
            return emotion
        case "online":
            return WeightedSum({"contrast": contrast, "emotion": emotion})
