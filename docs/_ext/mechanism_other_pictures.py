"""Graphs, prototypes and calibration."""

from __future__ import annotations

import torch
from mechanism_canvas import CURVES, MUTED, SEQUENTIAL, Picture, label, listed, number, panels, styled
from torch import nn

from affectkit.calibration import MonteCarloDropout, TemperatureScaling, VectorScaling, fit_scaling
from affectkit.distill import VAPrototypeGrid
from affectkit.fusion import AttentionReallocator
from affectkit.graph import LabelGraph, attribute_hypergraph
from affectkit.metrics import CalibrationError


def adjacency_picture(name: str) -> Picture:
    """The matrix of the published graph of AffectNet."""
    graph = LabelGraph.affectnet7()
    matrices = (("adjacency", graph.adjacency), ("propagation", graph.propagation()))
    with styled():
        drawn, axes = panels([f"{title} of {graph.space.name}" for title, _ in matrices], height=3.6)
        for panel, (_, matrix) in zip(axes, matrices, strict=True):
            image = panel.pcolormesh(matrix, cmap=SEQUENTIAL, vmin=0)
            panel.invert_yaxis()
            panel.grid(False)
            ticks = [place + 0.5 for place in range(len(graph.nodes))]
            panel.set_xticks(ticks, graph.nodes, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
            panel.set_yticks(ticks, graph.nodes if panel is axes[0] else [""] * len(ticks), fontsize=8)
            drawn.colorbar(image, ax=panel, shrink=0.8).outline.set_visible(False)
        label(axes[0], "to", "from")
        label(axes[1], "from", "to")
    links = int((graph.adjacency > 0).sum() - (graph.adjacency.diagonal() > 0).sum())
    alt = (
        f"{name}: adjacency of {len(graph.nodes)} nodes ({', '.join(graph.nodes)}) with {links} links beside "
        f"the diagonal; isolated: {', '.join(graph.isolated) or 'none'}."
    )
    return Picture(drawn, alt, f"The shipped graph ({graph.origin}), as stored and as it is multiplied by.")


def membership_picture(name: str) -> Picture:
    """Which nodes a hyperedge joins."""
    graph = attribute_hypergraph(
        {
            "age": ["20s", "30s", "20s", "40s", "30s", "20s"],
            "gender": ["f", "m", "m", "f", "f", None],
            "scene": ["a", "a", "b", "b", "c", "c"],
        }
    )
    matrix = torch.zeros(graph.num_nodes, graph.num_edges)
    matrix[graph.node, graph.edge] = 1
    with styled():
        drawn, (panel,) = panels(["memberships"])
        panel.pcolormesh(matrix, cmap=SEQUENTIAL, vmin=0, vmax=1.4, edgecolors="face")
        panel.grid(False)
        panel.invert_yaxis()
        panel.set_xticks(
            [place + 0.5 for place in range(graph.num_edges)],
            graph.names,
            rotation=30,
            ha="right",
            rotation_mode="anchor",
        )
        panel.set_yticks(
            [place + 0.5 for place in range(graph.num_nodes)],
            [str(place) for place in range(graph.num_nodes)],
        )
        label(panel, "hyperedge", "node")
    alt = (
        f"{name} of {graph.num_nodes} nodes and {graph.num_edges} hyperedges ({', '.join(graph.names)}), "
        f"which hold {listed(matrix.sum(0))} nodes."
    )
    return Picture(
        drawn,
        alt,
        "Six samples and the values of three attributes that they share; of sample 5 one is unknown.",
    )


def prototype_picture(name: str) -> Picture:
    """How many teacher's rows fall into each cell of the plane."""
    generator = torch.Generator().manual_seed(0)
    va = torch.randn(400, 2, generator=generator) * torch.tensor([0.45, 0.3]) + torch.tensor([0.15, 0.05])
    grid = VAPrototypeGrid.from_features(
        torch.randn(400, 8, generator=generator) + va.repeat(1, 4) * 3, va.clamp(-1, 1), cells=5
    )
    counts = grid.counts.reshape(5, 5)
    alike = grid.prototypes @ grid.prototypes.T
    with styled():
        drawn, (left, right) = panels(["rows in each cell", "likeness of the prototypes"], height=3.0)
        centres = grid.centres.reshape(5, 5, 2)
        by_row = bool(centres[0, 0, 1] == centres[0, 1, 1])
        drawn_counts = counts if by_row else counts.T
        edges = torch.linspace(-1, 1, 6)
        image = left.pcolormesh(edges, edges, drawn_counts, cmap=SEQUENTIAL)
        left.grid(False)
        drawn.colorbar(image, ax=left, shrink=0.85, label="rows").outline.set_visible(False)
        label(left, "valence", "arousal")
        image = right.pcolormesh(alike, cmap=SEQUENTIAL, vmin=0, vmax=1)
        right.grid(False)
        right.invert_yaxis()
        drawn.colorbar(image, ax=right, shrink=0.85, label="cosine").outline.set_visible(False)
        label(right, "cell", "cell")
    alt = (
        f"{name} of five cells along each side: {int(counts.sum())} rows, {len(grid.filled)} cells filled "
        f"from neighbours, the fullest holds {int(counts.max())}."
    )
    return Picture(drawn, alt, "A grid from 400 made-up rows of a teacher.")


def scaling_picture(name: str) -> Picture:
    """Reliability before and after."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (3000,), generator=generator)
    evidence = 1.5 * nn.functional.one_hot(labels, 3) + torch.randn(3000, 3, generator=generator) * 1.5**0.5
    logits = 3 * evidence + torch.tensor([0.8, 0.0, -0.8])
    scaling = TemperatureScaling() if name == "TemperatureScaling" else VectorScaling(3)
    fit_scaling(scaling, logits[:1500], labels[:1500])
    with torch.no_grad():
        shown = (("before", logits[1500:]), ("after", scaling(logits[1500:]).float()))
    truth = labels[1500:]
    told = []
    with styled():
        drawn, (left, right) = panels(["reliability", "how sure it is"])
        left.plot([1 / 3, 1], [1 / 3, 1], color=MUTED, linewidth=1, linestyle="--")
        for text, values in shown:
            confidence, answer = values.softmax(-1).max(-1)
            right_ = (answer == truth).double()
            place = (confidence * 12).long().clamp(max=11)
            rows = torch.bincount(place, minlength=12)
            mean = torch.bincount(place, confidence.double(), minlength=12) / rows
            hits = torch.bincount(place, right_, minlength=12) / rows
            keep = rows >= 15
            left.plot(mean[keep], hits[keep], marker="o", markersize=3.5, label=text)
            right.stairs(rows / rows.sum(), torch.linspace(0, 1, 13), label=text, linewidth=1.8)
            error = CalibrationError(3)
            error.update(values, truth)
            told.append(f"{text} {float(error.compute()):.3f}")
        label(left, "mean confidence", "accuracy")
        label(right, "confidence", "share of rows")
        left.legend(fontsize=8)
        right.legend(fontsize=8, loc="upper left")
    return Picture(
        drawn,
        f"{name}: reliability of an overconfident model. Calibration error {', '.join(told)}.",
        "Logits that are three times too large, and shifted, scaled on 1,500 rows and drawn on 1,500 others. "
        f"Calibration error: {', '.join(told)}.",
    )


def dropout_picture(name: str) -> Picture:
    """Uncertainty inside and outside of what was trained on."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Dropout(0.3), nn.Linear(32, 2))
    x = torch.linspace(-2, 2, 80)[:, None]
    labels = (torch.rand(80) < torch.sigmoid(2.5 * x[:, 0])).long()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(40):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(network(x), labels))
        optimizer.step()
    network.eval()
    places = torch.linspace(-4, 4, 61)[:, None]
    found = MonteCarloDropout(network, passes=50)(places)
    assert found.probabilities is not None and found.entropy is not None and found.information is not None
    with styled():
        drawn, (left, right) = panels(["mean probability", "uncertainty"])
        left.plot(places[:, 0], found.probabilities[:, 1])
        label(left, "input", "probability of the second class")
        right.plot(places[:, 0], found.entropy, label="predictive entropy")
        right.plot(places[:, 0], found.information, label="mutual information", color=CURVES[1])
        label(right, "input", "nats")
        right.legend(fontsize=8)
    alt = (
        f"{name} of a small classifier whose classes meet at 0. At −4 and 0 the predictive entropy is "
        f"{listed(found.entropy[:31:30])} and the mutual information "
        f"{listed(found.information[:31:30])} nats."
    )
    return Picture(
        drawn,
        alt,
        "Fifty passes through a small network, trained on inputs in −2 to 2 whose classes overlap.",
    )


def reallocation_picture(name: str) -> Picture:
    """The share of a span before and after."""
    before = torch.linspace(0, 0.78, 79)
    attention = torch.stack([before, 0.8 - before, torch.full_like(before, 0.2)], -1)
    told = []
    with styled():
        drawn, (panel,) = panels(["attention to the modality that may draw too much"])
        panel.plot(before, before, color=MUTED, linewidth=1, linestyle="--")
        for threshold, factor in ((0.6, 0.8), (0.6, 0.5), (0.8, 0.5)):
            hook = AttentionReallocator(over=(0, 1), under=(1, 2), threshold=threshold, factor=factor)
            after = hook.eval()(attention)[:, 0]
            panel.plot(before, after, label=f"threshold={threshold:g}, factor={factor:g}")
            told.append(
                f"threshold {threshold:g} and factor {factor:g}: 0.78 becomes {number(float(after[-1]))}"
            )
        label(panel, "attention to the span before", "attention to the span after")
        panel.legend(fontsize=8)
    return Picture(
        drawn,
        f"{name}. {'; '.join(told)}.",
        "Two spans that get 0.8 of the attention together, as the first one's part grows.",
    )
