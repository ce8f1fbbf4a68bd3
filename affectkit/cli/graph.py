"""`affectkit graph`: make a label graph from a data set, and draw one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from affectkit.data.shards import ShardStore
    from affectkit.graph import LabelGraph
    from affectkit.labels import AffectScale, LabelSpace
    from affectkit.types import Target

#: Samples that are counted at once.
_AT_ONCE = 4096


class GraphCommandError(ValueError):
    """The data set has not what the wanted graph is made from."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its parts to the parser."""
    parser = commands.add_parser("graph", help="make a label graph from a data set, and draw one")
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True)

    part = parts.add_parser(
        "make",
        help="make the graph of a data set's labels and affect dimensions",
        description=(
            "Make the graph of a data set's labels and affect dimensions from the annotations of its "
            "training split, read once, from where its labels lie on the valence-arousal plane, or from "
            "their names. Samples with votes count for each category by its share of them."
        ),
    )
    part.add_argument("folder", metavar="DIR", help="folder of the shards")
    part.add_argument("out", metavar="OUT", help="file to write, e.g. graph.safetensors")
    part.add_argument(
        "--rule",
        choices=("correlation", "cooccurrence", "anchors", "embeddings"),
        default="correlation",
        help="rank correlation of labels and dimensions (default), labels that a sample has together, or "
        "the valence-arousal plane or what a text encoder makes of the names, which read no annotation",
    )
    part.add_argument(
        "--text",
        default="tiny",
        metavar="NAME",
        help="encoder of --rule embeddings, as of `affectkit extract`",
    )
    part.add_argument(
        "--scale",
        metavar="NAME",
        help="scale of --rule anchors or embeddings, e.g. va.unit (default: that of the data)",
    )
    part.add_argument("--split", default="train", help="split to count (default: train)")
    part.add_argument(
        "--categories",
        choices=("votes", "labels"),
        default="votes",
        help="what --rule correlation takes for the category of a sample: the shares of its annotators' "
        "votes where it has some, else its label (default), or its label alone",
    )
    part.add_argument("--threshold", type=float, help="strength from which on nodes are linked")
    part.add_argument("--self-weight", type=float, help="share that a node keeps of itself")
    part.add_argument(
        "--between-classes", action="store_true", help="link categories with each other as well"
    )
    part.set_defaults(run=run_make)

    part = parts.add_parser("draw", help="draw a label graph")
    part.add_argument("graph", metavar="GRAPH", help="file that `graph make` wrote, or affectnet7")
    part.add_argument("out", metavar="OUT", help="picture to write: .png, .pdf or .svg")
    part.set_defaults(run=run_draw)


def run_make(options: argparse.Namespace) -> int:
    """Make the graph and say what it is."""
    graph = _make(options)
    graph.save(options.out)
    links = int((graph.adjacency.clone().fill_diagonal_(0.0) > 0).sum())
    print(f"{options.out}: {len(graph.nodes)} nodes ({', '.join(graph.nodes)}), {links} links")
    print(f"made by {graph.origin}")
    if graph.isolated:
        print(f"without a link: {', '.join(graph.isolated)}")
    return 0


def run_draw(options: argparse.Namespace) -> int:
    """Draw the graph."""
    from affectkit.graph import find_label_graph
    from affectkit.report.figures import label_graph_figure

    path = Path(options.out)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise GraphCommandError(f"{path} names no kind of picture: end it in .png, .pdf or .svg.")
    if not path.parent.is_dir():
        raise GraphCommandError(f"There is no folder {path.parent} for {path.name}: make it first.")
    figure = label_graph_figure(find_label_graph(options.graph))
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"picture: {path}")
    return 0


