"""Seven emotions of a voice nobody in training has: EMO-DB, leave one speaker out, from the wave form.

A small convolutional network over log-mel frames is trained for each speaker on the other nine: with
cross entropy alone, and with a metric loss on what the classifier reads. Epochs are fixed; nothing is
selected on the speaker that is held out. Bands are normalised by the training speakers; as a second row
every speaker, the held-out one too, is normalised by all recordings of their own, without labels. Beside
them stands a logistic regression on the 88 eGeMAPS functionals where the folder has them.

    python benchmarks/quality/emodb.py --data DIR --out emodb.json --work WORK
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from affectkit.data.decode.audio import decode_audio
from affectkit.data.schema import ItemRecord
from affectkit.data.sources.emodb import read_emodb
from affectkit.encoders import LogMel, SpectrogramConvEncoder, SpectrogramMasking
from affectkit.functional import confusion_counts, resample, unweighted_average_recall
from affectkit.heads import ClassificationHead
from affectkit.labels import label_space
from affectkit.losses import (
    ClassificationLoss,
    SupervisedContrastiveLoss,
    TripletMarginLoss,
    WeightedSum,
)
from affectkit.report.figures import confusion_figure
from affectkit.types import AffectOutput, Encoding, Loss, Target

SPACE: Final = label_space("emodb7.letters")
PLAIN: Final = "cross entropy"
SYSTEMS: Final = (PLAIN, "cross entropy + triplet, batch-hard", "cross entropy + supervised contrastive")
#: By what bands are brought to mean 0 and deviation 1.
NORMALIZATIONS: Final = ("training speakers", "each speaker")
BASELINE: Final = "eGeMAPS + logistic regression"
#: The settings were chosen by leaving one of these out of the five; the other five had no part in that.
TUNED: Final = ("03", "08", "09", "10", "11")
OUTSIDE: Final = "UAR, speakers outside tuning"
#: What the best network must reach with training speakers' statistics, pooled folds, in percent.
LEAST: Final = 61.1


class Settings(NamedTuple):
    """Front end, network and training, the same for every system, speaker and seed."""

    rate: int = 16_000
    num_mels: int = 40
    frame_ms: float = 40.0
    hop_ms: float = 20.0
    widths: tuple[int, ...] = (12, 24, 48, 96)
    dropout: float = 0.3
    shown: int = 80
    epochs: int = 20
    batch: int = 32
    lr: float = 3e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    metric_weight: float = 0.5
    margin: float = 0.2
    temperature: float = 0.1


class Voices(NamedTuple):
    """Log-mel frames of all recordings, with labels and speakers."""

    frames: Tensor
    mask: Tensor
    label: Tensor
    speakers: tuple[str, ...]
    keys: tuple[str, ...]


class Cell(NamedTuple):
    """One network: for which speaker, and what it said of their recordings."""

    normalization: str
    system: str
    seed: int
    speaker: str
    label: list[int]
    predicted: list[int]
    seconds: float


def read_voices(folder: Path, settings: Settings) -> Voices:
    """Decode, resample and transform every recording once."""
    waves, labels, speakers, keys = [], [], [], []
    for sample in read_emodb(folder):
        ((kind, path),) = sample.members.items()
        record = cast(ItemRecord, sample.record)
        assert isinstance(path, Path) and record["label"] is not None
        audio = decode_audio(path.read_bytes(), kind=kind)
        waves.append(resample(audio.waveform.mean(dim=0), audio.rate, settings.rate))
        labels.append(record["label"])
        speakers.append(record["speaker"])
        keys.append(sample.key)
    front = LogMel(
        settings.rate, frame_ms=settings.frame_ms, hop_ms=settings.hop_ms, num_mels=settings.num_mels
    )
    found = [front(wave.unsqueeze(0)) for wave in waves]
    longest = max(one.mask.shape[1] for one in found)
    return Voices(
        torch.cat([nn.functional.pad(one.frames, (0, 0, 0, longest - one.frames.shape[1])) for one in found]),
        torch.cat([nn.functional.pad(one.mask, (0, longest - one.mask.shape[1])) for one in found]),
        torch.tensor(labels),
        tuple(speakers),
        tuple(keys),
    )


def normalized(voices: Voices, *, train: Tensor, by: str) -> Tensor:
    """Frames of which each band has mean 0 and deviation 1 over the recordings that ``by`` names."""
    frames = torch.zeros_like(voices.frames)
    if by == "training speakers":
        groups = [(train, torch.ones_like(train))]
    else:
        own = [torch.tensor([one == name for one in voices.speakers]) for name in set(voices.speakers)]
        groups = [(group, group) for group in own]
    for measured, changed in groups:
        rows = voices.frames[measured][voices.mask[measured]]
        spread = rows.std(dim=0).clamp(min=1e-3)
        frames[changed] = (voices.frames[changed] - rows.mean(dim=0)) / spread
    return frames.masked_fill(~voices.mask.unsqueeze(2), 0.0)


def shown_part(frames: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """A random stretch of ``length`` frames of each recording, all of a shorter one."""
    spare = (mask.sum(dim=1) - length).clamp(min=0)
    start = (torch.rand(len(frames)) * (spare + 1)).long()
    place = (start.unsqueeze(1) + torch.arange(length)).clamp(max=frames.shape[1] - 1)
    real = torch.arange(length) < mask.sum(dim=1, keepdim=True)
    return frames[torch.arange(len(frames)).unsqueeze(1), place], real


def objective(system: str, counts: Tensor, settings: Settings) -> Loss:
    """Cross entropy with balanced classes, and the metric loss that the system's name says."""
    emotion = ClassificationLoss(len(SPACE), label_smoothing=settings.label_smoothing)
    emotion.set_class_weights(counts, "balanced")
    if system == PLAIN:
        return emotion
    metric: Loss = SupervisedContrastiveLoss(temperature=settings.temperature, gather=False)
    if "triplet" in system:
        metric = TripletMarginLoss(settings.margin, mining="batch_hard", gather=False)
    return WeightedSum({"emotion": emotion, "metric": metric}, {"metric": settings.metric_weight})


