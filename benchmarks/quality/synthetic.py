"""How hard the synthetic corpus is: what single modalities reach, what all of them reach, and chance.

For each seed a corpus is made and read by two kinds of model: logistic regression on raw inputs (bag
of words, pixels, waveform, log-spectrum), its strength of regularisation selected on val, and
ConversationTask on features of the tiny encoders, its epoch selected on val, with the whole
conversation as context. Both are also trained on shuffled labels.

    python benchmarks/quality/synthetic.py --out synthetic.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sklearn
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.data.synthetic import SAMPLE_RATE, SyntheticCorpus, SyntheticUtterance, write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.tasks import ConversationTask
from affectkit.types import AffectOutput

MODALITIES: Final = ("text", "visual", "audio")
STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1)
Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sizes:
    """Conversations of each split, and epochs of a task."""

    train: int
    val: int
    test: int
    epochs: int

    @property
    def splits(self) -> dict[str, int]:
        """Conversations by split."""
        return {"train": self.train, "val": self.val, "test": self.test}


def weighted_f1(truth: Labels, guess: Labels) -> float:
    score: float = f1_score(truth, guess, average="weighted", zero_division=0.0)
    return 100.0 * score


def log_spectrum(waveform: npt.NDArray[np.float32]) -> Matrix:
    """Mean and deviation over time of the log power in each bin of 32 ms frames."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 256)[::128] * np.hanning(256)
    power = np.log(np.abs(np.fft.rfft(frames)) ** 2 + 1e-6)
    statistics: Matrix = np.concatenate([power.mean(axis=0), power.std(axis=0)]).astype(np.float32)
    return statistics


def raw_inputs(corpora: Mapping[str, list[SyntheticUtterance]]) -> dict[str, dict[str, Matrix]]:
    """Input by its name and by split; every column has unit deviation on train."""
    words = CountVectorizer(token_pattern=r"\w+").fit([u.text for u in corpora["train"]])
    table: dict[str, dict[str, Matrix]] = {
        "text: bag of words": {},
        "visual: pixels": {},
        "audio: waveform": {},
        "audio: log-spectrum": {},
    }
    for split, utterances in corpora.items():
        images = [u.image for u in utterances if u.image is not None]
        waves = [u.waveform for u in utterances if u.waveform is not None]
        padded = [np.pad(wave, (0, SAMPLE_RATE - len(wave))) for wave in waves]
        counts: Matrix = words.transform([u.text for u in utterances]).toarray().astype(np.float32)
        table["text: bag of words"][split] = counts
        table["visual: pixels"][split] = np.stack(images).reshape(len(images), -1).astype(np.float32)
        table["audio: waveform"][split] = np.stack(padded).astype(np.float32)
        table["audio: log-spectrum"][split] = np.stack([log_spectrum(wave) for wave in waves])
    for name, parts in table.items():
        if not name.startswith("text"):
            scaler = StandardScaler().fit(parts["train"])
            table[name] = {split: scaler.transform(part) for split, part in parts.items()}
    return table


def regression(inputs: Mapping[str, Matrix], labels: Mapping[str, Labels]) -> float:
    """Test score of the logistic regression whose strength is best on val."""
    best, chosen = -1.0, None
    # A weakly regularised fit of thousands of columns is cut off early, and val decides on what it is worth.
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Inputs of thousands of columns want less, words of a hundred columns more: offer both.
    for strength in (*STRENGTHS, 1.0):
        model = LogisticRegression(C=strength, max_iter=60).fit(inputs["train"], labels["train"])
        score = weighted_f1(labels["val"], model.predict(inputs["val"]))
        if score > best:
            best, chosen = score, model
    assert chosen is not None
    return weighted_f1(labels["test"], chosen.predict(inputs["test"]))


def guesses(task: ConversationTask, batches: Any) -> tuple[Labels, Labels]:
    truth, guess = [], []
    task.eval()
    batch: AffectBatch
    with torch.no_grad():
        for batch in batches:
            output: AffectOutput = task(batch)
            assert output.logits is not None and batch.target.label is not None
            real = batch.masks["utterance"] & batch.valid.unsqueeze(1)
            truth.append(batch.target.label[real])
            guess.append(output.logits.argmax(dim=-1)[real])
    return torch.cat(truth).numpy(), torch.cat(guess).numpy()


def shuffle_labels(batch: AffectBatch, generator: torch.Generator) -> AffectBatch:
    label = batch.target.label
    assert label is not None
    real = batch.masks["utterance"]
    shuffled = label.clone()
    known = label[real]
    shuffled[real] = known[torch.randperm(len(known), generator=generator)]
    return replace(batch, target=batch.target._replace(label=shuffled))


