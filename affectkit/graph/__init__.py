"""Graphs over labels, and the layers that run on them. Plain torch, no Lightning."""

from affectkit.graph.affectnet_correlation import AFFECTNET_CORRELATION, AFFECTNET_CORRELATION_SOURCE
from affectkit.graph.error import LabelGraphError
from affectkit.graph.find_label_graph import find_label_graph
from affectkit.graph.graph_text import graph_from_text, graph_to_text
from affectkit.graph.hypergraph import Hypergraph, attribute_hypergraph, joined_hypergraph, knn_hypergraph
from affectkit.graph.label_embeddings import (
    encoded_label_embeddings,
    random_label_embeddings,
    read_label_embeddings,
    write_label_embeddings,
)
from affectkit.graph.label_graph import LabelGraph
from affectkit.graph.label_graph_network import LabelGraphNetwork
from affectkit.graph.rank_statistics import LabelStatistics, RankStatistics

__all__ = (
    "AFFECTNET_CORRELATION",
    "AFFECTNET_CORRELATION_SOURCE",
    "Hypergraph",
    "LabelGraph",
    "LabelGraphError",
    "LabelGraphNetwork",
    "LabelStatistics",
    "RankStatistics",
    "attribute_hypergraph",
    "encoded_label_embeddings",
    "find_label_graph",
    "graph_from_text",
    "graph_to_text",
    "joined_hypergraph",
    "knn_hypergraph",
    "random_label_embeddings",
    "read_label_embeddings",
    "write_label_embeddings",
)