def measure(
    voices: Voices, *, normalization: str, system: str, seed: int, speaker: str, settings: Settings
) -> Cell:
    """Train on all other speakers, and read the held-out one once."""
    started = time.monotonic()
    torch.manual_seed(seed)
    test = torch.tensor([one == speaker for one in voices.speakers])
    frames = normalized(voices, train=~test, by=normalization)
    encoder = SpectrogramConvEncoder(
        settings.num_mels,
        widths=settings.widths,
        normalization="none",
        masking=SpectrogramMasking(time_masks=1, band_masks=1),
    )
    head = ClassificationHead(encoder.out_dim, len(SPACE), dropout=settings.dropout)
    counts = voices.label[~test].bincount(minlength=len(SPACE))
    loss = objective(system, counts, settings)
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    places = (~test).nonzero().squeeze(1)
    batches = len(places) // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.lr, total_steps=batches * settings.epochs, pct_start=0.2
    )
    encoder.train()
    head.train()
    for _ in range(settings.epochs):
        order = places[torch.randperm(len(places))][: batches * settings.batch]
        for rows in order.reshape(batches, settings.batch):
            x, real = shown_part(frames[rows], voices.mask[rows], settings.shown)
            heard: Encoding = encoder(x, real)
            output: AffectOutput = head(heard)
            terms = loss.forward(output, Target(label=voices.label[rows]))
            optimizer.zero_grad()
            torch.autograd.backward(terms.total)
            optimizer.step()
            schedule.step()
    encoder.eval()
    head.eval()
    with torch.no_grad():
        answer: AffectOutput = head(encoder(frames[test], voices.mask[test]))
    assert answer.logits is not None
    return Cell(
        normalization,
        system,
        seed,
        speaker,
        voices.label[test].tolist(),
        answer.logits.argmax(dim=1).tolist(),
        round(time.monotonic() - started, 1),
    )


def cell_path(work: Path, place: tuple[str, str, int, str]) -> Path:
    """Where a cell is kept."""
    name = "-".join(str(part) for part in place).replace(" ", "_")
    return work / "cells" / f"{name}.json"


def whole_seeds(
    wanted: Sequence[tuple[str, str, int, str]], work: Path, *, speakers: int
) -> list[tuple[str, str, int, str]]:
    """Those cells whose system and seed are finished for every speaker."""
    there = [place for place in wanted if cell_path(work, place).is_file()]
    counts = Counter(place[:3] for place in there)
    return [place for place in there if counts[place[:3]] == speakers]