def conversation_score(
    root: Path, modalities: list[str], seed: int, epochs: int, *, shuffled: bool = False
) -> float:
    """Test score of a ConversationTask at the epoch that is best on val."""
    torch.manual_seed(seed)
    data = ConversationDataModule(str(root), modalities=modalities, batch_size=8, seed=seed, pin_memory=False)
    data.setup("fit")
    data.setup("test")
    task = ConversationTask(
        "meld7.official", dict(data.feature_dims), hidden_dim=48, dropout=0.4, context="both"
    )
    optimizer = torch.optim.AdamW(task.parameters(), lr=2e-3, weight_decay=0.02)
    generator = torch.Generator().manual_seed(seed)
    train, val, test = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    best, score = -1.0, 0.0
    for epoch in range(epochs):
        train.set_epoch(epoch)
        task.train()
        batch: AffectBatch
        for batch in train:
            given = shuffle_labels(batch, generator) if shuffled else batch
            output: AffectOutput = task(given)
            optimizer.zero_grad()
            torch.autograd.backward(task.compute_loss(given, output).total)
            optimizer.step()
        current = weighted_f1(*guesses(task, val))
        if current > best:
            best, score = current, weighted_f1(*guesses(task, test))
    return score


def measure(seed: int, sizes: Sizes, folder: Path) -> dict[str, float]:
    first, corpora = 0, {}
    for split, size in sizes.splits.items():
        corpus = SyntheticCorpus(size, seed, first=first)
        corpora[split] = [u for conversation in corpus for u in conversation.utterances]
        first += size
    labels = {split: np.array([u.label for u in parts]) for split, parts in corpora.items()}
    inputs = raw_inputs(corpora)
    scores = {f"LR, {name}": regression(parts, labels) for name, parts in inputs.items()}
    fused = ("text: bag of words", "visual: pixels", "audio: log-spectrum")
    # Blocks are scaled to equal total variance, or 6,912 pixels would drown a hundred words.
    everything = {
        split: np.concatenate(
            [inputs[name][split] / np.sqrt(inputs[name]["train"].var(axis=0).sum()) for name in fused], axis=1
        )
        * 30
        for split in labels
    }
    scores["LR, all three"] = regression(everything, labels)
    rng = np.random.default_rng(seed)
    permuted = {s: rng.permutation(part) if s != "test" else part for s, part in labels.items()}
    scores["LR, all three, shuffled labels"] = regression(everything, permuted)
    write_synthetic(folder / "raw", train=sizes.train, val=sizes.val, test=sizes.test, seed=seed)
    encoders = {name: named_extractor(name) for name in MODALITIES}
    extract_features(folder / "raw", folder / "features", encoders=encoders)
    for name in MODALITIES:
        scores[f"ConversationTask, {name}"] = conversation_score(
            folder / "features", [name], seed, sizes.epochs
        )
    everyone = list(MODALITIES)
    scores["ConversationTask, all three"] = conversation_score(
        folder / "features", everyone, seed, sizes.epochs
    )
    scores["ConversationTask, all three, shuffled labels"] = conversation_score(
        folder / "features", everyone, seed, sizes.epochs, shuffled=True
    )
    share = np.bincount(labels["test"], minlength=7) / len(labels["test"])
    scores["chance, guessing by class shares"] = 100.0 * float((share**2).sum())
    largest = np.full_like(labels["test"], int(share.argmax()))
    scores["chance, always the largest class"] = weighted_f1(labels["test"], largest)
    return scores


def failures(scores: Mapping[str, list[float]]) -> list[str]:
    """Which of the promised properties do not hold."""
    mean = {name: float(np.mean(values)) for name, values in scores.items()}
    found = []
    for model in ("LR", "ConversationTask"):
        singles = {
            name: values
            for name, values in scores.items()
            if name.startswith(model) and "all three" not in name
        }
        best = max(mean[name] for name in singles)
        if mean[f"{model}, all three"] < best + 8:
            found.append(f"{model}: all three beat the best single modality by less than 8 points")
        if max(max(values) for values in singles.values()) > 80:
            found.append(f"{model}: a single modality exceeds 80")
        if mean[f"{model}, all three, shuffled labels"] > mean["chance, guessing by class shares"] + 5:
            found.append(f"{model}: shuffled labels give more than chance")
    return found


def environment() -> dict[str, object]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout.strip()
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
        "commit": commit or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1 (default: 3)")
    parser.add_argument("--quick", action="store_true", help="a small corpus and one seed")
    options = parser.parse_args()
    sizes = Sizes(120, 30, 60, epochs=8) if options.quick else Sizes(300, 60, 120, epochs=15)
    seeds = 1 if options.quick else options.seeds
    scores: dict[str, list[float]] = {}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            for name, score in measure(seed, sizes, Path(folder)).items():
                scores.setdefault(name, []).append(score)
    print(f"weighted F1 on test over {seeds} seed(s), {sizes.train} conversations to train on")
    for name, values in scores.items():
        print(f"{name:<46} {np.mean(values):5.1f} +- {np.std(values):4.1f}")
    found = failures(scores)
    print("\n".join(found) or "all promised properties hold")
    given = "--quick" if options.quick else f"--seeds {seeds}"
    result = {
        "name": "synthetic_hardness",
        "command": f"python benchmarks/quality/synthetic.py {given}",
        "environment": environment(),
        "data": "synthetic",
        "rows": [
            {
                "system": name,
                "metric": "weighted F1",
                "value": round(float(np.mean(values)), 2),
                "sd": round(float(np.std(values)), 2),
                "n": len(values),
                "values": [round(value, 2) for value in values],
            }
            for name, values in scores.items()
        ],
        "limit": {
            "what": "no single modality above 80; all three at least 8 above the best one; shuffled = chance",
            "failures": found,
        },
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    if found:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
