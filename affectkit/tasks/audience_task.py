"""How groups of people react to what they watch."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.data.loader.node_collate import HYPERGRAPH
from affectkit.data.modules.audience import ATTRIBUTES, AudienceDataModule
from affectkit.encoders import HypergraphEncoder, IdentityEncoder, PrincipalComponentsEncoder
from affectkit.functional import HypergraphNormalization
from affectkit.fusion import ConcatFusion
from affectkit.graph import Hypergraph
from affectkit.heads import MultiIndicatorHead
from affectkit.labels import LabelSpace
from affectkit.losses import ClassificationLoss, MSELoss, WeightedSum
from affectkit.metrics import CCC, RMSE, Accuracy, GroupAccuracy
from affectkit.physiology import QuantileClasses
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.audience_groups import audience_groups, group_masks
from affectkit.tasks.joint_fusion import FUSIONS, FusionName, joint_fusion
from affectkit.types import AffectOutput, Encoder, Encoding, Fusion, Head, Loss, LossTerms, Target


class AudienceTask(AffectTask):
    r"""Indicators of how groups of people react, from a hypergraph over who and what they have in common.

    Principal components of the stored features and coded attributes stand side by side at each node,
    unless other encoders or another fusion are chosen; hypergraph convolutions smooth them over what
    nodes share; a tower for each indicator reads the result. Indicators are stored as numbers. Those of
    more than one class are cut into classes at the quantiles of the training rows, which the checkpoint
    keeps, as it does the components.

    Batches come from :class:`~affectkit.data.modules.AudienceDataModule`. ``val/accuracy`` is over all
    indicators with classes; further scores are those of each indicator (``accuracy_NAME``, ``rmse_NAME``
    and ``ccc_NAME`` for numbers) and of each group (``accuracy_NAME_gender_male``), with ``p1`` for rows
    about everybody and ``p2`` for rows about one group.

    Args:
        indicators: Number of classes of each indicator; 1 keeps the number.
        inputs: Width of the stored features of each modality whose components are read, e.g.
            ``{"text": 768}``.
        main: Indicator whose classes are predicted into files; the first by name unless given.
        vocabulary: Values of coded attributes, as the data module was given them.
        total: Value that stands for everybody.
        components: Principal components of each modality; 0 takes the features as they are.
        fusion: How inputs and coded attributes become one: ``"concat"``, ``"gate"``, ``"mean"``, ``"sum"`` or
            a fusion of your own.
        fusion_dim: Width of the projections of the last three.
        hidden_dims: Widths between the hypergraph convolutions.
        out_dim: Width after them.
        normalization: ``"symmetric"`` as in HGNN, ``"row"`` as in torch-geometric's ``HypergraphConv``.
        dropout: Share of features dropped before each convolution and in the towers.
        head_dim: Width of the towers.
        ffn_dim: Width inside the towers; 2048 as published.
        label_smoothing: Mass spread over the classes.
        indicator_weights: Weight of the loss of each indicator; 1 where a name is absent.
        lr: Learning rate of AdamW.
        weight_decay: Weight decay of matrices.
        schedule: ``"constant"``, ``"cosine"`` or ``"linear"`` decay to 0.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.
        head: A head of your own, for features of width ``out_dim``.
        loss: A loss of your own, of ``output.extra`` and ``target.extra``.
        encoders: Further stored features by their names, each with an encoder that learns, e.g.
            :class:`~affectkit.adapters.ResidualBottleneckEncoder`.

    Raises:
        ValueError: If there is no indicator or input, one stands twice, or ``main`` is none of the
            indicators.

    References:
        Yifan Feng, Haoxuan You, Zizhao Zhang, Rongrong Ji, Yue Gao. Hypergraph Neural Networks. AAAI
        2019. arXiv:1809.09401. The head, the attributes and the protocols are those of HMLLM's official
        code (SRI-ADV).

    Deviation from the paper:
        The language model is left out; hyperedges are what the data module makes, one for each value of an
        attribute, where the code joins neighbours by their one-hot ages; components and classes are fitted
        to training rows alone.

    Examples:
        >>> task = AudienceTask({"engagement": 3, "emr": 1}, {"text": 8}, components=4)
        >>> sorted(task.val_metrics)
        ['accuracy', 'accuracy_engagement', 'ccc_emr', 'rmse_emr']
    """

    def __init__(
        self,
        indicators: dict[str, int],
        inputs: dict[str, int],
        *,
        main: str | None = None,
        vocabulary: dict[str, list[str]] | None = None,
        total: str | None = None,
        components: int = 66,
        fusion: FusionName | Fusion = "concat",
        fusion_dim: int = 64,
        hidden_dims: list[int] | None = None,
        out_dim: int = 64,
        normalization: HypergraphNormalization = "symmetric",
        dropout: float = 0.3,
        head_dim: int = 64,
        ffn_dim: int = 2048,
        label_smoothing: float = 0.0,
        indicator_weights: dict[str, float] | None = None,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Literal["constant", "cosine", "linear"] = "constant",
        warmup: float = 0.0,
        seed: int = 0,
        head: Head | None = None,
        loss: Loss | None = None,
        encoders: dict[str, Encoder] | None = None,
    ) -> None:
        named = [*inputs, *(encoders or {})]
        if not indicators or not named or min(indicators.values()) < 1:
            raise ValueError(
                f"AudienceTask got indicators={indicators} and inputs={inputs}: give at least one of each, "
                "and the number of classes of every indicator, 1 for a number."
            )
        twice = [name for name in encoders or {} if name in inputs or name == ATTRIBUTES]
        if twice:
            raise ValueError(
                f"AudienceTask got an encoder for {twice[0]!r}, which it has already: name each input once, "
                "in inputs or in encoders, and none like the coded attributes."
            )
        if isinstance(fusion, str) and fusion not in FUSIONS:
            raise ValueError(
                f"AudienceTask got fusion={fusion!r}: give {' or '.join(map(repr, FUSIONS))}, or a fusion."
            )
        if loss is not None and (label_smoothing or indicator_weights):
            raise ValueError(
                "AudienceTask got a loss of your own together with label_smoothing or indicator_weights: set "
                "these in that loss, and leave them out here."
            )
        names = sorted(indicators)
        chosen = names[0] if main is None else main
        if chosen not in indicators:
            raise ValueError(
                f"AudienceTask got main={chosen!r}, which is none of {', '.join(names)}: name one of them."
            )
        parts: dict[str, Encoder] = {
            name: PrincipalComponentsEncoder(width, components) if components else IdentityEncoder(width)
            for name, width in sorted(inputs.items())
        }
        known = {name: list(values) for name, values in (vocabulary or {}).items()}
        if known:
            parts[ATTRIBUTES] = IdentityEncoder(sum(map(len, known.values())))
        parts |= encoders or {}
        widths = {name: part.out_dim for name, part in parts.items()}
        mixer: Fusion
        if fusion == "concat":
            # One input has a vector for its absence here too, as in the checkpoints of any version.
            mixer = ConcatFusion(widths)
        elif isinstance(fusion, str):
            mixer = joint_fusion(fusion, widths, out_dim=fusion_dim, dropout=0.0)
        else:
            mixer = fusion
        nodes = HypergraphEncoder(
            mixer.out_dim,
            out_dim,
            hidden_dims=hidden_dims or (),
            normalization=normalization,
            dropout=dropout,
        )
        classes = {name: count for name, count in sorted(indicators.items()) if count > 1}
        super().__init__(
            parts,
            fusion=mixer,
            head=head
            or MultiIndicatorHead(
                out_dim, indicators, main=chosen, hidden_dim=head_dim, ffn_dim=ffn_dim, dropout=dropout
            ),
            loss=loss or _loss(indicators, indicator_weights or {}, label_smoothing=label_smoothing),
            metrics=_metrics(indicators, audience_groups(known, total=total)),
            optimizer=AdamWFactory(lr=lr, weight_decay=weight_decay, schedule=schedule, warmup=warmup),
            label_space=_quantile_space(chosen, indicators[chosen]),
            seed=seed,
        )
        self.nodes = nodes
        self.classes = nn.ModuleDict({name: QuantileClasses(count) for name, count in classes.items()})
        # A width that only an encoder of its own knows is None: there is nothing to compare.
        self._inputs: dict[str, int | None] = {**dict.fromkeys(encoders or {}), **inputs}
        self._main = chosen
        self._numbers = tuple(name for name, count in sorted(indicators.items()) if count == 1)
        self._vocabulary = known
        self._total = total
        self.save_hyperparameters()

    @property
    def input_dims(self) -> dict[str, int | None]:
        """Width of the features of each modality, and of the coded attributes."""
        coded = {ATTRIBUTES: sum(map(len, self._vocabulary.values()))} if self._vocabulary else {}
        return {**self._inputs, **coded}

    @property
    def axes(self) -> tuple[str, ...]:
        """Name of the predicted value, where the main indicator is a number."""
        return (self._main,) if self._main in self._numbers else ()

    def setup(self, stage: str) -> None:
        """Compare with the data; when fitting, find components and classes in its training rows."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if isinstance(data, AudienceDataModule):
            self._check_vocabulary(data)
        if stage != "fit":
            # A trained task brings its numbers along in the checkpoint.
            return
        if not isinstance(data, AudienceDataModule):
            raise ValueError(
                f"AudienceTask finds components and classes in the training rows of an AudienceDataModule, "
                f"and {type(data).__name__} is none: train with one, or with a subclass of it."
            )
        self.fit_to(data)

    def fit_to(self, data: AudienceDataModule) -> None:
        """Find components and limits of classes in the training rows of ``data``.

        Raises:
            ValueError: If they are too few, or the data do not hold an indicator.
        """
        absent = sorted({*self.classes, *self._numbers} - {*data.indicators})
        if absent:
            raise ValueError(
                f"AudienceTask predicts {absent[0]!r}, and the data hold {', '.join(data.indicators)}: name "
                "the same indicators in both."
            )
        for name in (*self.classes, *self._numbers):
            if bool(data.training_numbers(name).isnan().all()):
                raise ValueError(
                    f"AudienceTask predicts {name!r}, but no training row has a value of it: leave it out of "
                    "indicators, or add rows that have one."
                )
        for name, encoder in self.encoders.items():
            if isinstance(encoder, PrincipalComponentsEncoder):
                encoder.fit(data.training_features(name).to(encoder.mean.device))
        for name, classes in self.classes.items():
            cast(QuantileClasses, classes).fit(data.training_numbers(name))

    def _check_vocabulary(self, data: AudienceDataModule) -> None:
        theirs = {name: list(values) for name, values in data.vocabulary.items()}
        if list(theirs.items()) != list(self._vocabulary.items()):
            raise ValueError(
                f"AudienceTask and its data code attributes by different columns. Task: {self._vocabulary}. "
                f"Data: {theirs}. Give both the same vocabulary, in the same order."
            )

    def contextualise(self, fused: Encoding, batch: AffectBatch) -> Encoding:
        """Smooth the nodes over what they have in common."""
        hypergraph = batch.meta.get(HYPERGRAPH)
        if not isinstance(hypergraph, Hypergraph):
            raise KeyError(
                "AudienceTask got a batch without a hypergraph: read it with an AudienceDataModule, or put a "
                "Hypergraph over its rows into meta['hypergraph']."
            )
        encoded: Encoding = self.nodes(fused.pooled, hypergraph.to(fused.pooled.device))
        return encoded

    def classed(self, target: Target) -> Target:
        """The same target with classes in the place of the numbers of indicators that have them.

        Shape:
            - extra[name]: (N,) int64, -100 where absent; (N, 1) where the number is kept.
            - label: ``extra`` of the main indicator.
        """
        extra = dict(target.extra or {})
        for name, classes in self.classes.items():
            if name in extra:
                labels: Tensor = classes(extra[name].squeeze(-1))
                extra[name] = labels
        return target._replace(
            extra=extra, label=extra.get(self._main) if self._main in self.classes else None
        )

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Compare every indicator with its class or number."""
        return self.loss(output, self.classed(batch.target))

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the scores of each indicator, and to those of each group."""
        found, target = output.extra or {}, self.classed(batch.target)
        weight = batch.valid.float() if target.weight is None else target.weight
        truth = target.extra or {}
        masks = (
            list(group_masks(batch.inputs[ATTRIBUTES], self._vocabulary, total=self._total))
            if self._vocabulary
            else []
        )
        for name in self._numbers:
            for metric in ("ccc", "rmse"):
                metrics[f"{metric}_{name}"].update(found[name], truth[name], weight)
        for name in self.classes:
            guess, label = found[name].argmax(-1), truth[name]
            metrics["accuracy"].update(guess, label, weight)
            metrics[f"accuracy_{name}"].update(guess, label, weight)
            for group, member in masks:
                metrics[_group_key(name, group)].update(guess, label, weight * member)

    def prediction(self, batch: AffectBatch, output: AffectOutput) -> AffectPrediction:
        """Take the drawn nodes and what was predicted of the main indicator."""
        return super().prediction(replace(batch, target=self.classed(batch.target)), output)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add where the classes of each indicator begin."""
        limits = {
            f"{name}_limits": " ".join(
                f"{limit:.4g}" for limit in cast(QuantileClasses, classes).thresholds.tolist()
            )
            for name, classes in self.classes.items()
        }
        return {**super().report_facts(), "main_indicator": self._main, **limits}


def _quantile_space(name: str, count: int) -> LabelSpace | None:
    if count == 1:
        return None
    return LabelSpace(
        f"{name}{count}.quantiles", tuple(f"part {part + 1} of {count}" for part in range(count))
    )


def _loss(indicators: dict[str, int], weights: dict[str, float], *, label_smoothing: float) -> WeightedSum:
    parts: dict[str, Loss] = {
        name: MSELoss(head=name)
        if count == 1
        else ClassificationLoss(count, head=name, label_smoothing=label_smoothing)
        for name, count in indicators.items()
    }
    return WeightedSum(parts, weights)


def _metrics(indicators: dict[str, int], groups: list[str]) -> MetricCollection:
    metrics: dict[str, Metric | MetricCollection] = {}
    for name, count in sorted(indicators.items()):
        if count == 1:
            metrics |= {f"ccc_{name}": CCC(1), f"rmse_{name}": RMSE(1)}
            continue
        metrics[f"accuracy_{name}"] = Accuracy(count)
        metrics |= {_group_key(name, group): GroupAccuracy(count, group=group) for group in groups}
    most = max(indicators.values())
    if most > 1:
        metrics["accuracy"] = Accuracy(most)
    # Every metric is given rows of its own, so none may share the counts of another.
    return MetricCollection(metrics, compute_groups=False)


def _group_key(name: str, group: str) -> str:
    return f"accuracy_{name}_{group.replace('=', '_')}"
