"""People watching videos, as nodes that share attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import torch
from torch import Tensor

from affectkit.data.loader.item_features import ItemFeatures, ItemFeaturesReader
from affectkit.data.loader.node_collate import NodeCollate
from affectkit.data.loader.node_table import NodeTable, read_nodes
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.graph import Hypergraph, attribute_hypergraph, joined_hypergraph, knn_hypergraph
from affectkit.labels import LabelSpace

#: Name of the coded attributes among the inputs of a batch.
ATTRIBUTES: Final = "attributes"


class AudienceDataModule(ShardDataModule[ItemFeatures]):
    """Groups of people and what they watched, joined by a hypergraph over what they have in common.

    A sample is the record of an item with stored features, e.g. of the text of a scene, and ``meta``:
    who watched what (strings), and how they reacted (numbers, null where unknown). Hyperedges join the
    samples that share a value of an attribute, and where asked for the nearest by their features. What is
    to be predicted makes no hyperedge.

    Training is transductive: a batch holds the nodes of every split, and the loss reads those that the
    plan drew from the training split. So the sizes of batches and the number of ranks change which rows
    count together, and never what a row is seen in the light of.

    Args:
        root: Folder with a ``manifest.json`` of kind ``features``.
        indicators: Names in ``meta`` of the numbers to predict.
        attributes: Names in ``meta`` whose values join samples.
        vocabulary: Values of attributes that are coded as inputs, one column each: ``(N, sum)`` in
            ``inputs["attributes"]``; what is not in it has a row of zeros.
        neighbours: Samples of a further hyperedge around each one, itself included, that are nearest by
            their features, standardised by the training rows; 0 = none.
        nodes: ``"all"``: the nodes of every split, their targets hidden. ``"split"``: those of the split
            that is read, so that a trained model meets people and videos that it has not seen.
        modalities: Features to load; None takes all that are stored.
        batch_size: Rows that the loss reads, over all ranks together.
        seed: Seed of the order.
        shuffle: ``"global"``, ``"lanes"`` or ``"none"``; see :class:`~affectkit.data.plan.EpochPlan`.
        tail: Whether training drops the samples after the last full batch or wraps around.
        num_workers: Processes that make batches; 0 is fastest.
        pin_memory: Put batches into page-locked memory, where there is a GPU to take them to.
        predict_split: Split that the predict loader reads.
        verify: What is compared before training starts: ``"size"`` sizes and indexes, ``"headers"`` also
            every header, ``"sha256"`` every byte.

    Raises:
        DataModuleError: If the folder holds another kind of samples, an indicator is also an attribute, or
            no value of an attribute is in its vocabulary.
        ShardError: If a sample lacks features, an attribute or an indicator.
    """

    kind = "features"

    def __init__(
        self,
        root: str,
        *,
        indicators: list[str],
        attributes: list[str],
        vocabulary: dict[str, list[str]] | None = None,
        neighbours: int = 0,
        nodes: Literal["all", "split"] = "all",
        modalities: list[str] | None = None,
        batch_size: int = 256,
        seed: int = 0,
        shuffle: Shuffle = "global",
        tail: Literal["drop", "wrap"] = "drop",
        num_workers: int = 0,
        pin_memory: bool = True,
        predict_split: str = "test",
        verify: Literal["size", "headers", "sha256"] = "headers",
    ) -> None:
        super().__init__(
            root,
            modalities=modalities,
            batch_size=batch_size,
            seed=seed,
            shuffle=shuffle,
            tail=tail,
            num_workers=num_workers,
            pin_memory=pin_memory,
            predict_split=predict_split,
            verify=verify,
        )
        told = sorted(set(indicators) & {*attributes, *(vocabulary or {})})
        if told:
            raise DataModuleError(
                f"AudienceDataModule got {told[0]!r} as an indicator and as an attribute: samples that share "
                "what is to be predicted would tell each other, so keep it out of attributes and vocabulary."
            )
        if not indicators or not attributes or neighbours < 0 or nodes not in ("all", "split"):
            raise DataModuleError(
                f"AudienceDataModule got indicators={indicators}, attributes={attributes}, "
                f"neighbours={neighbours}, nodes={nodes!r}: name at least one of each, give 0 or more, and "
                "'all' or 'split'."
            )
        self.indicators = tuple(sorted(set(indicators)))
        self._attributes = sorted({*attributes})
        #: Values of each coded attribute, in the order of their columns.
        self.vocabulary = {name: tuple(values) for name, values in (vocabulary or {}).items()}
        self._neighbours = neighbours
        self._nodes: Literal["all", "split"] = nodes
        self._table: NodeTable | None = None
        self._graphs: dict[str, Hypergraph] = {}

    @property
    def label_space(self) -> LabelSpace | None:
        """None: what is predicted are the indicators, whose classes a task cuts."""
        return None

    @property
    def feature_dims(self) -> dict[str, int]:
        """Width of each modality and of the coded attributes, sorted by name."""
        found = super().feature_dims
        if self.vocabulary:
            found[ATTRIBUTES] = sum(map(len, self.vocabulary.values()))
        return dict(sorted(found.items()))

    @property
    def table(self) -> NodeTable:
        """All samples of all splits, read once.

        Raises:
            DataModuleError: If no value of an attribute is in its vocabulary.
            ShardError: If a sample lacks features, an attribute or an indicator.
        """
        if self._table is None:
            table = read_nodes(
                {split: self.store(split) for split in self.manifest.splits},
                feature_dims=super().feature_dims,
                attributes=sorted({*self._attributes, *self.vocabulary}),
                numbers=self.indicators,
            )
            for name, known in self.vocabulary.items():
                met = {value for value in table.attributes[name] if value is not None}
                if met and not met & set(known):
                    raise DataModuleError(
                        f"{self.root} has {', '.join(sorted(met)[:5])} as {name!r}, none of which is in its "
                        f"vocabulary ({', '.join(known)}): write values and vocabulary alike."
                    )
            self._table = table
        return self._table

    def nodes(self, split: str) -> NodeTable:
        """The nodes of the batches of a split."""
        return self.table if self._nodes == "all" else self.table.only(split)

    def hypergraph(self, split: str) -> Hypergraph:
        """What joins the nodes of the batches of a split."""
        place = "" if self._nodes == "all" else split
        if place not in self._graphs:
            table = self.nodes(split)
            graph = attribute_hypergraph({name: table.attributes[name] for name in self._attributes})
            if self._neighbours:
                k = min(self._neighbours, len(table))
                graph = joined_hypergraph(graph, knn_hypergraph(self._standardized(table), k))
            self._graphs[place] = graph
        return self._graphs[place]

    def training_features(self, name: str) -> Tensor:
        """Features (n, D) of the training rows, to fit components to."""
        return self.table.features[name][self.table.split_rows("train")]

    def training_numbers(self, name: str) -> Tensor:
        """An indicator (n,) of the training rows, to cut into classes; NaN where absent."""
        return self.table.numbers[name][self.table.split_rows("train")]

    def decoder(self, split: str) -> ItemFeaturesReader:
        """Record and features."""
        return ItemFeaturesReader()

    def collate(self, split: str) -> NodeCollate:
        """All nodes, of which the drawn ones are real."""
        table = self.nodes(split)
        inputs = dict(table.features)
        if self.vocabulary:
            inputs[ATTRIBUTES] = coded_attributes(table.attributes, self.vocabulary)
        return NodeCollate(
            table, inputs=inputs, hypergraph=self.hypergraph(split), start=table.rows[split][0]
        )

    def _open(self, stage: str) -> None:
        super()._open(stage)
        _ = self.table

    def _standardized(self, table: NodeTable) -> Tensor:
        parts: list[Tensor] = []
        for name, rows in table.features.items():
            known = self.training_features(name).double()
            deviation = known.std(0, correction=0)
            # A column that never changes in training says nothing about distance.
            scale = torch.where(deviation > 1e-6, deviation.reciprocal(), 0.0)
            parts.append((rows.double() - known.mean(0)) * scale)
        return torch.cat(parts, 1)


def coded_attributes(
    columns: Mapping[str, Sequence[str | None]], vocabulary: Mapping[str, Sequence[str]]
) -> Tensor:
    """One column for each value of each attribute of ``vocabulary``, in its order: 1 where a row has it.

    Examples:
        >>> coded_attributes({"age": ["20s", None]}, {"age": ["10s", "20s"]}).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    parts = [
        torch.tensor([[float(value == known) for known in values] for value in columns[name]])
        for name, values in vocabulary.items()
    ]
    return torch.cat(parts, 1)