def run_cells(
    wanted: Sequence[tuple[str, str, int, str]], voices: Voices, settings: Settings, work: Path
) -> list[Cell]:
    """Every cell, from the folder of finished ones where it is there."""
    cells, taken = [], []
    for done, place in enumerate(wanted, start=1):
        normalization, system, seed, speaker = place
        path = cell_path(work, place)
        if path.is_file():
            cell = Cell(**json.loads(path.read_text(encoding="utf-8")))
        else:
            cell = measure(
                voices,
                normalization=normalization,
                system=system,
                seed=seed,
                speaker=speaker,
                settings=settings,
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(cell._asdict()), encoding="utf-8")
            partial.replace(path)
            taken.append(cell.seconds)
            left = statistics.mean(taken) * (len(wanted) - done) / 60
            print(
                f"[{done}/{len(wanted)}] {path.stem}: {cell.seconds:.1f} s, {left:.0f} min left", flush=True
            )
        cells.append(cell)
    return cells


def counts_of(cells: Sequence[Cell]) -> Tensor:
    label = torch.tensor([one for cell in cells for one in cell.label])
    predicted = torch.tensor([one for cell in cells for one in cell.predicted])
    return confusion_counts(predicted, label, num_classes=len(SPACE))


def scores(folds: Sequence[Cell]) -> dict[str, float]:
    """Scores in percent of the folds of one system and seed."""
    pooled = counts_of(folds)
    each = [float(unweighted_average_recall(counts_of([fold]))) for fold in folds]
    found = {
        "UAR, pooled folds": 100.0 * float(unweighted_average_recall(pooled)),
        "UAR, mean over folds": 100.0 * statistics.mean(each),
        "accuracy": 100.0 * float(pooled.diag().sum() / pooled.sum()),
    }
    outside = [fold for fold in folds if fold.speaker not in TUNED]
    if outside:
        found[OUTSIDE] = 100.0 * float(unweighted_average_recall(counts_of(outside)))
    return found


def baseline(folder: Path, voices: Voices, *, normalizations: Sequence[str]) -> list[Cell]:
    """Logistic regression on the eGeMAPS functionals of the same recordings; nothing without them."""
    path = folder / "egemaps.npz"
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as stored:
        row_of = {Path(str(name)).stem: row for row, name in enumerate(stored["fname"])}
        features = stored["X"][[row_of[key] for key in voices.keys]]
    label, speakers = voices.label.numpy(), np.array(voices.speakers)
    cells = []
    for normalization in normalizations:
        scaled = features.copy()
        for one in sorted(set(voices.speakers)) if normalization == "each speaker" else ():
            scaled[speakers == one] = StandardScaler().fit_transform(features[speakers == one])
        for speaker in sorted(set(voices.speakers)):
            test = speakers == speaker
            scaler = StandardScaler().fit(scaled[~test])
            model = LogisticRegression(max_iter=2000).fit(scaler.transform(scaled[~test]), label[~test])
            predicted = model.predict(scaler.transform(scaled[test])).tolist()
            cells.append(Cell(normalization, BASELINE, 0, speaker, label[test].tolist(), predicted, 0.0))
    return cells