def _make(options: argparse.Namespace) -> LabelGraph:
    from affectkit.data.shards import find_shards
    from affectkit.graph import LabelGraph, RankStatistics
    from affectkit.labels import UnknownLabelError, affect_scale

    store = find_shards(options.folder, options.split)
    space, scale = store.manifest.label_space, store.manifest.dims
    if space is None:
        raise GraphCommandError(f"{options.folder} has no labels: a label graph needs a label space.")
    chosen = {"threshold": options.threshold, "self_weight": options.self_weight}
    rule = {name: value for name, value in chosen.items() if value is not None}
    if options.rule == "anchors":
        given = scale if options.scale is None else affect_scale(options.scale)
        try:
            return LabelGraph.from_anchors(
                space, scale=given, between_classes=options.between_classes, **rule
            )
        except UnknownLabelError as error:
            raise GraphCommandError(
                f"{options.folder}: {str(error).partition(';')[0]}; link its labels by --rule embeddings."
            ) from error
    if options.rule == "embeddings":
        return _from_names(
            space, scale if options.scale is None else affect_scale(options.scale), options, rule
        )
    if options.rule == "cooccurrence":
        import torch

        if space.kind != "multilabel":
            raise GraphCommandError(
                f"{options.folder} has one label a sample ({space.name!r}), so that no two occur together: "
                "use --rule correlation or anchors."
            )
        pairs = torch.zeros(len(space), len(space), dtype=torch.float64)
        for target in annotated_parts(store):
            assert target.multilabel is not None
            shares = target.multilabel.nan_to_num().double()
            pairs += shares.T @ shares
        return LabelGraph.from_cooccurrence(pairs, space=space, **rule)
    if scale is None:
        raise GraphCommandError(
            f"{options.folder} has no affect dimensions to correlate its labels with: use --rule anchors"
            f"{' or cooccurrence' if space.kind == 'multilabel' else ''}."
        )
    counted = RankStatistics(space, scale)
    number = 0
    for target in annotated_parts(store):
        label, voted = _soft_categories(target) if options.categories == "votes" else (_hard(target), 0)
        counted.update(label, None if target.dims is None else target.dims.double())
        number += voted
    graph = LabelGraph.from_statistics(
        counted.compute(), space=space, scale=scale, between_classes=options.between_classes, **rule
    )
    if not number:
        return graph
    return replace(graph, origin=f"{graph.origin}, categories by the votes of {number} samples")


def _from_names(
    space: LabelSpace, scale: AffectScale | None, options: argparse.Namespace, rule: dict[str, float]
) -> LabelGraph:
    from affectkit.graph import LabelGraph, encoded_label_embeddings
    from affectkit.predict.extract import named_extractor

    names = (*space.labels, *(() if scale is None else scale.axes))
    rows = encoded_label_embeddings(names, named_extractor("text", options.text))
    return LabelGraph.from_embeddings(rows, space=space, scale=scale, **rule)


def _hard(target: Target) -> Tensor:
    """One label a sample, or several, in the form that ``RankStatistics.update`` takes."""
    label = target.label if target.multilabel is None else target.multilabel
    assert label is not None
    return label


def _soft_categories(target: Target) -> tuple[Tensor, int]:
    """The shares of the votes of each sample that has some, else its label, and how many have some.

    Where a sample may have several labels, each has votes of its own out of a number of annotators that is
    not stored: there labels are taken as they are.
    """
    from affectkit.functional import category_shares, has_votes

    if target.distribution is None or target.label is None:
        return _hard(target), 0
    votes = target.distribution.double()
    return category_shares(target.label, votes, num_classes=votes.shape[1]), int(has_votes(votes).sum())


def annotated_parts(store: ShardStore) -> Iterator[Target]:
    """What a split knows of labels, votes and dimensions, in parts."""
    from affectkit.data.loader.item_target import item_target
    from affectkit.data.schema import ItemRecord, conversation_record, item_record, parse_json

    manifest = store.manifest
    space = manifest.label_space
    assert space is not None
    join = item_target(manifest, space.map_to(space))
    for start in range(0, len(store), _AT_ONCE):
        records: list[ItemRecord] = []
        keys: list[str] = []
        for position in range(start, min(start + _AT_ONCE, len(store))):
            where = store.describe(position)
            value = parse_json(bytes(store.get(position)["json"]), where=where)
            if manifest.kind == "conversation":
                for turn in conversation_record(value, where=where)["utterances"]:
                    record: ItemRecord = {"id": turn["id"], "label": turn["label"]}
                    if "dims" in turn:
                        record["dims"] = turn["dims"]
                    records.append(record)
                    keys.append(f"{store.key(position)}/{turn['id']}")
            else:
                records.append(item_record(value, where=where))
                keys.append(store.key(position))
        yield join(records, keys=keys, valid=[True] * len(records))
