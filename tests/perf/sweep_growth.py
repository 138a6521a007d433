"""How the cost of a sweep grows with its methods, its seeds and its evaluation sets.

Run: ``python tests/perf/sweep_growth.py [--rounds 5]``

Sweeps of cells that cost next to nothing (a random two-layer BERT, a hundred made-up sentences, no attack), so that
what is measured is what the benchmark adds to training and prediction. Each grows in one direction; a straight line is
fitted through the medians, and R² tells how straight the growth is.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from side_by_side import Measurement, at_least, at_most, conclude, parser_of, timed
from transformers import BertConfig, BertModel, BertTokenizerFast

from benchmark.plan import plan
from benchmark.progress import Reporter
from benchmark.run import run_cells
from benchmark.suite import EvaluationSettings, Suite, TrainingSettings
from tasks import EvaluationSet, Examples, PackageSource, Role, Task, register_task

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "film",
    "is",
    "fine",
    "good",
    "great",
    "awful",
    "bad",
    "dull",
]
METHODS = ("vanilla", "label-smoothing", "l2-sp", "worddrop")
COUNTS = (1, 2, 4)
CELL_WITHIN = 1.0
"""Seconds that a cell may cost beyond its training and prediction; here it is all that a cell costs."""


def sentences(start: int, size: int) -> PackageSource:
    """Made-up sentences with a label that one word gives away."""
    numbers = range(start, start + size)
    texts = tuple(
        f"the film is {WORDS[8 + 3 * (n % 2) + (n // 2) % 3]} {'film ' * (n // 6 % 40)}".strip() for n in numbers
    )
    return PackageSource(package="none", read=lambda: Examples(texts, labels=tuple(1 - n % 2 for n in numbers)))


def task_with(sets: int) -> str:
    """Register a task with so many shift sets; its name."""
    card = {"origin": "made up", "licence": "none"}
    name = f"made-up-{sets}"

    @register_task(name)
    def made_up() -> Task:
        shift = (
            EvaluationSet(name=f"other-{number}", role=Role.SHIFT, source=sentences(300 + number, 60), **card)
            for number in range(sets)
        )
        return Task(
            name=name,
            summary="Made-up sentences.",
            family="sentiment",
            labels=("negative", "positive"),
            training=sentences(0, 100),
            training_origin="made up",
            in_distribution_test="test",
            evaluation_sets=(
                EvaluationSet(name="test", role=Role.IN_DISTRIBUTION, source=sentences(200, 60), **card),
                *shift,
            ),
        )

    return name


def tiny_backbone(folder: Path) -> str:
    """A random two-layer BERT."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=64, **shape)).save_pretrained(folder)
    return str(folder)


def seconds_of(task: str, backbone: str, methods: Sequence[str], seeds: int) -> float:
    """Seconds of one sweep, planning included, into a folder of its own."""
    suite = Suite(
        name="growth",
        tasks=(task,),
        backbones=(backbone,),
        methods=tuple(methods),
        seeds=tuple(range(seeds)),
        training=TrainingSettings(epochs=1, batch_size=32, learning_rate=1e-3, max_length=64),
        evaluation=EvaluationSettings(),
        attacks=(),
    )
    with tempfile.TemporaryDirectory() as folder, Reporter(Console(quiet=True)) as reporter:
        seconds, outcome = timed(lambda: run_cells(plan(suite), Path(folder), reporter))
    assert len(outcome.finished) == len(methods) * seeds
    return seconds


def straight_line(counts: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Slope of the line through the medians, and R²."""
    slope, start = np.polyfit(counts, seconds, 1)
    rest = np.asarray(seconds) - (slope * np.asarray(counts) + start)
    return float(slope), 1 - float(rest.var() / np.var(seconds))


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)  # the model is tiny: more threads only wait for each other
    with tempfile.TemporaryDirectory() as folder:
        backbone = tiny_backbone(Path(folder) / "tiny")
        tasks = {sets: task_with(sets) for sets in {2 * count for count in COUNTS}}
        sweeps = {
            "method": {count: (tasks[2], METHODS[:count], 1) for count in COUNTS},
            "seed": {count: (tasks[2], ("vanilla",), count) for count in COUNTS},
            "evaluation set": {2 * count: (tasks[2 * count], ("vanilla",), 1) for count in COUNTS},
        }
        seconds_of(tasks[2], backbone, METHODS, 1)
        found: dict[str, dict[int, list[float]]] = {
            direction: {count: [] for count in points} for direction, points in sweeps.items()
        }
        for _ in range(options.rounds):
            for direction, points in sweeps.items():
                for count, (task, methods, seeds) in points.items():
                    found[direction][count].append(seconds_of(task, backbone, methods, seeds))
    measurements: list[Measurement] = []
    for direction, points in found.items():
        counts = list(points)
        medians = [statistics.median(values) for values in points.values()]
        slope, straight = straight_line(counts, medians)
        series = ", ".join(f"{count}: {value:.2f}" for count, value in zip(counts, medians, strict=True))
        what = f"sweep of tiny cells: one more {direction}"
        said = f"{1000 * slope:.0f} ms (R² {straight:.3f}; seconds of {series})"
        measurements.append(
            Measurement(what, said) if direction == "evaluation set" else at_most(what, slope, CELL_WITHIN, said, " s")
        )
        if direction != "evaluation set":
            measurements.append(at_least(f"{what}: straightness R²", straight, 0.9, f"{straight:.3f}", unit=""))
    return conclude(options, measurements)


if __name__ == "__main__":
    sys.exit(main())