def rows_of(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Mean and deviation over seeds of each normalisation and system, and what a metric loss adds."""
    found: list[dict[str, Any]] = []
    by_seed: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for cell in cells:
        by_seed.setdefault((cell.normalization, cell.system), {})[cell.seed] = {}
    for (normalization, system), seeds in by_seed.items():
        for seed in seeds:
            seeds[seed] = scores(
                [c for c in cells if (c.normalization, c.system, c.seed) == (normalization, system, seed)]
            )
        plain = by_seed.get((normalization, PLAIN), {})
        for metric in next(iter(seeds.values())):
            values = [seeds[seed][metric] for seed in sorted(seeds)]
            row = {"normalization": normalization, "system": system, "metric": metric}
            found.append({**row, **_summary(values)})
            if system not in (PLAIN, BASELINE) and set(plain) == set(seeds):
                gains = [seeds[seed][metric] - plain[seed][metric] for seed in sorted(seeds)]
                found.append({**row, "metric": f"{metric}, over {PLAIN}", **_summary(gains)})
    return found


def _summary(values: Sequence[float]) -> dict[str, Any]:
    return {
        "value": round(statistics.mean(values), 2),
        "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
        "n": len(values),
        "values": [round(value, 2) for value in values],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Scores of each system in Markdown, with the deviation over seeds."""
    lines = [
        "| bands normalised by | system | seeds | UAR, pooled folds | UAR, mean over folds | accuracy "
        f"| UAR over {PLAIN} | {OUTSIDE} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for normalization, system in dict.fromkeys((row["normalization"], row["system"]) for row in rows):
        mine = {
            row["metric"]: row
            for row in rows
            if (row["normalization"], row["system"]) == (normalization, system)
        }
        gain = mine.get(f"UAR, pooled folds, over {PLAIN}")
        shown = [_figure(mine[name]) for name in ("UAR, pooled folds", "UAR, mean over folds", "accuracy")]
        shown.append("" if gain is None else _figure(gain, signed=True))
        shown.append(_figure(mine[OUTSIDE]) if OUTSIDE in mine else "")
        lines.append(f"| {normalization} | {system} | {mine['accuracy']['n']} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _figure(row: Mapping[str, Any], *, signed: bool = False) -> str:
    value = f"{row['value']:+.1f}" if signed else f"{row['value']:.1f}"
    return value if row["sd"] is None else f"{value} ± {row['sd']:.1f}"


def failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What falls short of the mark."""
    reached = max(
        row["value"]
        for row in rows
        if row["normalization"] == NORMALIZATIONS[0]
        and row["system"] != BASELINE
        and row["metric"] == "UAR, pooled folds"
    )
    return [] if reached >= LEAST else [f"the best network reaches {reached}, less than {LEAST}"]


def environment() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} in use",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with wav/ or the recordings")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1 (default: 3)")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--normalizations", nargs="+", choices=NORMALIZATIONS, default=NORMALIZATIONS)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--picture", type=Path, help="confusion of the best network, as PNG")
    parser.add_argument("--work", type=Path, help="folder of finished cells, where a new call goes on")
    parser.add_argument("--finished", action="store_true", help="measure nothing: write what is finished")
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch: does it run?")
    options = parser.parse_args(arguments)
    settings = Settings(epochs=1, batch=8) if options.quick else Settings()
    seeds = 1 if options.quick else options.seeds
    # Small layers: a second thread would wait more than it works.
    torch.set_num_threads(1)
    voices = read_voices(options.data, settings)
    speakers = sorted(set(voices.speakers))
    wanted = [
        (normalization, system, seed, speaker)
        for normalization in options.normalizations
        for seed in range(seeds)
        for system in options.systems
        for speaker in speakers
    ]
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.finished:
            wanted = whole_seeds(wanted, work, speakers=len(speakers))
        cells = run_cells(wanted, voices, settings, work)
    networks = list(cells)
    cells += baseline(options.data, voices, normalizations=options.normalizations)
    found = rows_of(cells)
    print(table(found))
    below = [] if options.quick else failures(found)
    confusion = {
        f"{normalization}, {system}": counts_of(
            [c for c in networks if (c.normalization, c.system) == (normalization, system)]
        ).tolist()
        for normalization, system in dict.fromkeys((c.normalization, c.system) for c in networks)
    }
    if options.picture is not None:
        pooled = [
            row
            for row in found
            if row["metric"] == "UAR, pooled folds"
            and row["system"] != BASELINE
            and row["normalization"] == wanted[0][0]
        ]
        best = max(pooled, key=lambda row: float(row["value"]))
        chosen = f"{best['normalization']}, {best['system']}"
        figure = confusion_figure(
            np.array(confusion[chosen]), SPACE.labels, title=f"{best['system']}; all folds, {seeds} seeds"
        )
        figure.savefig(options.picture, dpi=120)
    result = {
        "name": "emodb",
        "command": "python benchmarks/quality/emodb.py --data DIR "
        + ("--quick" if options.quick else f"--seeds {seeds}"),
        "environment": environment(),
        "data": f"EMO-DB: {len(voices.keys)} recordings of {len(speakers)} speakers",
        "settings": settings._asdict(),
        "selection": "fixed epochs; settings chosen within speakers " + ", ".join(TUNED) + " with seed 0",
        "seconds": round(sum(cell.seconds for cell in networks), 1),
        "confusion": confusion,
        "folds": [
            {
                "normalization": cell.normalization,
                "system": cell.system,
                "seed": cell.seed,
                "speaker": cell.speaker,
                "UAR": round(scores([cell])["UAR, pooled folds"], 2),
            }
            for cell in networks
        ],
        "rows": found,
        "limit": {
            "what": f"UAR of pooled folds of {LEAST} by training speakers' statistics",
            "failures": below,
        },
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n".join(below))
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
